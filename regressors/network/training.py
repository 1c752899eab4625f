"""The ANN on some rows of a job: a linear start, and a network that learns what is left."""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from regressors.arrays import Array, Columns, Mask
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Fitted, Grouping, Job, folds, take, thinned
from regressors.judging.paired import standard_error
from regressors.model import LinearMember, Model, NetworkMember
from regressors.network import recipe
from regressors.network.progress import Progress, halves, honest_predictions
from regressors.network.ridge import Ridge, fit_ridge

GROUP_PASSES = 2
"""Groups are found beside the plain linear start first, then beside one that includes them."""


def validate_network(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit a network per fold; the model is their mean, or one network where folds are chained.

    Where there are groups, the folds are fitted without them, with groups of single columns, and
    with those of pairs as well. The out-of-fold errors decide: more groups must be better by more
    than one standard error. If `job.grouping` is set, it decides instead.
    """
    if job.grouping is not None:
        return _validate(framework, job, job.grouping)
    with_pairs = _validate(framework, job, "pairs")
    sizes = {len(group) for fold in with_pairs.details["folds"] for group in fold["groups"]}
    if not sizes:
        return replace(with_pairs, grouping="none")
    best = _validate(framework, job, "none")
    rivals = [with_pairs]
    if sizes == {1}:
        rivals = [replace(with_pairs, grouping="columns")]
    elif sizes == {1, 2}:
        rivals = [_validate(framework, job, "columns"), with_pairs]
    for rival in rivals:
        best = rival if _clearly_better(rival, best, job) else best
    return best


def _clearly_better(first: Fitted, second: Fitted, job: Job) -> bool:
    """Return whether the first's squared errors are lower by more than one standard error."""
    assert first.out_of_fold is not None
    assert second.out_of_fold is not None
    scored = ~np.isnan(first.out_of_fold)
    squares = [
        np.square(job.target - predicted)[scored]
        for predicted in (second.out_of_fold, first.out_of_fold)
    ]
    drop = job.weights(scored) * (squares[0] - squares[1])
    return bool(drop.mean() > standard_error(drop, job.groups_of(scored)))


def _validate(framework: FrameworkModule, job: Job, grouping: Grouping) -> Fitted:
    out_of_fold = np.full(len(job.target), np.nan)
    members: list[LinearMember | NetworkMember] = []
    details = []
    for number, train, held in folds(job.fold, chained=job.chained):
        fit = _fit_network(framework, job, train, held, fold=number, grouping=grouping)
        out_of_fold[held] = fit.held_predictions
        members.append(fit.member)
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
    fit = _fit_network(
        framework,
        job,
        everything,
        ~everything,
        fold=0,
        grouping=job.grouping or "none",
        epochs=job.refit_epochs,
    )
    model = Model(job.candidate, (fit.member,))
    return Fitted(model, None, (), fit.details, refit_epochs=job.refit_epochs)


@dataclass(frozen=True)
class _NetworkFit:
    """A fitted network; `held_predictions` (m,) are honest and in the target's units."""

    member: NetworkMember
    held_predictions: Array
    details: dict[str, Any]


def _fit_network(
    framework: FrameworkModule,
    job: Job,
    train: Mask,
    held: Mask,
    *,
    fold: int,
    grouping: Grouping,
    epochs: int | None = None,
) -> _NetworkFit:
    """Fit one network on the residual of its linear start; `epochs` fixes its length."""
    began = perf_counter()
    seed = recipe.seed_of(job.dataset, job.candidate.kind, fold)
    start = _linear_start(job, train, grouping, seed)
    held_columns = take(job.columns, held)
    held_start = start.predict(held_columns)
    held_target = (job.target[held] - start.target_mean) / start.divisor
    progress = Progress(
        held_target=(held_target - held_start).astype(np.float32),
        epochs=epochs,
        held_weight=None if job.weight is None else job.weights(held).astype(np.float32),
        half=halves(int(held.sum()), seed, job.groups_of(held)),
    )
    framework.train(
        recipe.start_arrays(np.random.default_rng(seed), start.inputs.shape[1], job.hidden),
        start.inputs.astype(np.float32),
        start.residual.astype(np.float32),
        start.weight.astype(np.float32),
        start.encoding.network(held_columns).astype(np.float32),
        recipe.Program(len(start.residual), seed),
        progress,
    )
    details = {
        "penalty": start.ridge.penalty,
        "groups": [list(group.columns) for group in start.encoding.groups],
        "best_epoch": progress.best_epoch,
        "training_loss": thinned(progress.training_losses),
        "validation_loss": thinned(progress.held_losses) if held.any() else [],
        "seconds": perf_counter() - began,
    }
    honest = start.target_mean + start.target_sd * (held_start + honest_predictions(progress))
    return _NetworkFit(start.member(progress.best_weights), honest, details)


@dataclass(frozen=True)
class _LinearStart:
    """The ridge regression that a network starts from, on n training rows.

    `residual` (n,) is what it leaves of the standardised target, `inputs` (n, d) is what the layers
    see, `weight` (n,) has a mean of 1.
    """

    encoding: Encoding
    ridge: Ridge
    target_mean: float
    target_sd: float
    residual: Array
    inputs: Array
    weight: Array

    @property
    def divisor(self) -> float:
        """Return the target's SD, 1 for a constant target."""
        return self.target_sd or 1.0

    def predict(self, columns: Columns) -> Array:
        """Return standardised predictions (n,) for rows that were not fitted."""
        return self.ridge.intercept + self.encoding.standardised(columns) @ self.ridge.weights

    def member(self, layers: tuple[Any, ...]) -> NetworkMember:
        """Return the member of a model; for a constant target, it predicts that constant."""
        scale = np.array([self.target_mean, self.target_sd, self.ridge.intercept])
        return NetworkMember(self.encoding, scale, self.ridge.weights, layers)


def _linear_start(job: Job, train: Mask, grouping: Grouping, seed: int) -> _LinearStart:
    """Fit the encoding and the ridge regression, twice where groups are wanted."""
    columns, target, weight = take(job.columns, train), job.target[train], job.weights(train)
    mean, sd = float(target.mean()), float(target.std())
    standardised = (target - mean) / (sd or 1.0)
    plain = encoding = Encoding.fit(columns, declared_parts=job.time_parts)
    without_groups = linear = plain.standardised(columns)
    inputs = plain.network(columns)
    ridge = fit_ridge(linear, standardised, weight)
    if grouping != "none":
        residual = ridge.left_out
        for _ in range(GROUP_PASSES):
            encoding, fitted = plain.with_groups(
                columns,
                residual,
                weight,
                [seed, 0, 1],
                pairs=grouping == "pairs",
                together=job.groups_of(train),
            )
            linear = np.hstack([without_groups, fitted.effects])
            ridge = fit_ridge(linear, standardised, weight)
            group_weights = ridge.weights[without_groups.shape[1] :]
            residual = ridge.left_out + fitted.effects @ group_weights
        inputs = np.hstack([inputs, fitted.effects, fitted.counts])
    return _LinearStart(
        encoding=encoding,
        ridge=ridge,
        target_mean=mean,
        target_sd=sd,
        residual=standardised - (ridge.intercept + linear @ ridge.weights),
        inputs=inputs,
        weight=weight,
    )
