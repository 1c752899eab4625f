"""The exact Gram matrix of the rows of a fit: all that least squares needs to know of them.

It is the same, to the last bit, whatever the order of the rows and however they are cut into
blocks; and matrices of different rows add up, and subtract, without any error.
"""

import logging
import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regressors.arrays import Array
from regressors.blocks import release
from regressors.file_arrays import on_disk
from regressors.frameworks.memory import give_back_freed
from regressors.linear import integers as exact
from regressors.linear import whole_digits
from regressors.linear.digits import DIGIT_BITS, Digits, digits_of
from regressors.linear.integers import Integers, as_integers, integers, symmetric
from regressors.linear.whole_digits import MAX_DIGITS, Term, digits_needed, number_at, summed

LOG = logging.getLogger(__name__)
MAX_BYTES_IN_MEMORY = 2**23
MIN_WIDE = 80
"""From so many columns on, numbers are in digits, unless these are too many."""


@dataclass(frozen=True)
class Gram:
    """The sums over n rows of the weighted products of m columns.

    The sum for columns i and j is the whole number i, j in `values` (m, m) times two to the power
    of `exponents[i] + exponents[j]`. Whole numbers are Python's integers, or in digits where there
    are many columns.
    """

    values: Integers | Digits
    exponents: tuple[int, ...]
    rows: int

    @classmethod
    def zeros(cls, columns: int) -> "Gram":
        """Return the matrix of no rows."""
        return cls(integers((columns, columns)), (0,) * columns, 0)

    @classmethod
    def of_few(cls, columns: Array, weight: Array | None) -> "Gram":
        """Return the matrix of a few rows, the columns of an array (m, n), by way of integers.

        It takes finite values of any size, and long.
        """
        values, exponents = as_integers(columns)
        if weight is None:
            return cls(values @ values.T, tuple(exponents), columns.shape[1])
        weights, (exponent,) = as_integers(weight[None, :])
        if exponent % 2:
            weights, exponent = weights * 2, exponent - 1
        units = tuple(unit + exponent // 2 for unit in exponents)
        return cls((values * weights) @ values.T, units, columns.shape[1])

    @property
    def grid(self) -> tuple[int, ...] | None:
        """Return exponents by which further rows are cut so that their sums add up quickly."""
        return self.exponents if isinstance(self.values, Digits) else None

    @property
    def integers(self) -> Integers:
        """Return the whole numbers (m, m) as Python's integers."""
        return self.values.integers(0) if isinstance(self.values, Digits) else self.values

    @property
    def diagonal(self) -> list[int]:
        """Return the whole numbers (m,) of the sums of squares."""
        if isinstance(self.values, Digits):
            return [number_at(self.values, i, i) for i in range(len(self.exponents))]
        return [int(value) for value in self.values.diagonal()]

    def __add__(self, other: "Gram") -> "Gram":
        return self._plus(other, 1)

    def __sub__(self, other: "Gram") -> "Gram":
        return self._plus(other, -1)

    def _plus(self, other: "Gram", sign: int) -> "Gram":
        exponents = tuple(map(min, self.exponents, other.exponents))
        rows = self.rows + sign * other.rows
        terms = [self._term(exponents, 1), other._term(exponents, sign)]
        digits = [term for term in terms if term is not None]
        if len(digits) == len(terms) and digits_needed(digits) <= MAX_DIGITS:
            return Gram(summed(digits), exponents, rows)
        pairs = zip(self._in_units(exponents), other._in_units(exponents), strict=True)
        return Gram(symmetric(a + sign * b for a, b in pairs), exponents, rows)

    def _term(self, exponents: Sequence[int], sign: int) -> Term | None:
        """Return digits as a part of a sum in smaller units or the same; None without digits."""
        if not isinstance(self.values, Digits):
            return None
        bits = np.subtract(self.exponents, exponents)
        return Term(self.values, bits, bits, sign)

    def take(self, columns: Sequence[int]) -> "Gram":
        """Return the matrix of some of the columns."""
        exponents, own = tuple(self.exponents[i] for i in columns), np.ix_(columns, columns)
        if isinstance(self.values, Digits):
            planes = np.stack([plane[own] for plane in self.values.planes])
            return replace(self, values=Digits(planes, self.values.first), exponents=exponents)
        return replace(self, values=self.values[own], exponents=exponents)

    def combined(self, columns: Sequence[Mapping[int, float]]) -> "Gram":
        """Return the matrix of columns that are sums of these, each times a double."""
        if all(list(column.values()) == [1.0] for column in columns):
            return self.take([next(iter(column)) for column in columns])
        factors = [_exact_factors(column) for column in columns]
        units = [
            min((unit + self.exponents[i] for i, (_, unit) in own.items()), default=0)
            for own in factors
        ]
        whole = [
            {i: value << unit + self.exponents[i] - of for i, (value, unit) in own.items()}
            for own, of in zip(factors, units, strict=True)
        ]
        return replace(self, values=_both_sides(self.values, whole), exponents=tuple(units))

    def packed(self) -> "PackedGram":
        """Return the same in a fraction of the memory."""
        if isinstance(self.values, Digits):
            upper = whole_digits.packed(self.values)
            return PackedGram(upper, self.exponents, self.rows, self.values.first)
        rows = [row[i:].tolist() for i, row in enumerate(self.values)]
        return PackedGram(pickle.dumps(rows), self.exponents, self.rows)

    def in_digits(self) -> "Gram":
        """Return the same with its numbers in digits if there are many, which are not too long."""
        if isinstance(self.values, Digits) or len(self.exponents) < MIN_WIDE:
            return self
        digits = digits_of(self.values, 0, 0)
        return self if len(digits.planes) > MAX_DIGITS else replace(self, values=digits)

    def _in_units(self, exponents: Sequence[int]) -> Iterable[Integers]:
        """Yield the integers from the diagonal on, row by row, in smaller units or the same."""
        return exact.upper_shifted(self.integers, np.subtract(self.exponents, exponents))


@dataclass(frozen=True)
class PackedGram:
    """A Gram matrix to be kept: an integer alone takes some 50 bytes, and here 20 to 30.

    `upper` is a pickle of the integers from the diagonal on, row by row, or has their digits, of
    which the largest is at position `first`. It may be in a file.
    """

    upper: bytes | memoryview
    exponents: tuple[int, ...]
    rows: int
    first: int | None = None

    @property
    def grid(self) -> tuple[int, ...] | None:
        """Return exponents by which further rows are cut so that their sums add up quickly."""
        return None if self.first is None else self.exponents

    @property
    def bytes_in_memory(self) -> int:
        """Return how much memory it takes."""
        return len(self.upper) if isinstance(self.upper, bytes) else 0

    def in_file(self) -> "PackedGram":
        """Return the same in a temporary file if it is large and there is room for it."""
        if self.bytes_in_memory <= MAX_BYTES_IN_MEMORY:
            return self
        give_back_freed()  # what the rows and their slices took
        try:
            return replace(self, upper=on_disk(bytes(self.upper)))
        except OSError as error:
            LOG.warning("sums stay in memory, because a temporary file cannot be made: %s", error)
            return self

    def whole(self) -> Gram:
        """Return the matrix."""
        if self.first is not None:
            digits = whole_digits.unpacked(self.upper, len(self.exponents), self.first)
            if isinstance(self.upper, memoryview):
                release([np.frombuffer(self.upper, dtype=np.uint8)])
                give_back_freed()
            return Gram(digits, self.exponents, self.rows)
        rows = pickle.loads(self.upper)  # noqa: S301 - made above
        return Gram(symmetric(rows), self.exponents, self.rows)


def _both_sides(values: Integers | Digits, sums: Sequence[Mapping[int, int]]) -> Integers | Digits:
    """Return the matrix (k, k) of sums of columns from that of the columns (m, m)."""
    if isinstance(values, Digits):
        longest = max((abs(factor) for own in sums for factor in own.values()), default=0)
        if len(values.planes) + 2 * longest.bit_length() / DIGIT_BITS < MAX_DIGITS:
            half = whole_digits.sums_of_rows(values, sums)
            return whole_digits.sums_of_rows(half.transposed, sums)
        values = values.integers(0)
    return exact.sums_of_rows(exact.sums_of_rows(values, sums).T, sums)


def _exact_factors(column: Mapping[int, float]) -> dict[int, tuple[int, int]]:
    """Return factors that are not zero as integers, each with the exponent of its unit."""
    ratios = {i: factor.as_integer_ratio() for i, factor in column.items() if factor}
    return {i: (value, 1 - over.bit_length()) for i, (value, over) in ratios.items()}
