"""The held-out rows of a training: when to stop, and out-of-fold predictions that do not flatter.

Stopping and scoring on the same rows flatters a network, so the held-out rows are split in halves,
and each half is predicted at the epoch that the other half chooses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time

import numpy as np

from regressors.arrays import Array, Arrays, Floats, Indices, Mask
from regressors.network.recipe import RECIPE, NetworkSettings


def epoch_of(losses: Sequence[float], settings: NetworkSettings = RECIPE) -> tuple[int, bool]:
    """Return the epoch that a curve of held-out losses chooses, and whether the curve has stopped.

    It stops after `patience` epochs without gain. What comes later does not count, even where the
    training goes on because another curve has not stopped.
    """
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= settings.patience or epoch >= settings.max_epochs:
            return best, True
    return best, False


def halves(rows: int, seed: int, group: Indices | None = None) -> Mask:
    """Return a mask (rows,) of a random half of them; rows of one `group` (rows,) stay together.

    Groups are added as long as each brings the mask closer to half of the rows.
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
    """The progress of a training: losses, held-out predictions, and the best epoch's weights.

    `held_target` and `held_weight` (m,) are those of the held-out rows; None weighs them equally.
    `half` (m,) splits the rows in two halves, each with a curve of its own: training goes on until
    the curves of all rows and of both halves have stopped, and for at `least` so many epochs. With
    `epochs`, for a fit without
    held-out rows, training takes exactly so many and the last one is the best.
    """

    held_target: Floats
    epochs: int | None = None
    held_weight: Floats | None = None
    half: Mask | None = None
    least: int = 0
    settings: NetworkSettings = RECIPE
    training_losses: list[float] = field(default_factory=list)
    held_losses: list[float] = field(default_factory=list)
    half_losses: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    held_predictions: list[Floats] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: tuple[Floats, ...] = ()
    recorded: list[tuple[float, float]] = field(default_factory=list)

    @property
    def epoch_seconds(self) -> float | None:
        """Return how long the shortest epoch took, its held-out predictions included.

        By the clock, or by the process's own time where that is less: where it had to wait for
        others.
        """
        epochs = np.diff(self.recorded, axis=0)
        return float(epochs.min()) if epochs.size else None

    @property
    def predictions(self) -> Floats:
        """Return the held-out predictions of each epoch, the start first: (epochs + 1, m)."""
        return np.stack(self.held_predictions)

    def record(self, predictions: Floats, weights: Arrays, loss: float | None = None) -> bool:
        """Record an epoch, the start (without a loss) first; return whether to go on.

        `predictions` (m,) are those of the averaged `weights`; `loss` is the mean over the batches
        of the epoch. Everything is copied.
        """
        epoch = len(self.held_predictions)
        self.recorded.append((perf_counter(), process_time()))
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
        if epoch < self.least:
            return alive
        return alive and not all(epoch_of(losses, self.settings)[1] for losses in curves)


def losses_by(progress: Progress, label: Indices) -> Mapping[int, Array]:
    """Return the sums (epochs + 1,) of the weighted squared errors, by the label (m,) of a row."""
    errors = progress.held_target - progress.predictions
    squares = np.square(errors, dtype=float)
    if progress.held_weight is not None:
        squares *= progress.held_weight
    return {int(i): squares[:, label == i].sum(axis=1) for i in np.unique(label)}


def _mean(squares: Floats) -> float:
    return float(squares.mean()) if squares.size else 0.0


def honest_predictions(progress: Progress) -> Array:
    """Return out-of-fold predictions (m,), each from an epoch that its own row did not help choose.

    Each half of the held-out rows is predicted at the epoch that the curve of the other half
    chooses, up to that curve's own stop. Without halves, the epoch is the `least` one.
    """
    curves = progress.predictions.astype(float)
    if progress.half is None:
        at_epoch: Array = curves[min(progress.least, len(curves) - 1)]
        return at_epoch
    epochs = [epoch_of(losses, progress.settings)[0] for losses in progress.half_losses]
    predictions: Array = np.where(progress.half, curves[epochs[1]], curves[epochs[0]])
    return predictions
