"""The solution of a system of normal equations, as exactly as it takes to round it once.

An approximate inverse gives a first solution. What that leaves of the equations is computed exactly
in integers, and corrected, until no coefficient is in doubt between two doubles.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.linear.double_double import Pair
from regressors.linear.integers import Integers, integers
from regressors.linear.rounding import to_double
from regressors.linear.system import BITS, System, fixed_point, moved

FRACTIONS = (192, 320, 1280)
"""Bits after the point of a solution: the later ones are for what the first leave undecided.

Those are coefficients that are zero, or half way between two doubles.
"""
_SPARE_BITS = 64
_ERROR = 8  # of a solution, in its last digits


@dataclass(frozen=True)
class Solution:
    """The coefficients (k,) of a fit: integers `values` times two to the power of `units`.

    They are off by a few units at most, or not at all where `exact`, and `fraction` is how many
    bits they have after the point. `residual` is the sum of squares of the scaled residuals.
    """

    values: Integers
    units: Indices
    fraction: int
    exact: bool
    residual: Fraction

    @cached_property
    def decided(self) -> Mask:
        """Return which coefficients (k,) round to the same double wherever they are exactly."""
        if self.exact:
            return np.ones(len(self.values), dtype=bool)
        low, high = (_doubles(self.values + error, self.units) for error in (-_ERROR, _ERROR))
        decided: Mask = low == high
        return decided

    @cached_property
    def estimates(self) -> Array:
        """Return the coefficients (k,), each rounded once.

        The last digits of one that is still undecided only hide that it is zero, or a tie.
        """
        half = 1 << _SPARE_BITS - 1
        shorter = (self.values + half) >> _SPARE_BITS << _SPARE_BITS
        return _doubles(np.where(self.decided, self.values, shorter), self.units)

    @cached_property
    def scaled(self) -> Pair:
        """Return the coefficients (k,) of the scaled columns in double-double."""
        units = np.full(len(self.units), -self.fraction)
        high = _doubles(self.values, units)
        return Pair(high, _doubles(self.values - fixed_point(high, self.fraction), units))


def solution(
    system: System, kept: Indices, column: int, approximate: Callable[[Integers], Integers]
) -> Solution:
    """Return the coefficients (k,) of the `kept` columns of a system that fit another one best.

    `approximate` solves the equations for right-hand sides (k, 1), both in fixed point, with an
    error below a half. Raises ArithmeticError where it is not.
    """
    product_with, target = system.product_with(kept), system.integers(kept, [column])[:, 0]
    x, done = integers((len(kept),)), 0
    for fraction in FRACTIONS:
        x = moved(x, fraction - done)
        done = fraction
        x, exact = _refined(product_with, target << fraction, x, system.depth, approximate)
        square = (system.value(column, column) << 2 * fraction) + int(
            x @ (product_with(x) - (target << fraction + 1))
        )
        if square.bit_length() <= system.depth + _SPARE_BITS:  # the square of the last digits of x
            square = 0
        residual = Fraction(square, 1 << system.depth + 2 * fraction)
        units = system.exponents[column] - system.exponents[kept] - fraction
        found = Solution(x, units, fraction, exact, residual)
        if found.decided.all():
            break
    return found


def _refined(
    product_with: Callable[[Integers], Integers],
    target: Integers,
    x: Integers,
    depth: int,
    approximate: Callable[[Integers], Integers],
) -> tuple[Integers, bool]:
    """Return a solution from another, and whether it is exact, in the same units."""
    before, left = None, target - product_with(x)
    while left.any():
        length = _longest(left)
        right = moved(left, BITS - length)[:, None]
        step = moved(approximate(right)[:, 0], length - depth - BITS)
        x = x + step
        size = _longest(step)
        # Each step is shorter than the one before by the error of the approximate inverse.
        if size <= 1:
            return x, False
        if before is not None and size >= before:
            raise ArithmeticError("the normal equations are too ill-conditioned for their solver")
        before = size
        left = left - product_with(step)
    return x, True


def _longest(values: Integers) -> int:
    """Return the number of bits of the largest of some integers."""
    return max((abs(int(value)).bit_length() for value in values), default=0)


def _doubles(values: Integers, units: Indices) -> Array:
    pairs = zip(values, units.tolist(), strict=True)
    return np.array([to_double(int(value), unit) for value, unit in pairs])
