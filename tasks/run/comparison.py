"""What the test rows say: scores, who is better by how much, and how good who serves is.

These are functions of test rows and predictions, which may be far away: a step calls them where
the rows are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.blocks import release
from regressors.candidate import Candidate
from regressors.judging.gate import smallest_gain
from regressors.judging.paired import PairedGain, paired_gain
from regressors.judging.scoring import (
    Difference,
    Interval,
    Score,
    paired_difference,
    score,
    undercoverage_p,
    weighted_errors,
)
from regressors.judging.selection import PromotionRules
from regressors.rolling import Rolled
from tasks.run.choice import Incumbent, Paired
from tasks.run.naive import Beaten, NaiveRows, NaiveScore, naive_of
from tasks.run.rows import Rows

MAX_PAIRED_ROWS = 5_000
"""About how many rows' paired errors are kept: more would not sharpen what the gate detects."""
MIN_KEPT_UNITS = 1_000
"""All rows are kept if fewer groups or blocks of time than this would be left."""


@dataclass(frozen=True)
class Tested:
    """Test rows (m,), without columns, and what candidates predict that have not seen them."""

    rows: Rows
    predicted: Mapping[Candidate, Array]
    interval: Mapping[Candidate, Interval]

    @classmethod
    def of(cls, rolled: Mapping[Candidate, Rolled], rows: Rows) -> "Tested":
        """Return these predictions of the rows."""
        predicted = {candidate: made.predicted for candidate, made in rolled.items()}
        interval = {candidate: (made.lower, made.upper) for candidate, made in rolled.items()}
        return cls(rows.without_columns(), predicted, interval)

    def take(self, chosen: Mask) -> "Tested":
        """Return some of the rows."""
        predicted = {candidate: values[chosen] for candidate, values in self.predicted.items()}
        interval = {c: (low[chosen], high[chosen]) for c, (low, high) in self.interval.items()}
        return Tested(self.rows.take(chosen), predicted, interval)

    def errors(self, candidate: Candidate) -> Array:
        """Return the weighted errors (m,) of a candidate."""
        return _weighted_errors(self.rows, self.predicted[candidate])


@dataclass(frozen=True)
class Shown:
    """What a model that is compared predicts of the test rows (m,); `judged` are those that count.

    None of `judged` is all. `candidate` is what it is one of.
    """

    candidate: Candidate
    predicted: Array
    interval: Interval
    judged: Mask | None = None

    @classmethod
    def of_incumbent(cls, incumbent: Incumbent | None, rows: Rows) -> "Shown | None":
        """Return what the incumbent predicts of test rows, None if it is not compared."""
        if incumbent is None or not incumbent.is_comparable:
            return None
        lower, upper = map(rows.stored, incumbent.interval)
        predicted, compared = rows.stored(incumbent.predicted), rows.stored(incumbent.compared)
        return cls(incumbent.candidate, predicted, (lower, upper), compared)


@dataclass(frozen=True)
class Comparison:
    """The scores of candidates, and what those of tonight gain on the incumbent.

    `paired` are errors that were compared. `difference` is that of the best ANN from the best
    linear candidate, None if there are too few units.
    """

    test: Mapping[Candidate, Score]
    gains: Mapping[Candidate, PairedGain]
    incumbent_score: Score | None
    paired: Paired | None
    difference: Difference | None


def comparison(
    tested: Tested,
    winner: Candidate,
    best: tuple[Candidate | None, Candidate | None],
    incumbent: Shown | None,
    rules: PromotionRules,
) -> Comparison:
    """Compare the winner with the incumbent, or else with the best candidate of the other kind.

    `best` are the best ANN and the best linear candidate.
    """
    ann, linear = best
    if incumbent is not None:
        gains, incumbent_score, paired = _with_incumbent(tested, winner, incumbent, rules)
    else:
        other = ann if winner.is_linear else linear
        gains, incumbent_score, paired = {}, None, None
        if other is not None:
            paired = _paired(tested, winner, other, tested.errors(other), rules)
    difference = None
    if ann is not None and linear is not None:
        difference = paired_difference(
            tested.errors(ann),
            tested.errors(linear),
            confidence=rules.confidence,
            unit=tested.rows.units,
        )
    test = {
        candidate: _score(tested.rows, predicted, tested.interval[candidate])
        for candidate, predicted in tested.predicted.items()
    }
    return Comparison(test, gains, incumbent_score, paired, difference)


def _with_incumbent(
    tested: Tested, winner: Candidate, incumbent: Shown, rules: PromotionRules
) -> tuple[Mapping[Candidate, PairedGain], Score, Paired]:
    """Compare the winner, and tonight's refit of the incumbent, on rows that are new to all."""
    chosen = incumbent.judged
    assert chosen is not None
    new = tested.take(chosen)
    predicted = incumbent.predicted[chosen]
    errors = _weighted_errors(new.rows, predicted)
    gains = {
        candidate: paired_gain(
            new.errors(candidate), errors, confidence=rules.confidence, unit=new.rows.units
        )
        for candidate in dict.fromkeys([winner, incumbent.candidate])
        if candidate in new.predicted
    }
    lower, upper = incumbent.interval
    incumbent_score = _score(new.rows, predicted, (lower[chosen], upper[chosen]))
    return gains, incumbent_score, _paired(new, winner, None, errors, rules)


def _paired(
    tested: Tested,
    winner: Candidate,
    other: Candidate | None,
    other_errors: Array,
    rules: PromotionRules,
) -> Paired:
    errors, declared = tested.errors(winner), tested.rows.units
    unit = np.arange(len(errors)) if declared is None else declared
    kept = kept_pairs(unit)
    return Paired(
        other=other,
        keys=tested.rows.keys[kept].tolist(),
        errors=errors[kept],
        other_errors=other_errors[kept],
        unit=unit[kept],
        rows=len(errors),
        units=len(errors) if declared is None else len(np.unique(unit)),
        smallest_gain=smallest_gain(errors, other_errors, rules=rules, unit=declared),
    )


def kept_pairs(unit: Indices) -> Mask:
    """Return which rows' paired errors to keep, given the unit (n,) of each row.

    If there are very many rows and units, whole units are drawn at random.
    """
    units = np.unique(unit)
    share = MAX_PAIRED_ROWS / max(len(unit), 1)
    if share >= 1 or share * len(units) < MIN_KEPT_UNITS:
        return np.ones(len(unit), dtype=bool)
    chosen = np.random.default_rng(len(unit)).random(len(units)) < share
    return np.isin(unit, units[chosen])


@dataclass(frozen=True)
class Judgement:
    """How good who serves is: `coverage_p`, `naive` and `beaten` are those of `Choice`."""

    coverage_p: float | None
    naive: tuple[NaiveScore, ...]
    beaten: Beaten | None


def judgement(test: Rows, serving: Shown | None, level: float, naive: NaiveRows) -> Judgement:
    """Return how good a model is on the test rows (m,); None is one that cannot be compared.

    `level` is that of its intervals.
    """
    made = naive_of(naive)
    scores = tuple(made.scores())
    if serving is None:
        return Judgement(None, scores, None)
    rows, predicted, (lower, upper) = test, serving.predicted, serving.interval
    if (judged := serving.judged) is not None:
        rows, lower, upper = test.take(judged), lower[judged], upper[judged]
        predicted = np.where(judged, predicted, np.nan)
    p = undercoverage_p(rows.target, (lower, upper), level, rows.units)
    return Judgement(p, scores, made.beaten(predicted))


def _weighted_errors(rows: Rows, predicted: Array) -> Array:
    """Return errors (n,), each multiplied by the root of its row's weight."""
    errors = weighted_errors(rows.target, predicted, rows.weight)
    release([rows.target, predicted])
    return errors


def _score(rows: Rows, predicted: Array, interval: Interval) -> Score:
    return score(rows.target, predicted, interval=interval, weight=rows.weight, unit=rows.units)
