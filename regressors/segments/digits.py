"""Stacks of numbers in fixed point, cut into digits so that products of doubles have no error.

A digit is an integer of at most 2^23 in units of a power of 2^24. A product of two digits is at
most 2^46, and a double holds the sum of 128 of them, in whatever order they are added (error-free
products as in Ozaki, Ogita, Oishi and Rump 2012, Numerical Algorithms 59). Unlike those of
`linear.digits`, which belong to one large matrix, these are of many small ones.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, Indices
from regressors.blocks import blocks_of
from regressors.linear import double_double as dd
from regressors.linear.digits import carry
from regressors.linear.double_double import Pair

DIGIT_BITS = 24
SUMMED = 2**7
"""So many products of two digits are at most 2^53 in all."""
Planes = NDArray[np.int64]
_AT_ONCE = 2**13
"""So many numbers are rounded at once, so that they stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Digits:
    """Numbers of any shape (...), of which `planes` (n, ...) has the digits, the largest first.

    Digit i is in units of two to the power of -24 (`first` + i).
    """

    planes: Planes
    first: int

    @property
    def units(self) -> Array:
        """Return the unit of each digit (n,)."""
        return np.ldexp(1.0, -DIGIT_BITS * (self.first + np.arange(len(self.planes))))

    def doubles(self) -> Array:
        """Return the numbers rounded, each to about one unit in its last place."""
        rounded = np.zeros(self.planes.shape[1:])
        step = max(_AT_ONCE * len(rounded) // max(rounded.size, 1), 1)
        for some in blocks_of(len(rounded), step):
            for plane, unit in zip(self.planes[::-1], self.units[::-1], strict=True):
                rounded[some] += plane[some] * unit
        return rounded

    def pair(self) -> Pair:
        """Return the numbers in double-double."""
        total = dd.pair(np.zeros(self.planes.shape[1:]))
        for plane, unit in zip(self.planes[::-1], self.units[::-1], strict=True):
            total = dd.add(dd.pair(plane * unit), total)
        return total

    def between(self, first: int, last: int) -> "Digits":
        """Return the numbers with these digits alone, which are all of them but zeros."""
        assert first >= self.first
        assert not self.planes[: first - self.first].any()
        return Digits(self.planes[first - self.first : last - self.first + 1], first)

    @cached_property
    def beside(self) -> Array:
        """Return the digits of matrices (S, q, k) beside each other (S, q, n k), the last first."""
        systems, rows, columns = self.planes.shape[1:]
        turned = self.planes[::-1].transpose(1, 2, 0, 3).astype(float, order="C")
        beside: Array = turned.reshape(systems, rows, len(self.planes) * columns)
        return beside

    @cached_property
    def below(self) -> Array:
        """Return the digits of matrices (S, q, k) below each other (S, n q, k), the first first."""
        systems, rows, columns = self.planes.shape[1:]
        turned = self.planes.transpose(1, 0, 2, 3).astype(float, order="C")
        below: Array = turned.reshape(systems, len(self.planes) * rows, columns)
        return below

    def systems(self, at: Indices) -> "Digits":
        """Return the numbers of some systems, the first axis, in ascending order."""
        return self if len(at) == self.planes.shape[1] else self.of(at)

    def of_columns(self, columns: Indices) -> "Digits":
        """Return the numbers of some rows and columns, the same ones, of square matrices."""
        numbers, size = len(columns), self.planes.shape[-1]
        flat = self.planes.reshape(*self.planes.shape[:-2], size**2)
        taken = flat.take((columns[:, None] * size + columns).ravel(), axis=-1)
        return Digits(taken.reshape(*taken.shape[:-1], numbers, numbers), self.first)

    def of(self, *at: Any) -> "Digits":
        """Return some of the numbers, by an index for each of their axes."""
        return Digits(self.planes[(slice(None), *at)], self.first)


def carried(planes: Planes, first: int) -> Digits:
    """Return the digits of numbers (n, ...) that are too long for digits, and are used up.

    The largest one must have room for what the others leave.
    """
    carry(planes, DIGIT_BITS)
    return Digits(planes, first)


def digits_of(values: Array, first: int, last: int) -> Digits:
    """Return doubles (...) as digits from position `first` to `last`; what is smaller is rounded.

    They are to be below 2^23 times the unit of the first digit.
    """
    planes = np.zeros((last - first + 1, *values.shape), dtype=np.int64)
    rest = values * 2.0 ** (DIGIT_BITS * first)
    for plane in planes:
        digit = np.rint(rest)
        plane[...] = digit
        rest -= digit
        if not rest.any():
            break
        rest *= 2.0**DIGIT_BITS
    return carried(planes, first)


def product(matrices: Digits, columns: Digits) -> Digits:
    """Return the products (S, q, c) of matrices (S, q, k) and columns (S, k, c), without any error.

    There are at most 128 columns to be summed.
    """
    used = np.flatnonzero(columns.planes.any(axis=(1, 2, 3)))
    low, count = (int(used[0]), int(used[-1] - used[0]) + 1) if used.size else (0, 0)
    systems, inner, width = columns.planes.shape[1:]
    right = columns.planes[low : low + count].transpose(1, 0, 2, 3).astype(float, order="C")
    right = right.reshape(systems, count * inner, width)
    left, digits = matrices.beside, len(matrices.planes)
    made = np.zeros((2 + digits + count, systems, left.shape[1], width), np.int64)
    step = SUMMED // max(inner, 1)
    for place in range(digits + count - 1 if count else 0):
        # Digits of the two whose places add up to this one lie in opposite orders.
        first, last = max(0, place - count + 1), min(digits - 1, place)
        for start in range(first, last + 1, step):
            end = min(start + step - 1, last)
            ours = left[:, :, (digits - 1 - end) * inner : (digits - start) * inner]
            theirs = right[:, (place - end) * inner : (place - start + 1) * inner]
            made[2 + place] += (ours @ theirs).astype(np.int64)
    return carried(made, matrices.first + columns.first + low - 2)


def product_with(matrices: Digits, vectors: Digits) -> Digits:
    """Return the products (S, q) of matrices (S, q, k) and vectors (S, k), without any error.

    There are at most 128 columns to be summed.
    """
    used = np.flatnonzero(vectors.planes.any(axis=(1, 2)))
    low, count = (int(used[0]), int(used[-1] - used[0]) + 1) if used.size else (0, 0)
    digits, systems, rows, inner = matrices.planes.shape
    right = vectors.planes[low : low + count].transpose(1, 2, 0).astype(float, order="C")
    made = np.zeros((2 + digits + count, systems, rows), np.int64)
    products = matrices.below @ right
    if inner * min(digits, count) > SUMMED:  # else sums of so many are whole numbers in a double
        products = products.astype(np.int64)
    of_pairs = products.reshape(systems, digits, rows, count)
    for place in range(digits + count - 1 if count else 0):
        first, last = max(0, place - count + 1), min(digits - 1, place)
        summed = of_pairs[:, first, :, place - first]
        for i in range(first + 1, last + 1):
            summed = summed + of_pairs[:, i, :, place - i]
        made[2 + place] = summed
    return carried(made, matrices.first + vectors.first + low - 2)


def difference(left: Digits, right: Digits) -> Digits:
    """Return the differences of numbers of one shape."""
    first = min(left.first, right.first) - 1
    last = max(each.first + len(each.planes) for each in (left, right))
    made = np.zeros((last - first, *left.planes.shape[1:]), dtype=np.int64)
    for each, sign in ((left, 1), (right, -1)):
        at = each.first - first
        made[at : at + len(each.planes)] += sign * each.planes
    return carried(made, first)


def total(left: Digits, right: Digits) -> Digits:
    """Return the sums of numbers of one shape."""
    return difference(left, Digits(-right.planes, right.first))
