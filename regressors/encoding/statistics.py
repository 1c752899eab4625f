"""What an encoding is fitted on: the figures of each column in the training rows.

The folds of a job train on rows of other folds. Their figures are put together from those of the
folds, from one pass over each column.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isnan, nan, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, CodedTexts, Columns, Indices, Mask, Values
from regressors.blocks import blocks_of, release
from regressors.encoding.categories import LevelCounts
from regressors.encoding.columns import NumberColumn, number_column
from regressors.encoding.times import Parts

LARGE, NARROW = 1e100, 1e-100
"""Beyond them, sums of squares may overflow, or come to nothing."""


class Statistics(Protocol):
    """The figures of the parts of some rows, by the name of a part."""

    def number(self, name: str) -> NumberColumn:
        """Return a fitted number."""
        ...

    def levels(self, name: str) -> LevelCounts:
        """Return the counts of a category's levels."""
        ...


@dataclass(frozen=True)
class RowStatistics:
    """The figures of rows that are read for them alone, one column after the other."""

    parts: Parts

    def number(self, name: str) -> NumberColumn:
        """Return a fitted number."""
        values = self.parts[name]
        column = number_column(name, values)
        release([values])
        return column

    def levels(self, name: str) -> LevelCounts:
        """Return the counts of a category's levels."""
        return LevelCounts.of(name, self.parts[name])


@dataclass(frozen=True)
class _Moments:
    """The rows of each fold (f,), and the ends, the mean and the sum of squares of a number."""

    rows: Array
    low: Array
    high: Array
    mean: Array
    squares: Array

    def of(self, folds: Indices) -> tuple[float, float]:
        """Return the mean of some folds, and their sum of squares about it."""
        rows, means = self.rows[folds], self.mean[folds]
        mean = float(rows @ means / rows.sum())
        return mean, float((self.squares[folds] + rows * np.square(means - mean)).sum())


class TrainedOn(Protocol):
    """What a fit trains on: folds, and their rows (a mask)."""

    @property
    def parts(self) -> tuple[int, ...]:
        """Return the numbers of the folds, in order."""
        ...

    @property
    def rows(self) -> Mask:
        """Return the rows."""
        ...


@dataclass(frozen=True, eq=False)
class KnownColumn:
    """The figures of a number or a category in all rows, and in those of some folds.

    Those of a number are by the folds; `counts` are what `FoldStatistics.counts` returns of a
    category.
    """

    whole: NumberColumn | LevelCounts
    by_folds: Mapping[tuple[int, ...], NumberColumn]
    counts: tuple[Values, Indices, Indices] | None = None


class FoldStatistics:
    """The figures of a table by fold (n,), each column of which is read once, when asked for.

    Those of `known` columns are not read.
    """

    def __init__(
        self, columns: Columns, fold: Indices, known: Mapping[str, KnownColumn] | None = None
    ) -> None:
        times = [name for name in columns if columns[name].dtype.kind == "M"]
        self._parts = Parts(columns, times)
        self._columns, self._times, self._fold = columns, times, fold
        self.known = known or {}
        self._moments: dict[str, _Moments | None] = {}
        self._levels: dict[str, tuple[Values, Indices, Indices]] = {}

    @cached_property
    def _folds(self) -> "_Folds":
        return _Folds.of(self._fold)

    def of_all(self) -> "Statistics":
        """Return the figures of all rows."""
        return _OfAll(self.known, RowStatistics(self._parts))

    def known_column(self, name: str, fits: Sequence[TrainedOn]) -> KnownColumn:
        """Return the figures of a number or a category, in all rows and in those of fits."""
        whole = self.of_all()
        if self._parts.kind(name) == "f":
            by_folds = {fit.parts: self.of(fit.parts, fit.rows).number(name) for fit in fits}
            return KnownColumn(whole.number(name), by_folds)
        return KnownColumn(whole.levels(name), {}, self.counts(name) if fits else None)

    def of(self, folds: Collection[int], rows: Mask) -> "Statistics":
        """Return the figures of some folds, whose rows a mask has as well."""
        parts = Parts(self._columns, self._times, rows=rows)
        return _OfFolds(self, np.array(sorted(folds), dtype=np.int64), RowStatistics(parts))

    def blank(self, name: str) -> bool:
        """Return whether a category has missing values."""
        return bool(self.counts(name)[2].any())

    def moments(self, name: str) -> _Moments | None:
        """Return those of a number; None if it has gaps, or is too large for sums of squares."""
        if name not in self._moments:
            values = self._parts[name]
            self._moments[name] = _moments(values, self._folds)
            release([values])
        return self._moments[name]

    def counts(self, name: str) -> tuple[Values, Indices, Indices]:
        """Return the levels (m,) of a category, and their rows (m, f) and the blanks (f,) by fold.

        Levels are in order.
        """
        if name in self.known and (counts := self.known[name].counts) is not None:
            return counts
        if name not in self._levels:
            self._levels[name] = _counts(self._parts[name], self._folds)
        return self._levels[name]


@dataclass(frozen=True)
class _OfAll:
    """The figures of all rows of a table: those that are known, and those of `rows`."""

    known: Mapping[str, KnownColumn]
    rows: RowStatistics

    def number(self, name: str) -> NumberColumn:
        """Return a fitted number."""
        known = self.known.get(name)
        if known is not None and isinstance(known.whole, NumberColumn):
            return known.whole
        return self.rows.number(name)

    def levels(self, name: str) -> LevelCounts:
        """Return the counts of a category's levels."""
        known = self.known.get(name)
        if known is not None and isinstance(known.whole, LevelCounts):
            return known.whole
        return self.rows.levels(name)


@dataclass(frozen=True)
class _OfFolds:
    """The figures of some folds of a table; those of gaps are of their `rows`, read again."""

    table: FoldStatistics
    folds: Indices
    rows: RowStatistics

    def number(self, name: str) -> NumberColumn:
        """Return a fitted number; without gaps in any fold nothing needs its median, which is NaN.

        The mean and the SD may differ from those of `number_column` by rounding.
        """
        if name in self.table.known:
            return self.table.known[name].by_folds[tuple(self.folds.tolist())]
        moments = self.table.moments(name)
        if moments is None or not moments.rows[self.folds].sum():
            return self.rows.number(name)
        low = float(moments.low[self.folds].min())
        high = float(moments.high[self.folds].max())
        mean, squares = moments.of(self.folds)
        sd = sqrt(squares / float(moments.rows[self.folds].sum())) if low < high else 0.0
        return NumberColumn(name, nan, mean, sd, sd, indicator=False, low=low, high=high)

    def levels(self, name: str) -> LevelCounts:
        """Return the counts of a category's levels."""
        levels, counts, blanks = self.table.counts(name)
        rows = counts[:, self.folds].sum(axis=1)
        there = rows > 0
        return LevelCounts(name, levels[there], rows[there], int(blanks[self.folds].sum()))


@dataclass(frozen=True)
class _Folds:
    """The fold (n,) of each row; and by block the rows of each fold, which begin at its ends."""

    number: int
    of_rows: Indices
    orders: tuple[NDArray[np.uint16], ...]
    ends: tuple[Indices, ...]

    @classmethod
    def of(cls, fold: Indices) -> "_Folds":
        number = int(fold.max()) + 1
        orders, ends = [], []
        for block in blocks_of(len(fold)):
            short = fold[block].astype(np.int16)  # whose sort is quick
            orders.append(np.argsort(short, kind="stable").astype(np.uint16))
            ends.append(np.append(0, np.cumsum(np.bincount(short, minlength=number))))
        return cls(number, fold, tuple(orders), tuple(ends))


def _moments(values: Array, folds: _Folds) -> _Moments | None:
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if isnan(low) or max(high, -low) > LARGE or 0 < high - low < NARROW:
        return None
    cells = []
    for block, order, ends in zip(blocks_of(len(values)), folds.orders, folds.ends, strict=True):
        part = values[block][order]
        by_fold = [_of_cell(part[start:end]) for start, end in pairwise(ends.tolist())]
        cells.append(_Moments(*np.array(by_fold).T))
    stacked = _Moments(
        *(np.array([getattr(cell, name) for cell in cells]) for name in _Moments.__annotations__)
    )
    rows = stacked.rows.sum(axis=0)
    mean = (stacked.rows * stacked.mean).sum(axis=0) / np.maximum(rows, 1)
    between = stacked.rows * np.square(stacked.mean - mean)
    return _Moments(
        rows,
        stacked.low.min(axis=0),
        stacked.high.max(axis=0),
        mean,
        (stacked.squares + between).sum(axis=0),
    )


def _of_cell(values: Array) -> tuple[float, float, float, float, float]:
    """Return the number, the ends, the mean and the sum of squares of the rows of a block."""
    if not values.size:
        return 0.0, np.inf, -np.inf, 0.0, 0.0
    mean = values.mean()
    squares = np.square(values - mean).sum()
    return len(values), float(values.min()), float(values.max()), float(mean), float(squares)


def _counts(values: Values, folds: _Folds) -> tuple[Values, Indices, Indices]:
    if isinstance(values, CodedTexts):
        texts, counts = values.labels, values.counts(folds.of_rows, folds.number)
        there = np.flatnonzero(counts.any(axis=1))
        found = dict(zip(texts[there].tolist(), there.tolist(), strict=True))
        return _in_order(found, counts, folds.number)
    index: defaultdict[str | None, int] = defaultdict()
    index.default_factory = index.__len__
    cells = np.zeros(0, dtype=np.int64)
    for block in blocks_of(len(values)):
        texts = values[block].tolist()
        codes = np.fromiter(map(index.__getitem__, texts), dtype=np.int64, count=len(texts))
        needed = len(index) * folds.number
        if len(cells) < needed:
            cells = np.pad(cells, (0, 2 * needed - len(cells)))
        np.add.at(cells, codes * folds.number + folds.of_rows[block], 1)
    counts = cells[: len(index) * folds.number].reshape(-1, folds.number)
    return _in_order(index, counts, folds.number)


def _in_order(
    index: dict[str | None, int], counts: Indices, folds: int
) -> tuple[Values, Indices, Indices]:
    """Return levels in order, and the rows of each and of the blanks, by their places in counts."""
    blanks = counts[index.pop(None)] if None in index else np.zeros(folds, dtype=np.int64)
    levels = sorted(level for level in index if level is not None)
    at = np.array([index[level] for level in levels], dtype=np.int64)
    return np.array(levels, dtype=object), counts[at], blanks
