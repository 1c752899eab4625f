"""Rank tonight's candidates by their out-of-fold errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from data.errors import NothingFitted
from regressors.arrays import Array, Indices
from regressors.blocks import release
from regressors.candidate import Candidate, group_of
from regressors.job import Fitted
from regressors.judging.ranking import Contender, NothingRanked, RankedCandidate
from regressors.judging.ranking import rank as ranked_by_errors
from regressors.judging.scoring import Interval, Score, score, spread, weighted_errors
from regressors.progress import part, parts, reporting_to
from tasks.run import progress
from tasks.run.prepared import Prepared
from tasks.run.rows import Mask, Rows
from tasks.run.step import step


@dataclass(frozen=True)
class Ranking:
    """All candidates, the best first, and the out-of-fold scores of those that were fitted.

    `for_segments` are the best candidate of each group of kinds, where segments are declared.
    """

    ranked: tuple[RankedCandidate, ...]
    validation: Mapping[Candidate, Score]
    for_segments: tuple[Candidate, ...] = ()

    @property
    def winner(self) -> Candidate:
        """Return the candidate that is chosen."""
        return next(ranked.candidate for ranked in self.ranked if ranked.chosen)

    def best(self, *, linear: bool) -> Candidate | None:
        """Return the best fitted candidate that is linear, or that is an ANN."""
        scored = (r.candidate for r in self.ranked if r.candidate in self.validation)
        return next((candidate for candidate in scored if candidate.is_linear == linear), None)

    def compared(self, own: Candidate | None) -> tuple[Candidate, ...]:
        """Return those that are compared on the test rows, at most four, each once.

        They are the winner, the best of each kind, and `own`, the candidate of what serves.
        """
        best = (self.winner, self.best(linear=True), self.best(linear=False), own)
        return tuple(dict.fromkeys(c for c in best if c is not None and c in self.validation))


@step()
def rank(prepared: Prepared, fits: Mapping[Candidate, Fitted | str]) -> Ranking:
    """Rank the candidates by their errors on the training rows that have a prediction."""
    predicted = {
        candidate: OutOfFold(fit.out_of_fold, fit.ends[0])
        if isinstance(fit, Fitted) and fit.out_of_fold is not None
        else fit
        if isinstance(fit, str)
        else None
        for candidate, fit in fits.items()
    }
    of = prepared.train.without_columns(), prepared.train_fold, predicted
    segmented = prepared.declaration.segment is not None
    report = progress.Progress(prepared.declaration.name, "ranking")
    with reporting_to(report), parts(len(fits)):
        (ranking,) = prepared.source.do("ranking", [(ranking_of, (*of, segmented))])
    return ranking  # type: ignore[no-any-return]


@dataclass(frozen=True)
class OutOfFold:
    """Predictions (n,) of training rows out of fold, and the ends of their widest interval."""

    predicted: Array
    interval: Interval


def ranking_of(
    train: Rows, fold: Indices, fits: Mapping[Candidate, OutOfFold | str | None], segmented: bool
) -> Ranking:
    """Return the ranking of fits of training rows (n,), or of reasons why there is none.

    Rows of fold 0 are not scored. Where rows have segments (`segmented`), the best of each group of
    kinds is noted.
    """
    is_scored = fold > 0  # the warm-up block has no prediction
    rows = train.take(is_scored)
    out_of_fold = {
        candidate: partial(_chosen, fit.predicted, is_scored)
        for candidate, fit in fits.items()
        if isinstance(fit, OutOfFold)
    }
    out_of_fold = {c: predicted for c, predicted in out_of_fold.items() if are_finite(predicted())}
    contenders = [
        Contender(candidate, partial(_out_of_fold_errors, rows, out_of_fold[candidate]))
        if candidate in out_of_fold
        else Contender(candidate, None, fit if isinstance(fit, str) else None)
        for candidate, fit in fits.items()
    ]
    try:
        ranked = ranked_by_errors(
            contenders, spread=spread(rows.target, rows.weight), unit=rows.units
        )
    except NothingRanked as error:
        raise NothingFitted(str(error)) from None
    validation = {}
    for candidate, predicted in out_of_fold.items():
        with part(f"scoring {candidate}"):
            fit = fits[candidate]
            assert isinstance(fit, OutOfFold)
            lower, upper = (_chosen(end, is_scored) for end in fit.interval)
            values = predicted()
            validation[candidate] = score(
                rows.target,
                values,
                interval=(lower, upper),
                weight=rows.weight,
                unit=rows.units,
            )
            release([rows.target, values, lower, upper])
    best: dict[str, Candidate] = {}
    for entry in ranked if segmented else ():
        if entry.candidate in validation:
            best.setdefault(group_of(entry.candidate.kind), entry.candidate)
    return Ranking(ranked, validation, tuple(best.values()))


def _chosen(values: Array, rows: Mask) -> Array:
    return values if rows.all() else values[rows]


def are_finite(predicted: Array) -> bool:
    """Return whether all predictions (n,) are finite."""
    return bool(np.isfinite(predicted).all())


def _out_of_fold_errors(rows: Rows, predicted: Callable[[], Array]) -> Array:
    values = predicted()
    errors = weighted_errors(rows.target, values, rows.weight)
    release([rows.target, values])
    return errors
