"""Columns cut into slices of integers, so that a product of matrices sums them without any error.

A double is a sum of digits, each an integer of at most 2^20 times a power of two of its own. Over
8,192 rows, the products of two digits add up to at most 2^53, and every sum on the way is an
integer that a double holds: whatever the order in which a framework adds them, it makes no error
(error-free products as in Ozaki, Ogita, Oishi and Rump 2012, Numerical Algorithms 59).
"""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices

BLOCK_ROWS = 2**13
"""The most rows of a product: 2^13 rows times 2^20 times 2^20 is 2^53."""
_DIGIT_BITS = 20
_STEP = _DIGIT_BITS + 1  # a digit is rounded, so what it leaves is at most half of its unit
_LOWEST_EXPONENT = -1074


@dataclass(frozen=True)
class Slices:
    """Slices of some columns of n rows, each an array of integers (n,) in a row of `digits`.

    Slice i is of the column `owners[i]`, in units of two to the power of `exponents[i]`.
    """

    digits: Array
    owners: Indices
    exponents: Indices


def cut(columns: Array, grid: Indices) -> Slices:
    """Cut columns, the rows of an array (m, n), until nothing is left of them.

    The exponents of column j are `grid[j]` plus multiples of 21, so that slices of several blocks
    fit each other; none is below that of the smallest double.
    """
    rest = columns.copy()
    owners = np.flatnonzero(rest.any(axis=1))
    rest = rest[owners]
    digits, of_columns, exponents = [], [], []
    while owners.size:
        exponent = _first_exponents(rest, grid[owners])
        unit = np.ldexp(1.0, exponent)[:, None]
        digit = np.rint(rest / unit)
        digits.append(digit)
        of_columns.append(owners)
        exponents.append(exponent)
        rest -= digit * unit
        left = rest.any(axis=1)
        if not left.all():
            rest, owners = rest[left], owners[left]
    if not digits:
        nothing = np.zeros(0, dtype=np.int64)
        return Slices(np.zeros((0, columns.shape[1])), nothing, nothing)
    return Slices(np.concatenate(digits), np.concatenate(of_columns), np.concatenate(exponents))


def grid_of(columns: Array) -> Indices:
    """Return the exponents (m,) that make the fewest slices of columns, the rows of an array."""
    return _exponents(columns) - _DIGIT_BITS


def _exponents(columns: Array) -> Indices:
    """Return the exponents (m,) of the smallest powers of two that no value of a column exceeds."""
    largest = np.maximum(columns.max(axis=1), -columns.min(axis=1))
    mantissas, exponents = np.frexp(largest)
    above: Indices = exponents.astype(np.int64) - (mantissas == 0.5)
    return above


def _first_exponents(rest: Array, grid: Indices) -> Indices:
    """Return the smallest exponents (m,) on the grid by which every digit is at most 2^20."""
    steps = -((grid - (_exponents(rest) - _DIGIT_BITS)) // _STEP)
    exponents: Indices = np.maximum(grid + _STEP * steps, _LOWEST_EXPONENT)
    return exponents
