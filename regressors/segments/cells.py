"""The rows of segments by part, cut into blocks whose products a framework makes at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.blocks import blocks_of
from regressors.linear.gram_sums import Products
from regressors.segments.digits import SUMMED, Planes

PRODUCTS_AT_ONCE = 2**18
"""So many products of digits are made at once, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class Cells:
    """Cells of rows, of which there are `counts` (S, P), some of which may be zero.

    The rows of a batch are in the order of their cells, the smallest first, so that those of like
    sizes make blocks of one length: `at` are the numbers s P + p of cells with rows, of so many
    `sizes`, which begin at `starts`.
    """

    counts: Indices
    at: Indices
    sizes: Indices
    starts: Indices

    @classmethod
    def of(cls, counts: Indices) -> "Cells":
        """Return the cells of so many rows (S, P)."""
        flat = counts.ravel()
        at = np.argsort(flat, kind="stable")[np.count_nonzero(flat == 0) :]
        sizes = flat[at]
        return cls(counts, at, sizes, np.cumsum(sizes) - sizes)

    def of_segments(self, chosen: Mask) -> "Cells":
        """Return the cells of some segments (S,), whose rows stay where they are."""
        segment, part = np.divmod(self.at, self.counts.shape[1])
        kept, number = chosen[segment], np.cumsum(chosen) - 1
        at = number[segment] * self.counts.shape[1] + part
        return Cells(self.counts[chosen], at[kept], self.sizes[kept], self.starts[kept])

    def places(self, begins: Indices) -> Indices:
        """Return where the rows are among those of segments that begin at some places (S,)."""
        before = np.cumsum(self.counts, axis=1) - self.counts
        first = (begins[:, None] + before).ravel()[self.at]
        return np.repeat(first - self.starts, self.sizes) + np.arange(self.sizes.sum())

    def segment_of_rows(self) -> Indices:
        """Return the number of the segment of each row."""
        return np.repeat(self.at // self.counts.shape[1], self.sizes)

    def segments_with(self, rows: Mask) -> Mask:
        """Return which segments (S,) have some of these rows."""
        there = np.zeros(self.counts.size, dtype=bool)
        there[self.at] = np.logical_or.reduceat(rows, self.starts)
        return np.asarray(there.reshape(self.counts.shape).any(axis=1))

    def extremes(self, columns: Array) -> tuple[Array, Array]:
        """Return the least and the largest values (S, P, m) of columns (m, n)."""
        found = []
        for reduced, nothing in ((np.minimum, np.inf), (np.maximum, -np.inf)):
            values = np.full((self.counts.size, len(columns)), nothing)
            values[self.at] = reduced.reduceat(columns, self.starts, axis=1).T
            found.append(values.reshape(*self.counts.shape, -1))
        return found[0], found[1]

    def sums(
        self, left: Sequence[Array], right: Sequence[Array], row_products: Products
    ) -> tuple[Planes, int]:
        """Return the sums (n, S, P, m, m) of products of digits (m, r + 1), and the first's place.

        They are yet to be carried. The last column of digits is of zeros.
        """
        columns, ours, theirs = len(left[0]), len(left), len(right)
        planes = np.zeros((ours + theirs - 1, self.counts.size, columns, columns), np.int64)
        step = max(PRODUCTS_AT_ONCE // (ours * theirs * columns**2), 1)
        for some in blocks_of(len(self.at), step):
            cells, nothing = self.at[some], left[0].shape[1] - 1
            blocks = _Blocks.of(self.starts[some], self.sizes[some], nothing)
            own = blocks.filled(left)
            products = row_products(own, own if right is left else blocks.filled(right))
            # Sums of so few products are whole numbers in a double still.
            if blocks.length * min(ours, theirs) > SUMMED or len(products) > len(cells):
                products = products.astype(np.int64)
            if len(products) > len(cells):
                products = np.add.reduceat(products, blocks.first, axis=0)
            made = products.reshape(-1, ours, columns, theirs, columns)
            for place, plane in enumerate(planes):
                first, last = max(place - theirs + 1, 0), min(place, ours - 1)
                added = made[:, first, :, place - first]
                for i in range(first + 1, last + 1):
                    added = added + made[:, i, :, place - i]
                plane[cells] = added
        # A product of two first digits is at position 2.
        return planes.reshape(-1, *self.counts.shape, columns, columns), 2


@dataclass(frozen=True)
class _Blocks:
    """Blocks of rows at positions (B, `length`), of which `first` is that of each cell."""

    positions: Indices
    length: int
    first: Indices

    @classmethod
    def of(cls, starts: Indices, sizes: Indices, nothing: int) -> "_Blocks":
        """Cut cells of so many rows each into blocks that a double holds the sums of.

        What is left of a block has the position of `nothing`.
        """
        length = int((-(-sizes // -(-sizes // SUMMED))).max())
        of_cell = -(-sizes // length)
        first = np.cumsum(of_cell) - of_cell
        within = length * (np.arange(of_cell.sum()) - np.repeat(first, of_cell))
        in_block = within[:, None] + np.arange(length)
        inside = in_block < np.repeat(sizes, of_cell)[:, None]
        positions = np.where(inside, np.repeat(starts, of_cell)[:, None] + in_block, nothing)
        return cls(positions, length, first)

    def filled(self, digits: Sequence[Array]) -> Array:
        """Return the digits of columns (m, r), one below the other, as (B, d m, L)."""
        columns = len(digits[0])
        made = np.empty((len(digits) * columns, *self.positions.shape))
        for i, digit in enumerate(digits):
            np.take(
                digit,
                self.positions,
                axis=1,
                out=made[i * columns : (i + 1) * columns],
                mode="clip",
            )
        return made.transpose(1, 0, 2)
