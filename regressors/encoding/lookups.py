"""What the layers of a network see, as little as says it: codes, and a few numbers.

Nearly all columns of a row follow from the piece that each of its numbers is in, and from the level
of each category. So a block of columns is looked up in a small table, row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from regressors.arrays import Array, Floats, Values
from regressors.encoding.categories import CategoryColumn

Codes = NDArray[np.int16]

MAX_COMPARED = 64
"""Among more edges, a number's piece is searched."""
_ROWS = 1024
"""So many rows are put together at once, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class Lookup:
    """Columns (n, k): the rows of a `table` (m, k) at `codes` (n,), where -1 is its last row.

    With `values` (n,), each of them replaces what its row has in the column of its code.
    """

    table: Array
    codes: Codes
    values: Floats | None = None


Block = Floats | Lookup
"""Some columns of a matrix, side by side: as they are (n, k), or looked up."""


def in_pieces(values: Array, edges: Sequence[float]) -> Block:
    """Return the piecewise-linear encoding (n, T) of numbers (n,), by T + 1 ascending edges.

    Gorishniy et al. (2022), less a half: 1 in the pieces below a number, 0 in those above it, and
    in its own piece how far it is.
    """
    bounds = np.asarray(edges)
    with np.errstate(over="ignore"):
        widths = np.diff(bounds)
    if not np.isfinite(widths).all():
        all_pieces: Array = np.clip((values[:, None] - bounds[:-1]) / widths, 0, 1) - 0.5
        return all_pieces
    own = _pieces(values, bounds[1:-1])
    within = np.clip((values - bounds[own]) / widths[own], 0, 1) - 0.5
    count = len(widths)
    return Lookup(np.tri(count, count, -1) - 0.5, own, within)


def _pieces(values: Array, edges: Array) -> Codes:
    """Return how many edges are not above each of n numbers: its piece (n,).

    Many numbers are compared with each of a few edges, which takes a third of the time of a search.
    """
    if len(values) < _ROWS or len(edges) > MAX_COMPARED:
        return np.searchsorted(edges, values, side="right").astype(np.int16)
    above = np.zeros(len(values), dtype=np.int8)
    for edge in edges.tolist():
        above += (values < edge).view(np.int8)
    return len(edges) - above.astype(np.int16)


def in_levels(category: CategoryColumn, values: Values) -> Lookup:
    """Return what `one_hot` does of a category (n,), and for two labels one column about zero."""
    size = len(category.labels)
    table = np.vstack([np.eye(size), category.shares or np.zeros(size)])
    table = table[:, 1:] - 0.5 if size == 2 else table
    return Lookup(table, category.codes(values).astype(np.int16))


def width(blocks: Sequence[Block]) -> int:
    """Return the number of columns of all blocks."""
    return sum((b.table if isinstance(b, Lookup) else b).shape[1] for b in blocks)


def put_together(blocks: Sequence[Block], rows: int, dtype: DTypeLike = float) -> NDArray[Any]:
    """Return the matrix (n, d) of these blocks of n rows; each value is rounded to the dtype."""
    matrix: NDArray[Any] = np.empty((rows, width(blocks)), dtype)
    at = 0
    for block in blocks:
        if isinstance(block, Lookup):
            _look_up(block, matrix[:, at : at + block.table.shape[1]])
        else:
            matrix[:, at : at + block.shape[1]] = block
        at += width([block])
    return matrix


def _look_up(block: Lookup, into: Floats) -> None:
    table = block.table.astype(into.dtype)
    for start in range(0, len(into), _ROWS):
        part = slice(start, start + _ROWS)
        codes = block.codes[part]
        into[part] = table[codes]
        if block.values is not None:
            into[part][np.arange(len(codes)), codes] = block.values[part]


def taken(blocks: Sequence[Block], rows: Any) -> list[Block]:
    """Return some rows of blocks: positions or a range."""
    return [
        Lookup(b.table, b.codes[rows], None if b.values is None else b.values[rows])
        if isinstance(b, Lookup)
        else b[rows]
        for b in blocks
    ]


def weighted_blocks(blocks: Sequence[Block], rows: int, weights: Array) -> Array:
    """Return the sums (n,) of the columns (p,) of blocks times their weights, in their order.

    They are those of adding column by column: the zeros of a looked up row change nothing.
    """
    total = np.zeros(rows)
    at = 0
    with np.errstate(over="ignore", invalid="ignore"):  # the caller sees what is not finite
        for block in blocks:
            own = weights[at : at + width([block])]
            at += len(own)
            if isinstance(block, Lookup):
                _add_looked_up(total, block, own)
            else:
                for column, weight in zip(block.T, own.tolist(), strict=True):
                    total += column * weight
    return total


def _add_looked_up(total: Array, block: Lookup, weights: Array) -> None:
    sums = np.zeros(len(block.table))
    for column, weight in zip(block.table.T, weights.tolist(), strict=True):
        sums += column * weight
    several = np.count_nonzero(block.table, axis=1) > 1
    assert block.values is None
    chosen = several[block.codes]
    total += np.where(several, 0.0, sums)[block.codes]
    if chosen.any():  # one addition is not the same as several
        rows = block.table[block.codes[chosen]]
        for column, weight in zip(rows.T, weights.tolist(), strict=True):
            total[chosen] += column * weight
