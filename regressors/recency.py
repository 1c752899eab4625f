"""The half-life by which rows count less for their age, chosen at the rolling origins of training.

Least squares is fitted at every origin with each of a few half-lives, and without one, on the rows
before it, and predicts those that follow. A half-life is taken only if its errors are clearly
smaller than those without; an ANN takes it only if it does not raise the ANN's own errors.

What serves has the choice of all training rows. The fit of an origin, whose errors are measured,
has that of the rows known to it, as a night at that time would have made it: no prediction of a
training row depends on a later target through the half-life.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from regressors.arrays import Array, Mask
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, folds, take
from regressors.judging.paired import PairedGain, paired_gain, time_blocks
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import FoldSums
from regressors.network.plan import drawn
from regressors.network.recipe import seed_of
from regressors.network.training import few_origins, predicted_without_groups
from regressors.progress import part, parts

PARTS_OF_SPAN = (16, 8, 4, 2)
"""The half-lives that are tried are these parts of the time that the training rows span."""
CONFIDENCE = 0.95
"""How sure it must be that a half-life lowers the squared error. The best of four is chosen first,
which makes it look better than it is, so that 19 times out of 20 is not too much to ask."""
MAX_ROWS, MAX_ANN_ROWS = 20_000, 1_000
"""Of more rows, so many are drawn for the choice, and for what an ANN makes of it: seconds, however
large the table is."""


@dataclass(frozen=True)
class HalfLifeChoice:
    """The half-lives that were tried, in the unit of the times, and what became of them.

    `rmses` are those without a half-life and with each of `tried`, in the target's units, by the
    predictions of so many `rows`; `best` is the one with the lowest of them, and `gain` compares it
    with none, on the same rows. `chosen` is `best` if that is clearly better, None if not. Without
    a time to measure there is nothing to try. `by_fold` is what each fold would have chosen from
    the rows that are known to it.
    """

    tried: tuple[float, ...] = ()
    rmses: tuple[float, ...] = ()
    best: float | None = None
    chosen: float | None = None
    gain: PairedGain | None = None
    rows: int = 0
    by_fold: Mapping[int, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class AnnGain:
    """How much better an ANN predicts with a half-life than without, on the rows of all folds.

    `by_fold` are the half-lives that each fold would have chosen from the rows that are known to
    it: that of least squares there, unless the ANN was worse with it.
    """

    gain: PairedGain
    by_fold: Mapping[int, float | None]


def half_lives(time: Array) -> tuple[float, ...]:
    """Return the half-lives that are tried on rows with these times (n,), the shortest first."""
    span = float(np.ptp(time))
    return tuple(span / parts for parts in PARTS_OF_SPAN) if span else ()


def choose_half_life(framework: FrameworkModule, job: Job) -> HalfLifeChoice:
    """Return the choice among none and four half-lives; `job` has the training rows, chained.

    Their weights count in the errors, but not their ages. Neighbours in time are compared together.
    """
    assert job.time is not None
    job = _drawn(
        MAX_ROWS, replace(job, candidate=Candidate(job.candidate.framework, "least_squares"))
    )
    assert job.time is not None
    tried = half_lives(job.time)
    if not tried:
        return HalfLifeChoice()
    with parts(1 + len(tried)):
        without = _errors(framework, job, "all rows alike")
        errors = [
            _errors(framework, replace(job, half_life=each), f"half-life {number} of {len(tried)}")
            for number, each in enumerate(tried, 1)
        ]
    known, everything = job.known_from[job.fold > 0], np.ones(len(without), dtype=bool)
    by_fold = {
        number: _chosen(job, tried, without, errors, known <= number).chosen
        for number in range(1, int(job.fold.max()) + 1)
    }
    return replace(_chosen(job, tried, without, errors, everything), by_fold=by_fold)


def _chosen(
    job: Job, tried: tuple[float, ...], without: Array, errors: Sequence[Array], rows: Mask
) -> HalfLifeChoice:
    """Return the choice from the errors of some of the m rows (a mask) that are predicted."""
    if not rows.any():
        return HalfLifeChoice(tried)
    rmses = tuple(float(np.sqrt(np.square(each[rows]).mean())) for each in (without, *errors))
    number = int(np.nanargmin([*rmses[1:], np.inf])) if np.isfinite(rmses[0]) else len(tried)
    if number == len(tried):
        return HalfLifeChoice(tried, rmses, rows=int(rows.sum()))
    gain = _gain(job, errors[number], without, rows)
    best = tried[number]
    chosen = best if gain.low > 0 else None
    return HalfLifeChoice(tried, rmses, best, chosen, gain, int(rows.sum()))


def gain_of_ann(framework: FrameworkModule, job: Job) -> AnnGain:
    """Return what an ANN gains by the half-life of its job, which least squares has chosen.

    `job.half_lives` are what least squares has chosen for each fold. The ANN is fitted without
    groups, and at few origins.
    """
    job = _drawn(MAX_ANN_ROWS, job)
    scored = job.fold > 0
    roots, last = np.sqrt(job.weights(scored)), int(job.fold.max())
    variants = [job, replace(job, half_lives={}), replace(job, half_life=None, half_lives={})]
    # What has the same half-life at all origins is not fitted again.
    keys = [tuple(each.of_fold(n).half_life for n in few_origins(last)) for each in variants]
    errors: dict[tuple[float | None, ...], Array] = {}
    with parts(len(set(keys))):
        for key, each in zip(keys, variants, strict=True):
            if key not in errors:
                with part("origins"):
                    predicted = predicted_without_groups(framework, each)
                errors[key] = (job.target[scored] - predicted[scored]) * roots
    nested, same, without = (errors[key] for key in keys)
    drop, known = np.square(without) - np.square(nested), job.known_from[scored]
    by_fold = {
        number: half_life if drop[known <= number].sum() >= 0 else None
        for number, half_life in job.half_lives.items()
    }
    return AnnGain(_gain(job, same, without, np.ones(len(roots), dtype=bool)), by_fold)


def _drawn(rows: int, job: Job) -> Job:
    """Return the job with so many of its rows, drawn, or all where they are fewer."""
    everything = np.ones(len(job.target), dtype=bool)
    chosen = drawn(everything, rows, seed_of(job.dataset, "recency", 0))
    if chosen.all():
        return job
    return replace(
        job,
        columns=take(job.columns, chosen),
        target=job.target[chosen],
        fold=job.fold[chosen],
        known=None if job.known is None else job.known[chosen],
        weight=None if job.weight is None else job.weight[chosen],
        time=None if job.time is None else job.time[chosen],
        group_numbers=job.groups_of(chosen),
        table="",
    )


def _errors(framework: FrameworkModule, job: Job, name: str) -> Array:
    """Return the errors (m,) of the rows that are predicted, times the roots of their weights."""
    predicted = np.full(len(job.target), np.nan)
    with part(name):
        sums = FoldSums.read(framework, job)
        for number, train, held in folds(job.fold, chained=job.chained, known=job.known):
            if held.any():
                fitted = fit_linear(framework, job, train, part=f"fold {number}", sums=sums)
                predicted[held] = fitted.model.predict(take(job.columns, held))
    scored = job.fold > 0
    errors: Array = (job.target[scored] - predicted[scored]) * np.sqrt(job.weights(scored))
    return errors


def _gain(job: Job, challenger: Array, incumbent: Array, rows: Mask) -> PairedGain:
    """Compare errors (m,) on some of the rows (a mask) that are predicted."""
    assert job.time is not None
    unit = time_blocks(job.time[job.fold > 0][rows])
    return paired_gain(challenger[rows], incumbent[rows], confidence=CONFIDENCE, unit=unit)
