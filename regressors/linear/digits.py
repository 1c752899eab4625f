"""Matrices in fixed point, cut into digits so that products of doubles multiply them without error.

A digit is an integer of at most 2^21. Sums of up to 2^11 products of two digits are integers that a
double holds, in whatever order they are added: matrices of any precision are multiplied by NumPy's
own product of doubles, a hundred times as quickly as those of Python's integers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array
from regressors.blocks import blocks_of
from regressors.linear import double_double as dd
from regressors.linear.double_double import Pair
from regressors.linear.integers import Integers

DIGIT_BITS = 22
_HALF = 1 << DIGIT_BITS - 1
SUMMED = 2**11
"""So many products of two digits of 2^21 each are at most 2^53 in all."""
_CACHED_NUMBERS = 2**15
"""So many numbers in double-double stay in the cache."""
Planes = NDArray[np.int64]
"""Numbers (n, r, c) that are not digits yet, but too large or small."""


@dataclass(frozen=True, eq=False)
class Digits:
    """A matrix (r, c), of which `planes` (n, r, c) has the digits, the largest first.

    Digit i is in units of two to the power of -22 (`first` + i).
    """

    planes: NDArray[np.int32]
    first: int

    @property
    def last(self) -> int:
        """Return the position of the smallest digit."""
        return self.first + len(self.planes) - 1

    @property
    def transposed(self) -> "Digits":
        """Return the transpose (c, r), without a copy."""
        return Digits(self.planes.transpose(0, 2, 1), self.first)

    def part(self, rows: slice, columns: slice) -> "Digits":
        """Return some rows and columns, without a copy."""
        return Digits(self.planes[:, rows, columns], self.first)

    def pair(self) -> Pair:
        """Return the matrix in double-double."""
        total = dd.pair(np.zeros(self.planes.shape[1:]))
        for i in range(len(self.planes))[::-1]:
            unit = 2.0 ** (-DIGIT_BITS * (self.first + i))
            total = dd.add(dd.pair(self.planes[i] * unit), total)
        return total

    def doubles(self) -> Array:
        """Return the matrix, rounded."""
        rounded: Array = np.empty(self.planes.shape[1:])
        rows, columns = rounded.shape
        for some in blocks_of(rows, max(_CACHED_NUMBERS // max(columns, 1), 1)):
            rounded[some] = self.part(some, slice(None)).pair().high
        return rounded

    def integers(self, last: int) -> Integers:
        """Return the matrix as Python integers, in units of the digit at position `last`."""
        values: Integers = np.zeros(self.planes.shape[1:], dtype=object)
        for plane in self.planes:
            values = (values << DIGIT_BITS) + plane.astype(object)
        shift = DIGIT_BITS * (last - self.last)
        moved: Integers = values << shift if shift >= 0 else values >> -shift
        return moved

    def put(self, values: "Digits", sign: int = 1) -> None:
        """Set the matrix, whose digits have room, to another, or to its negative."""
        start = values.first - self.first
        self.planes[:] = 0
        self.planes[start : start + len(values.planes)] = sign * values.planes

    def trimmed(self) -> "Digits":
        """Return the matrix without the digits at either end that are zero everywhere."""
        present = [i for i, plane in enumerate(self.planes) if plane.any()]
        if not present:
            return Digits(self.planes[:0], self.first)
        return Digits(self.planes[present[0] : present[-1] + 1], self.first + present[0])


def digits_of(values: Integers, bits: int, last: int) -> Digits:
    """Return integers (r, c) over two to the power of `bits` as digits up to position `last`."""
    shift = DIGIT_BITS * last - bits
    moved = values << shift if shift >= 0 else values >> -shift
    largest = max(abs(moved.max(initial=0)), abs(moved.min(initial=0)))
    count = max(int(largest).bit_length() // DIGIT_BITS + 1, 1) + 1
    words = DIGIT_BITS * count // 64 + 1
    packed = b"".join([int(each).to_bytes(8 * words, "little", signed=True) for each in moved.flat])
    read = np.frombuffer(packed, dtype="<u8").reshape(*values.shape, words)
    planes = np.empty((count, *values.shape), dtype=np.int64)
    for i in range(count):
        word, start = divmod(DIGIT_BITS * (count - 1 - i), 64)
        digit = read[..., word] >> np.uint64(start)
        if start > 64 - DIGIT_BITS and word + 1 < words:
            digit = digit | read[..., word + 1] << np.uint64(64 - start)
        planes[i] = digit & np.uint64((1 << DIGIT_BITS) - 1)
    planes[0] -= (planes[0] >= _HALF).astype(np.int64) << DIGIT_BITS
    return carried(planes, last + 1 - count).trimmed()


def carried(planes: Planes, first: int) -> Digits:
    """Return the digits of numbers (n, r, c) in the units of digits, which are used up.

    The largest one must have room for what the others leave.
    """
    carry(planes, DIGIT_BITS)
    return Digits(planes.astype(np.int32), first)


def carry(planes: Planes, bits: int) -> None:
    """Leave each digit of numbers (n, ...) so many bits, in place; the largest takes the rest.

    A digit is then between plus and minus half of its base.
    """
    over = np.empty_like(planes[0])
    for i in range(1, len(planes))[::-1]:
        np.add(planes[i], 1 << bits - 1, out=over)
        over >>= bits
        planes[i - 1] += over
        over <<= bits
        planes[i] -= over


def add_product(planes: Planes, first: int, left: Digits, right: Digits, sign: int = 1) -> None:
    """Add the product of two matrices (r, k) and (k, c), or its negative, to planes (n, r, c).

    What is smaller than their last digit is left away.
    """
    left, right = left.trimmed(), right.trimmed()
    ours, theirs = len(left.planes), len(right.planes)
    if not ours or not theirs:
        return
    inner = left.planes.shape[2]
    step = SUMMED // min(ours, theirs)
    for start in range(0, inner, step):
        end = min(inner, start + step)
        width = end - start
        # The digits side by side, in opposite orders: a range of both has all products of one size.
        rows = left.planes[:, :, start:end].transpose(1, 0, 2).astype(float)
        rows = rows.reshape(rows.shape[0], -1)
        columns = right.planes[::-1, start:end].astype(float).reshape(theirs * width, -1)
        for size in range(ours + theirs - 1):
            position = left.first + right.first + size - first
            if position >= len(planes):
                break
            low, high = max(0, size - theirs + 1), min(size, ours - 1) + 1
            beside = theirs - 1 - size
            product = (
                rows[:, low * width : high * width]
                @ columns[(beside + low) * width : (beside + high) * width]
            )
            planes[position] += sign * product.astype(np.int64)


def product(left: Digits, right: Digits, last: int) -> Digits:
    """Return the product of two matrices (r, k) and (k, c), with digits up to position `last`."""
    left, right = left.trimmed(), right.trimmed()
    first = left.first + right.first - 2
    shape = (max(last + 1 - first, 1), left.planes.shape[1], right.planes.shape[2])
    planes = np.zeros(shape, dtype=np.int64)
    add_product(planes, first, left, right)
    return carried(planes, first).trimmed()
