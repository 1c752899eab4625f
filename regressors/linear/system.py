"""An exact Gram matrix as a system of equations, its columns scaled by powers of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear.gram import Gram, Integers, shifted
from regressors.linear.rounding import root

BITS = 512
"""Bits after the point of what is computed in fixed point."""


@dataclass(frozen=True)
class System:
    """An exact Gram matrix whose columns are scaled by powers of two to norms near 1.

    Column j is divided by two to the power of `exponents[j]`; the sum of products of two columns is
    the integer in `values` (m, m) over two to the power of `depth`.
    """

    values: Integers
    depth: int
    exponents: Indices

    @classmethod
    def of(cls, gram: Gram) -> "System":
        """Scale a Gram matrix; a column of zeros stays as it is."""
        halves = np.array([int(value).bit_length() // 2 for value in np.diag(gram.values)])
        half = int(halves.max(initial=0))
        exponents = np.array(gram.exponents, dtype=np.int64) + halves
        return cls(shifted(gram.values, half - halves), 2 * half, exponents)

    def doubles(self, columns: Indices) -> Array:
        """Return the sums of products (k, k) of some scaled columns, rounded."""
        values = self.values[np.ix_(columns, columns)]
        rounded: Array = (values / (1 << self.depth)).astype(float)
        return rounded

    def sum(self, i: int, j: int) -> Fraction:
        """Return the sum of products of two scaled columns."""
        return Fraction(int(self.values[i, j]), 1 << self.depth)

    def norms(self, columns: Sequence[int] | Indices) -> Array:
        """Return the norms (k,) of some scaled columns; 0 for a column of zeros."""
        return np.array([root(self.sum(j, j)) for j in columns])


def doubles(values: Integers) -> Array:
    """Return numbers in fixed point, of any shape, as doubles; each is below 2^511."""
    rounded: Array = (values / (1 << BITS)).astype(float)
    return rounded


def fixed_point(values: Array, bits: int = BITS) -> Integers:
    """Return doubles of any shape in fixed point, rounded down."""
    mantissas, exponents = np.frexp(values)
    shifts = exponents.astype(np.int64) - 53 + bits
    whole = np.ldexp(mantissas, 53).astype(np.int64).astype(object)
    fixed: Integers = (whole << np.maximum(shifts, 0)) >> np.maximum(-shifts, 0)
    return fixed


def moved(values: Integers, bits: int) -> Integers:
    """Return integers times two to the power of `bits`, rounded down."""
    shifted: Integers = values << bits if bits >= 0 else values >> -bits
    return shifted
