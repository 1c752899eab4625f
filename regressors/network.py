"""The ANN on some rows of a job: a linear start, and a network that learns what is left."""

from dataclasses import dataclass
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from regressors import recipe
from regressors.encoding import Encoding
from regressors.job import Array, Fitted, Job, Mask, folds, take, thinned
from regressors.model import LinearMember, Model, NetworkMember
from regressors.ridge import fit_ridge


def validate_network(framework: ModuleType, job: Job) -> Fitted:
    """Fit a network a fold; the model is their mean, or one network where the folds are chained."""
    out_of_fold = np.full(len(job.target), np.nan)
    members: list[LinearMember | NetworkMember] = []
    details = []
    for number, train, held in folds(job.fold, chained=job.chained):
        fit = _network(framework, job, train, held, fold=number)
        out_of_fold[held] = fit.honest
        members += fit.model.members
        details.append({"fold": number, **fit.details})
    if not job.chained:
        model = Model(job.framework, job.kind, tuple(members))
        return Fitted(model, out_of_fold, (), {"folds": details})
    epochs = int(np.median([fold["best_epoch"] for fold in details]))
    twin = refit_network(framework, job, epochs)
    details.append({"fold": 0, **twin.details})
    return Fitted(twin.model, out_of_fold, (), {"folds": details}, refit_epochs=epochs)


def refit_network(framework: ModuleType, job: Job, epochs: int | None) -> Fitted:
    """Fit one network on all rows, for so many epochs."""
    everything = np.ones(len(job.target), dtype=bool)
    fit = _network(framework, job, everything, ~everything, fold=0, epochs=epochs)
    return Fitted(fit.model, None, (), fit.details, refit_epochs=epochs)


@dataclass(frozen=True)
class _Network:
    model: Model
    honest: Array
    details: dict[str, Any]


def _network(
    framework: ModuleType,
    job: Job,
    train: Mask,
    held: Mask,
    *,
    fold: int,
    epochs: int | None = None,
) -> _Network:
    """Fit one network on the linear start's residual; `epochs` fixes its length."""
    start = perf_counter()
    columns, target, weight = take(job.columns, train), job.target[train], job.weights(train)
    encoding = Encoding.fit(columns)
    level, spread = float(target.mean()), float(target.std())
    sd = spread or 1.0
    ridge = fit_ridge(encoding.standardised(columns), (target - level) / sd, weight)
    base = ridge.intercept + encoding.standardised(columns) @ ridge.weights
    held_columns, held_target = take(job.columns, held), job.target[held]
    held_base = ridge.intercept + encoding.standardised(held_columns) @ ridge.weights
    inputs = encoding.network(columns).astype(np.float32)
    seed = recipe.seed_of(job.dataset, job.kind, fold)
    progress = recipe.Progress(
        held_target=((held_target - level) / sd - held_base).astype(np.float32),
        epochs=epochs,
        held_weight=None if job.weight is None else job.weights(held).astype(np.float32),
    )
    framework.train(
        recipe.start_arrays(np.random.default_rng(seed), inputs.shape[1], job.hidden),
        inputs,
        ((target - level) / sd - base).astype(np.float32),
        weight.astype(np.float32),
        encoding.network(held_columns).astype(np.float32),
        recipe.Program(len(target), seed),
        progress,
    )
    scale = np.array([level, spread, ridge.intercept])  # of a constant target no more than that
    member = NetworkMember(encoding, scale, ridge.weights, tuple(progress.best_weights))
    honest = recipe.honest_predictions(progress, seed)
    details = {
        "penalty": ridge.penalty,
        "best_epoch": progress.best_epoch,
        "training_loss": thinned(progress.training_losses),
        "validation_loss": thinned(progress.held_losses) if held.any() else [],
        "seconds": perf_counter() - start,
    }
    model = Model(job.framework, job.kind, (member,))
    return _Network(model, level + spread * (held_base + honest), details)
