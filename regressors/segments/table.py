"""The rows of a job by segment, and the sums of the segments for each of its fits.

The fits are of the folds and of all rows. What the rows of a part have come to is added up once,
for all fits that train on it; only a fit whose design is made of other columns reads its rows
again, for example because the median that fills a gap is another one in each fold.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.blocks import release, rows_of
from regressors.encoding.common_design import CommonDesign, Sum
from regressors.encoding.matrices import Encoding
from regressors.job import Job
from regressors.linear.fold_sums import Sums, blank_in
from regressors.linear.gram_sums import Products
from regressors.segments.digits import Digits, carried
from regressors.segments.gram_stacks import GramStack, SegmentRows, gram_stacks
from regressors.segments.texts import segments_of

Parts = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SegmentSums:
    """The exact sums over the rows of S segments that one fit trains on.

    `matrices` (S, p + 2, p + 2) are those of its terms, a column of ones and the target, each
    scaled as in a `GramStack`; `low` and `high` (S, p) are the extremes of the terms.
    """

    segments: Indices
    matrices: Digits
    exponents: Indices
    of_weight: Indices
    rows: Indices
    low: Array
    high: Array
    heaviest: Array


@dataclass(frozen=True, eq=False)
class FitRows:
    """The rows of S segments in one fit, one after the other, `counts` (S,) of each.

    The design is (n, p), the target (n,) and the weights (n,), None where all rows weigh 1.
    `recency` (S,) is how much a segment's rows count for their age in the mean, None where they do
    not.
    """

    design: Array
    target: Array
    weight: Array | None
    counts: Indices
    recency: Array | None


class SegmentTable:
    """The segments of a job, and what a fit needs of them.

    `pooled` is the same job without segments, and `sums` are its own. `fits` are the rows (masks)
    that are trained on, each whole parts.
    """

    def __init__(self, job: Job, pooled: Job, sums: Sums, fits: Iterable[Mask]) -> None:
        self._pooled, self._sums = pooled, sums
        found = segments_of(job.columns, job.segment)
        self.names, self._codes = found.names, found.codes
        part_of = job.fold if job.known is None else job.known
        numbers, part_of = np.unique(part_of, return_inverse=True)
        self._first = [int(np.argmax(part_of == i)) for i in range(len(numbers))]
        self._encodings: dict[Parts, Encoding] = {}
        for rows in fits:
            trained = self.parts_of(rows)
            if trained not in self._encodings:
                self._encodings[trained] = sums.encoding(rows)
        self._as_one: Parts | None = None
        if len(self._encodings) == 1:  # its parts are all read together
            (self._as_one,) = self._encodings
            part_of = np.where(np.isin(part_of, self._as_one), 0, len(numbers))
        self._part_of, self._parts = part_of, len(numbers)

    def parts_of(self, rows: Mask) -> Parts:
        """Return the numbers of the parts that some rows (a mask) are made of."""
        return tuple(i for i, first in enumerate(self._first) if rows[first])

    def mask(self, trained: Parts) -> Mask:
        """Return the rows (a mask) of a fit, those without a segment included."""
        rows: Mask = np.isin(self._part_of, _inside(trained, self._as_one))
        return rows

    @cached_property
    def cells(self) -> "SegmentCells":
        """Return the rows of all segments, and what their sums are of."""
        inside = np.flatnonzero((self._codes >= 0) & (self._part_of < self._parts))
        rows = SegmentRows.of(
            self._codes[inside], self._part_of[inside], len(self.names), self._parts
        )
        whole = np.ones(len(self._codes), dtype=bool)
        encodings = [*self._encodings.values()]
        common = CommonDesign.of(
            self._sums.encoding(whole), encodings, blank_in(self._pooled, encodings[0])
        )
        return SegmentCells(
            self._pooled,
            SegmentRows(inside[rows.order], rows.ends, rows.parts),
            self._encodings,
            common.with_terms_known(),
            {
                trained: _selection(common, common.terms(encoding))
                for trained, encoding in self._encodings.items()
            },
            self._as_one,
        )


def _inside(trained: Parts, as_one: Parts | None) -> Parts:
    return (0,) if trained == as_one else trained


@dataclass(frozen=True, eq=False)
class SegmentCells:
    """The rows of S segments of a job by part, and what their sums are of in each of its fits.

    `encodings` are by the parts that a fit trains on. A fit has a selection of the columns of the
    `common` design; one without reads its rows for itself. Where all fits are one, it is `as_one`.
    """

    job: Job
    by_part: SegmentRows
    encodings: dict[Parts, Encoding]
    common: CommonDesign
    selections: dict[Parts, list[list[int]] | None]
    as_one: Parts | None

    def __len__(self) -> int:
        return (len(self.by_part.ends) - 1) // self.by_part.parts

    @property
    def fits(self) -> tuple[Parts, ...]:
        """Return the parts that each fit trains on."""
        return tuple(self.encodings)

    def between(self, start: int, stop: int) -> "SegmentCells":
        """Return some successive segments, which are numbered from 0."""
        rows = self.by_part
        ends = rows.ends[start * rows.parts : stop * rows.parts + 1]
        return replace(
            self,
            by_part=SegmentRows(rows.order[ends[0] : ends[-1]], ends - ends[0], rows.parts),
        )

    def counts(self, trained: Parts) -> Indices:
        """Return how many rows (S,) each segment has in a fit."""
        counts: Indices = self.by_part.counts()[:, self._inside(trained)].sum(axis=1)
        return counts

    def rows(self, segment: int, trained: Parts) -> Indices:
        """Return the positions of the rows of a segment in a fit, in ascending order."""
        rows = self.by_part
        ends = rows.ends[segment * rows.parts : (segment + 1) * rows.parts + 1]
        cells = [rows.order[ends[i] : ends[i + 1]] for i in self._inside(trained)]
        return np.sort(np.concatenate(cells))

    def design(self, trained: Parts, positions: Indices) -> Array:
        """Return the design (n, p) of some rows for a fit."""
        return self.encodings[trained].design(rows_of(self.job.columns, positions))

    def fit_rows(self, segments: Indices, trained: Parts) -> FitRows:
        """Return the rows of some segments in a fit, each one's in the order of the table."""
        job = self.job
        positions, counts = self._rows_of_many(segments, trained)
        recency = None
        if job.half_life is not None:
            each = np.split(positions, np.cumsum(counts)[:-1])
            recency = np.array([*map(self.mean_recency, each)])
        return FitRows(
            self.design(trained, positions),
            job.target[positions],
            self._weight(positions),
            counts,
            recency,
        )

    def _rows_of_many(self, segments: Indices, trained: Parts) -> tuple[Indices, Indices]:
        """Return the rows of S segments one after the other, and how many each has (S,)."""
        rows, parts = self.by_part, np.array(self._inside(trained))
        cells = segments[:, None] * rows.parts + parts
        begin, sizes = rows.ends[cells].ravel(), (rows.ends[cells + 1] - rows.ends[cells]).ravel()
        counts: Indices = sizes.reshape(cells.shape).sum(axis=1)
        at = np.repeat(begin - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        # Sorted by segment, and then by position, as one number.
        before = np.repeat(np.arange(len(segments)) * len(self.job.target), counts)
        return np.sort(before + rows.order[at]) - before, counts

    def mean_recency(self, positions: Indices) -> float:
        """Return how much rows count for their age in the mean, weighted where rows weigh."""
        job = self.job
        weight = None if job.weight is None else job.weight[positions]
        return float(np.average(job.recency(positions), weights=weight))

    def sums(self, row_products: Products) -> Iterator[tuple[Parts, SegmentSums | Indices]]:
        """Yield the sums of each fit for a few segments at a time, or numbers of those without."""
        selections: dict[Parts, list[list[int]]] = {}
        for trained, selection in self.selections.items():
            if selection is None:
                yield from self._alone(trained, row_products)
            else:
                selections[trained] = selection
        if selections:
            yield from self._together(selections, row_products)

    def _inside(self, trained: Parts) -> Parts:
        return _inside(trained, self.as_one)

    def _together(
        self, selections: dict[Parts, list[list[int]]], products: Products
    ) -> Iterator[tuple[Parts, SegmentSums | Indices]]:
        common, job = self.common, self.job
        columns = common.columns + 2 + sum(common.sizes)

        def read(positions: Indices) -> tuple[Array, Array | None]:
            blocks, codes = common.design(rows_of(job.columns, positions))
            matrix = np.zeros((columns, len(positions)))
            start = 0
            for block in blocks:
                matrix[start : start + block.shape[1]] = block.T
                start += block.shape[1]
            matrix[start], matrix[start + 1] = 1.0, job.target[positions]
            start += 2
            for own, size in zip(codes, common.sizes, strict=True):
                there = own >= 0
                matrix[start + own[there], np.flatnonzero(there)] = 1.0
                start += size
            return matrix, self._weight(positions)

        target = common.columns + 1
        for stack in gram_stacks(self.by_part, columns, target, read, products):
            for trained, selection in selections.items():
                yield trained, _of_fit(stack, selection, self._inside(trained))

    def _alone(
        self, trained: Parts, row_products: Products
    ) -> Iterator[tuple[Parts, SegmentSums | Indices]]:
        terms = len(self.encodings[trained].term_names())

        def read(positions: Indices) -> tuple[Array, Array | None]:
            matrix = np.ones((terms + 2, len(positions)))
            matrix[:terms] = self.design(trained, positions).T
            matrix[terms + 1] = self.job.target[positions]
            return matrix, self._weight(positions)

        selection = [[i] for i in range(terms + 2)]
        rows = self.by_part.together(self._inside(trained))
        for stack in gram_stacks(rows, terms + 2, terms + 1, read, row_products):
            yield trained, _of_fit(stack, selection, (0,))

    def _weight(self, positions: Indices) -> Array | None:
        weight = self.job.fit_weight(positions)
        release((*self.job.columns.values(), self.job.target))
        return weight


def _selection(common: CommonDesign, terms: Sequence[Sum] | None) -> list[list[int]] | None:
    """Return the columns that each term is the plain sum of, which are levels where many.

    Those of ones and of the target come last. None where a term is made in another way.
    """
    if terms is None:
        return None
    levels = common.columns + 2
    for term in terms:
        plain = term and all(factor == 1 for factor in term.values())
        if not plain or (len(term) > 1 and min(term) < levels):
            return None
    return [*map(list, terms), [common.columns], [common.columns + 1]]


def _of_fit(
    stack: GramStack | Indices, selection: Sequence[Sequence[int]], parts: Sequence[int]
) -> SegmentSums | Indices:
    """Return the sums of some parts of a stack, of the selected columns."""
    if not isinstance(stack, GramStack):
        return stack
    rows = stack.rows[:, parts].sum(axis=1)
    there = np.flatnonzero(rows)
    digits = stack.of_parts(parts)
    low, high = stack.low[:, parts].min(axis=1), stack.high[:, parts].max(axis=1)
    exponents = stack.exponents
    if len(there) < len(rows):
        digits, exponents = digits.of(there), exponents[there]
        low, high = low[there], high[there]
    at = np.array([column for columns in selection for column in columns], dtype=np.int64)
    if not np.array_equal(at, np.arange(len(stack.exponents[0]))):
        digits = digits.of_columns(at)
        exponents, low, high = exponents[:, at], low[:, at], high[:, at]
    if len(at) > len(selection):
        starts = np.cumsum([0, *map(len, selection)])[:-1]
        planes = np.add.reduceat(np.add.reduceat(digits.planes, starts, axis=2), starts, axis=3)
        digits = carried(planes, digits.first)
        # A level that a segment has not has no exponent; that of the others is one and the same.
        exponents = np.maximum.reduceat(exponents, starts, axis=1)
        low = np.minimum.reduceat(low, starts, axis=1)
        high = np.maximum.reduceat(high, starts, axis=1)
    terms = len(selection) - 2
    return SegmentSums(
        stack.segments[there],
        digits,
        exponents,
        stack.of_weight[there],
        rows[there],
        low[:, :terms],
        high[:, :terms],
        stack.heaviest[there][:, parts].max(axis=1),
    )
