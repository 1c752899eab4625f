"""What the layers of a network see of many rows: float32 in memory, or in a temporary file.

The file is read and not mapped, because the pages of a mapped one count as memory of the process.
It has no name: however the process ends, nothing is left of it.
"""

import os
import tempfile
from collections.abc import Callable
from itertools import pairwise
from typing import IO, Any

import numpy as np

from regressors.arrays import Array, Columns, Floats, Indices
from regressors.model import ENCODED_ROWS

IN_MEMORY = 2**26
"""Bytes up to which inputs stay in memory."""


class FileRows:
    """Rows (n, d) of float32 in a file; those that are taken from it are copies."""

    def __init__(self, file: IO[bytes], rows: int, inputs: int) -> None:
        self._file = file
        self.shape = (rows, inputs)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, chosen: Indices | slice) -> Floats:
        numbers = np.arange(len(self))[chosen] if isinstance(chosen, slice) else chosen
        order = np.argsort(numbers, kind="stable")
        ascending = numbers[order]
        taken = np.empty((len(numbers), self.shape[1]), np.float32)
        cuts = np.flatnonzero(np.diff(ascending) != 1) + 1
        for first, last in pairwise([0, *cuts.tolist(), len(numbers)]):
            if first < last:
                self._read(int(ascending[first]), taken[first:last])
        if isinstance(chosen, slice):
            return taken
        arranged = np.empty_like(taken)
        arranged[order] = taken
        return arranged

    def _read(self, start: int, into: Floats) -> None:
        """Read neighbouring rows from `start` on."""
        left, offset = into.data.cast("B"), start * into.itemsize * self.shape[1]
        while left:
            count = os.preadv(self._file.fileno(), [left], offset)
            if not count:
                raise OSError("a temporary file has become shorter while it was read")
            left, offset = left[count:], offset + count


InputRows = Floats | FileRows


def input_rows(
    encode: Callable[[Columns], Array],
    columns: Columns,
    more: Array,
    in_memory: int = IN_MEMORY,
) -> InputRows:
    """Return what `encode` makes of the columns, beside `more` (n, k), as float32 (n, d).

    Blocks of rows are encoded one by one; above `in_memory` bytes they are written to a file.
    """
    rows = len(more)

    def block(start: int) -> Any:
        part = slice(start, start + ENCODED_ROWS)
        encoded = encode({name: values[part] for name, values in columns.items()})
        return np.hstack([encoded, more[part]]).astype(np.float32)

    first = block(0)
    starts = range(ENCODED_ROWS, rows, ENCODED_ROWS)
    if rows * first.shape[1] * first.itemsize <= in_memory:
        return np.concatenate([first, *map(block, starts)])
    file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the rows)
    file.write(first.tobytes())
    for start in starts:
        file.write(block(start).tobytes())
    file.flush()
    return FileRows(file, rows, first.shape[1])
