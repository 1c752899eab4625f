"""The ANN of a job: its plan, the networks of all folds, and the model that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from regressors.arrays import Array
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Decided, Fitted, Grouped, Grouping, Job, NetworkFit, folds, take
from regressors.model import Model
from regressors.network import recipe
from regressors.network.chain import Chain, chain_folds
from regressors.network.fit import fit_network
from regressors.network.folds import (
    alone,
    decided_groups,
    earlier_network,
    fold_fit,
    missing_fits,
    out_of_fold,
    trainings_of,
    with_joined_folds,
)
from regressors.network.plan import (
    BUDGET,
    FEW_NETWORKS,
    SMALL_TABLE,
    TRIED,
    Plan,
    drawn,
    joined,
    may_be_planned,
    needs_plan,
    networks_of,
    plan_of,
    products_of,
    spaced,
)


def validate_network(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit a network per fold; the model is their mean, or one network where folds are chained.

    Chained folds are in `regressors.network.chain`, and one may serve several; others are in
    `regressors.network.folds`, with what decides on their groups, unless `job.grouping` does.
    """
    job = replace(job, plan=job.plan or planned(job))
    if job.chained:
        return _validate_chain(framework, job)
    if job.grouping is not None:
        return _validate(framework, job, job.grouping, job.ready)
    chosen = grouped(framework, job)
    return _validate(framework, job, chosen.grouping, chosen.fits, trainings=chosen.trainings)


def grouped(framework: FrameworkModule, job: Job) -> Grouped:
    """Return the grouping of an ANN, and the fits that decided on it and have it.

    For chained folds it is the network of the warm-up that decides. A job that has its grouping has
    these fits, too: they were gathered.
    """
    if job.grouping is not None:
        return Grouped(job.grouping, job.ready, len(job.ready))
    if job.chained:
        chain = Chain(framework, job)
        chain.fit_warmup()
        chosen = chain.decided(1).grouping
        warmup = {number: fits[chosen] for number, fits in chain.fits.items()}
        return Grouped(chosen, warmup, chain.trainings)
    return alone(framework, job, decided_groups(job, fold_fit), trainings=1 + TRIED)


def predicted_without_groups(framework: FrameworkModule, job: Job) -> Array:
    """Return what an ANN without groups and without a plan predicts for chained folds (n,).

    It has few networks, which serve on between their origins.
    """
    job = replace(job, grouping="none", plan=None)
    return _walked(Chain(framework, job), few_origins(int(job.fold.max())))[0]


def few_origins(last: int) -> list[int]:
    """Return the folds up to the `last` for which `predicted_without_groups` fits a network."""
    return [1 + i for i in spaced(last, FEW_NETWORKS)]


def planned(job: Job) -> Plan | None:
    """Return the plan of a job, None where the table is small and its budget is enough.

    How wide the network will be is seen from an encoding of a draw of the rows.
    """
    rows = len(job.target)
    if not may_be_planned(rows, job.budget):
        return None
    seed = recipe.seed_of(job.dataset, job.candidate.kind, 0)
    # Nothing of a plan for chained folds may depend on rows that are still to come.
    known = job.known_from <= 1 if job.chained else np.ones(rows, dtype=bool)
    columns = take(job.columns, drawn(known, SMALL_TABLE, seed))
    encoding = Encoding.fit(columns, declared_parts=job.time_parts)
    inputs = encoding.network({name: values[:1] for name, values in columns.items()}).shape[1]
    last, whole = int(job.fold.max()), 0
    if job.chained:
        numbers, whole = [1 + i for i in spaced(last, job.least_fits)], rows
        trained = [int((job.known_from <= number).sum()) for number in numbers]
    else:
        parts = folds(joined(job.fold, networks_of(rows, last)), chained=False)
        trained = [int(train.sum()) for _, train, _ in parts]
    each = products_of(inputs, job.hidden)
    if not needs_plan(rows, trained, each, job.budget, whole):
        return None
    return plan_of(trained, each, job.budget or BUDGET, whole=whole, rate=job.rate)


def _validate(
    framework: FrameworkModule,
    job: Job,
    grouping: Grouping,
    ready: Mapping[int, NetworkFit] | None = None,
    trainings: int = 0,
) -> Fitted:
    """Fit the folds that are not `ready`; there were so many `trainings` before."""
    job = with_joined_folds(replace(job, ready=ready or {}))
    number = trainings + int(job.fold.max()) - len(job.ready)
    work = missing_fits(job, grouping, fold_fit)
    fits = alone(framework, job, work, trainings=number, done=trainings)
    details, decided_by = _details(job, fits, grouping)
    return Fitted(
        Model(job.candidate, tuple(fit.member for fit in fits.values())),
        out_of_fold(job, fits),
        (),
        details,
        _warnings(job, fits),
        grouping=grouping,
        plan=job.plan,
        decided_by=decided_by,
    )


def _validate_chain(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit networks for chained folds, and one on all rows."""
    chain, numbers = Chain(framework, job), chain_folds(job)
    with trainings_of(job, len(numbers) + 2, done=0):
        predicted, decided = _walked(chain, numbers)
        serving = chain.decided(None)
        twin = _on_all_rows(
            framework, replace(job, grouping=serving.grouping, refit_epochs=serving.epochs)
        )
    fits = {number: chain.fits[number][decided[number].grouping] for number in numbers}
    details, decided_by = _details(job, fits, serving.grouping)
    for fold in details["folds"]:
        fold["held_at"] = decided[fold["fold"]].epochs
    details["folds"].append({"fold": 0, **twin.details})
    if 0 in chain.fits:
        details["warmup"] = chain.fits[0][serving.grouping].details
    return Fitted(
        twin.model,
        predicted,
        (),
        details,
        _warnings(job, fits),
        grouping=serving.grouping,
        refit_epochs=serving.epochs,
        plan=job.plan,
        decided_by=decided_by,
        for_tests=chain.decided(int(job.fold.max()) + 1),
    )


def _walked(chain: Chain, numbers: Sequence[int]) -> tuple[Array, dict[int, Decided]]:
    """Fit the networks of chained folds; return what they predict (n,), and which counted."""
    job = chain.job
    predicted, decided = np.full(len(job.target), np.nan), {}
    chain.fit_warmup(job.ready.get(0))
    for number, until in zip(numbers, [*numbers[1:], int(job.fold.max()) + 1], strict=True):
        decided[number] = chain.fit(number, until)
        held = (job.fold >= number) & (job.fold < until)
        predicted[held] = chain.predicted[decided[number].grouping][held]
    return predicted, decided


def _details(
    job: Job, fits: Mapping[int, NetworkFit], grouping: Grouping
) -> tuple[dict[str, Any], str | None]:
    """Return the figures of the networks by fold, and who decided on their groups."""
    details: dict[str, Any] = {
        "folds": [{"fold": number, **fit.details} for number, fit in fits.items()]
    }
    if job.plan is None:
        return details, None
    decided_by = job.decided_by or job.candidate.framework
    return details | {
        "plan": asdict(job.plan),
        "grouping": grouping,
        "decided_by": decided_by,
    }, decided_by


def _warnings(job: Job, fits: Mapping[int, NetworkFit]) -> tuple[str, ...]:
    """Return what a user should know of the plan."""
    if job.plan is None:
        return ()
    if job.plan.share >= 1:
        return ()
    most = max(fit.rows for fit in fits.values())
    return (
        f"each network was trained on {round(job.plan.share * most):,} rows, drawn from up to"
        f" {most:,}, because of its budget",
    )


def refit_network(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit the networks that may serve; the job says with which groups and by which plan.

    There is one per fold or, where folds are chained, one on all rows, for as many epochs as the
    job says. With a plan each begins with the twin's network of the same fold, whose held-out rows
    are among its own, unless there are groups: those would have to be found again.
    """
    if job.chained:
        return _on_all_rows(framework, job)
    return _validate(framework, job, job.grouping or "none", job.ready)


def _on_all_rows(framework: FrameworkModule, job: Job) -> Fitted:
    everything = np.ones(len(job.target), dtype=bool)
    fit = fit_network(
        framework,
        job,
        everything,
        ~everything,
        fold=0,
        grouping=job.grouping or "none",
        epochs=job.refit_epochs,
        earlier=earlier_network(job, 1),
    )
    model = Model(job.candidate, (fit.member,))
    return Fitted(model, None, (), fit.details, refit_epochs=job.refit_epochs)
