"""Matrices of Python's integers, which are as long as they must be."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, Indices

Integers = NDArray[Any]
"""An array of Python integers, which are as long as they must be."""


def integers(shape: tuple[int, ...]) -> Integers:
    """Return an array of Python's zero."""
    zeros: Integers = np.zeros(shape, dtype=object)
    return zeros


def shifted(values: Integers, bits: Indices) -> Integers:
    """Return integers times 2^(bits[i] + bits[j]), rounded down where that is a fraction.

    They are those of a symmetric matrix (m, m).
    """
    return symmetric(upper_shifted(values, bits))


def upper_shifted(values: Integers, bits: Indices) -> Iterable[Integers]:
    """Yield the same row by row, from the diagonal on."""
    for i, row in enumerate(values):
        shifts = bits[i] + bits[i:]
        if shifts.any():
            yield (row[i:] << np.maximum(shifts, 0)) >> np.maximum(-shifts, 0)
        else:
            yield row[i:]


def symmetric(rows: Iterable[Integers | list[int]]) -> Integers:
    """Return the matrix (m, m) whose rows, from the diagonal on, are these.

    Either side has the same integers, which take the memory of one.
    """
    values = integers((0, 0))
    for i, row in enumerate(rows):
        if not i:
            values = integers((len(row), len(row)))
        values[i, i:] = values[i:, i] = row
    return values


def sums_of_rows(values: Integers, sums: Sequence[Mapping[int, int]]) -> Integers:
    """Return the sums (k, m) of some rows of integers (n, m), each times a factor."""
    made = integers((len(sums), values.shape[1]))
    for row, own in enumerate(sums):
        parts = [values[i] if factor == 1 else values[i] * factor for i, factor in own.items()]
        if parts:
            made[row] = reduce(add, parts)
    return made


def as_integers(columns: Array) -> tuple[Integers, list[int]]:
    """Return doubles (m, n) as integers, and for each row the exponent of its unit."""
    mantissas, exponents = np.frexp(columns)
    exponents = np.where(columns == 0, np.iinfo(np.int32).max, exponents - 53)
    units = np.where((columns != 0).any(axis=1), exponents.min(axis=1, initial=0), 0)
    shifts = np.where(columns == 0, 0, exponents - units[:, None])
    return np.ldexp(mantissas, 53).astype(np.int64).astype(object) << shifts, units.tolist()
