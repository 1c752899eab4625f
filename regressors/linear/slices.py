"""Columns cut into slices of integers, so that a product of matrices sums them without any error.

A double is a sum of digits, each an integer of at most 2^20 times a power of two of its own. Over
8,192 rows, the products of two digits add up to at most 2^53, and every sum on the way is an
integer that a double holds: whatever the order in which a framework adds them, it makes no error
(error-free products as in Ozaki, Ogita, Oishi and Rump 2012, Numerical Algorithms 59).
"""

from dataclasses import dataclass
from math import frexp, ldexp

import numpy as np

from regressors.arrays import Array, Indices

BLOCK_ROWS = 2**13
"""The most rows of a product: 2^13 rows times 2^20 times 2^20 is 2^53."""
_DIGIT_BITS = 20
STEP = _DIGIT_BITS + 1  # a digit is rounded, so what it leaves is at most half of its unit
_LOWEST_EXPONENT = -1074
_SPARE_BITS = 4  # so that later blocks may hold larger values without a slice more


@dataclass(frozen=True)
class Slices:
    """Slices of some columns of n rows, each an array of integers (n,) in a row of `digits`.

    Slice i is of the column `owners[i]`, in units of two to the power of `exponents[i]`.
    """

    digits: Array
    owners: Indices
    exponents: Indices


def cut(columns: Array, grid: Indices) -> Slices:
    """Cut columns, the rows of an array (m, n), until nothing is left of them, nor in the array.

    The exponents of column j are `grid[j]` plus multiples of 21, so that slices of several blocks
    fit each other; none is below that of the smallest double.
    """
    count = columns.shape[1]
    digits, taken = np.empty((4 * len(columns) + 4, count)), np.empty(count)
    owners: list[int] = []
    exponents: list[int] = []
    # Column by column, so that the cache holds what is read six times.
    for owner, rest in enumerate(columns):
        while largest := max(rest.max(), -rest.min()):
            exponent = _first_exponent(largest, int(grid[owner]))
            if len(owners) == len(digits):
                digits = np.concatenate([digits, np.empty_like(digits)])
            digit = digits[len(owners)]
            np.divide(rest, ldexp(1.0, exponent), out=digit)
            np.rint(digit, out=digit)
            np.multiply(digit, ldexp(1.0, exponent), out=taken)
            np.subtract(rest, taken, out=rest)
            owners.append(owner)
            exponents.append(exponent)
    labels = (np.array(each, dtype=np.int64) for each in (owners, exponents))
    return Slices(digits[: len(owners)], *labels)


def grid_of(columns: Array) -> Indices:
    """Return exponents (m,) that make few slices of columns, the rows of an array."""
    largest = np.maximum(columns.max(axis=1), -columns.min(axis=1))
    return np.array(
        [_exponent(value) - _DIGIT_BITS + _SPARE_BITS for value in largest], dtype=np.int64
    )


def _exponent(value: float) -> int:
    """Return the exponent of the smallest power of two that is no smaller than a value."""
    mantissa, exponent = frexp(value)
    return exponent - (mantissa == 0.5)


def _first_exponent(largest: float, grid: int) -> int:
    """Return the smallest exponent on the grid by which every digit is at most 2^20."""
    steps = -((grid - (_exponent(largest) - _DIGIT_BITS)) // STEP)
    return max(grid + STEP * steps, _LOWEST_EXPONENT)
