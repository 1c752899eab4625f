"""The exact Gram matrix of the rows of a fit: all that least squares needs to know of them.

It is the same, to the last bit, whatever the order of the rows and however they are cut into
blocks; and matrices of different rows add up, and subtract, without any error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
        values: Integers = self._in_units(exponents) + other._in_units(exponents)
        return Gram(values, exponents, self.rows + other.rows)

    def __sub__(self, other: "Gram") -> "Gram":
        exponents = tuple(map(min, self.exponents, other.exponents))
        values: Integers = self._in_units(exponents) - other._in_units(exponents)
        return Gram(values, exponents, self.rows - other.rows)

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

    def _in_units(self, exponents: Sequence[int]) -> Integers:
        """Return the integers (m, m) for columns in smaller units, or the same."""
        if tuple(exponents) == self.exponents:
            return self.values
        return shifted(self.values, np.subtract(self.exponents, exponents))


def _exact_factors(column: Mapping[int, float]) -> dict[int, tuple[int, int]]:
    """Return factors that are not zero as integers, each with the exponent of its unit."""
    ratios = {i: factor.as_integer_ratio() for i, factor in column.items() if factor}
    return {i: (value, 1 - over.bit_length()) for i, (value, over) in ratios.items()}


def _sums_of_rows(values: Integers, sums: Sequence[Mapping[int, int]]) -> Integers:
    """Return the sums (k, m) of some rows of integers (n, m), each times a factor."""
    made = integers((len(sums), values.shape[1]))
    for row, own in enumerate(sums):
        for i, factor in own.items():
            made[row] += values[i] * factor
    return made


def integers(shape: tuple[int, ...]) -> Integers:
    """Return an array of Python's zero."""
    zeros: Integers = np.zeros(shape, dtype=object)
    return zeros


def shifted(values: Integers, bits: Indices) -> Integers:
    """Return integers (m, m) times 2^(bits[i] + bits[j]), rounded down where that is a fraction."""
    shifts = bits[:, None] + bits
    moved: Integers = (values << np.maximum(shifts, 0)) >> np.maximum(-shifts, 0)
    return moved


def _as_integers(columns: Array) -> tuple[Integers, list[int]]:
    """Return integers (m, n), and for each row the exponent of its unit."""
    mantissas, exponents = np.frexp(columns)
    exponents = np.where(columns == 0, np.iinfo(np.int32).max, exponents - 53)
    units = np.where((columns != 0).any(axis=1), exponents.min(axis=1, initial=0), 0)
    shifts = np.where(columns == 0, 0, exponents - units[:, None])
    return np.ldexp(mantissas, 53).astype(np.int64).astype(object) << shifts, units.tolist()
