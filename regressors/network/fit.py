"""One network of an ANN, which learns what its linear start leaves unexplained."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from regressors.arrays import Array, Mask
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Grouping, Job, take, thinned
from regressors.model import NetworkMember
from regressors.network import recipe
from regressors.network.linear_start import linear_start
from regressors.network.plan import drawn
from regressors.network.progress import Progress, halves, honest_predictions


@dataclass(frozen=True)
class NetworkFit:
    """A fitted network; `held_predictions` (m,) are honest and in the target's units.

    `groups` are the columns of each of its groups, and `rows` how many it could have trained on.
    """

    member: NetworkMember
    held_predictions: Array
    groups: tuple[tuple[str, ...], ...]
    rows: int
    details: dict[str, Any]


def fit_network(
    framework: FrameworkModule,
    job: Job,
    train: Mask,
    held: Mask,
    *,
    fold: int,
    grouping: Grouping,
    epochs: int | None = None,
) -> NetworkFit:
    """Fit one network on the residual of its linear start.

    `epochs` fixes its length; with a plan, so does the plan.
    """
    began = perf_counter()
    seed = recipe.seed_of(job.dataset, job.candidate.kind, fold)
    rows, plan = int(train.sum()), job.plan
    train = train if plan is None else drawn(train, plan.rows, seed)
    start = linear_start(job, train, grouping, seed)
    held_columns = take(job.columns, held)
    held_start = start.predict(held_columns)
    held_target = (job.target[held] - start.target_mean) / start.divisor
    settings = recipe.RECIPE
    if plan is not None:
        settings = replace(settings, max_epochs=plan.epochs, patience=plan.epochs)
    progress = Progress(
        held_target=(held_target - held_start).astype(np.float32),
        epochs=epochs,
        held_weight=None if job.weight is None else job.weights(held).astype(np.float32),
        half=halves(int(held.sum()), seed, job.groups_of(held)),
        settings=settings,
    )
    inputs = start.inputs.shape[1]
    framework.train(
        recipe.start_arrays(np.random.default_rng(seed), inputs, job.hidden),
        start.inputs,
        start.residual.astype(np.float32),
        start.weight.astype(np.float32),
        start.held_inputs(held_columns),
        recipe.Program(
            len(start.residual),
            seed,
            epochs=None if plan is None else epochs or plan.epochs,
        ),
        progress,
    )
    groups = tuple(group.columns for group in start.encoding.groups)
    details = {
        "penalty": start.ridge.penalty,
        "groups": [list(columns) for columns in groups],
        "best_epoch": progress.best_epoch,
        "training_loss": thinned(progress.training_losses),
        "validation_loss": thinned(progress.held_losses) if held.any() else [],
        "seconds": perf_counter() - began,
    }
    honest = start.target_mean + start.target_sd * (held_start + honest_predictions(progress))
    return NetworkFit(start.member(progress.best_weights), honest, groups, rows, details)
