"""The rows of a fit, however many, as the few rows of a triangle with the same sums of products."""

from collections.abc import Sequence

import numpy as np
import scipy.linalg

from regressors.arrays import Array, Indices
from regressors.blocks import blocks_of
from regressors.linear.digits import add_product, carried, digits_of
from regressors.linear.integers import Integers
from regressors.linear.system import BITS, System, doubles, moved
from regressors.linear.wide_factor import MIN_COLUMNS, precise

LAST_DIGIT = 16
"""The sums of products of columns beside the first one are right to 352 bits after the point."""
_NUMBERS = 2**17
"""So many of them are computed at once."""
MIN_SHARE = 1e-7
"""Where a matrix of columns of unit norm, times its inverse, is of a norm below the inverse of
this, Cholesky's factors have nine digits."""


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
    order = np.array(columns)
    first = moved(system.integers(order, order[:1])[:, 0], BITS - system.depth)
    if not first[0]:
        return None
    others = _beside_first(system, order, first)
    norms = np.sqrt(np.maximum(np.diag(others), 2.0**-BITS))
    units = others / np.outer(norms, norms)
    try:
        root = np.linalg.cholesky(units)
    except np.linalg.LinAlgError:
        return None
    size = float(np.abs(units).sum(axis=0).max())
    least, _ = scipy.linalg.lapack.dpocon(root, size, uplo="L")
    if least < MIN_SHARE:
        return None
    rows = np.zeros((len(columns), len(columns)))
    rows[0] = doubles(first) / np.sqrt(doubles(first[:1]))
    rows[1:, 1:] = root.T * norms
    return rows


def _beside_first(system: System, columns: Indices, first: Integers) -> Array:
    """Return the sums of products of what all columns but the first one have beside that.

    `first` (m,) are the sums of its products, in fixed point.
    """
    shares = digits_of(((first[1:] << BITS) // first[0])[:, None], BITS, LAST_DIGIT)
    whole = digits_of(first[None, 1:], BITS, LAST_DIGIT)
    left = np.empty((len(columns) - 1, len(columns) - 1))
    for rows in blocks_of(len(left), max(_NUMBERS // len(left), 1)):
        sums = system.digits(columns[1:][rows], columns[1:], LAST_DIGIT)
        planes = np.zeros((LAST_DIGIT + 2, *sums.planes.shape[1:]), dtype=np.int64)
        planes[sums.first + 1 : sums.last + 2] = sums.planes
        add_product(planes, -1, shares.part(rows, slice(None)), whole, sign=-1)
        left[rows] = carried(planes, -1).doubles()
    return left
