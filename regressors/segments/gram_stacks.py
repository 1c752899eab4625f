"""The exact Gram matrices of all segments, by parts of their rows, from one pass over these.

Segments are small and many: the rows of each are cut into blocks of a few, and the products of all
blocks are computed at once by a framework. A column of a segment is scaled by a power of two to at
most a half and cut into digits, until nothing is left (`digits.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.linear.double_double import Pair, two_product, two_sum
from regressors.linear.gram_sums import Products
from regressors.segments.cells import Cells
from regressors.segments.digits import DIGIT_BITS, Digits, Planes, carried

MAX_DIGITS = 8
"""Segments whose columns take more are solved one by one."""
MAX_ROWS = 2**13
"""Of a segment: 64 blocks of 128 rows, all of whose products an int64 holds the sum of."""
MAX_DEFERRED = 0.1
"""Up to this share of segments that need more digits than the others are put off."""
ROWS_AT_ONCE = 2**16
"""So many rows are gathered at once, or those of one segment."""
VALUES_AT_ONCE = 2**20
"""So many sums of products, over all segments and parts, are kept at once."""
_SPARE = 2  # digits above those of a product, for the sums of many


@dataclass(frozen=True, eq=False)
class GramStack:
    """The sums over the rows of S segments, in P parts each, of the weighted products of m columns.

    The sum for columns i and j of segment s is a number in `planes` (n, S, P, m, m) times two to
    the power of `exponents[s, i] + exponents[s, j] + of_weight[s]`. These are the planes of digits,
    the first of which is at position `first`; they are yet to be carried, as are sums of them: an
    int64 holds those of all rows of a segment. `low` and `high` (S, P, m) are the
    extremes of the columns, infinite without a row, `rows` (S, P) are counts, and `heaviest` (S, P)
    is the largest scaled target times the root of its weight. `segments` (S,) says which ones these
    are.
    """

    segments: Indices
    planes: Planes
    first: int
    exponents: Indices
    of_weight: Indices
    rows: Indices
    low: Array
    high: Array
    heaviest: Array

    def of_parts(self, parts: Sequence[int]) -> Digits:
        """Return the sums (S, m, m) of some parts together."""
        of_all = self.planes
        planes = np.zeros((_SPARE + len(of_all), *self._whole.shape[1:]), dtype=np.int64)
        made = planes[_SPARE:]
        others = [part for part in range(of_all.shape[2]) if part not in parts]
        if len(others) < len(parts):  # a fold leaves one of many away
            made += self._whole
            for part in others:
                made -= of_all[:, :, part]
        else:
            for part in parts:
                made += of_all[:, :, part]
        return carried(planes, self.first - _SPARE)

    @cached_property
    def _whole(self) -> Planes:
        whole: Planes = self.planes.sum(axis=2)
        return whole


@dataclass(frozen=True)
class SegmentRows:
    """The rows of a table in the order of their segments and, within these, of their parts.

    `order` (k,) are their positions; the cell of segment s and part p is between the ends (S P + 1)
    numbered s P + p and the one after it.
    """

    order: Indices
    ends: Indices
    parts: int

    @classmethod
    def of(cls, codes: Indices, part_of: Indices, segments: int, parts: int) -> "SegmentRows":
        """Sort rows by their segments (n,), of which -1 is none, and by their parts (n,)."""
        cells = codes * parts + part_of
        order = np.argsort(cells, kind="stable")
        ends = np.searchsorted(cells[order], np.arange(segments * parts + 1))
        return cls(order, ends, parts)

    def counts(self) -> Indices:
        """Return the rows (S, P) of each cell."""
        counts: Indices = np.diff(self.ends).reshape(-1, self.parts)
        return counts

    def rows(self, segment: int) -> Indices:
        """Return the positions of the rows of a segment, by part."""
        parts = self.parts
        rows: Indices = self.order[self.ends[segment * parts] : self.ends[(segment + 1) * parts]]
        return rows

    def together(self, parts: Sequence[int]) -> "SegmentRows":
        """Return the rows of some parts as one part."""
        sizes = np.diff(self.ends)
        chosen = np.isin(np.arange(len(sizes)) % self.parts, parts)
        counts = np.where(chosen, sizes, 0).reshape(-1, self.parts).sum(axis=1)
        return SegmentRows(
            self.order[np.repeat(chosen, sizes)], np.concatenate([[0], np.cumsum(counts)]), 1
        )


Read = Callable[[Indices], tuple[Array, Array | None]]
"""The columns (m, n) of rows at some positions, an array to be used up, and their weights (n,)."""


def gram_stacks(
    rows: SegmentRows, columns: int, target: int, read: Read, row_products: Products
) -> Iterator[GramStack | Indices]:
    """Yield the matrices of all segments, a few at a time, and the numbers of those without any.

    These are segments of very many rows, or with values so far apart that they take too many
    digits. `target` is the position of the target among so many `columns`.
    """
    counts = rows.counts().sum(axis=1)
    yield np.flatnonzero(counts > MAX_ROWS)
    deferred: list[Indices] = []
    summed = partial(_stack, rows, read=read, target=target, row_products=row_products)
    chosen = np.flatnonzero((counts > 0) & (counts <= MAX_ROWS))
    for batch in _batches(rows, chosen, columns):
        stack, later = summed(batch, most_deferred=MAX_DEFERRED)
        deferred.append(later)
        if stack is not None:
            yield stack
    for batch in _batches(rows, np.concatenate([*deferred, chosen[:0]]), columns):
        stack, later = summed(batch, most_deferred=0.0)
        yield later
        if stack is not None:
            yield stack


def _batches(rows: SegmentRows, chosen: Indices, columns: int) -> Iterator[Indices]:
    """Yield numbers of segments that are summed at once."""
    before = np.concatenate([[0], np.cumsum(rows.counts().sum(axis=1)[chosen])])
    most = max(VALUES_AT_ONCE // (rows.parts * columns**2), 1)
    start = 0
    while start < len(chosen):
        last = int(np.searchsorted(before, before[start] + ROWS_AT_ONCE, side="right")) - 1
        end = min(max(last, start + 1), start + most, len(chosen))
        yield chosen[start:end]
        start = end


def _stack(
    rows: SegmentRows,
    batch: Indices,
    *,
    read: Read,
    target: int,
    row_products: Products,
    most_deferred: float,
) -> tuple[GramStack | None, Indices]:
    """Return the matrices of segments, and the numbers of those that take more digits."""
    counts = rows.counts()[batch]
    cells = Cells.of(counts)
    columns, weight = read(rows.order[cells.places(rows.ends[batch * rows.parts])])
    segment_of = cells.segment_of_rows()
    low, high = cells.extremes(columns)
    largest = np.maximum(high.max(axis=1), -low.min(axis=1))
    exponents = np.where(largest > 0, np.frexp(largest)[1] + 1, 0)
    np.ldexp(columns, -exponents.T[:, segment_of], out=columns)
    of_weight = np.zeros(len(batch), dtype=np.int64)
    right = Pair(columns, np.zeros((0, 0)))
    # The largest target times the root of its weight, for what counts as an exact fit.
    heaviest = np.abs(columns[target])
    if weight is not None:
        heaviest = heaviest * np.sqrt(weight)
        of_weight = np.frexp(cells.extremes(weight[None])[1].max(axis=(1, 2)))[1].astype(np.int64)
        right = two_product(columns, np.ldexp(weight, -of_weight[segment_of]))
    _, of_cells = cells.extremes(heaviest[None])
    left_digits, undone = _cut(Pair(columns, np.zeros((0, 0))), cells, most_deferred)
    right_digits = left_digits
    if weight is not None:
        right_digits, more = _cut(right, cells, most_deferred)
        undone |= more
    done = ~undone
    if not done.any():
        return None, batch
    stack = GramStack(
        batch[done],
        *cells.of_segments(done).sums(left_digits, right_digits, row_products),
        exponents[done].astype(np.int64),
        of_weight[done],
        counts[done],
        low[done],
        high[done],
        of_cells[done, :, 0],
    )
    return stack, batch[undone]


def _cut(values: Pair, cells: Cells, most_deferred: float) -> tuple[list[Array], Mask]:
    """Return the digits of scaled values (m, n), and which segments need more than these.

    Each has one column more, of zeros. Without a low part values are doubles. They are used up.
    """
    high, low = values
    digits: list[Array] = []
    high, low = high * 2.0**DIGIT_BITS, low * 2.0**DIGIT_BITS
    while True:
        digit = np.zeros((len(high), high.shape[1] + 1))
        high -= np.rint(high, out=digit[:, :-1])
        digits.append(digit)
        if low.size:
            high, low = two_sum(high, low)
        left = cells.segments_with((high != 0).any(axis=0))
        if left.sum() <= most_deferred * len(left) or len(digits) == MAX_DIGITS:
            return digits, left
        high *= 2.0**DIGIT_BITS
        low *= 2.0**DIGIT_BITS
