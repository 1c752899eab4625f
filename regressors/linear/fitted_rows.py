"""The rows of a fit read again: their orthonormal columns, residuals and weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regressors.arrays import Array, Indices
from regressors.blocks import blocks_of
from regressors.linear import double_double as dd
from regressors.linear.coded_design import CodedDesign, DesignBlock
from regressors.linear.double_double import Pair
from regressors.linear.factor import Factor
from regressors.linear.rounding import root
from regressors.linear.rows import Rows
from regressors.linear.solution import Solution

MAX_PLAIN_LOSS = 1e5
"""Where at most so much of the size of its terms is left of a sum, a double keeps ten digits."""

MAX_FACTOR = 1000
"""Two to the power of less, and its inverse, are doubles of full precision."""

_CACHED_VALUES, _MIN_ROWS = 2**17, 2**8
"""A megabyte of a matrix stays in the cache; of fewer rows, a product takes longer by the row."""


@dataclass(frozen=True)
class FittedBlock:
    """A range of rows: their orthonormal `columns` (b, k) and their residuals (b,).

    A coefficient is the sum of the target times the `weights` (b, k) of the rows.
    """

    rows: slice
    columns: Array
    residuals: Array
    weights: Array

    def times(self, roots: Array) -> "FittedBlock":
        """Return the block with each row times one of the roots (b,)."""
        each = roots[:, None]
        return FittedBlock(
            self.rows, self.columns * each, self.residuals * roots, self.weights * each
        )

    @cached_property
    def squares(self) -> Array:
        """Return the squares (b, k) of the weights."""
        return np.square(self.weights)


@dataclass(frozen=True)
class FittedRows:
    """The rows of a fit of k independent columns, and its solution.

    What is computed of a row is in double-double where plain double would not keep ten digits.
    """

    rows: Rows
    factor: Factor
    solution: Solution

    def blocks(self) -> Iterator[FittedBlock]:
        """Yield ranges of rows with their columns, residuals and weights.

        All are of scaled columns and the scaled target, times the roots of the weights of the rows.
        """
        kept, exponents = self.factor.kept, self.factor.system.exponents
        design = self.rows.coded.take(kept)
        scale, of_target = -exponents[kept], -exponents[-1]
        of_levels = scale.copy()  # their columns are not made, so what multiplies them is scaled
        of_levels[design.dense] = 0
        orthonormal = self._orthonormal(design, of_levels)
        weights, residuals = self._weights(design, of_levels), self._residuals(design, of_levels)
        for rows in self.rows.ranges():
            dense, codes = design.read(rows)
            # Products have the same bits for the same rows only if these lie alike in memory.
            dense = np.ascontiguousarray(scaled(dense, scale[design.dense]))
            target = scaled(self.rows.target[rows], of_target)
            for part in blocks_of(len(target), _step(len(kept))):
                block = dense[part], [own[part] for own in codes]
                columns = orthonormal(block)
                fitted = FittedBlock(
                    slice(rows.start + part.start, rows.start + min(part.stop, len(target))),
                    columns,
                    residuals(block, target[part]),
                    weights(block, columns),
                )
                alike = self.rows.weight is None
                yield fitted if alike else fitted.times(self.rows.root(fitted.rows))

    def _orthonormal(self, design: CodedDesign, shift: Indices) -> Callable[[DesignBlock], Array]:
        """Return what makes the orthonormal columns of rows."""
        if not self._ill_conditioned:
            return design.times(_shifted(self.factor.inverse_root.T, shift))
        inverse, roots = self.factor.inverse_pair()
        product = design.times_precisely(Pair(*(_shifted(part.T, shift) for part in inverse)))
        return lambda block: product(block).high / roots

    def _weights(
        self, design: CodedDesign, shift: Indices
    ) -> Callable[[DesignBlock, Array], Array]:
        """Return what makes the weights of rows, given also their orthonormal columns."""
        root = self.factor.inverse_root
        if not design.levels or self._ill_conditioned:
            return lambda _block, columns: columns @ root
        product = design.times(_shifted(root.T @ root, shift))
        return lambda block, _columns: product(block)

    def _residuals(
        self, design: CodedDesign, shift: Indices
    ) -> Callable[[DesignBlock, Array], Array]:
        """Return what makes the residuals of rows, given also their targets."""
        slopes = Pair(*(_shifted(part[:, None], shift) for part in self.solution.scaled))
        if self._loss() <= MAX_PLAIN_LOSS:
            product = design.times(slopes.high)
            return lambda block, target: target - product(block)[:, 0]
        precise = design.times_precisely(slopes)
        return lambda block, target: dd.subtract(dd.pair(target[:, None]), precise(block)).high.T[0]

    def _loss(self) -> float:
        """Return how much larger the terms of a row are than its residual, in the mean."""
        norms = self.factor.system.norms(self.factor.kept)
        left = root(self.solution.residual)
        size = float(np.abs(self.solution.scaled.high) @ norms)
        return size / left if left else float("inf")

    @property
    def _ill_conditioned(self) -> bool:
        return self.factor.condition_number > MAX_PLAIN_LOSS


def _step(columns: int) -> int:
    """Return how many rows of so many columns are computed at once."""
    return max(_CACHED_VALUES // max(columns, 1), _MIN_ROWS)


def _shifted(matrix: Array, exponents: Indices) -> Array:
    """Return the rows of a matrix (k, m) times powers of two."""
    shifted: Array = np.ldexp(matrix, exponents[:, None])
    return shifted


def scaled(matrix: Array, exponents: Indices) -> Array:
    """Return the columns of a matrix (n, p) times powers of two."""
    if np.abs(exponents).max(initial=0) < MAX_FACTOR:  # much quicker, and the same
        return matrix * np.ldexp(1.0, exponents)
    moved: Array = np.ldexp(matrix, exponents)
    return moved
