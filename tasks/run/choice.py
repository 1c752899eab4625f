"""Who won tonight, what the winner was compared with, and who serves from now on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import DamagedModel
from data.store.read.champions import ServingModel
from regressors.candidate import Candidate
from regressors.judging.ranking import RankedCandidate
from regressors.judging.scoring import Difference, Interval, Score
from regressors.judging.selection import Decision, PromotionRules
from tasks.run.naive import Beaten, NaiveScore
from tasks.run.trained_rows import RowsThen

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Incumbent:
    """The model that serves now, and its predictions of tonight's m test rows.

    `compared` (m,) marks the rows that it is judged on: those that are new to its twin, which was
    not trained with them nor with other rows of their group; with a time column, those that it
    predicted without having seen them or any later row, as `basis` says in a sentence. `predicted`
    (m,) is in the target's units, as are the ends of its intervals, `interval`. `obstacle` says why
    it cannot score these rows, and `explanation` why it need not. `blind` says that it is not known
    which of them are new to it. `damage` is the error of a model that is not what was stored: it
    can neither predict nor be compared. `rows_then` returns the rows of its own run.
    """

    serving: ServingModel
    compared: NDArray[np.bool_]
    predicted: Array
    interval: Interval
    rows_then: RowsThen
    obstacle: str | None = None
    explanation: str | None = None
    damage: DamagedModel | None = None
    blind: str | None = None
    basis: str | None = None

    @property
    def candidate(self) -> Candidate:
        """Return the model's framework and kind."""
        return Candidate(self.serving.framework, self.serving.kind)

    @property
    def is_comparable(self) -> bool:
        """Return whether there is a test row that is new to it and that it can score."""
        return self.obstacle is None and bool(self.compared.any())


@dataclass(frozen=True)
class Paired:
    """Errors (m,) of tonight's winner and of another model on the same test rows.

    They are of some of the `rows` test rows, of so many `units`, if there are very many. `other` is
    a candidate of another kind; None if the other model is the incumbent. `unit` (m,) numbers rows
    that belong together. Each error is multiplied by the root of its row's weight. `smallest_gain`
    is the smallest gain that the gate would detect four times out of five.
    """

    other: Candidate | None
    keys: Sequence[str]
    errors: Array
    other_errors: Array
    unit: NDArray[np.int64]
    rows: int
    units: int
    smallest_gain: float | None


@dataclass(frozen=True)
class Choice:
    """Tonight's ranking, scores and decisions.

    `verdict` and `difference` compare the best ANN with the best linear candidate on the test rows;
    `difference` is None if there are too few units of them. `coverage_p` is the chance that
    intervals of the declared level cover as few of the test rows as those of the model that serves.
    `naive` are the scores of naive predictions, and `beaten` is one that is better on the test rows
    than the model that serves, None if none is.
    """

    winner: Candidate
    ranking: tuple[RankedCandidate, ...]
    validation: Mapping[Candidate, Score]
    test: Mapping[Candidate, Score]
    incumbent: Incumbent | None
    incumbent_test: Score | None
    decisions: tuple[Decision, ...]
    rules: PromotionRules
    paired: Paired | None
    verdict: str
    difference: Difference | None
    best_ann: Candidate | None
    best_linear: Candidate | None
    coverage_p: float | None
    naive: tuple[NaiveScore, ...]
    beaten: Beaten | None

    @property
    def promoted(self) -> Candidate | None:
        """Return tonight's candidate that serves from now on; None if the incumbent stays."""
        last = self.decisions[-1]
        return last.challenger if last.decision == "promoted" else None

    @property
    def reported(self) -> Candidate:
        """Return the candidate that the summary reports on: the promoted one, or the winner."""
        return self.promoted or self.winner

    @property
    def kept(self) -> Incumbent | None:
        """Return the incumbent if it goes on serving."""
        return None if self.promoted else self.incumbent

    @property
    def champion_test(self) -> Score | None:
        """Return the score of who serves from now on, on tonight's test rows."""
        return self.incumbent_test if self.kept else self.test[self.reported]

    @property
    def champion(self) -> str:
        """Return the name of who serves from now on."""
        return self.kept.serving.name if self.kept else str(self.reported)

    @property
    def is_without_predictions(self) -> bool:
        """Return whether the model that serves cannot predict tonight's rows."""
        return self.kept is not None and self.kept.obstacle is not None

    @property
    def warning(self) -> str | None:
        """Return the sentence that the champion is damaged, or cannot predict tonight's rows."""
        if self.incumbent is not None and self.incumbent.damage is not None:
            return self._damaged(self.incumbent.damage)
        if not self.is_without_predictions:
            return None
        assert self.incumbent is not None
        return (
            f"The champion, {self.incumbent.serving.name_and_run}, cannot score tonight's rows"
            f" ({self.incumbent.obstacle}), so they get no prediction from it."
        )

    def _damaged(self, damage: DamagedModel) -> str:
        if self.promoted:
            return (
                f"The champion until tonight was damaged, and tonight's {self.promoted} has taken"
                f" over: {damage.what} Run 'nightfit db check' to see whether anything else is."
            )
        return f"The champion predicts nothing: {damage}"

    @property
    def is_backfill(self) -> bool:
        """Return whether this past night kept a champion that has, or may have, later data."""
        return self.decisions[-1].rule == "backfill"

    @property
    def reason(self) -> str:
        """Return the reasons of all decisions as one text."""
        return " ".join(decision.reason for decision in self.decisions)
