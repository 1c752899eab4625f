"""Rank tonight's candidates by their out-of-fold errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from data.errors import NothingFitted
from regressors.arrays import Array
from regressors.blocks import release
from regressors.candidate import Candidate, group_of
from regressors.job import Fitted
from regressors.judging.ranking import Contender, NothingRanked, RankedCandidate
from regressors.judging.ranking import rank as ranked_by_errors
from regressors.judging.scoring import Score, score, spread, weighted_errors
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
    report = progress.Progress(prepared.declaration.name, "ranking")
    with reporting_to(report), parts(len(fits)):
        return ranking_of(prepared, fits)


def ranking_of(prepared: Prepared, fits: Mapping[Candidate, Fitted | str]) -> Ranking:
    """Return the ranking of fits, or of reasons why there is none."""
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
        ranked = ranked_by_errors(
            contenders, spread=spread(rows.target, rows.weight), unit=rows.units
        )
    except NothingRanked as error:
        raise NothingFitted(str(error)) from None
    validation = {}
    for candidate, predicted in out_of_fold.items():
        with part(f"scoring {candidate}"):
            fit = fits[candidate]
            assert isinstance(fit, Fitted)
            values, interval = predicted(), tuple(_chosen(end, is_scored) for end in fit.ends[0])
            validation[candidate] = score(
                rows.target,
                values,
                interval=(interval[0], interval[1]),
                weight=rows.weight,
                unit=rows.units,
            )
            release([rows.target, values, *interval])
    best: dict[str, Candidate] = {}
    if prepared.declaration.segment:
        for entry in ranked:
            if entry.candidate in validation:
                best.setdefault(group_of(entry.candidate.kind), entry.candidate)
    return Ranking(ranked, validation, tuple(best.values()))


def _chosen(values: Array, rows: Mask) -> Array:
    return values if rows.all() else values[rows]


def _are_finite(predicted: Array) -> bool:
    return bool(np.isfinite(predicted).all())


def _out_of_fold_errors(rows: Rows, predicted: Callable[[], Array]) -> Array:
    values = predicted()
    errors = weighted_errors(rows.target, values, rows.weight)
    release([rows.target, values])
    return errors
