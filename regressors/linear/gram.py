"""The exact Gram matrix of the rows of a fit: all that least squares needs to know of them.

It is the same, to the last bit, whatever the order of the rows and however they are cut into
blocks; and matrices of different rows add up, and subtract, without any error.
"""

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, Indices

Integers = NDArray[Any]
"""An array of Python integers, which are as long as they must be."""


@dataclass(frozen=True)
class Gram:
    """The sums over n rows of the weighted products of m columns.

    The sum for columns i and j is the integer `values[i, j]` (m, m), which may be of any length,
    times two to the power of `exponents[i] + exponents[j]`.
    """

    values: Integers
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
        values, exponents = _as_integers(columns)
        if weight is None:
            return cls(values @ values.T, tuple(exponents), columns.shape[1])
        weights, (exponent,) = _as_integers(weight[None, :])
        if exponent % 2:
            weights, exponent = weights * 2, exponent - 1
        units = tuple(unit + exponent // 2 for unit in exponents)
        return cls((values * weights) @ values.T, units, columns.shape[1])

    def __add__(self, other: "Gram") -> "Gram":
        exponents = tuple(map(min, self.exponents, other.exponents))
        pairs = zip(self._in_units(exponents), other._in_units(exponents), strict=True)
        return Gram(_symmetric(a + b for a, b in pairs), exponents, self.rows + other.rows)

    def __sub__(self, other: "Gram") -> "Gram":
        exponents = tuple(map(min, self.exponents, other.exponents))
        pairs = zip(self._in_units(exponents), other._in_units(exponents), strict=True)
        return Gram(_symmetric(a - b for a, b in pairs), exponents, self.rows - other.rows)

    def take(self, columns: Sequence[int]) -> "Gram":
        """Return the matrix of some of the columns."""
        exponents = tuple(self.exponents[i] for i in columns)
        return replace(self, values=self.values[np.ix_(columns, columns)], exponents=exponents)

    def combined(self, columns: Sequence[Mapping[int, float]]) -> "Gram":
        """Return the matrix of columns that are sums of these, each times a double."""
        factors = [_exact_factors(column) for column in columns]
        units = [
            min((unit + self.exponents[i] for i, (_, unit) in own.items()), default=0)
            for own in factors
        ]
        whole = [
            {i: value << unit + self.exponents[i] - of for i, (value, unit) in own.items()}
            for own, of in zip(factors, units, strict=True)
        ]
        half = _sums_of_rows(self.values, whole)
        return replace(self, values=_sums_of_rows(half.T, whole), exponents=tuple(units))

    def packed(self) -> "PackedGram":
        """Return the same in a fraction of the memory."""
        rows = [row[i:].tolist() for i, row in enumerate(self.values)]
        return PackedGram(pickle.dumps(rows), self.exponents, self.rows)

    def _in_units(self, exponents: Sequence[int]) -> Iterable[Integers]:
        """Yield the integers from the diagonal on, row by row, in smaller units or the same."""
        shifts = np.subtract(self.exponents, exponents)
        return _upper_shifted(self.values, shifts)


@dataclass(frozen=True)
class PackedGram:
    """A Gram matrix to be kept: an integer alone takes some 50 bytes, and here 20.

    `upper` is a pickle of the integers from the diagonal on, row by row.
    """

    upper: bytes
    exponents: tuple[int, ...]
    rows: int

    def whole(self) -> Gram:
        """Return the matrix."""
        rows = pickle.loads(self.upper)  # noqa: S301 - made above
        return Gram(_symmetric(rows), self.exponents, self.rows)


def _exact_factors(column: Mapping[int, float]) -> dict[int, tuple[int, int]]:
    """Return factors that are not zero as integers, each with the exponent of its unit."""
    ratios = {i: factor.as_integer_ratio() for i, factor in column.items() if factor}
    return {i: (value, 1 - over.bit_length()) for i, (value, over) in ratios.items()}


def _sums_of_rows(values: Integers, sums: Sequence[Mapping[int, int]]) -> Integers:
    """Return the sums (k, m) of some rows of integers (n, m), each times a factor."""
    made = integers((len(sums), values.shape[1]))
    for row, own in enumerate(sums):
        parts = [values[i] if factor == 1 else values[i] * factor for i, factor in own.items()]
        if parts:
            made[row] = reduce(add, parts)
    return made


def integers(shape: tuple[int, ...]) -> Integers:
    """Return an array of Python's zero."""
    zeros: Integers = np.zeros(shape, dtype=object)
    return zeros


def shifted(values: Integers, bits: Indices) -> Integers:
    """Return integers times 2^(bits[i] + bits[j]), rounded down where that is a fraction.

    They are those of a symmetric matrix (m, m).
    """
    return _symmetric(_upper_shifted(values, bits))


def _upper_shifted(values: Integers, bits: Indices) -> Iterable[Integers]:
    for i, row in enumerate(values):
        shifts = bits[i] + bits[i:]
        if shifts.any():
            yield (row[i:] << np.maximum(shifts, 0)) >> np.maximum(-shifts, 0)
        else:
            yield row[i:]


def _symmetric(rows: Iterable[Integers | list[int]]) -> Integers:
    """Return the matrix (m, m) whose rows, from the diagonal on, are these.

    Either side has the same integers, which take the memory of one.
    """
    values = integers((0, 0))
    for i, row in enumerate(rows):
        if not i:
            values = integers((len(row), len(row)))
        values[i, i:] = values[i:, i] = row
    return values


def _as_integers(columns: Array) -> tuple[Integers, list[int]]:
    """Return integers (m, n), and for each row the exponent of its unit."""
    mantissas, exponents = np.frexp(columns)
    exponents = np.where(columns == 0, np.iinfo(np.int32).max, exponents - 53)
    units = np.where((columns != 0).any(axis=1), exponents.min(axis=1, initial=0), 0)
    shifts = np.where(columns == 0, 0, exponents - units[:, None])
    return np.ldexp(mantissas, 53).astype(np.int64).astype(object) << shifts, units.tolist()
