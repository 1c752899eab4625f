"""Factors in double-double, which are ten times as quick to compute as integers.

They are no less right for it: a solution is corrected until it is exact, and standard errors need
no more than nine digits, which are left up to condition numbers of 1e9.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regressors.arrays import Array
from regressors.linear import double_double as dd
from regressors.linear.double_double import Pair
from regressors.linear.factor import Factor, FixedFactor
from regressors.linear.gram import Integers
from regressors.linear.system import System, doubles, fixed_point

DEPENDENT = 2.0**-100
"""A column of which earlier ones leave less, as a share of its norm, depends on them."""
MIN_COLUMNS = 40
"""Narrower systems are factored as quickly in fixed point."""
MAX_CONDITION = 1e9
MIN_PIVOT = 1e-20
"""A column of whose square less is left may as well depend on others."""
MAX_WIDE = 400
MAX_PLAIN_CONDITION = 1e3
"""Up to here wider systems than that have ten digits in plain double."""


@dataclass(frozen=True, eq=False)
class WideFactor(Factor):
    """Factors in double-double: the inverse (k, k) of the triangle L, and the pivots D (k,)."""

    inverse: Pair
    pivots: Array

    @classmethod
    def of(cls, system: System, columns: int) -> "WideFactor | None":
        """Factor the first columns of a system; None where double-double is not enough."""
        kept = np.arange(columns)
        fixed = system.fixed[:columns, :columns]
        high = doubles(fixed)
        if columns > MAX_WIDE:
            plain = _plainly(high)
            if plain is not None:
                return cls(system, kept, dd.pair(plain), np.ones(columns))
        factored = _factored(Pair(high, doubles(fixed - fixed_point(high))))
        if factored is None:
            return None
        factor = cls(system, kept, *factored)
        return factor if factor.condition_number <= MAX_CONDITION else None

    @cached_property
    def inverse_root(self) -> Array:
        """Return W."""
        return self.inverse.high / np.sqrt(self.pivots)[:, None]

    def inverse_pair(self) -> tuple[Pair, Array]:
        """Return the inverse (k, k) and the roots (k,) of the pivots."""
        return self.inverse, np.sqrt(self.pivots)

    def approximate(self, right: Integers) -> Integers:
        """Return about the solution (k,) for a right-hand side (k,), both in fixed point.

        The first product would cost the square of the condition number in plain double.
        """
        inverse, high = self.inverse, doubles(right)
        given = Pair(high[:, None], doubles(right - fixed_point(high))[:, None])
        middle = dd.multiply(inverse.high, given).high[:, 0] + inverse.low @ high
        return fixed_point(inverse.high.T @ (middle / self.pivots))


def _plainly(matrix: Array) -> Array | None:
    """Return W (k, k) in double, by which W'W is the inverse of a matrix (k, k)."""
    norms = np.sqrt(np.diag(matrix))
    if not norms.all():
        return None
    units = matrix / np.outer(norms, norms)
    values = np.linalg.eigvalsh(units)
    if values[0] * MAX_PLAIN_CONDITION**2 < values[-1]:
        return None
    inverse: Array = np.linalg.inv(np.linalg.cholesky(units)) / norms
    return inverse


def _factored(matrix: Pair) -> tuple[Pair, Array] | None:
    """Return the inverse (k, k) of L and D (k,) of a matrix in double-double; None if singular."""
    count = len(matrix.high)
    left = Pair(matrix.high.copy(), matrix.low.copy())
    inverse = dd.pair(np.eye(count))
    pivots = np.zeros(count)
    for i in range(count):
        pivot = Pair(left.high[i, i], left.low[i, i])
        if pivot.high <= MIN_PIVOT * matrix.high[i, i]:
            return None
        pivots[i] = pivot.high
        below = slice(i + 1, count)
        column = Pair(left.high[below, i], left.low[below, i])
        share = _divided(column, pivot)
        _take_off(left, (below, below), share, column)
        row = Pair(inverse.high[i, : i + 1], inverse.low[i, : i + 1])
        _take_off(inverse, (below, slice(0, i + 1)), share, row)
    return inverse, pivots


def _divided(values: Pair, by: Pair) -> Pair:
    """Return double-doubles (k,) over one."""
    first = values.high / by.high
    product = dd.scale(first, by)
    rest = (values.high - product.high - product.low + values.low) / by.high
    return dd.two_sum(first, rest)


def _take_off(matrix: Pair, part: tuple[slice, slice], column: Pair, row: Pair) -> None:
    """Subtract the products of a column and a row from a part of a matrix, in place."""
    product = dd.two_product(column.high[:, None], row.high)
    low = product.low + (column.high[:, None] * row.low + column.low[:, None] * row.high)
    taken = dd.subtract(Pair(matrix.high[part], matrix.low[part]), dd.two_sum(product.high, low))
    matrix.high[part], matrix.low[part] = taken


def factored(system: System, columns: int) -> Factor:
    """Return the factors of the first columns of a system, as quickly as they serve.

    Columns are left out of which earlier ones leave only `DEPENDENT`, a share of the norm.
    """
    wide = WideFactor.of(system, columns) if columns >= MIN_COLUMNS else None
    return wide or FixedFactor.of(system, range(columns), DEPENDENT)
