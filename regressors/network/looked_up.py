"""The product of a network's inputs and its first weights, of which most is looked up.

Nearly all inputs follow from the piece that a number is in, or from a level, so their part of the
product is one of a few rows, which are known before. All sums are of whole numbers of one unit that
stay below 2^53 of it: they are exact, and the same as those of the whole product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from regressors.arrays import Array, Floats, Indices, Mask
from regressors.encoding.lookups import Block, Lookup

HALF = 0.5
"""What looked up values are whole multiples of, other than those of an unknown level."""


@dataclass(frozen=True)
class Product:
    """A product (h, n) that is known for any range of its n rows, but those of a mask of `others`.

    It is the sum of the `rows` (n, m) of a `table` times their `factors` (n, m), and of the numbers
    (k, n) times their weights `of_numbers` (k, h).
    """

    table: Array
    of_numbers: Array
    rows: Indices
    factors: Array
    numbers: Array
    others: Mask

    def of(self, block: slice) -> Array:
        """Return the product of a range of rows."""
        from scipy.sparse import csr_array  # imported here: not every command predicts

        rows, factors = self.rows[block], self.factors[block]
        number, each = rows.shape
        starts = np.arange(0, number * each + 1, each, dtype=np.int32)
        shape = (number, len(self.table))
        summed: Array = csr_array((factors.ravel(), rows.ravel(), starts), shape=shape) @ self.table
        if len(self.numbers):
            summed += self.numbers[:, block].T @ self.of_numbers
        return summed.T


class LookedUp:
    """First weights (d, h) that are rounded as `_Weights.columns`, for blocks of inputs.

    `bits` are those of a row's numbers. The blocks may be of other rows: only their tables matter.
    """

    def __init__(self, blocks: Sequence[Block], columns: Array, bits: int) -> None:
        self._bits = bits
        self._starts: list[tuple[int, int]] = []
        tables, dense = [], []
        at, row, self._top, self._can = 0, 0, 0.0, True
        for block in blocks:
            if not isinstance(block, Lookup):
                dense.append(columns[at : at + block.shape[1]])
                at += block.shape[1]
                continue
            known = block.table[:-1] if block.values is None else block.table
            own = columns[at : at + block.table.shape[1]]
            at += block.table.shape[1]
            self._can &= bool((known == np.rint(known / HALF) * HALF).all())
            beside = known.copy()
            if block.values is not None:
                np.fill_diagonal(beside, 0.0)
                self._can &= len(known) > 1
            self._starts.append((row, row + len(known)))
            tables.append(beside @ own)
            row += len(known)
            if block.values is not None:
                tables.append(own)
                row += len(own)
            least = np.abs(beside).max(axis=1, initial=0.0).min(initial=1.0)
            self._top = max(self._top, float(least))
            self._can &= bool(np.abs(beside).max(initial=0.0) <= max(self._top, least))
        self._table = np.vstack(tables) if tables else np.empty((0, columns.shape[1]))
        self._dense = np.vstack(dense) if dense else np.empty((0, columns.shape[1]))

    def product(self, blocks: Sequence[Block], dtype: DTypeLike) -> "Product | None":
        """Return the product for blocks of n rows, None where it would not be exact."""
        if not self._can or not self._starts:
            return None
        dense = _dense(blocks, dtype)
        top = np.full(dense.shape[1], self._top)
        for column in dense:
            np.maximum(top, np.abs(column), out=top)
        exponent = np.frexp(top)[1]
        if not np.isfinite(top).all() or exponent.max(initial=0) > self._bits - 2:
            return None
        sink = np.ldexp(1.5, exponent + (52 - self._bits))
        rows, factors = self._entries(blocks, dtype, sink)
        whole = dense.astype(float)
        whole += sink
        whole -= sink
        return Product(self._table, self._dense, rows, factors, whole, self._others(blocks))

    def _others(self, blocks: Sequence[Block]) -> Mask:
        """Return which of n rows (n,) have an unknown level, whose product is not looked up."""
        unknown = np.zeros(_rows(blocks), dtype=bool)
        for block in blocks:
            if isinstance(block, Lookup) and block.values is None:
                unknown |= block.codes < 0
        return unknown

    def _entries(
        self, blocks: Sequence[Block], dtype: DTypeLike, sink: Array
    ) -> tuple[Indices, Array]:
        """Return the rows (n, m) of the table that are added up, and their factors (n, m)."""
        lookups = [block for block in blocks if isinstance(block, Lookup)]
        each = len(lookups) + sum(block.values is not None for block in lookups)
        rows = np.empty((len(sink), each), dtype=np.int32)
        factors = np.ones((len(sink), each))
        at = 0
        for block, (start, end) in zip(lookups, self._starts, strict=True):
            np.add(np.maximum(block.codes, 0), start, out=rows[:, at])
            at += 1
            if block.values is not None:
                np.add(block.codes, end, out=rows[:, at])
                factors[:, at] = (block.values.astype(dtype) + sink) - sink
                at += 1
        return rows, factors


def _dense(blocks: Sequence[Block], dtype: DTypeLike) -> Floats:
    """Return the columns (k, n) that are not looked up."""
    columns = [block.T for block in blocks if not isinstance(block, Lookup)]
    return np.vstack(columns).astype(dtype) if columns else np.empty((0, _rows(blocks)), dtype)


def _rows(blocks: Sequence[Block]) -> int:
    return next(len(b.codes) if isinstance(b, Lookup) else len(b) for b in blocks)
