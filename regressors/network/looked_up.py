"""The product of a network's inputs and its first weights, of which most is looked up.

Nearly all inputs follow from the piece that a number is in, or from a level, so their part of the
product is one of a few rows, which are known before. All sums are of whole numbers of one unit that
stay below 2^53 of it: they are exact, and the same as those of the whole product.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from regressors.arrays import Array, Floats, Indices
from regressors.encoding.lookups import Block, Lookup

HALF = 0.5
"""What looked up values are whole multiples of, other than those of an unknown level."""


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

    def product(self, blocks: Sequence[Block], dtype: DTypeLike) -> Array | None:
        """Return the product (n, h) for blocks of n rows, without those of `others`.

        None where it would not be exact.
        """
        if not self._can or not self._starts:
            return None
        dense = _dense(blocks, dtype)
        top = np.full(len(dense), self._top)
        if dense.shape[1]:
            np.maximum(top, np.maximum.reduce(dense, axis=1), out=top)
            np.maximum(top, -np.minimum.reduce(dense, axis=1), out=top)
        exponent = np.frexp(top)[1]
        if not np.isfinite(top).all() or exponent.max(initial=0) > self._bits - 2:
            return None
        from scipy.sparse import csr_array  # imported here: not every command predicts

        sink = np.ldexp(1.5, exponent + (52 - self._bits))
        rows, factors = self._entries(blocks, dtype, sink)
        number, each = rows.shape
        starts = np.arange(0, number * each + 1, each, dtype=np.int32)
        of_rows = csr_array(
            (factors.ravel(), rows.ravel(), starts), shape=(number, len(self._table))
        )
        product: Array = of_rows @ self._table
        if dense.shape[1]:
            whole = dense.astype(float)
            whole += sink[:, None]
            whole -= sink[:, None]
            product += whole @ self._dense
        return product

    def others(self, blocks: Sequence[Block]) -> Indices:
        """Return which of n rows have an unknown level, whose product is not looked up."""
        unknown: Any = False
        for block in blocks:
            if isinstance(block, Lookup) and block.values is None:
                unknown = unknown | (block.codes < 0)
        return np.flatnonzero(unknown)

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
    """Return the columns (n, k) that are not looked up."""
    rows = next(len(b.codes) if isinstance(b, Lookup) else len(b) for b in blocks)
    columns = [block for block in blocks if not isinstance(block, Lookup)]
    return np.hstack(columns).astype(dtype) if columns else np.empty((rows, 0), dtype)
