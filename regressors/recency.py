"""The half-life by which rows count less for their age, chosen at the rolling origins of training.

Least squares is fitted at every origin with each of a few half-lives, and without one, on the rows
before it, and predicts those that follow. A half-life is taken only if its errors are clearly
smaller than those without; an ANN takes it only if it does not raise the ANN's own errors.
"""

from dataclasses import dataclass, replace

import numpy as np

from regressors.arrays import Array
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, folds, take
from regressors.judging.paired import PairedGain, paired_gain, time_blocks
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import FoldSums
from regressors.network.plan import drawn
from regressors.network.recipe import seed_of
from regressors.network.training import predicted_without_groups
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
    a time to measure there is nothing to try.
    """

    tried: tuple[float, ...] = ()
    rmses: tuple[float, ...] = ()
    best: float | None = None
    chosen: float | None = None
    gain: PairedGain | None = None
    rows: int = 0


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
        without = _errors(framework, job)
        errors = [_errors(framework, replace(job, half_life=each)) for each in tried]
    rmses = tuple(float(np.sqrt(np.square(each).mean())) for each in (without, *errors))
    number = int(np.nanargmin([*rmses[1:], np.inf])) if np.isfinite(rmses[0]) else len(tried)
    if number == len(tried):
        return HalfLifeChoice(tried, rmses, rows=len(without))
    gain = _gain(job, errors[number], without)
    best = tried[number]
    chosen = best if gain.low > 0 else None
    return HalfLifeChoice(tried, rmses, best, chosen, gain, len(without))


def gain_of_ann(framework: FrameworkModule, job: Job) -> PairedGain:
    """Return how much better an ANN predicts with the half-life of its job than without.

    It is fitted without groups, and at few origins.
    """
    job = _drawn(MAX_ANN_ROWS, job)
    scored = job.fold > 0
    roots = np.sqrt(job.weights(scored))
    errors = []
    with parts(2):
        for half_life in (job.half_life, None):
            with part("origins"):
                predicted = predicted_without_groups(framework, replace(job, half_life=half_life))
            errors.append((job.target[scored] - predicted[scored]) * roots)
    return _gain(job, *errors)


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


def _errors(framework: FrameworkModule, job: Job) -> Array:
    """Return the errors (m,) of the rows that are predicted, times the roots of their weights."""
    predicted = np.full(len(job.target), np.nan)
    with part(f"half-life {job.half_life}"):
        sums = FoldSums.read(framework, job)
        for number, train, held in folds(job.fold, chained=job.chained, known=job.known):
            if held.any():
                fitted = fit_linear(framework, job, train, part=f"fold {number}", sums=sums)
                predicted[held] = fitted.model.predict(take(job.columns, held))
    scored = job.fold > 0
    errors: Array = (job.target[scored] - predicted[scored]) * np.sqrt(job.weights(scored))
    return errors


def _gain(job: Job, challenger: Array, incumbent: Array) -> PairedGain:
    assert job.time is not None
    unit = time_blocks(job.time[job.fold > 0])
    return paired_gain(challenger, incumbent, confidence=CONFIDENCE, unit=unit)
