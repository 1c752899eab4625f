"""The ANN on some rows of a job: a linear start, and a network that learns what is left."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Array, Fitted, Grouping, Job, Mask, folds, take, thinned
from regressors.judging.paired import standard_error
from regressors.model import LinearMember, Model, NetworkMember
from regressors.network import recipe
from regressors.network.ridge import fit_ridge

GROUP_PASSES = 2
"""Groups are found beside the plain linear start first, then beside one that knows of them."""


def validate_network(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit a network a fold; the model is their mean, or one network where the folds are chained.

    Where groups are found, the folds are fitted without them, with those of single columns, and
    with pairs, and the out-of-fold errors decide: more must be better by more than one standard
    error. `job.grouping` decides beforehand.
    """
    if job.grouping is not None:
        return _validate(framework, job, job.grouping)
    most = _validate(framework, job, "pairs")
    sizes = {len(group) for fold in most.details["folds"] for group in fold["groups"]}
    if not sizes:
        return replace(most, grouping="none")
    best = _validate(framework, job, "none")
    rivals = [most]
    if sizes == {1}:
        rivals = [replace(most, grouping="columns")]
    elif sizes == {1, 2}:
        rivals = [_validate(framework, job, "columns"), most]
    for rival in rivals:
        best = rival if _clearly_better(rival, best, job) else best
    return best


def _clearly_better(first: Fitted, second: Fitted, job: Job) -> bool:
    """Tell whether the first one's squared errors are lower by more than one standard error."""
    assert first.out_of_fold is not None
    assert second.out_of_fold is not None
    scored = ~np.isnan(first.out_of_fold)
    squares = [
        np.square(job.target - out)[scored] for out in (second.out_of_fold, first.out_of_fold)
    ]
    drop = job.weights(scored) * (squares[0] - squares[1])
    together = None if job.group_numbers is None else job.group_numbers[scored]
    return bool(drop.mean() > standard_error(drop, together))


def _validate(framework: FrameworkModule, job: Job, grouping: Grouping) -> Fitted:
    out_of_fold = np.full(len(job.target), np.nan)
    members: list[LinearMember | NetworkMember] = []
    details = []
    for number, train, held in folds(job.fold, chained=job.chained):
        fit = _network(framework, job, train, held, fold=number, grouping=grouping)
        out_of_fold[held] = fit.honest
        members += fit.model.members
        details.append({"fold": number, **fit.details})
    if not job.chained:
        model = Model(job.candidate, tuple(members))
        return Fitted(model, out_of_fold, (), {"folds": details}, grouping=grouping)
    epochs = int(np.median([fold["best_epoch"] for fold in details]))
    twin = refit_network(framework, replace(job, grouping=grouping, refit_epochs=epochs))
    details.append({"fold": 0, **twin.details})
    return Fitted(
        twin.model, out_of_fold, (), {"folds": details}, grouping=grouping, refit_epochs=epochs
    )


def refit_network(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit one network on all rows, for as many epochs as the job says."""
    everything = np.ones(len(job.target), dtype=bool)
    fit = _network(
        framework,
        job,
        everything,
        ~everything,
        fold=0,
        grouping=job.grouping or "none",
        epochs=job.refit_epochs,
    )
    return Fitted(fit.model, None, (), fit.details, refit_epochs=job.refit_epochs)


@dataclass(frozen=True)
class _Network:
    model: Model
    honest: Array
    details: dict[str, Any]


def _network(
    framework: FrameworkModule,
    job: Job,
    train: Mask,
    held: Mask,
    *,
    fold: int,
    grouping: Grouping,
    epochs: int | None = None,
) -> _Network:
    """Fit one network on the linear start's residual; `epochs` fixes its length."""
    start = perf_counter()
    columns, target, weight = take(job.columns, train), job.target[train], job.weights(train)
    encoding = Encoding.fit(columns)
    level, spread = float(target.mean()), float(target.std())
    sd = spread or 1.0
    linear, inputs = encoding.standardised(columns), encoding.network(columns)
    seed = recipe.seed_of(job.dataset, job.candidate.kind, fold)
    ridge = fit_ridge(linear, (target - level) / sd, weight)
    if grouping != "none":
        together = None if job.group_numbers is None else job.group_numbers[train]
        plain, rest, residual = encoding, linear, ridge.left_out
        for _ in range(GROUP_PASSES):
            encoding, fitted = plain.with_groups(
                columns,
                residual,
                weight,
                [seed, 0, 1],
                pairs=grouping == "pairs",
                together=together,
            )
            linear = np.hstack([rest, fitted.effects])
            ridge = fit_ridge(linear, (target - level) / sd, weight)
            residual = ridge.left_out + fitted.effects @ ridge.weights[rest.shape[1] :]
        inputs = np.hstack([inputs, fitted.effects, fitted.counts])
    base = ridge.intercept + linear @ ridge.weights
    held_columns, held_target = take(job.columns, held), job.target[held]
    held_base = ridge.intercept + encoding.standardised(held_columns) @ ridge.weights
    progress = recipe.Progress(
        held_target=((held_target - level) / sd - held_base).astype(np.float32),
        epochs=epochs,
        held_weight=None if job.weight is None else job.weights(held).astype(np.float32),
        half=recipe.halves(
            len(held_target), seed, None if job.group_numbers is None else job.group_numbers[held]
        ),
    )
    framework.train(
        recipe.start_arrays(np.random.default_rng(seed), inputs.shape[1], job.hidden),
        inputs.astype(np.float32),
        ((target - level) / sd - base).astype(np.float32),
        weight.astype(np.float32),
        encoding.network(held_columns).astype(np.float32),
        recipe.Program(len(target), seed),
        progress,
    )
    scale = np.array([level, spread, ridge.intercept])  # of a constant target no more than that
    member = NetworkMember(encoding, scale, ridge.weights, tuple(progress.best_weights))
    honest = recipe.honest_predictions(progress)
    details = {
        "penalty": ridge.penalty,
        "groups": [list(group.columns) for group in encoding.groups],
        "best_epoch": progress.best_epoch,
        "training_loss": thinned(progress.training_losses),
        "validation_loss": thinned(progress.held_losses) if held.any() else [],
        "seconds": perf_counter() - start,
    }
    model = Model(job.candidate, (member,))
    return _Network(model, level + spread * (held_base + honest), details)
