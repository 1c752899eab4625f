"""The linear kinds on some rows of a job: least squares, and one neuron that descends to it."""

import numpy as np

from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Array, CannotFit, Descended, Job, Mask, Part, take, thinned
from regressors.linear import least_squares
from regressors.linear.inference import Coefficient
from regressors.model import linear_model
from regressors.network import recipe

LEAST_LOSS = 1e-12
REACHED = 1e-6
"""A loss that is greater than the least-squares one by this share or less has reached it."""


def fit_linear(framework: FrameworkModule, job: Job, rows: Mask, *, part: str) -> Part:
    """Fit a linear kind on some rows; `part` names what for: a fold, the twin or the refit."""
    columns = take(job.columns, rows)
    encoding = Encoding.fit(columns, products=job.products, intercept=job.intercept)
    design = encoding.design(columns)
    if job.candidate.kind == "least_squares":
        return _least_squares(framework, job, rows, encoding, design)
    return _gradient_descent(framework, job, rows, encoding, design, part)


def _least_squares(
    framework: FrameworkModule, job: Job, rows: Mask, encoding: Encoding, design: Array
) -> Part:
    solved = least_squares.solve(
        design,
        job.target[rows],
        encoding.term_names(),
        framework.least_squares_solver,
        weight=None if job.weight is None else job.weight[rows],
    )
    condition = solved.condition_number
    details = {
        "condition_number": condition if np.isfinite(condition) else None,
        "rank": solved.rank,
        "rows": solved.rows,
        "notes": list(solved.notes),
    }
    model = linear_model(job.candidate, encoding, solved.estimates)
    return Part(model, solved.coefficients, details, solved.warnings, solved=solved)


def _gradient_descent(
    framework: FrameworkModule, job: Job, rows: Mask, encoding: Encoding, design: Array, part: str
) -> Part:
    scaling = _Scaling(design, job.target[rows], job.weights(rows), intercept=encoding.intercept)
    plan = recipe.neuron_plan(scaling.inputs, learning_rate=job.learning_rate, epochs=job.epochs)
    names = encoding.term_names()
    last = _last(job, rows, names, part)
    start = np.zeros(scaling.inputs.shape[1]) if last is None else scaling.standardised(last)
    neuron = framework.descend(scaling.inputs, scaling.target, start, plan)
    if neuron.diverged:
        raise CannotFit(
            f"gradient descent diverged at a learning rate of {plan.learning_rate:.3g}; "
            "declare a smaller one, or none"
        )
    estimates = scaling.raw(neuron.weights)
    epochs = len(neuron.losses) - 1
    excess = _excess(neuron.losses, scaling)
    reached = np.flatnonzero(excess <= REACHED)
    descended = Descended(
        rows=int(rows.sum()),
        epochs=epochs,
        excess_loss=float(excess[-1]),
        epochs_to_solution=int(reached[0]) if reached.size else None,
    )
    details = {
        "learning_rate": plan.learning_rate,
        "momentum": plan.momentum,
        "converged": neuron.converged,
        "epochs": epochs,
        "excess_loss": descended.excess_loss,
        "epochs_to_solution": descended.epochs_to_solution,
        "loss": thinned(neuron.losses),
        "start": _by_term(names, scaling.raw(start)),
        "end": _by_term(names, estimates),
        "split_rules": job.split_rules,
        "until": job.until(rows),
    }
    return Part(
        linear_model(job.candidate, encoding, estimates),
        tuple(Coefficient(name, value) for name, value in _by_term(names, estimates).items()),
        details,
        _slow(descended, plan),
        descended=descended,
    )


class _Scaling:
    """A design (n, p) and its target brought to mean 0 and SD 1, and back.

    Rows are whitened by the roots of their weights, whose mean is 1. Without an intercept nothing
    is centred, and the SDs are about zero; with one, the last column of `inputs` is the bias.
    """

    def __init__(self, design: Array, target: Array, weight: Array, *, intercept: bool) -> None:
        self.intercept = intercept
        slopes = design[:, 1:] if intercept else design
        columns = np.column_stack([slopes, target])
        share = weight / weight.sum()
        centre = share @ columns if intercept else np.zeros(columns.shape[1])
        moved = columns - centre
        spread = np.sqrt(share @ np.square(moved))
        spread = np.where(spread > 0, spread, 1.0)
        moved = moved / spread * np.sqrt(weight)[:, None]
        self.centre, self.level = centre[:-1], float(centre[-1])
        self.spread, self.sd = spread[:-1], float(spread[-1])
        bias = [np.sqrt(weight)] if intercept else []
        self.inputs = np.ascontiguousarray(np.column_stack([moved[:, :-1], *bias]))
        self.target = np.ascontiguousarray(moved[:, -1])

    def raw(self, weights: Array) -> Array:
        """Return estimates (p,) in raw units, the intercept first."""
        slopes = weights[: len(self.spread)] * self.sd / self.spread
        if not self.intercept:
            return slopes
        return np.append(self.level + self.sd * weights[-1] - self.centre @ slopes, slopes)

    def standardised(self, estimates: Array) -> Array:
        """Return the weights (p,) that `raw` turns into these estimates."""
        slopes = estimates[1:] if self.intercept else estimates
        weights = slopes * self.spread / self.sd
        if not self.intercept:
            return weights
        return np.append(weights, (estimates[0] + self.centre @ slopes - self.level) / self.sd)


def _last(job: Job, rows: Mask, names: tuple[str, ...], part: str) -> Array | None:
    """Return where last night's descent of this part ended; a term that is new begins at 0.

    Not if that night split its rows otherwise, or saw newer ones: it may have seen what this part
    is to be judged by.
    """
    start = job.starts.get(part)
    if start is None or start.split_rules != job.split_rules:
        return None
    until = job.until(rows)
    if until is not None and (start.until is None or start.until > until):
        return None
    return np.array([start.estimates.get(name, 0.0) for name in names])


def _excess(losses: Array, scaling: _Scaling) -> Array:
    """Return each epoch's loss over the least-squares one, less 1.

    A least-squares loss below 1e-12 of the target's variance counts as that much.
    """
    solution = np.linalg.lstsq(scaling.inputs, scaling.target, rcond=None)[0]
    least = float(np.square(scaling.target - scaling.inputs @ solution).mean())
    return (losses - least) / max(least, LEAST_LOSS)


def _by_term(names: tuple[str, ...], estimates: Array) -> dict[str, float]:
    return dict(zip(names, estimates.tolist(), strict=True))


def _slow(descended: Descended, plan: recipe.NeuronPlan) -> tuple[str, ...]:
    if descended.excess_loss <= REACHED or descended.epochs < plan.epochs:
        return ()
    return (
        f"after {descended.epochs:,} epochs the loss of gradient descent is still "
        f"{percent(descended.excess_loss)} above that of least squares; "
        "declare more epochs, or no learning rate.",
    )


def percent(share: float) -> str:
    """Return a share in percent with two digits, or all before the point: 0.012%, 1,123%."""
    return f"{100 * share:.2g}%" if share < 1 else f"{100 * share:,.0f}%"
