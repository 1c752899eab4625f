"""The rows of a fit, however many, as the few rows of a triangle with the same sums of products."""

from collections.abc import Sequence

import numpy as np

from regressors.arrays import Array
from regressors.linear.system import BITS, System, doubles, moved
from regressors.linear.wide_factor import MIN_COLUMNS, precise

MIN_EIGENVALUE = 1e-7
"""Where columns of unit norm are less alike than this, Cholesky's factors have nine digits."""


def triangle(system: System, columns: Sequence[int]) -> Array:
    """Return rows (k, m) of scaled columns, k of which are independent.

    Their sums of products are those of the system. The first column has a part in the first row
    alone. Narrow systems are factored in fixed point, wide ones in double where that is enough.
    """
    if len(columns) >= MIN_COLUMNS:
        rows = _by_cholesky(system, columns)
        if rows is not None:
            return rows
    rows = precise(system, columns).triangle
    return rows if len(rows) else np.zeros((1, len(columns)))


def _by_cholesky(system: System, columns: Sequence[int]) -> Array | None:
    """Return the triangle, the first column taken off the others exactly; None if inaccurate."""
    matrix = moved(system.values[np.ix_(columns, columns)], BITS - system.depth)
    if not (np.diag(matrix) > 0).all():
        return None
    first = matrix[0]
    others = doubles(matrix[1:, 1:] - np.outer(first[1:], first[1:]) // first[0])
    norms = np.sqrt(np.maximum(np.diag(others), 2.0**-BITS))
    units = others / np.outer(norms, norms)
    values = np.linalg.eigvalsh(units)
    if values[0] < MIN_EIGENVALUE * values[-1]:
        return None
    rows = np.zeros((len(columns), len(columns)))
    rows[0] = doubles(first) / np.sqrt(doubles(first[:1]))
    rows[1:, 1:] = np.linalg.cholesky(units).T * norms
    return rows
