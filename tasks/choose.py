"""Choose tonight's winner out of fold, then compare it with what serves and decide who serves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data.errors import NothingFitted
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging import selection
from regressors.judging.gate import smallest_gain
from regressors.judging.paired import PairedGain, paired_gain
from regressors.judging.scoring import Difference, Score, paired_difference, roots, score, spread
from regressors.judging.selection import Contender, Decision, Hold, PromotionRules, RankedCandidate
from tasks.incumbent import Incumbent
from tasks.run.prepared import Prepared
from tasks.run.rows import Rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """Errors (m,) of tonight's winner and of another model on the same test rows, as compared.

    `other` is the incumbent, or, where there is none to compare with, a candidate of another kind.
    `unit` (m,) numbers rows that belong together; errors are times the roots of the weights.
    """

    other: Candidate | None
    keys: NDArray[np.object_]
    errors: Array
    other_errors: Array
    unit: NDArray[np.int64]
    smallest_gain: float | None


@dataclass(frozen=True)
class Choice:
    """Tonight's ranking, scores and decisions."""

    winner: Candidate
    places: tuple[RankedCandidate, ...]
    validation: Mapping[Candidate, Score]
    test: Mapping[Candidate, Score]
    incumbent: Incumbent | None
    incumbent_test: Score | None
    decisions: tuple[Decision, ...]
    rules: PromotionRules
    paired: Paired | None
    verdict: str
    difference: Difference | None

    @property
    def promoted(self) -> Candidate | None:
        """Return tonight's candidate that serves from now on; None where the incumbent goes on."""
        last = self.decisions[-1]
        return last.challenger if last.decision == "promoted" else None

    @property
    def is_backfill(self) -> bool:
        """Tell whether this is a night of the past, whose champion has later data."""
        return self.decisions[-1].rule == "backfill"


@task(cache_policy=NO_CACHE)
def choose(
    prepared: Prepared,
    fits: Mapping[Candidate, Fitted | str],
    incumbent: Incumbent | None,
    *,
    hold: Hold | None = None,
) -> Choice:
    """Return who won, by what, and whether it serves; `hold` says why nobody may be promoted."""
    test = prepared.test
    ranking = _ranked(prepared, fits)
    ranked = [p.candidate for p in ranking.places if p.candidate in ranking.validation]
    winner = next(place.candidate for place in ranking.places if place.chosen)
    own = incumbent.candidate if incumbent else None
    linear = next((name for name in ranked if name.is_linear), None)
    ann = next((name for name in ranked if not name.is_linear), None)
    fitted = {name: fit for name, fit in fits.items() if isinstance(fit, Fitted)}
    predicted = {
        name: fitted[name].model.predict(test.columns)
        for name in dict.fromkeys([winner, linear, ann, own])
        if name in fitted
    }
    promotion = prepared.declaration.promotion
    rules = PromotionRules(promotion.min_gain, promotion.max_loss, promotion.confidence)
    compared = _Compared(test, predicted, incumbent, rules)
    decisions = selection.decide(
        winner,
        own,
        {name: compared.gain(name) for name in (winner, own) if name in predicted},
        rules=rules,
        obstacle=incumbent.obstacle if incumbent else None,
        hold=hold,
    )
    difference = (
        paired_difference(
            compared.errors(ann),
            compared.errors(linear),
            confidence=promotion.confidence,
            unit=test.units,
        )
        if ann and linear
        else None
    )
    return Choice(
        winner=winner,
        places=ranking.places,
        validation=ranking.validation,
        test={
            name: _score(test, values, fitted[name].model.half_width)
            for name, values in predicted.items()
        },
        incumbent=incumbent,
        incumbent_test=compared.incumbent_score(),
        decisions=decisions,
        rules=rules,
        paired=compared.paired(winner, ann if winner.is_linear else linear),
        verdict=selection.verdict(difference),
        difference=difference,
    )


@dataclass(frozen=True)
class _Ranking:
    places: tuple[RankedCandidate, ...]
    validation: Mapping[Candidate, Score]


def _ranked(prepared: Prepared, fits: Mapping[Candidate, Fitted | str]) -> _Ranking:
    """Rank the candidates by their errors on the training rows that have a prediction."""
    scored = prepared.train_fold > 0  # the warm-up block has no prediction
    judged = prepared.train.take(scored)
    root = roots(judged.weight, len(judged.target))
    out_of_fold = {
        name: fit.out_of_fold[scored]
        for name, fit in fits.items()
        if isinstance(fit, Fitted) and fit.out_of_fold is not None
    }
    contenders = [
        Contender(name, (judged.target - out_of_fold[name]) * root)
        if isinstance(fit, Fitted)
        else Contender(name, None, fit)
        for name, fit in fits.items()
    ]
    try:
        places = selection.rank(
            contenders, spread=spread(judged.target, judged.weight), unit=judged.units
        )
    except selection.NothingFitted as error:
        raise NothingFitted(str(error)) from None
    scores = {
        name: _score(judged, values, _half_width(fits[name]))
        for name, values in out_of_fold.items()
    }
    return _Ranking(places, scores)


@dataclass(frozen=True)
class _Compared:
    """Tonight's candidates and the incumbent on the test rows that none of them was trained on."""

    test: Rows
    predicted: Mapping[Candidate, Array]
    incumbent: Incumbent | None
    rules: PromotionRules

    @property
    def possible(self) -> bool:
        """Tell whether there is an incumbent that can score rows which it never saw."""
        one = self.incumbent
        return one is not None and one.obstacle is None and bool(one.compared.any())

    @property
    def _rows(self) -> Rows:
        """Return the rows that count: all test rows where there is no incumbent to compare with."""
        if self.incumbent is None or not self.possible:
            return self.test
        return self.test.take(self.incumbent.compared)

    def errors(self, name: Candidate) -> Array:
        """Return a candidate's errors on all test rows, times the roots of their weights."""
        root = roots(self.test.weight, len(self.test.target))
        return (self.test.target - self.predicted[name]) * root

    def gain(self, name: Candidate) -> PairedGain | None:
        """Return what one of tonight's candidates gains on the incumbent, None if none can tell."""
        if self.incumbent is None or not self.possible:
            return None
        return paired_gain(
            self._on_rows(self.predicted[name]),
            self._on_rows(self.incumbent.predicted),
            confidence=self.rules.confidence,
            unit=self._rows.units,
        )

    def incumbent_score(self) -> Score | None:
        """Return the incumbent's score on the rows that count."""
        if self.incumbent is None or not self.possible:
            return None
        predicted = self.incumbent.predicted[self.incumbent.compared]
        return _score(self._rows, predicted, self.incumbent.half_width)

    def paired(self, winner: Candidate, other_kind: Candidate | None) -> Paired | None:
        """Return the errors of the winner beside those of what it was compared with."""
        rows, errors = self._rows, self._on_rows(self.predicted[winner])
        if self.possible:
            assert self.incumbent is not None
            other, other_errors = None, self._on_rows(self.incumbent.predicted)
        elif other_kind:
            other, other_errors = other_kind, self._on_rows(self.predicted[other_kind])
        else:
            return None
        unit = rows.units
        smallest = smallest_gain(errors, other_errors, rules=self.rules, unit=unit)
        unit = np.arange(len(errors)) if unit is None else unit
        return Paired(other, rows.keys, errors, other_errors, unit, smallest)

    def _on_rows(self, predicted: Array) -> Array:
        rows = self._rows
        if self.possible:
            assert self.incumbent is not None
            predicted = predicted[self.incumbent.compared]
        return (rows.target - predicted) * roots(rows.weight, len(rows.target))


def _score(rows: Rows, predicted: Array, half_width: float | None) -> Score:
    return score(rows.target, predicted, half_width=half_width, weight=rows.weight)


def _half_width(fit: Fitted | str) -> float | None:
    return fit.model.half_width if isinstance(fit, Fitted) else None
