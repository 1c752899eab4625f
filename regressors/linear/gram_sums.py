"""The exact Gram matrix of rows that come in blocks, by the matrix products of a framework.

The columns of a block are cut into slices of integers, whose products have no error. These are
added up as int64, and now and then moved into integers of any length.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.linear.double_double import two_product
from regressors.linear.gram import MIN_WIDE, Gram
from regressors.linear.integers import integers
from regressors.linear.level_sums import LevelSums
from regressors.linear.slices import BLOCK_ROWS, STEP, Slices, cut, grid_of
from regressors.linear.unit_sums import MAX_SUMMED_ROWS, UnitSums

Products = Callable[[Array, Array], Array]
"""The sums of products (q, r) of the rows of two matrices, by a framework (`row_products`)."""
Block = tuple[Array, Array | None]
"""Some rows of a matrix (n, m), and their weights (n,); None where all weigh 1."""
CodedBlock = tuple[Array, Array | None, Sequence[Indices]]
"""A block, and the levels of its rows: codes (n,) by category, -1 for no level."""

MAX_SUMMED_BLOCKS = 512
"""A product is at most 2^53, so that the sum of so many is at most 2^62, which an int64 holds."""
_BLOCK_VALUES = 2**21
_PANEL = 512
_SMALLEST_PRODUCT, _LARGEST = 2.0**-900, 2.0**900
# Between them a product of doubles is the sum of two doubles, and no step of the way overflows.


def gram_of(blocks: Iterable[Block], columns: int, row_products: Products) -> Gram:
    """Return the matrix of rows that come in blocks of any size, in the memory of one.

    Values and weights are finite, weights are positive.
    """
    sums = _Sums(columns, row_products)
    for matrix, weight in blocks:
        sums.add(matrix, weight)
    return sums.whole()


def gram_with_levels(
    blocks: Iterable[CodedBlock],
    columns: int,
    sizes: Sequence[int],
    row_products: Products,
    grid: Sequence[int] | None = None,
) -> Gram:
    """Return the matrix of rows whose levels of categories are codes, of `sizes` levels each.

    The columns of the levels come last. Of the others, the one before the last holds ones. The
    matrix of many columns is more quickly added to another one whose `grid` it has.
    """
    sums = _Sums(columns, row_products, sizes, grid)
    for matrix, weight, codes in blocks:
        sums.add(matrix, weight, codes)
    return sums.whole()


def block_rows(columns: int) -> int:
    """Return how many rows of so many columns are multiplied at once: fewer where they are wide."""
    return int(np.clip(_BLOCK_VALUES // max(columns, 1), BLOCK_ROWS // 16, BLOCK_ROWS))


class _Sums:
    """Products of slices, added up over the blocks that have come so far."""

    def __init__(
        self,
        columns: int,
        row_products: Products,
        sizes: Sequence[int] = (),
        grid: Sequence[int] | None = None,
    ) -> None:
        self._columns, self._row_products = columns, row_products
        self._levels = LevelSums(sizes)
        self._gram: Gram | None = None
        self._few = Gram.zeros(columns + self._levels.levels)
        self._rows = self._blocks = 0
        self._left, self._right = _Labels(), _Labels()
        if grid is not None:
            self._left.set_grid(np.array(grid))
        self._by_unit: UnitSums | None = None
        self._is_by_unit = columns >= MIN_WIDE
        self._totals = np.zeros((0, 0), dtype=np.int64)

    def add(self, matrix: Array, weight: Array | None, codes: Sequence[Indices] = ()) -> None:
        """Add rows (n, m) with their weights, and their codes by category."""
        step = block_rows(matrix.shape[1])
        for start in range(0, len(matrix), step):
            rows = slice(start, start + step)
            columns = np.array(matrix[rows].T, order="C")
            of_rows = [own[rows] for own in codes]
            self._add_block(columns, None if weight is None else weight[rows], of_rows)

    def whole(self) -> Gram:
        """Return the matrix of all rows so far."""
        self._empty()
        gram = replace(self._gram or Gram.zeros(self._columns), rows=self._rows)
        labels = self._right.arrays(self._columns)
        whole = self._levels.beside(gram, *labels, ones=self._columns - 2)
        return whole + self._few if self._few.rows else whole

    def _add_block(self, columns: Array, weight: Array | None, codes: Sequence[Indices]) -> None:
        extreme = _extreme(columns, weight)
        if extreme.any():
            few = None if weight is None else weight[extreme]
            levels = self._levels.one_hot([own[extreme] for own in codes], int(extreme.sum()))
            self._few += Gram.of_few(np.concatenate([columns[:, extreme], levels]), few)
            columns = np.ascontiguousarray(columns[:, ~extreme])
            weight = None if weight is None else weight[~extreme]
            codes = [own[~extreme] for own in codes]
        if not columns.shape[1]:
            return
        grid = self._left.grid(columns)
        if weight is None:
            left = right = cut(columns, grid)
            self._right = self._left
        else:
            # A weight times a value is no double, but it is the sum of two.
            both = np.concatenate(two_product(columns, weight))
            right = cut(both, self._right.grid(both, grid if self._is_by_unit else None))
            left = cut(columns, grid)
        self._sum(left, right, codes, grid)
        self._rows += left.digits.shape[1]

    def _sum(self, left: Slices, right: Slices, codes: Sequence[Indices], grid: Indices) -> None:
        if codes and len(right.owners):
            ones = np.flatnonzero(right.owners % self._columns == self._columns - 2)
            self._levels.add(codes, right.digits, self._right.positions(right), ones)
        if self._is_by_unit and not self._sum_by_unit(left, right, grid):
            self._empty()
            self._is_by_unit = False
        if not self._is_by_unit:
            self._sum_by_pair(left, right)

    def _sum_by_unit(self, left: Slices, right: Slices, grid: Indices) -> bool:
        """Add a block of many columns; return False if their values are of too many sizes."""
        if self._by_unit is None:
            self._by_unit = UnitSums(grid)
        if not self._by_unit.add(left, right, self._row_products):
            return False
        if self._by_unit.summed_rows > MAX_SUMMED_ROWS:
            self._empty()
        return True

    def _sum_by_pair(self, left: Slices, right: Slices) -> None:
        rows, columns = self._left.positions(left), self._right.positions(right)
        grown = (len(self._left.of), len(self._right.of))
        if grown != self._totals.shape:
            more = [
                (0, now - before) for now, before in zip(grown, self._totals.shape, strict=True)
            ]
            self._totals = np.pad(self._totals, more)
        for start in range(0, len(rows), _PANEL):
            panel = slice(start, start + _PANEL)
            first = start if left is right else 0  # what is left of the diagonal is right of it
            products = self._row_products(left.digits[panel], right.digits[first:]).astype(np.int64)
            self._totals[np.ix_(rows[panel], columns[first:])] += products
            if left is right:
                beside = products[:, _PANEL:]
                self._totals[np.ix_(columns[start + _PANEL :], rows[panel])] += beside.T
        self._blocks += 1
        if self._blocks == MAX_SUMMED_BLOCKS:
            self._empty()

    def _empty(self) -> None:
        """Move the sums into numbers that are as long as they must be."""
        found = None if self._by_unit is None else self._by_unit.empty()
        if self._totals.any():
            found = self._in_integers()
        if found is not None:
            self._gram = found if self._gram is None else self._gram + found
        self._totals.fill(0)
        self._blocks = 0

    def _in_integers(self) -> Gram:
        count = self._columns
        left, left_exponents = self._left.arrays(count)
        right, right_exponents = self._right.arrays(count)
        units = _smallest(left, left_exponents, count)
        of_products = _smallest(right, right_exponents, count)
        present = np.unique(right)
        half = int((of_products - units)[present].min()) // 2
        units[present] += half
        order = np.argsort(right, kind="stable")
        right, right_exponents = right[order], right_exponents[order]
        values = integers((count, count))
        for i in np.unique(left):
            rows = np.flatnonzero(left == i)
            others = order[right >= i]
            owners = right[right >= i]
            shifts = (
                left_exponents[rows, None] - units[i] + (right_exponents - units[right])[right >= i]
            )
            sums = (self._totals[np.ix_(rows, others)].astype(object) << shifts).sum(axis=0)
            found, starts = np.unique(owners, return_index=True)
            values[i, found] = values[found, i] = np.add.reduceat(sums, starts)
        return Gram(values, tuple(units.tolist()), 0)


class _Labels:
    """The slices that have been seen: each has a position in the sums, by its column and unit."""

    def __init__(self) -> None:
        self.of: dict[tuple[int, int], int] = {}
        self._grid: Indices | None = None

    def set_grid(self, grid: Indices) -> None:
        """Cut all columns on this grid, that of other rows."""
        self._grid = grid

    def grid(self, columns: Array, other: Indices | None = None) -> Indices:
        """Return the exponents on which columns, the rows of an array, are cut: of the first ones.

        They are a whole number of steps from those of another grid, once or twice as long.
        """
        if self._grid is None:
            self._grid = grid_of(columns)
            if other is not None:
                same = np.resize(other, len(columns))
                self._grid = same + STEP * -((same - self._grid) // STEP)
        return self._grid

    def positions(self, slices: Slices) -> Indices:
        """Return the position of each slice; new ones come last."""
        labels = zip(slices.owners.tolist(), slices.exponents.tolist(), strict=True)
        return np.array(
            [self.of.setdefault(label, len(self.of)) for label in labels], dtype=np.int64
        )

    def arrays(self, columns: int) -> tuple[Indices, Indices]:
        """Return the column of each position and its exponent; there may be two lots of columns."""
        owners, exponents = np.array(list(self.of), dtype=np.int64).reshape(-1, 2).T
        return owners % columns, exponents


def _smallest(owners: Indices, exponents: Indices, count: int) -> Indices:
    """Return the smallest exponent (m,) of each column, 0 for one that has none."""
    smallest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(smallest, owners, exponents)
    return np.where(smallest == np.iinfo(np.int64).max, 0, smallest)


def _extreme(columns: Array, weight: Array | None) -> Mask:
    """Return which rows (n,) are too large, or weigh too little, for the arithmetic of doubles."""
    extreme: Mask = np.zeros(columns.shape[1], dtype=bool)
    if max(columns.max(), -columns.min()) > _LARGEST:
        extreme = np.abs(columns).max(axis=0) > _LARGEST
    if weight is None:
        return extreme
    with np.errstate(over="ignore", under="ignore"):
        sizes = np.abs(columns * weight)
    tiny = ((sizes < _SMALLEST_PRODUCT) & (columns != 0)).any(axis=0)
    huge = (weight > _LARGEST) | (sizes.max(axis=0, initial=0.0) > _LARGEST)
    unfit: Mask = extreme | huge | tiny
    return unfit
