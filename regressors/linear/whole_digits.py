"""Matrices of whole numbers in digits: added, combined, packed and multiplied without any rounding.

What Python's integers do for a matrix of few columns, NumPy does here for all numbers at once, some
fifty times as quickly. A number takes 4 bytes for each digit that any of its matrix needs, so one
whose numbers need more than `MAX_DIGITS` is left to Python's integers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Indices
from regressors.blocks import blocks_of
from regressors.linear.digits import DIGIT_BITS, SUMMED, Digits, carry, digits_of
from regressors.linear.integers import Integers, integers

MAX_DIGITS = 32
"""Numbers of 704 bits; the sums of ordinary columns take 160 to 220."""
_CACHED_NUMBERS = 2**14
"""So many numbers of ten digits stay in the cache."""
_PACKED_BYTES, _PACKED_ROWS = 3, 16
"""A digit and its sign have 23 bits; of so many rows, what is left of the diagonal is left out."""


@dataclass(frozen=True, eq=False)
class Term:
    """A matrix (r, c) as a part of a sum, times 1 or -1 and two to the power of rows + columns.

    `rows` (r,) and `columns` (c,) hold an exponent for each.
    """

    values: Digits
    rows: Indices
    columns: Indices
    sign: int = 1

    @property
    def first(self) -> int:
        """Return the position of the largest digit, with room for what is carried."""
        return self.values.first - int(self.rows.max() + self.columns.max()) // DIGIT_BITS - 2

    @property
    def last(self) -> int:
        """Return the position of the smallest digit."""
        return self.values.last - int(self.rows.min() + self.columns.min()) // DIGIT_BITS

    def add_to(self, planes: np.ndarray, first: int, rows: slice) -> None:
        """Add some rows to planes whose largest digit is at position `first`."""
        own = self.values.planes[:, rows]
        for of_row, i in _alike(self.rows[rows]):
            for of_column, j in _alike(self.columns):
                places, bits = divmod(of_row + of_column, DIGIT_BITS)
                at = self.values.first - places - first
                there = own if isinstance(i, slice) else own[:, i]
                there = there if isinstance(j, slice) else there[:, :, j]
                factor = self.sign << bits
                if factor not in (1, -1):
                    there = there * np.int64(factor)
                into = planes[at : at + len(there)]
                index = (slice(None), *_grid(i, j))
                if factor == -1:
                    into[index] -= there
                else:
                    into[index] += there


def digits_needed(terms: Sequence[Term]) -> int:
    """Return how many digits the sum of matrices takes at most."""
    return max(term.last for term in terms) + 1 - min(term.first for term in terms)


def summed(terms: Sequence[Term]) -> Digits:
    """Return the sum of matrices."""
    first, last = min(term.first for term in terms), max(term.last for term in terms)
    shape = terms[0].values.planes.shape[1:]
    whole = np.zeros((last + 1 - first, *shape), dtype=np.int32)
    for rows in panels(*shape):
        planes = np.zeros((len(whole), rows.stop - rows.start, shape[1]), dtype=np.int64)
        for term in terms:
            term.add_to(planes, first, rows)
        carry(planes, DIGIT_BITS)
        whole[:, rows] = planes
    return Digits(whole, first).trimmed()


def sums_of_rows(values: Digits, sums: Sequence[Mapping[int, int]]) -> Digits:
    """Return the sums (k, c) of some rows of numbers (r, c), each times an integer."""
    parts = [list(own.items()) for own in sums]
    if all(len(own) == 1 and own[0][1] == 1 for own in parts):
        return Digits(values.planes[:, [position for ((position, _),) in parts]], values.first)
    columns = values.planes.shape[2]
    factors = integers((max(map(len, parts)), len(parts)))
    positions = np.zeros(factors.shape, dtype=np.int64)
    for k, own in enumerate(parts):
        for which, (position, factor) in enumerate(own):
            factors[which, k], positions[which, k] = factor, position
    digits = digits_of(factors, 0, 0)
    first = values.first + digits.first - 2
    whole = np.zeros((values.last + digits.last + 1 - first, len(parts), columns), dtype=np.int32)
    for rows in panels(len(parts), columns):
        planes = np.zeros((len(whole), rows.stop - rows.start, columns), dtype=np.int64)
        for which, own in enumerate(positions[:, rows]):
            present = np.flatnonzero(factors[which, rows])
            there = values.planes[:, own[present]].astype(np.int64)
            for i, factor in enumerate(digits.planes[:, which, rows]):
                planes[2 + i : 2 + i + len(there), present] += there * factor[present, None]
        carry(planes, DIGIT_BITS)
        whole[:, rows] = planes
    return Digits(whole, first).trimmed()


def product_with(values: Digits, x: Integers) -> Integers:
    """Return the product (r,) of a matrix of whole numbers (r, c) and integers (c,)."""
    right = digits_of(x[:, None], 0, 0)
    if not len(right.planes):
        return integers((values.planes.shape[1],))
    columns = np.ascontiguousarray(right.planes[:, :, 0].T, dtype=float)
    first = values.first + right.first - 3
    rows = values.planes.shape[1]
    planes = np.zeros((values.last + right.last + 1 - first, rows, 1), dtype=np.int64)
    for i, plane in enumerate(values.planes):
        for inner in blocks_of(len(x), SUMMED):
            products = plane[:, inner].astype(float) @ columns[inner]
            planes[3 + i : 3 + i + len(right.planes), :, 0] += products.T.astype(np.int64)
    carry(planes, DIGIT_BITS)
    return Digits(planes.astype(np.int32), first).integers(0)[:, 0]


def number_at(values: Digits, i: int, j: int) -> int:
    """Return one of the whole numbers of a matrix."""
    number = 0
    for digit in values.planes[:, i, j].tolist():
        number = (number << DIGIT_BITS) + digit
    shift = -DIGIT_BITS * values.last
    return number << shift if shift >= 0 else number >> -shift


def packed(values: Digits) -> bytes:
    """Return the digits of a symmetric matrix (m, m) of whole numbers in little memory."""
    return b"".join(
        np.ascontiguousarray(values.planes[:, rows, rows.start :], dtype="<i4")
        .view(np.uint8)
        .reshape(-1, 4)[:, :_PACKED_BYTES]
        .tobytes()
        for rows in blocks_of(values.planes.shape[1], _PACKED_ROWS)
    )


def unpacked(whole: bytes | memoryview, columns: int, first: int) -> Digits:
    """Return the symmetric matrix (m, m) that was packed; its largest digit is at `first`."""
    ranges = list(blocks_of(columns, _PACKED_ROWS))
    numbers = sum((rows.stop - rows.start) * (columns - rows.start) for rows in ranges)
    planes = np.zeros((len(whole) // (_PACKED_BYTES * numbers), columns, columns), dtype=np.int32)
    digits = np.frombuffer(whole, dtype=np.uint8).reshape(-1, _PACKED_BYTES)
    for rows in ranges:
        part = planes[:, rows, rows.start :]
        wide = np.zeros((part.size, 4), dtype=np.uint8)
        wide[:, 4 - _PACKED_BYTES :] = digits[: part.size]
        part[:] = (wide.view("<i4") >> 8 * (4 - _PACKED_BYTES)).reshape(part.shape)
        planes[:, rows.start :, rows] = part.transpose(0, 2, 1)
        digits = digits[part.size :]
    return Digits(planes, first)


def _alike(exponents: Indices) -> Iterator[tuple[int, slice | Indices]]:
    """Yield the different exponents, each with its positions."""
    different = np.unique(exponents).tolist()
    for exponent in different:
        everywhere = len(different) == 1
        yield exponent, slice(None) if everywhere else np.flatnonzero(exponents == exponent)


def _grid(i: slice | Indices, j: slice | Indices) -> tuple[slice | Indices, slice | Indices]:
    """Return the index of all pairs of these rows and columns."""
    if isinstance(i, slice) or isinstance(j, slice):
        return i, j
    return i[:, None], j


def panels(rows: int, columns: int) -> Iterator[slice]:
    """Yield the ranges of rows of a matrix that are computed at once."""
    return blocks_of(rows, max(_CACHED_NUMBERS // max(columns, 1), 1))
