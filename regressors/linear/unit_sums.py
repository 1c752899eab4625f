"""Sums of the products of slices of many columns: those in units of one size in one matrix.

The slices of a column are in units that differ by multiples of 21 bits, so that their products with
those of another one have few sizes. Sums by size are half as many as sums by pair of slices, and
they become the digits of a Gram matrix without any of Python's integers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, Indices
from regressors.linear.digits import DIGIT_BITS, Digits, carry
from regressors.linear.gram import Gram
from regressors.linear.slices import STEP, Slices
from regressors.linear.whole_digits import panels

MAX_UNITS = 16
"""More sizes than these have columns of which some values are far smaller than others."""
MAX_SUMMED_ROWS = 2**22
"""Products of a row are at most 2^40, so that the sum of so many is at most 2^62."""


@dataclass
class UnitSums:
    """Sums for m columns, added up over the blocks that have come so far.

    `grid` (m,) are exponents from which those of the units of each column are counted. `sums` are
    matrices (m, m) of int64 by the exponents of their units, counted likewise.
    """

    grid: Indices
    sums: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    summed_rows: int = 0

    def add(
        self, left: Slices, right: Slices, row_products: Callable[[Array, Array], Array]
    ) -> bool:
        """Add a block, whose columns and weighted columns are cut; False if it has too many units.

        Columns that weigh 1 are the same, `left` and `right`. Further owners of slices on the right
        are the columns again, with what rounding has left of their products with the weights.
        """
        ours = _groups(left, self.grid)
        theirs = ours if left is right else _groups(right, self.grid)
        pairs = [
            (own, other)
            for i, own in enumerate(ours)
            for other in (theirs[i:] if left is right else theirs)
        ]
        units = {own.unit + other.unit for own, other in pairs}
        if len(units | self.sums.keys()) > MAX_UNITS:
            return False
        columns = len(self.grid)
        for own, other in pairs:
            products = row_products(own.digits, other.digits).astype(np.int64)
            unit = own.unit + other.unit
            if unit not in self.sums:
                self.sums[unit] = np.zeros((columns, columns), dtype=np.int64)
            _add_at(self.sums[unit], own, other, products)
            if left is right and own is not other:
                _add_at(self.sums[unit], other, own, products.T)
        self.summed_rows += left.digits.shape[1] * max(len(ours), len(theirs))
        return True

    def empty(self) -> Gram | None:
        """Return the matrix of the blocks so far, and begin anew; None if all sums are zero."""
        sums = {unit: own for unit, own in sorted(self.sums.items()) if own.any()}
        self.sums, self.summed_rows = {}, 0
        if not sums:
            return None
        low = min(sums)
        # A whole number of steps, so that its exponents serve as the grid of further rows.
        half, columns = low // (2 * STEP) * STEP, len(self.grid)
        bits_of = {unit: int(max(own.max(), -own.min())).bit_length() for unit, own in sums.items()}
        longest = max(unit + max(bits, 2 * DIGIT_BITS) for unit, bits in bits_of.items())
        count = (longest + len(sums).bit_length() - 2 * half) // DIGIT_BITS + 2
        whole = np.zeros((count, columns, columns), dtype=np.int32)
        for rows in panels(columns, columns):
            planes = np.zeros((count, *whole[0, rows].shape), dtype=np.int64)
            for unit, own in sums.items():
                places, bits = divmod(unit - 2 * half, DIGIT_BITS)
                rest = own[rows]
                for place in range(places, places + 3):
                    digit = rest & (1 << DIGIT_BITS) - 1 if place < places + 2 else rest
                    planes[count - 1 - place] += digit << bits
                    rest = rest >> DIGIT_BITS
            carry(planes, DIGIT_BITS)
            whole[:, rows] = planes
        digits = Digits(whole, 1 - count).trimmed()
        return Gram(digits, tuple((self.grid + half).tolist()), 0)


@dataclass(frozen=True, eq=False)
class _Group:
    """Slices (k, n) in units of one size, of different columns: `owners` (k,), None if of all."""

    unit: int
    digits: Array
    owners: Indices | None


def _groups(slices: Slices, grid: Indices) -> list[_Group]:
    """Return slices by the size of their units, counted from the grid."""
    columns = len(grid)
    part, owners = np.divmod(slices.owners, columns)
    units = slices.exponents - grid[owners]
    order = np.lexsort((owners, part, units))
    keys = np.stack([units[order], part[order]])
    starts = np.flatnonzero(np.diff(keys, axis=1, prepend=np.nan).any(axis=0))
    groups = []
    for start, end in pairwise([*starts.tolist(), len(order)]):
        own = order[start:end]
        everyone = len(own) == columns
        groups.append(
            _Group(int(units[own[0]]), slices.digits[own], None if everyone else owners[own])
        )
    return groups


def _add_at(
    sums: NDArray[np.int64], rows: _Group, columns: _Group, products: NDArray[np.int64]
) -> None:
    """Add products (r, c) to those of the owners of their slices."""
    i, j = rows.owners, columns.owners
    if i is not None and j is not None:
        sums[np.ix_(i, j)] += products
    elif i is not None:
        sums[i] += products
    elif j is not None:
        sums[:, j] += products
    else:
        sums += products
