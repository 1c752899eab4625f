"""One network of an ANN, which learns what its linear start leaves unexplained."""

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from regressors.arrays import Floats, Mask
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Grouping, Job, NetworkFit, take, thinned
from regressors.model import NetworkMember
from regressors.network import recipe
from regressors.network.linear_start import LinearStart, continued_start, linear_start
from regressors.network.plan import drawn
from regressors.network.progress import (
    Progress,
    halves,
    honest_predictions,
    losses_by,
)


def fit_network(
    framework: FrameworkModule,
    job: Job,
    train: Mask,
    held: Mask,
    *,
    fold: int,
    grouping: Grouping,
    epochs: int | None = None,
    held_at: int | None = None,
    earlier: NetworkMember | None = None,
) -> NetworkFit:
    """Fit one network on the residual of its linear start.

    `epochs` fixes its length; with a plan, so does the plan. `held_at` is the epoch after which the
    held-out rows are predicted; None: halves of them decide for each other. `earlier` is the
    network of the twin that predicts the same fold: with a plan, this one begins where it ended,
    unless its rows need another encoding.
    """
    began = perf_counter()
    seed = recipe.seed_of(job.dataset, job.candidate.kind, fold)
    rows, plan = int(train.sum()), job.plan
    train = train if plan is None else drawn(train, round(plan.share * rows), seed)
    start, layers = _begin(job, train, grouping, seed, earlier)
    peak = recipe.PEAK
    if plan is not None and layers:
        plan, peak = replace(plan, epochs=plan.refit_epochs), recipe.REFIT_PEAK
        epochs = epochs and plan.epochs
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
        half=None if held_at is not None else halves(int(held.sum()), seed, job.groups_of(held)),
        least=held_at or 0,
        settings=settings,
    )
    inputs = start.inputs.shape[1]
    framework.train(
        layers or recipe.start_arrays(np.random.default_rng(seed), inputs, job.hidden),
        start.inputs,
        start.residual.astype(np.float32),
        start.weight.astype(np.float32),
        start.held_inputs(held_columns),
        recipe.Program(
            len(start.residual),
            seed,
            epochs=None if plan is None else epochs or plan.epochs,
            peak=peak,
        ),
        progress,
    )
    groups = tuple(group.columns for group in start.encoding.groups)
    details: dict[str, Any] = {
        "penalty": start.ridge.penalty,
        "groups": [list(columns) for columns in groups],
        "best_epoch": progress.best_epoch,
        "training_loss": thinned(progress.training_losses),
        "validation_loss": thinned(progress.held_losses) if held.any() else [],
        "seconds": perf_counter() - began,
    }
    if job.plan is not None:
        details["begins_with"] = "network of the twin" if layers else "linear start"
        details["epoch_seconds"] = progress.epoch_seconds
    honest = start.target_mean + start.target_sd * (held_start + honest_predictions(progress))
    losses = losses_by(progress, job.known_from[held]) if job.chained and held.any() else {}
    return NetworkFit(start.member(progress.best_weights), honest, groups, rows, details, losses)


def _begin(
    job: Job, train: Mask, grouping: Grouping, seed: int, earlier: NetworkMember | None
) -> tuple[LinearStart, list[Floats]]:
    """Return the linear start of a network, and the layers with which it begins, if any."""
    if job.plan is not None and earlier is not None:
        start = continued_start(job, train, earlier)
        if start is not None:
            return start, list(earlier.layers)
    return linear_start(job, train, grouping, seed), []
