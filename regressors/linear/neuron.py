"""One linear neuron: the plan of its gradient descent, and the result. NumPy alone.

Everything that a descent depends on besides its data is here, so that every framework takes the
same steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array

StackStep = Callable[[Array, Array, Array, Array, Array, Array, int], tuple[Array, Array, Array]]
"""What descends with a neuron for each of many matrices, by a framework (`descend_stack`)."""
ROUNDING_NOISE = 1e-28
"""A mean squared error below this share of the first one is rounding noise."""


@dataclass(frozen=True)
class NeuronPlan:
    """Gradient descent on the mean squared error, all rows in every epoch.

    The neuron has no bias of its own: its bias is the weight of a column of ones among its inputs.
    Momentum is Nesterov's. After every `block` epochs the fit ends if the loss is no longer finite,
    or has changed by less than `tolerance` of itself throughout the block.
    """

    learning_rate: float
    momentum: float
    epochs: int
    tolerance: float = 1e-12
    block: int = 100

    def next_block(self, losses: Sequence[float]) -> int:
        """Return how many epochs to run next, 0 to stop; `losses` holds one per epoch so far."""
        if losses and (not np.isfinite(losses[-1]) or self.converged(losses)):
            return 0
        return min(self.block, self.epochs - len(losses))

    def converged(self, losses: Sequence[float]) -> bool:
        """Return whether the loss was constant, or rounding noise, throughout the last block."""
        last = np.asarray(losses[-self.block :])
        if len(last) < self.block or not np.isfinite(last).all():
            return False
        still = np.ptp(last) <= self.tolerance * last.min()
        return bool(still or last.max() <= ROUNDING_NOISE * losses[0])


@dataclass(frozen=True)
class NeuronFit:
    """Weights (p,), and the loss before each epoch and after the last (epochs + 1,)."""

    weights: Array
    losses: Array
    converged: bool
    diverged: bool

    @classmethod
    def of(cls, weights: Array, losses: Sequence[float], plan: NeuronPlan) -> "NeuronFit":
        """Return the fit that ended at `weights`; `losses` includes the loss at the end."""
        curve = np.asarray(losses, dtype=float)
        converged = plan.converged(losses)
        worse = not converged and curve[-1] > curve[0]
        return cls(weights, curve, converged, bool(worse or not np.isfinite(curve[-1])))


def neuron_plan(
    inputs: Array, *, learning_rate: float | None = None, epochs: int = 10_000
) -> NeuronPlan:
    """Return the plan for inputs (n, p): by default the fastest that is sure to converge.

    That is a rate of 1/L and a momentum of (sqrt(k) - 1) / (sqrt(k) + 1), with L the largest
    eigenvalue of the Hessian 2/n X'X and k its condition number (Nesterov 2004, 2.2.1). A declared
    rate goes with plain gradient descent.
    """
    if learning_rate is not None:
        return NeuronPlan(learning_rate, 0.0, epochs)
    curvature = np.linalg.eigvalsh(inputs.T @ inputs * (2 / len(inputs)))
    largest = float(curvature[-1]) or 1.0
    # Directions too flat to be descended in these epochs would only slow the others down.
    flattest = largest * min(1.0, (20 / epochs) ** 2)
    root = float(np.sqrt(largest / max(curvature[0], flattest)))
    return NeuronPlan(1 / largest, (root - 1) / (root + 1), epochs)
