"""What a framework's worker is asked for and what it answers: arrays in, a model out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from regressors.candidate import Candidate
from regressors.encoding.matrices import Columns, Product
from regressors.linear.inference import Coefficient
from regressors.linear.least_squares import LeastSquares
from regressors.model import Model

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

Grouping = Literal["none", "columns", "pairs"]
"""Whose groups an ANN's encoding has: nobody's, single columns', or pairs of columns' as well."""

LONGEST_CURVE = 200
"""Points that are kept of a learning curve."""


class CannotFit(ValueError):
    """A candidate that cannot be fitted on these rows, with the reason."""


@dataclass(frozen=True)
class Start:
    """Where last night's descent ended: estimates by term, in raw units.

    `split_rules` tells how that night split its rows; `until` is the newest time among those that
    it was fitted on, None without a time column.
    """

    estimates: Mapping[str, float]
    split_rules: str
    until: float | None


@dataclass(frozen=True)
class Job:
    """A candidate and its n rows.

    `fold` (n,) counts from 1; where `chained`, fold i trains on the folds before it, and 0 is the
    warm-up block that is never scored. `weight` (n,) is positive, 1 where None; `time` (n,) is
    None without a time column; `group_numbers` (n,) are equal for rows that stay together, None
    where no group is declared. `products` and `intercept` are of the linear kinds; `learning_rate`
    (None: the fastest that surely converges) and `epochs` of gradient descent, whose `starts` go by
    the name of the part that they are for. `grouping` tells an ANN which groups to encode (None: as
    the out-of-fold error says), `refit_epochs` is the length of a chained one's refit; for a refit
    both are from `validate`.
    """

    dataset: str
    candidate: Candidate
    columns: Columns
    target: Array
    fold: NDArray[np.int64]
    chained: bool
    hidden: tuple[int, ...]
    interval_coverage: float
    weight: Array | None = None
    time: Array | None = None
    group_numbers: NDArray[np.int64] | None = None
    split_rules: str = ""
    products: tuple[Product, ...] = ()
    intercept: bool = True
    learning_rate: float | None = None
    epochs: int = 10_000
    starts: Mapping[str, Start] = field(default_factory=dict)
    grouping: Grouping | None = None
    refit_epochs: int | None = None

    def weights(self, rows: Mask) -> Array:
        """Return the weights of some rows, brought to a mean of 1."""
        if self.weight is None:
            return np.ones(int(rows.sum()))
        return self.weight[rows] / self.weight[rows].mean() if rows.any() else np.empty(0)

    def until(self, rows: Mask) -> float | None:
        """Return the newest time among some rows, None without a time column."""
        return None if self.time is None else float(self.time[rows].max())


@dataclass(frozen=True)
class Part:
    """One fit on some rows: a model of one member and what it says of itself.

    `solved` is of least squares, `descended` of gradient descent.
    """

    model: Model
    coefficients: tuple[Coefficient, ...]
    details: dict[str, Any]
    warnings: tuple[str, ...] = ()
    solved: LeastSquares | None = None
    descended: "Descended | None" = None


@dataclass(frozen=True)
class Descended:
    """How a descent went: rows, epochs, and its loss over the least-squares one, less 1.

    `epochs_to_solution` counts the epochs until that was next to nothing; None if it never was.
    """

    rows: int
    epochs: int
    excess_loss: float
    epochs_to_solution: int | None


@dataclass(frozen=True)
class Fitted:
    """What a fit gave: `out_of_fold` (n,) is NaN in warm-up rows, None where not asked for.

    `grouping` and `refit_epochs` are for the refit of an ANN.
    """

    model: Model
    out_of_fold: Array | None
    coefficients: tuple[Coefficient, ...]
    details: dict[str, Any]
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    solved: LeastSquares | None = None
    descended: Descended | None = None
    grouping: Grouping = "none"
    refit_epochs: int | None = None


def folds(fold: NDArray[np.int64], *, chained: bool) -> Iterator[tuple[int, Mask, Mask]]:
    """Yield number, training rows and held-out rows (masks) of each fold."""
    for number in range(1, int(fold.max()) + 1):
        yield number, (fold < number if chained else fold != number), fold == number


def take(columns: Columns, rows: Mask) -> Columns:
    """Return some rows (a mask) of every column."""
    return {name: values[rows] for name, values in columns.items()}


def thinned(curve: Any) -> list[float]:
    """Return a curve of at most 200 points, first and last included, for the record."""
    values = np.asarray(curve, dtype=float)
    if len(values) > LONGEST_CURVE:
        values = values[np.unique(np.linspace(0, len(values) - 1, LONGEST_CURVE).astype(int))]
    return values.tolist()
