"""The networks of the folds of an ANN that are not chained, and which groupings are tried on them.

Each network is trained without the others, so several processes may share them: they are asked for
as shared work, which the process of an ANN that is alone does by itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

import numpy as np

from regressors.arrays import Array
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Grouped, Grouping, Job, NetworkFit
from regressors.model import NetworkMember
from regressors.network.chain import clearly_better
from regressors.network.fit import fit_network
from regressors.network.plan import joined
from regressors.progress import part, parts
from regressors.shared_work import Calls, SharedWork, shared

Result = TypeVar("Result")

FoldFit = Callable[[FrameworkModule, Job, int, Grouping], NetworkFit]
"""Trains the network of a fold with a grouping, as `fold_fit` does."""

Tried = tuple[Grouping, int]
"""A grouping, and the fold that it is tried on."""


def with_joined_folds(job: Job) -> Job:
    """Return the job with neighbouring folds joined, if its plan says so."""
    if job.plan is None:
        return job
    return replace(job, fold=joined(job.fold, job.plan.networks))


def fold_fit(framework: FrameworkModule, job: Job, number: int, grouping: Grouping) -> NetworkFit:
    """Train the network that has not seen the rows of a fold, and predict these."""
    job = with_joined_folds(job)
    held = job.fold == number
    with part(f"fold {number} of {int(job.fold.max())}"):
        return fit_network(
            framework,
            job,
            ~held,
            held,
            fold=number,
            grouping=grouping,
            earlier=earlier_network(job, number),
        )


def earlier_network(job: Job, number: int) -> NetworkMember | None:
    """Return the network of the twin with which one of the refit begins, if any."""
    if job.grouping != "none" or not job.members:
        return None
    return job.members[number - 1]


def missing_fits(job: Job, grouping: Grouping, fit: FoldFit) -> SharedWork[dict[int, NetworkFit]]:
    """Gather the fits of the folds that are not `ready`; return those of all, in order."""
    last = int(with_joined_folds(job).fold.max())
    missing = [(grouping, number) for number in range(1, last + 1) if number not in job.ready]
    fits = {**job.ready}
    if missing:
        fits |= {n: made for (_, n), made in (yield from _fits(job, missing, fit)).items()}
    return {number: fits[number] for number in range(1, last + 1)}


def decided_groups(job: Job, fit: FoldFit) -> SharedWork[Grouped]:
    """Gather the fits that decide on the groups of an ANN; return the grouping and its fits.

    The folds are fitted without groups, with those of single columns, and with those of pairs as
    well, as far as there are any. More groups must be better by more than one standard error. With
    a plan, the last fold alone decides.
    """
    last = int(with_joined_folds(job).fold.max())
    numbers = [last] if job.plan is not None else range(1, last + 1)
    fits: dict[Grouping, dict[int, NetworkFit]] = {}
    trainings = 0

    def train(*groupings: Grouping) -> SharedWork[None]:
        nonlocal trainings
        wanted = [(each, number) for each in groupings if each not in fits for number in numbers]
        if wanted:
            for (each, number), made in (yield from _fits(job, wanted, fit)).items():
                fits.setdefault(each, {})[number] = made
        trainings += len(wanted)

    yield from train("pairs")
    sizes = {len(columns) for made in fits["pairs"].values() for columns in made.groups}
    rivals: dict[frozenset[int], tuple[Grouping, ...]] = {
        frozenset(): (),
        frozenset({1}): ("columns",),
        frozenset({1, 2}): ("columns", "pairs"),
        frozenset({2}): ("pairs",),
    }
    best: Grouping = "none"
    if not sizes:
        fits["none"] = fits["pairs"]
    elif 2 not in sizes:
        fits["columns"] = fits["pairs"]
    yield from train("none", *rivals[frozenset(sizes)])
    for rival in rivals[frozenset(sizes)]:
        best = rival if _is_clearly_better(job, fits[rival], fits[best]) else best
    return Grouped(best, fits[best], trainings)


def out_of_fold(job: Job, fits: Mapping[int, NetworkFit]) -> Array:
    """Return what networks predict for the rows (n,) that they have not seen, NaN for others."""
    predicted = np.full(len(job.target), np.nan)
    for number, fit in fits.items():
        predicted[job.fold == number] = fit.held_predictions
    return predicted


def _is_clearly_better(
    job: Job, first: Mapping[int, NetworkFit], second: Mapping[int, NetworkFit]
) -> bool:
    """Return whether the first predicts the rows of the folds clearly better."""
    job = with_joined_folds(job)
    scored = np.isin(job.fold, list(first))
    return clearly_better(
        job, scored, *(out_of_fold(job, each)[scored] for each in (first, second))
    )


def _fits(job: Job, tried: Sequence[Tried], fit: FoldFit) -> SharedWork[dict[Tried, NetworkFit]]:
    job = replace(job, ready={})  # of which none is needed for another one
    calls = ((fit, (job, number, grouping)) for grouping, number in tried)
    made = yield Calls("folds", len(tried), calls, are_fits=True)
    return dict(zip(tried, made, strict=True))


def alone(
    framework: FrameworkModule, job: Job, work: SharedWork[Result], trainings: int, done: int = 0
) -> Result:
    """Return what shared work comes to that this process does alone.

    There are so many `trainings`, of which some are `done` before.
    """

    def do(calls: Calls) -> Iterator[NetworkFit]:
        nonlocal done
        with trainings_of(job, trainings, done=done):
            fits = [function(framework, *args) for function, args in calls.each]
        done += len(fits)
        return iter(fits)

    return shared(work, do)


def trainings_of(job: Job, trainings: int, *, done: int) -> AbstractContextManager[None]:
    """Say how many trainings a job has, and how many are done, for reports of its progress.

    Without a plan nobody knows how long they are.
    """
    return parts(None if job.plan is None else trainings, done)
