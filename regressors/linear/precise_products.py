"""Products of rows of doubles and a matrix in double-double, by products of digits.

Rows and columns are brought to a largest value near 1 and cut into digits of 22 bits. Products of
two digits are summed without error (`digits.py`), and the sums of the same size are added in
double-double. What is left away is below 2^-98 of the largest value of a row times that of a
column; of scaled columns, a row of which is never larger than its part in orthonormal ones, that
leaves 2^-47 for a condition number of 2^51.
"""

from collections.abc import Callable

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear import double_double as dd
from regressors.linear.digits import DIGIT_BITS, SUMMED
from regressors.linear.double_double import Pair

DIGITS = 5
"""Of rows and columns, and sizes of products that are summed: 15 products of matrices."""


def product_with(matrix: Pair) -> Callable[[Array], Pair]:
    """Return what multiplies rows (n, p) of doubles by a matrix (p, m) in double-double."""
    exponents = _exponents(matrix.high, axis=0)
    right = _digits(Pair(*(np.ldexp(part, -exponents) for part in matrix)))[::-1]
    parts = range(0, len(matrix.high), SUMMED // DIGITS)
    # Digits one below the other, in the opposite order of those of the rows beside each other, so
    # that ranges of both have all products of one size.
    columns = [np.concatenate(right[:, at : at + parts.step]) for at in parts]

    def product(rows: Array) -> Pair:
        ours = _exponents(rows, axis=1)
        left = _digits(dd.pair(np.ldexp(rows, -ours[:, None])))
        total = dd.pair(np.zeros((len(rows), right.shape[2])))
        beside = [np.concatenate(left[:, :, at : at + parts.step], axis=1) for at in parts]
        for size in range(DIGITS)[::-1]:
            unit = 2.0 ** (2 - DIGIT_BITS * (size + 2))
            for own, theirs in zip(beside, columns, strict=True):
                count = own.shape[1] // DIGITS * (size + 1)
                total = dd.add(dd.pair(own[:, :count] @ theirs[-count:] * unit), total)
        shift = ours[:, None] + exponents
        return Pair(*(np.ldexp(part, shift) for part in total))

    return product


def _exponents(values: Array, axis: int) -> Indices:
    """Return the powers of two that the largest values along an axis are below."""
    exponents: Indices = np.frexp(np.abs(values).max(axis=axis, initial=0.0))[1]
    return exponents


def _digits(values: Pair) -> Array:
    """Return the digits (5, r, c) of numbers of at most 1, the first in units of 2^-21."""
    digits = np.empty((DIGITS, *values.high.shape))
    scale, left = 2.0 ** (DIGIT_BITS - 1), values
    for digit in digits:
        left = Pair(left.high * scale, left.low * scale)
        np.rint(left.high, out=digit)
        left = dd.two_sum(left.high - digit, left.low)
        scale = 2.0**DIGIT_BITS
    return digits
