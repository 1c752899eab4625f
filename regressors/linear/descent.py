"""Gradient descent of one neuron on some rows of a job: scaling, start, and how far it got."""

import numpy as np

from regressors.arrays import Array, Mask
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import CannotFit, Descended, Job, Part, thinned
from regressors.linear.gram import Gram
from regressors.linear.inference import Coefficient
from regressors.linear.neuron import NeuronFit, NeuronPlan, neuron_plan
from regressors.linear.rounding import root
from regressors.linear.system import System
from regressors.linear.triangle import triangle
from regressors.model import linear_model

MIN_SOLUTION_LOSS = 1e-12
"""A least-squares loss below this share of the target's variance counts as this much."""
REACHED_EXCESS = 1e-6
"""A loss has reached that of least squares when it exceeds it by this share or less."""


def fit_by_descent(
    framework: FrameworkModule,
    job: Job,
    rows: Mask,
    encoding: Encoding,
    gram: Gram,
    part: str,
) -> Part:
    """Fit a neuron to some rows (a mask) with this Gram matrix; raise CannotFit if it diverges.

    It starts where the last night's descent of this `part` ended, if that saw nothing that the part
    is judged by, and otherwise at zero.
    """
    scaling = _Scaling(gram, intercept=encoding.intercept)
    plan = neuron_plan(scaling.inputs, learning_rate=job.learning_rate, epochs=job.epochs)
    terms = encoding.term_names()
    last = _last_estimates(job, rows, terms, part)
    start = np.zeros(scaling.inputs.shape[1]) if last is None else scaling.standardised(last)
    neuron = framework.descend(scaling.inputs, scaling.target, start, plan)
    if neuron.diverged:
        raise CannotFit(
            f"gradient descent diverged at a learning rate of {plan.learning_rate:.3g}; "
            "declare a smaller one, or none"
        )
    estimates = scaling.raw(neuron.weights)
    descended = _descended(neuron, scaling, int(rows.sum()))
    by_term = dict(zip(terms, estimates.tolist(), strict=True))
    details = {
        "learning_rate": plan.learning_rate,
        "momentum": plan.momentum,
        "converged": neuron.converged,
        "epochs": descended.epochs,
        "excess_loss": descended.excess_loss,
        "epochs_to_solution": descended.epochs_to_solution,
        "loss": thinned(neuron.losses),
        "start": dict(zip(terms, scaling.raw(start).tolist(), strict=True)),
        "end": by_term,
        "split_rules": job.split_rules,
        "until": job.until(rows),
    }
    return Part(
        linear_model(job.candidate, encoding, estimates),
        tuple(Coefficient(term, estimate) for term, estimate in by_term.items()),
        details,
        _warnings(descended, plan),
        descended=descended,
    )


class _Scaling:
    """The rows of a design and its target, brought to mean 0 and SD 1, and back.

    A neuron sees rows only through their sums of products, which those of a triangle have too: its
    loss and gradient are the same there, and it takes as many rows as there are columns. Rows are
    whitened by the roots of their weights, whose mean is 1. Without an intercept nothing is
    centred, and the SDs are about zero; with one, the last column of `inputs` is the bias.
    `solution_loss` is the loss of the least-squares solution.
    """

    def __init__(self, gram: Gram, *, intercept: bool) -> None:
        self.intercept = intercept
        system, terms = System.of(gram), len(gram.exponents) - 2
        columns = [terms, *range(1, terms)] if intercept else list(range(terms))
        rows = triangle(system, [*columns, terms + 1])
        units = np.ldexp(1.0, system.exponents[[*columns, terms + 1]])
        weight = root(system.sum(terms, terms)) * np.ldexp(1.0, system.exponents[terms])
        centre = np.zeros(len(units))
        if intercept:
            centre = (rows[0] / rows[0, 0] * units / units[0])[1:]
            units = units[1:]
        beside = rows[1:, 1:] if intercept else rows
        norms = np.sqrt(np.square(beside).sum(axis=0))
        spread = np.where(norms > 0, norms * units / weight, 1.0)
        self.centre, self.target_mean = centre[:-1], float(centre[-1])
        self.spread, self.target_sd = spread[:-1], float(spread[-1])
        # The mean square of each column is 1, over as many rows as there are.
        moved = beside / np.where(norms > 0, norms, 1.0) * np.sqrt(len(rows))
        if intercept:
            moved = np.vstack([np.zeros(len(norms)), moved])
        # What all columns leave of the target is in a row of its own, or nothing is left.
        has_own_row = len(moved) > 0 and not moved[-1, :-1].any()
        self.solution_loss = float(moved[-1, -1] ** 2 / len(moved)) if has_own_row else 0.0
        bias = [np.sqrt(len(rows)) * (np.arange(len(rows)) == 0)] if intercept else []
        self.inputs = np.ascontiguousarray(np.column_stack([moved[:, :-1], *bias]))
        self.target = np.ascontiguousarray(moved[:, -1])

    def raw(self, weights: Array) -> Array:
        """Return estimates (p,) in raw units, the intercept first."""
        slopes = weights[: len(self.spread)] * self.target_sd / self.spread
        if not self.intercept:
            return slopes
        intercept = self.target_mean + self.target_sd * weights[-1] - self.centre @ slopes
        return np.append(intercept, slopes)

    def standardised(self, estimates: Array) -> Array:
        """Return the weights (p,) that `raw` turns into these estimates."""
        slopes = estimates[1:] if self.intercept else estimates
        weights = slopes * self.spread / self.target_sd
        if not self.intercept:
            return weights
        bias = (estimates[0] + self.centre @ slopes - self.target_mean) / self.target_sd
        return np.append(weights, bias)


def _last_estimates(job: Job, rows: Mask, terms: tuple[str, ...], part: str) -> Array | None:
    """Return where the last night's descent of this part ended; a new term starts at 0.

    None if that night split its rows in another way, or saw newer ones: it may have seen what this
    part is judged by.
    """
    start = job.starts.get(part)
    if start is None or start.split_rules != job.split_rules:
        return None
    until = job.until(rows)
    if until is not None and (start.until is None or start.until > until):
        return None
    return np.array([start.estimates.get(term, 0.0) for term in terms])


def _descended(neuron: NeuronFit, scaling: _Scaling, rows: int) -> Descended:
    solution_loss = scaling.solution_loss
    excess = (neuron.losses - solution_loss) / max(solution_loss, MIN_SOLUTION_LOSS)
    reached = np.flatnonzero(excess <= REACHED_EXCESS)
    return Descended(
        rows=rows,
        epochs=len(neuron.losses) - 1,
        excess_loss=float(excess[-1]),
        epochs_to_solution=int(reached[0]) if reached.size else None,
    )


def _warnings(descended: Descended, plan: NeuronPlan) -> tuple[str, ...]:
    if descended.excess_loss <= REACHED_EXCESS or descended.epochs < plan.epochs:
        return ()
    return (
        f"after {descended.epochs:,} epochs the loss of gradient descent is still "
        f"{percent(descended.excess_loss)} above that of least squares; "
        "declare more epochs, or no learning rate.",
    )


def percent(share: float) -> str:
    """Return a share as a percentage of two digits, or whole from 100%: 0.012%, 1,123%."""
    return f"{100 * share:.2g}%" if share < 1 else f"{100 * share:,.0f}%"
