"""An exact Gram matrix as a system of equations, its columns scaled by powers of two."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear.digits import Digits, digits_of
from regressors.linear.gram import Gram
from regressors.linear.integers import Integers, shifted
from regressors.linear.rounding import root
from regressors.linear.whole_digits import Term, number_at, product_with, summed

BITS = 512
"""Bits after the point of what is computed in fixed point."""


@dataclass(frozen=True)
class System(ABC):
    """An exact Gram matrix whose columns are scaled by powers of two to norms near 1.

    Column j of m is divided by two to the power of `exponents[j]`; the sum of products of two
    columns is a whole number over two to the power of `depth`.
    """

    depth: int
    exponents: Indices

    @classmethod
    def of(cls, gram: Gram) -> "System":
        """Scale a Gram matrix; a column of zeros stays as it is."""
        gram = gram.in_digits()
        halves = np.array([value.bit_length() // 2 for value in gram.diagonal], dtype=np.int64)
        half = int(halves.max(initial=0))
        exponents = np.array(gram.exponents, dtype=np.int64) + halves
        if isinstance(gram.values, Digits):
            return DigitSystem(2 * half, exponents, gram.values, halves)
        return IntegerSystem(2 * half, exponents, shifted(gram.values, half - halves))

    @abstractmethod
    def value(self, i: int, j: int) -> int:
        """Return the whole number for two columns."""

    @abstractmethod
    def integers(self, rows: Sequence[int] | Indices, columns: Sequence[int] | Indices) -> Integers:
        """Return the whole numbers (r, c) for pairs of columns."""

    @abstractmethod
    def digits(self, rows: Indices, columns: Indices, last: int) -> Digits:
        """Return the sums of products (r, c) for pairs of columns, in digits up to `last`."""

    @abstractmethod
    def doubles(self, columns: Indices) -> Array:
        """Return the sums of products (k, k) of some scaled columns, rounded."""

    @abstractmethod
    def product_with(self, columns: Indices) -> Callable[[Integers], Integers]:
        """Return what multiplies integers (k,) by the whole numbers (k, k) of some columns."""

    def sum(self, i: int, j: int) -> Fraction:
        """Return the sum of products of two scaled columns."""
        return Fraction(self.value(i, j), 1 << self.depth)

    def norms(self, columns: Sequence[int] | Indices) -> Array:
        """Return the norms (k,) of some scaled columns; 0 for a column of zeros."""
        return np.array([root(self.sum(j, j)) for j in columns])


@dataclass(frozen=True)
class IntegerSystem(System):
    """A system whose whole numbers `values` (m, m) are Python's integers."""

    values: Integers

    def value(self, i: int, j: int) -> int:
        """Return the whole number for two columns."""
        return int(self.values[i, j])

    def integers(self, rows: Sequence[int] | Indices, columns: Sequence[int] | Indices) -> Integers:
        """Return the whole numbers (r, c) for pairs of columns."""
        part: Integers = self.values[np.ix_(np.asarray(rows), np.asarray(columns))]
        return part

    def digits(self, rows: Indices, columns: Indices, last: int) -> Digits:
        """Return the sums of products (r, c) for pairs of columns, in digits up to `last`."""
        return digits_of(self.integers(rows, columns), self.depth, last)

    def doubles(self, columns: Indices) -> Array:
        """Return the sums of products (k, k) of some scaled columns, rounded."""
        rounded: Array = (self.integers(columns, columns) / (1 << self.depth)).astype(float)
        return rounded

    def product_with(self, columns: Indices) -> Callable[[Integers], Integers]:
        """Return what multiplies integers (k,) by the whole numbers (k, k) of some columns."""
        return self.integers(columns, columns).__matmul__


@dataclass(frozen=True)
class DigitSystem(System):
    """A wide system: digits of a Gram matrix, whose columns are divided by 2^`halves` (m,)."""

    unscaled: Digits
    halves: Indices

    def value(self, i: int, j: int) -> int:
        """Return the whole number for two columns."""
        return number_at(self.unscaled, i, j) << int(self.depth - self.halves[i] - self.halves[j])

    def integers(self, rows: Sequence[int] | Indices, columns: Sequence[int] | Indices) -> Integers:
        """Return the whole numbers (r, c) for pairs of columns."""
        shifts = self.depth - self.halves[rows][:, None] - self.halves[columns]
        whole: Integers = self._part(rows, columns).integers(0) << shifts.astype(object)
        return whole

    def digits(self, rows: Indices, columns: Indices, last: int) -> Digits:
        """Return the sums of products (r, c) for pairs of columns, in digits up to `last`."""
        part = self._part(rows, columns)
        moved = summed([Term(part, -self.halves[rows], -self.halves[columns])])
        return Digits(moved.planes[: max(last + 1 - moved.first, 0)], moved.first).trimmed()

    def doubles(self, columns: Indices) -> Array:
        """Return the sums of products (k, k) of some scaled columns, rounded."""
        halves = self.halves[columns]
        rounded: Array = self._part(columns, columns).doubles()
        np.ldexp(rounded, -halves[:, None] - halves, out=rounded)
        return rounded

    def product_with(self, columns: Indices) -> Callable[[Integers], Integers]:
        """Return what multiplies integers (k,) by the whole numbers (k, k) of some columns."""
        part = self._part(columns, columns)
        spare = (self.depth // 2 - self.halves[columns]).astype(object)
        return lambda x: product_with(part, x << spare) << spare

    def _part(self, rows: Sequence[int] | Indices, columns: Sequence[int] | Indices) -> Digits:
        """Return the digits (r, c) for pairs of columns, without a copy for the first ones."""
        planes, first = self.unscaled.planes, self.unscaled.first
        for axis, own in ((1, np.asarray(rows)), (2, np.asarray(columns))):
            some = slice(0, len(own)) if np.array_equal(own, np.arange(len(own))) else own
            planes = planes[:, some] if axis == 1 else planes[:, :, some]
        return Digits(planes, first)


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
