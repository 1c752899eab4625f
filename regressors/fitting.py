"""Fits one candidate on one dataset, inside its framework's worker: arrays in, a model out.

`validate` fits every fold and the twin, the model that never saw the test rows; `refit` fits the
model that may serve on every labelled row. A fold is fitted on its training rows alone: encoding,
scaling, start and stopping are all made anew for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors import least_squares, recipe
from regressors.encoding import Columns, Encoding
from regressors.least_squares import Term
from regressors.model import LinearMember, Model, NetworkMember, linear_model
from regressors.ridge import fit_ridge
from regressors.scoring import interval_half_width

Array = NDArray[np.float64]


class CannotFit(ValueError):
    """A candidate that cannot be fitted on these rows, with the reason."""


@dataclass(frozen=True)
class Job:
    """A candidate and its n rows.

    `fold` (n,) counts from 1; where `chained`, fold i trains on the folds before it, and 0 is the
    warm-up block that is never scored. `epochs` is the length of a chained refit, from `validate`.
    """

    dataset: str
    framework: str
    kind: str
    columns: Columns
    target: Array
    fold: NDArray[np.int64]
    chained: bool
    hidden: tuple[int, ...]
    level: float
    epochs: int | None = None


@dataclass(frozen=True)
class Fitted:
    """What a fit gave: `out_of_fold` (n,) is NaN in warm-up rows, None where not asked for."""

    model: Model
    out_of_fold: Array | None
    terms: tuple[Term, ...]
    details: dict[str, Any]
    warnings: tuple[str, ...]
    seconds: float
    epochs: int | None = None


@dataclass(frozen=True)
class _Part:
    """One fit on some rows: a model of one member and what it says of itself."""

    model: Model
    terms: tuple[Term, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def validate(framework: ModuleType, job: Job) -> Fitted:
    """Fit every fold and the twin; `job` holds the training rows alone."""
    start = perf_counter()
    fitted = _validate_ann(framework, job) if job.kind == "ann" else _validate(framework, job)
    _refuse_nonsense(fitted)
    assert fitted.out_of_fold is not None
    residuals = (job.target - fitted.out_of_fold)[~np.isnan(fitted.out_of_fold)]
    model = replace(fitted.model, half_width=interval_half_width(residuals, job.level))
    return replace(fitted, model=model, seconds=perf_counter() - start)


def refit(framework: ModuleType, job: Job) -> Fitted:
    """Fit the model that may serve; `job` holds every labelled row."""
    start = perf_counter()
    if job.kind != "ann":
        part = _LINEAR[job.kind](framework, job, np.ones(len(job.target), dtype=bool))
        fitted = Fitted(part.model, None, part.terms, part.details, part.warnings, 0.0)
    elif job.chained:
        everything = np.ones(len(job.target), dtype=bool)
        fit = _network(framework, job, everything, ~everything, fold=0, epochs=job.epochs)
        fitted = Fitted(fit.model, None, (), fit.details, (), 0.0, job.epochs)
    else:
        fitted = _validate_ann(framework, job)
    _refuse_nonsense(fitted)
    return replace(fitted, seconds=perf_counter() - start)


def folds(fold: NDArray[np.int64], *, chained: bool) -> Iterator[tuple[int, Any, Any]]:
    """Yield number, training rows and held-out rows (masks) of each fold."""
    for number in range(1, int(fold.max()) + 1):
        yield number, (fold < number if chained else fold != number), fold == number


def _validate(framework: ModuleType, job: Job) -> Fitted:
    fit = _LINEAR[job.kind]
    out_of_fold = np.full(len(job.target), np.nan)
    for _, train, held in folds(job.fold, chained=job.chained):
        part = fit(framework, job, train)
        out_of_fold[held] = part.model.predict(_take(job.columns, held))
    twin = fit(framework, job, np.ones(len(job.target), dtype=bool))
    return Fitted(twin.model, out_of_fold, twin.terms, twin.details, twin.warnings, 0.0)


# The linear kinds


def _least_squares(framework: ModuleType, job: Job, rows: NDArray[np.bool_]) -> _Part:
    encoding, design, target = _linear_problem(job, rows)
    solved = least_squares.solve(design, target, encoding.terms(), framework.least_squares_solver)
    details = {
        "condition_number": solved.condition_number
        if np.isfinite(solved.condition_number)
        else None,
        "residual_sd": solved.residual_sd,
        "r2": solved.r2,
        "rank": solved.rank,
        "rows": solved.rows,
        "degrees_of_freedom": solved.degrees_of_freedom,
    }
    model = linear_model(job.framework, job.kind, encoding, solved.estimates)
    return _Part(model, solved.terms, details, solved.warnings)


def _gradient_descent(framework: ModuleType, job: Job, rows: NDArray[np.bool_]) -> _Part:
    encoding, design, target = _linear_problem(job, rows)
    raw = design[:, 1:]
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    level, sd = float(target.mean()), float(target.std()) or 1.0
    inputs, scaled = (raw - centre) / spread, (target - level) / sd
    plan = recipe.neuron_plan(inputs)
    start = recipe.NeuronStart(np.zeros(raw.shape[1]), 0.0)
    neuron = framework.descend(inputs, scaled, start, plan)
    if neuron.diverged:
        raise CannotFit(f"gradient descent diverged at a learning rate of {plan.learning_rate:.3g}")
    weights = neuron.weights * sd / spread
    intercept = level + sd * neuron.bias - float(centre @ weights)
    estimates = np.concatenate([[intercept], weights])
    terms = tuple(
        Term(name, value) for name, value in zip(encoding.terms(), estimates.tolist(), strict=True)
    )
    epochs = len(neuron.losses) - 1
    details = {
        "learning_rate": plan.learning_rate,
        "momentum": plan.momentum,
        "epochs": epochs,
        "converged": neuron.converged,
        "loss": _thinned(neuron.losses),
    }
    slow = f"gradient descent was still improving after {epochs:,} epochs."
    model = linear_model(job.framework, job.kind, encoding, estimates)
    return _Part(model, terms, details, () if neuron.converged else (slow,))


_LINEAR: dict[str, Callable[[ModuleType, Job, NDArray[np.bool_]], _Part]] = {
    "least_squares": _least_squares,
    "gradient_descent": _gradient_descent,
}


def _linear_problem(job: Job, rows: NDArray[np.bool_]) -> tuple[Encoding, Array, Array]:
    columns = _take(job.columns, rows)
    encoding = Encoding.fit(columns)
    return encoding, encoding.design(columns), job.target[rows]


# The network


def _validate_ann(framework: ModuleType, job: Job) -> Fitted:
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
        return Fitted(model, out_of_fold, (), {"folds": details}, (), 0.0)
    epochs = int(np.median([fold["best_epoch"] for fold in details]))
    everything = np.ones(len(job.target), dtype=bool)
    twin = _network(framework, job, everything, ~everything, fold=0, epochs=epochs)
    details.append({"fold": 0, **twin.details})
    return Fitted(twin.model, out_of_fold, (), {"folds": details}, (), 0.0, epochs)


@dataclass(frozen=True)
class _Network:
    model: Model
    honest: Array
    details: dict[str, Any]


def _network(
    framework: ModuleType,
    job: Job,
    train: NDArray[np.bool_],
    held: NDArray[np.bool_],
    *,
    fold: int,
    epochs: int | None = None,
) -> _Network:
    """Fit one network on the linear start's residual; `epochs` fixes its length."""
    start = perf_counter()
    columns, target = _take(job.columns, train), job.target[train]
    encoding = Encoding.fit(columns)
    level, sd = float(target.mean()), float(target.std()) or 1.0
    ridge = fit_ridge(encoding.standardised(columns), (target - level) / sd)
    base = ridge.intercept + encoding.standardised(columns) @ ridge.weights
    held_columns, held_target = _take(job.columns, held), job.target[held]
    held_base = ridge.intercept + encoding.standardised(held_columns) @ ridge.weights
    inputs = encoding.network(columns).astype(np.float32)
    seed = recipe.seed_of(job.dataset, job.kind, fold)
    progress = recipe.Progress(
        held_target=((held_target - level) / sd - held_base).astype(np.float32), epochs=epochs
    )
    framework.train(
        recipe.start_arrays(np.random.default_rng(seed), inputs.shape[1], job.hidden),
        inputs,
        ((target - level) / sd - base).astype(np.float32),
        encoding.network(held_columns).astype(np.float32),
        recipe.Program(len(target), seed),
        progress,
    )
    scale = np.array([level, sd, ridge.intercept])
    member = NetworkMember(encoding, scale, ridge.weights, tuple(progress.best_weights))
    honest = recipe.honest_predictions(progress, seed)
    details = {
        "penalty": ridge.penalty,
        "best_epoch": progress.best_epoch,
        "training_loss": _thinned(progress.training_losses),
        "validation_loss": _thinned(progress.held_losses) if held.any() else [],
        "seconds": perf_counter() - start,
    }
    model = Model(job.framework, job.kind, (member,))
    return _Network(model, level + sd * (held_base + honest), details)


def _refuse_nonsense(fitted: Fitted) -> None:
    out = fitted.out_of_fold
    if out is not None and np.isinf(out).any():
        raise CannotFit("its predictions are not finite")
    for member in fitted.model.members:
        if not all(np.isfinite(array).all() for array in member.arrays().values()):
            raise CannotFit("its weights are not finite: the training diverged")


def _take(columns: Columns, rows: NDArray[np.bool_]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _thinned(curve: Any, most: int = 200) -> list[float]:
    """Return a curve of at most `most` points, first and last included, for the record."""
    values = np.asarray(curve, dtype=float)
    if len(values) > most:
        values = values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))]
    return values.tolist()
