"""Tables that are read in blocks of rows, because all columns of all rows may not fit into memory.

Columns may be mapped files, whose pages count as memory of the process that has read them.
"""

import mmap
from collections.abc import Iterable, Iterator

import numpy as np

from regressors.arrays import CodedTexts, Columns, Indices, Mask, Values

ROWS_AT_ONCE = 2**16
"""So many rows of all columns are encoded, predicted or counted at once."""
_COUNTED = 2**13


def blocks_of(rows: int, step: int = ROWS_AT_ONCE) -> Iterator[slice]:
    """Yield the ranges of at most `step` rows that n rows are made of."""
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


class Chosen:
    """The positions of the rows of a mask, by ranges of the chosen ones; none is kept."""

    def __init__(self, rows: Mask) -> None:
        self._rows = rows
        counts = [np.count_nonzero(rows[part]) for part in blocks_of(len(rows), _COUNTED)]
        self._before = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])

    def __len__(self) -> int:
        return int(self._before[-1])

    def positions(self, block: slice) -> Indices | slice:
        """Return the positions of a range of the chosen rows; the range itself if all are chosen.

        A slice makes views where positions make copies.
        """
        if len(self) == len(self._rows):
            return block
        first = int(np.searchsorted(self._before, block.start, side="right")) - 1
        last = int(np.searchsorted(self._before, block.stop))
        found = np.flatnonzero(self._rows[first * _COUNTED : last * _COUNTED])
        skipped = block.start - int(self._before[first])
        chosen: Indices = found[skipped : skipped + block.stop - block.start] + first * _COUNTED
        return chosen


def rows_of(columns: Columns, rows: Indices | Mask | slice) -> Columns:
    """Return some rows of every column: positions, a mask or a range."""
    return {name: values[rows] for name, values in columns.items()}


def release(columns: Iterable[Values]) -> None:
    """Let go of the memory of mapped files that columns were read from.

    What is needed again is read again. Arrays in memory stay as they are.
    """
    for column in columns:
        owner: object = column.codes if isinstance(column, CodedTexts) else column
        while isinstance(owner, np.ndarray):
            owner = owner.base
        if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)
