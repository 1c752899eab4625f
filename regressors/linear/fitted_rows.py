"""The rows of a fit read again: each one's orthonormal columns and its residual."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear import double_double as dd
from regressors.linear.factor import Factor
from regressors.linear.rounding import root
from regressors.linear.rows import Rows
from regressors.linear.solution import Solution

MAX_PLAIN_LOSS = 1e5
"""Where at most so much of the size of its terms is left of a sum, a double keeps ten digits."""

MAX_FACTOR = 1000
"""Two to the power of less, and its inverse, are doubles of full precision."""


@dataclass(frozen=True)
class FittedRows:
    """The rows of a fit of k independent columns, and its solution.

    What is computed of a row is in double-double where plain double would not keep ten digits.
    """

    rows: Rows
    factor: Factor
    solution: Solution

    def blocks(self) -> Iterator[tuple[slice, Array, Array]]:
        """Yield ranges of rows with their orthonormal columns (b, k) and residuals (b,).

        Both are of scaled columns and the scaled target, times the roots of the weights.
        """
        kept, exponents = self.factor.kept, self.factor.system.exponents
        scale, of_target = -exponents[kept], -exponents[-1]
        orthonormal = self._precisely() if self._ill_conditioned else self._plainly
        precise_residuals = self._loss() > MAX_PLAIN_LOSS
        slopes = self.solution.scaled
        for rows in self.rows.ranges():
            design = scaled(self.rows.design(rows)[:, kept], scale)
            target = scaled(self.rows.target[rows], of_target)
            columns = orthonormal(design)
            if precise_residuals:
                explained = dd.multiply(design, dd.Pair(slopes.high[:, None], slopes.low[:, None]))
                residual = dd.subtract(dd.pair(target[:, None]), explained).high[:, 0]
            else:
                residual = target - design @ slopes.high
            weights = self.rows.root(rows)
            yield rows, columns * weights[:, None], residual * weights

    def _loss(self) -> float:
        """Return how much larger the terms of a row are than its residual, in the mean."""
        norms = self.factor.system.norms(self.factor.kept)
        left = root(self.solution.residual)
        size = float(np.abs(self.solution.scaled.high) @ norms)
        return size / left if left else float("inf")

    @property
    def _ill_conditioned(self) -> bool:
        return self.factor.condition_number > MAX_PLAIN_LOSS

    def _plainly(self, design: Array) -> Array:
        columns: Array = design @ self.factor.inverse_root.T
        return columns

    def _precisely(self) -> Callable[[Array], Array]:
        inverse, roots = self.factor.inverse_pair()
        transposed = dd.Pair(inverse.high.T, inverse.low.T)
        return lambda design: dd.multiply(design, transposed).high / roots


def scaled(matrix: Array, exponents: Indices) -> Array:
    """Return the columns of a matrix (n, p) times powers of two."""
    if np.abs(exponents).max(initial=0) < MAX_FACTOR:  # much quicker, and the same
        return matrix * np.ldexp(1.0, exponents)
    moved: Array = np.ldexp(matrix, exponents)
    return moved
