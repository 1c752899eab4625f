"""Choose tonight's winner out of fold, and decide whether it replaces the champion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data.errors import NothingFitted
from regressors.blocks import release
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging import selection
from regressors.judging.gate import smallest_gain
from regressors.judging.paired import PairedGain, paired_gain
from regressors.judging.ranking import Contender, NothingRanked, RankedCandidate, rank
from regressors.judging.scoring import (
    Interval,
    Score,
    paired_difference,
    score,
    spread,
    undercoverage_p,
    weighted_errors,
)
from regressors.judging.selection import (
    Decision,
    Hold,
    PromotionRules,
)
from regressors.model import Model
from regressors.progress import part, parts, reporting_to
from tasks.run import progress
from tasks.run.choice import Choice, Incumbent, Paired
from tasks.run.naive import Naive
from tasks.run.prepared import Prepared
from tasks.run.rows import Mask, Rows
from tasks.run.step import step

Array = NDArray[np.float64]

MOST_COMPARED = 4
"""Candidates that predict the test rows: the winner, the best of each kind, and what serves."""


@step()
def choose(
    prepared: Prepared,
    fits: Mapping[Candidate, Fitted | str],
    incumbent: Incumbent | None,
    *,
    hold: Hold | None = None,
) -> Choice:
    """Return who won, by how much, and whether it serves; with `hold`, nobody is promoted."""
    declared = prepared.declaration.promotion
    rules = PromotionRules(**declared.model_dump())
    own = incumbent.candidate if incumbent else None
    report = progress.Progress(prepared.declaration.name, "choosing")
    with reporting_to(report), parts(len(fits) + MOST_COMPARED):
        ranking, tested = _ranked_and_tested(prepared, dict(fits), own)
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


def _ranked_and_tested(
    prepared: Prepared, fits: dict[Candidate, Fitted | str], own: Candidate | None
) -> tuple["_Ranking", "_Tested"]:
    """Rank the candidates, and predict the test rows with those that are compared there.

    A candidate whose predictions of the test rows are not finite has failed.
    """
    while True:
        ranking = _ranking(prepared, fits)
        compared = [ranking.winner, ranking.best(linear=True), ranking.best(linear=False), own]
        models = {
            candidate: fit.model
            for candidate in dict.fromkeys(compared)
            if candidate is not None and isinstance(fit := fits.get(candidate), Fitted)
        }
        tested = _Tested.by(models, prepared)
        failed = [c for c, values in tested.predicted.items() if not _are_finite(values)]
        if not failed:
            return ranking, tested
        fits |= dict.fromkeys(failed, "its predictions of the test rows are not finite")


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
class _Ranking:
    """All candidates, the best first, and the out-of-fold scores of those that were fitted."""

    ranked: tuple[RankedCandidate, ...]
    validation: Mapping[Candidate, Score]

    @property
    def winner(self) -> Candidate:
        return next(ranked.candidate for ranked in self.ranked if ranked.chosen)

    def best(self, *, linear: bool) -> Candidate | None:
        """Return the best fitted candidate that is linear, or that is an ANN."""
        scored = (r.candidate for r in self.ranked if r.candidate in self.validation)
        return next((candidate for candidate in scored if candidate.is_linear == linear), None)


def _ranking(prepared: Prepared, fits: Mapping[Candidate, Fitted | str]) -> _Ranking:
    """Rank the candidates by their errors on the training rows that have a prediction."""
    is_scored = prepared.train_fold > 0  # the warm-up block has no prediction
    rows = prepared.train.take(is_scored)
    out_of_fold = {
        candidate: partial(_chosen, fit.out_of_fold, is_scored)
        for candidate, fit in fits.items()
        if isinstance(fit, Fitted) and fit.out_of_fold is not None
    }
    out_of_fold = {c: predicted for c, predicted in out_of_fold.items() if _are_finite(predicted())}
    contenders = [
        Contender(candidate, partial(_out_of_fold_errors, rows, out_of_fold[candidate]))
        if candidate in out_of_fold
        else Contender(candidate, None, fit if isinstance(fit, str) else None)
        for candidate, fit in fits.items()
    ]
    try:
        ranked = rank(contenders, spread=spread(rows.target, rows.weight), unit=rows.units)
    except NothingRanked as error:
        raise NothingFitted(str(error)) from None
    validation = {}
    for candidate, predicted in out_of_fold.items():
        with part(f"scoring {candidate}"):
            fit = fits[candidate]
            assert isinstance(fit, Fitted)
            interval = _chosen(fit.ends[0][0], is_scored), _chosen(fit.ends[0][1], is_scored)
            validation[candidate] = _score(rows, predicted(), interval)
            release([rows.target, *interval])
    return _Ranking(ranked, validation)


def _chosen(values: Array, rows: Mask) -> Array:
    return values if rows.all() else values[rows]


def _out_of_fold_errors(rows: Rows, predicted: Callable[[], Array]) -> Array:
    return _weighted_errors(rows, predicted())


@dataclass(frozen=True)
class _Tested:
    """Test rows, and what tonight's twins, which were not trained with them, predict for them."""

    rows: Rows
    predicted: Mapping[Candidate, Array]
    interval: Mapping[Candidate, Interval]

    @classmethod
    def by(cls, models: Mapping[Candidate, Model], prepared: Prepared) -> "_Tested":
        """Return what these models predict for the test rows."""
        rows = prepared.test
        predicted, interval = {}, {}
        for candidate, model in models.items():
            with part(f"testing {candidate}"):
                columns = prepared.source.columns_of(rows, model.features)
                of_model = model.predicted(columns, rows.weight)
            predicted[candidate] = rows.stored(of_model.value)
            interval[candidate] = rows.stored(of_model.lower), rows.stored(of_model.upper)
        return cls(rows, predicted, interval)

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


def _are_finite(predicted: Array) -> bool:
    return bool(np.isfinite(predicted).all())


def _weighted_errors(rows: Rows, predicted: Array) -> Array:
    """Return errors (n,), each multiplied by the root of its row's weight."""
    errors = weighted_errors(rows.target, predicted, rows.weight)
    release([rows.target, predicted])
    return errors


def _score(rows: Rows, predicted: Array, interval: Interval) -> Score:
    return score(rows.target, predicted, interval=interval, weight=rows.weight, unit=rows.units)
