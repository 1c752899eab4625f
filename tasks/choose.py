"""Choose tonight's winner out of fold, and decide whether it replaces the champion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regressors.blocks import release
from regressors.candidate import Candidate
from regressors.judging import selection
from regressors.judging.gate import smallest_gain
from regressors.judging.paired import PairedGain, paired_gain
from regressors.judging.scoring import (
    Interval,
    Score,
    paired_difference,
    score,
    undercoverage_p,
    weighted_errors,
)
from regressors.judging.selection import (
    Decision,
    Hold,
    PromotionRules,
)
from regressors.rolling import Rolled
from tasks.rank import Ranking
from tasks.run.choice import Choice, Incumbent, Paired
from tasks.run.naive import Naive
from tasks.run.prepared import Prepared
from tasks.run.rows import Mask, Rows
from tasks.run.step import step

Array = NDArray[np.float64]


@step()
def choose(
    prepared: Prepared,
    ranking: Ranking,
    rolled: Mapping[Candidate, Rolled],
    incumbent: Incumbent | None,
    *,
    hold: Hold | None = None,
) -> Choice:
    """Return who won, by how much, and whether it serves; with `hold`, nobody is promoted.

    `rolled` are the predictions of the test rows by those that are compared there, and may be by
    others.
    """
    declared = prepared.declaration.promotion
    rules = PromotionRules(**declared.model_dump())
    own = incumbent.candidate if incumbent else None
    tested = _Tested.of({c: rolled[c] for c in ranking.compared(own)}, prepared.test)
    winner = ranking.winner
    linear, ann = ranking.best(linear=True), ranking.best(linear=False)
    if incumbent is not None and incumbent.is_comparable:
        comparison = _with_incumbent(tested, winner, incumbent, rules)
    else:
        comparison = _with_other_kind(tested, winner, ann if winner.is_linear else linear, rules)
    decisions = selection.decide(
        winner,
        own,
        {c: comparison.gains.get(c) for c in tested.predicted if c in (winner, own)},
        rules=rules,
        obstacle=incumbent.obstacle if incumbent else None,
        explanation=incumbent.explanation if incumbent else None,
        damage=incumbent.damage.what.rstrip(".") if incumbent and incumbent.damage else None,
        hold=hold,
        basis=incumbent.basis if incumbent else None,
    )
    naive = Naive.of(prepared)
    difference = None
    if ann is not None and linear is not None:
        difference = paired_difference(
            tested.errors(ann),
            tested.errors(linear),
            confidence=rules.confidence,
            unit=tested.rows.units,
        )
    return Choice(
        winner=winner,
        ranking=ranking.ranked,
        validation=ranking.validation,
        test={
            candidate: _score(tested.rows, tested.predicted[candidate], tested.interval[candidate])
            for candidate in tested.predicted
        },
        incumbent=incumbent,
        incumbent_test=comparison.incumbent_score,
        decisions=decisions,
        rules=rules,
        paired=comparison.paired,
        verdict=selection.verdict(difference),
        difference=difference,
        best_ann=ann,
        best_linear=linear,
        coverage_p=_coverage_p(prepared, tested, decisions[-1], incumbent),
        naive=tuple(naive.scores()),
        beaten=naive.beaten(_champion_predicted(tested, decisions[-1], incumbent)),
    )


def _coverage_p(
    prepared: Prepared, tested: "_Tested", last: Decision, incumbent: Incumbent | None
) -> float | None:
    """Return how likely it is that right intervals cover as few test rows, of who serves."""
    level = prepared.declaration.interval.widest
    if last.decision == "promoted":
        rows, interval = tested.rows, tested.interval[last.challenger]
    elif incumbent is not None and incumbent.is_comparable:
        rows = tested.rows.take(incumbent.compared)
        lower, upper = incumbent.interval
        interval = lower[incumbent.compared], upper[incumbent.compared]
    else:
        return None
    return undercoverage_p(rows.target, interval, level, rows.units)


def _champion_predicted(tested: "_Tested", last: Decision, incumbent: Incumbent | None) -> Array:
    """Return what the model that serves predicts for the test rows (m,) that it is judged on.

    It is NaN for all others.
    """
    if last.decision == "promoted":
        return tested.predicted[last.challenger]
    if incumbent is None or not incumbent.is_comparable:
        return np.full(len(tested.rows.target), np.nan)
    return np.where(incumbent.compared, incumbent.predicted, np.nan)


@dataclass(frozen=True)
class _Tested:
    """Test rows, and what candidates of tonight, fitted without them, predict for them."""

    rows: Rows
    predicted: Mapping[Candidate, Array]
    interval: Mapping[Candidate, Interval]

    @classmethod
    def of(cls, rolled: Mapping[Candidate, Rolled], rows: Rows) -> "_Tested":
        """Return these predictions of the rows."""
        predicted = {candidate: made.predicted for candidate, made in rolled.items()}
        return cls(rows, predicted, {c: (made.lower, made.upper) for c, made in rolled.items()})

    def take(self, chosen: Mask) -> "_Tested":
        predicted = {candidate: values[chosen] for candidate, values in self.predicted.items()}
        interval = {c: (low[chosen], high[chosen]) for c, (low, high) in self.interval.items()}
        return _Tested(self.rows.take(chosen), predicted, interval)

    def errors(self, candidate: Candidate) -> Array:
        return _weighted_errors(self.rows, self.predicted[candidate])


@dataclass(frozen=True)
class _Comparison:
    """What tonight's candidates gain on the incumbent, and the errors that were compared."""

    gains: Mapping[Candidate, PairedGain]
    incumbent_score: Score | None
    paired: Paired | None


def _with_incumbent(
    tested: _Tested, winner: Candidate, incumbent: Incumbent, rules: PromotionRules
) -> _Comparison:
    """Compare the winner, and tonight's refit of the incumbent, on rows that are new to all."""
    new = tested.take(incumbent.compared)
    predicted = incumbent.predicted[incumbent.compared]
    errors = _weighted_errors(new.rows, predicted)
    gains = {
        candidate: paired_gain(
            new.errors(candidate), errors, confidence=rules.confidence, unit=new.rows.units
        )
        for candidate in dict.fromkeys([winner, incumbent.candidate])
        if candidate in new.predicted
    }
    lower, upper = incumbent.interval
    interval = lower[incumbent.compared], upper[incumbent.compared]
    incumbent_score = _score(new.rows, predicted, interval)
    return _Comparison(gains, incumbent_score, _paired(new, winner, None, errors, rules))


def _with_other_kind(
    tested: _Tested, winner: Candidate, other: Candidate | None, rules: PromotionRules
) -> _Comparison:
    """Compare the winner with the best candidate of the other kind, if there is one."""
    if other is None:
        return _Comparison({}, None, None)
    errors = tested.errors(other)
    return _Comparison({}, None, _paired(tested, winner, other, errors, rules))


def _paired(
    tested: _Tested,
    winner: Candidate,
    other: Candidate | None,
    other_errors: Array,
    rules: PromotionRules,
) -> Paired:
    errors, unit = tested.errors(winner), tested.rows.units
    return Paired(
        other=other,
        keys=tested.rows.keys,
        errors=errors,
        other_errors=other_errors,
        unit=np.arange(len(errors)) if unit is None else unit,
        smallest_gain=smallest_gain(errors, other_errors, rules=rules, unit=unit),
    )


def _weighted_errors(rows: Rows, predicted: Array) -> Array:
    """Return errors (n,), each multiplied by the root of its row's weight."""
    errors = weighted_errors(rows.target, predicted, rows.weight)
    release([rows.target, predicted])
    return errors


def _score(rows: Rows, predicted: Array, interval: Interval) -> Score:
    return score(rows.target, predicted, interval=interval, weight=rows.weight, unit=rows.units)
