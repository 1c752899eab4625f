"""The recipes of neuron and network: settings, start arrays, batches, stopping; NumPy alone.

All that a fit depends on besides its data stands here, so that the three frameworks take the same
steps. A network of layer sizes d, h1, ..., 1 is the list W1 (d, h1), b1 (h1,), ..., w (h, 1),
b (1,), with the tanh form of GELU between (Hendrycks and Gimpel, 2016).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray

from regressors.arrays import Array, Arrays, Floats

GELU_SLOPE = float(np.sqrt(2 / np.pi))
GELU_CUBIC = 0.044715

EXACT_FIT = 1e-28
"""A mean squared error below this share of the first one is rounding noise."""


def seed_of(dataset: str, kind: str, fold: int) -> int:
    """Return the seed of a fit (63 bits): the same in all three frameworks, on every machine."""
    words = json.dumps([dataset, kind, fold], ensure_ascii=False).encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:8], "big") >> 1


# The neuron


@dataclass(frozen=True)
class NeuronPlan:
    """Gradient descent on the mean squared error, all rows at each epoch.

    The neuron has no bias of its own: that is the weight of a column of ones among its inputs.
    Momentum is Nesterov's. Every `block` epochs the fit is over if the loss is no longer finite,
    or has moved by less than `tolerance` of itself throughout the block.
    """

    learning_rate: float
    momentum: float
    epochs: int
    tolerance: float = 1e-12
    block: int = 100

    def next_block(self, losses: Sequence[float]) -> int:
        """Return how many epochs to run now, 0 to stop; `losses` holds one for each epoch run."""
        if losses and (not np.isfinite(losses[-1]) or self.converged(losses)):
            return 0
        return min(self.block, self.epochs - len(losses))

    def converged(self, losses: Sequence[float]) -> bool:
        """Tell whether the loss stood still, or at nothing, throughout the last block."""
        last = np.asarray(losses[-self.block :])
        if len(last) < self.block or not np.isfinite(last).all():
            return False
        still = np.ptp(last) <= self.tolerance * last.min()
        return bool(still or last.max() <= EXACT_FIT * losses[0])


@dataclass(frozen=True)
class NeuronFit:
    """Weights (p,), and the loss before each epoch and after the last (epochs + 1,)."""

    weights: Array
    losses: Array
    converged: bool
    diverged: bool

    @classmethod
    def of(cls, weights: Array, losses: Sequence[float], plan: NeuronPlan) -> "NeuronFit":
        """Return the fit that ended at `weights`; `losses` includes that of the end."""
        curve = np.asarray(losses, dtype=float)
        converged = plan.converged(losses)
        worse = not converged and curve[-1] > curve[0]
        return cls(weights, curve, converged, bool(worse or not np.isfinite(curve[-1])))


def neuron_plan(
    inputs: Array, *, learning_rate: float | None = None, epochs: int = 10_000
) -> NeuronPlan:
    """Return the plan for inputs (n, p): by default the fastest that surely converges.

    Rate 1/L and momentum (sqrt(k) - 1) / (sqrt(k) + 1), with L the largest eigenvalue of the
    Hessian 2/n X'X and k its condition number (Nesterov, 2004, 2.2.1). A declared rate goes with
    plain gradient descent.
    """
    if learning_rate is not None:
        return NeuronPlan(learning_rate, 0.0, epochs)
    curvature = np.linalg.eigvalsh(inputs.T @ inputs * (2 / len(inputs)))
    largest = float(curvature[-1]) or 1.0
    # Directions so flat that these epochs cannot descend them only slow down the others.
    flattest = largest * min(1.0, (20 / epochs) ** 2)
    root = float(np.sqrt(largest / max(curvature[0], flattest)))
    return NeuronPlan(1 / largest, (root - 1) / (root + 1), epochs)


# The network


@dataclass(frozen=True)
class NetworkSettings:
    """Adam with decoupled decay, and an exponential average of the weights that is evaluated."""

    learning_rate: float = 0.002
    betas: tuple[float, float] = (0.9, 0.99)
    epsilon: float = 1e-8
    decay: float = 0.01
    average: float = 0.998
    warm_up: float = 0.03
    most_epochs: int = 60
    patience: int = 10
    output_sd: float = 0.02


RECIPE = NetworkSettings()


def start_arrays(
    rng: np.random.Generator, inputs: int, hidden: Sequence[int], dtype: DTypeLike = np.float32
) -> list[Floats]:
    """Draw the start of a network; its small output weights let it begin at the linear fit."""
    arrays: list[Floats] = []
    fan_in, variance = inputs, 1.0
    for width in hidden:
        arrays.append(rng.normal(0, np.sqrt(variance / max(fan_in, 1)), (fan_in, width)))
        arrays.append(rng.uniform(-1, 1, width))
        fan_in, variance = width, 2.0
    arrays += [rng.normal(0, RECIPE.output_sd, (fan_in, 1)), np.zeros(1)]
    return [array.astype(dtype) for array in arrays]


def forward(arrays: Arrays, inputs: Floats) -> Floats:
    """Return the network's output (n,) for inputs (n, d), in the dtype of both."""
    values = inputs
    for weights, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
        z = values @ weights + bias
        values = 0.5 * z * (1 + np.tanh(GELU_SLOPE * (z + GELU_CUBIC * z * z * z)))
    return (values @ arrays[-2] + arrays[-1])[:, 0]


@dataclass(frozen=True)
class Program:
    """The steps of a training on `rows` rows, the same for every framework."""

    rows: int
    seed: int
    settings: NetworkSettings = RECIPE

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Return where each batch begins and ends in an epoch's order: (steps + 1,).

        Sizes are as even as they can be, so that no epoch ends with a batch of one row.
        """
        size = int(np.clip(2.0 ** np.round(np.log2(self.rows / 40)), 32, 256))
        steps = -(-self.rows // size)
        return np.arange(steps + 1) * self.rows // steps

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the order of the rows in an epoch (counted from 0)."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)

    def steps(self, epoch: int, dtype: DTypeLike) -> Floats:
        """Return what changes from step to step, a row each: (steps, 5).

        The columns: learning rate; 1 / (1 - beta1^s); 1 / sqrt(1 - beta2^s); what decay leaves of
        the weights; the share that the average keeps.
        """
        s = self.settings
        count = len(self.bounds) - 1
        warm_up = max(1, round(s.warm_up * s.most_epochs * count))
        step = np.arange(epoch * count + 1, (epoch + 1) * count + 1, dtype=float)
        rate = s.learning_rate * np.minimum(1.0, step / warm_up)
        first, second = (1 - beta**step for beta in s.betas)
        keep = 1 - rate * s.decay
        average = np.minimum(s.average, step / (step + 9))
        return np.column_stack([rate, 1 / first, 1 / np.sqrt(second), keep, average]).astype(dtype)


def epoch_of(losses: Sequence[float], settings: NetworkSettings = RECIPE) -> tuple[int, bool]:
    """Return the epoch that a curve of held-out losses chooses, and whether it has stopped.

    It stops after `patience` epochs without gain and looks no further, however long the training
    goes on for the sake of others.
    """
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= settings.patience or epoch >= settings.most_epochs:
            return best, True
    return best, False


def halves(rows: int, seed: int, group: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
    """Return a mask (rows,) of a random half of them; the rows of a `group` (rows,) stay together.

    Groups are taken until the one that would reach further over half of the rows than it lacks.
    """
    names, codes = np.unique(np.arange(rows) if group is None else group, return_inverse=True)
    # A stream of its own: the orders of the epochs have seeds of two words.
    shuffled = np.random.default_rng([seed, 0, 0]).permutation(len(names))
    sizes = np.bincount(codes, minlength=len(names))[shuffled]
    first = np.zeros(len(names), dtype=bool)
    first[shuffled] = 2 * np.cumsum(sizes) - sizes < rows
    return first[codes]


@dataclass
class Progress:
    """What a training has come to, and whether it goes on; it keeps the best epoch's weights.

    `held_target` (m,) belongs to the held-out rows, `held_weight` (m,) too, 1 where None. `half`
    (m,) splits them in two, each with a curve of its own: training goes on until the curves of
    all rows and of both halves have stopped. With `epochs`, training takes just so many and the
    last one is the best: for a fit without held-out rows.
    """

    held_target: Floats
    epochs: int | None = None
    held_weight: Floats | None = None
    half: NDArray[np.bool_] | None = None
    settings: NetworkSettings = RECIPE
    training_losses: list[float] = field(default_factory=list)
    held_losses: list[float] = field(default_factory=list)
    half_losses: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    held_predictions: list[Floats] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: tuple[Floats, ...] = ()

    @property
    def predictions(self) -> Floats:
        """Return the held-out predictions by epoch: (epochs + 1, m), the start first."""
        return np.stack(self.held_predictions)

    def record(self, predictions: Floats, weights: Arrays, loss: float | None = None) -> bool:
        """Note an epoch, the start (without a loss) first; tell whether to go on.

        `predictions` (m,) are those of the averaged `weights`; `loss` is the epoch's mean over its
        batches. Everything is copied.
        """
        epoch = len(self.held_predictions)
        self.held_predictions.append(np.array(predictions))
        if loss is not None:
            self.training_losses.append(float(loss))
        squares = np.square(self.held_target - predictions)
        squares = squares if self.held_weight is None else squares * self.held_weight
        self.held_losses.append(_mean(squares))
        curves = [self.held_losses]
        if self.half is not None:
            for losses, rows in zip(self.half_losses, (self.half, ~self.half), strict=True):
                losses.append(_mean(squares[rows]))
            curves += self.half_losses
        best = epoch if self.epochs is not None else epoch_of(self.held_losses, self.settings)[0]
        if best == epoch:
            self.best_epoch = epoch
            self.best_weights = tuple(np.array(array) for array in weights)
        if self.epochs is not None:
            return epoch < self.epochs
        alive = loss is None or bool(np.isfinite(loss))
        return alive and not all(epoch_of(losses, self.settings)[1] for losses in curves)


def _mean(squares: Floats) -> float:
    return float(squares.mean()) if squares.size else 0.0


def honest_predictions(progress: Progress) -> Array:
    """Return out-of-fold predictions (m,), no row of which had a say in the epoch it is from.

    Stopping and scoring on the same rows flatters. So each half of the held-out rows is predicted
    at the epoch that the other half's curve chooses, up to that curve's own stop.
    """
    assert progress.half is not None
    curves = progress.predictions.astype(float)
    epochs = [epoch_of(losses, progress.settings)[0] for losses in progress.half_losses]
    return np.where(progress.half, curves[epochs[1]], curves[epochs[0]])
