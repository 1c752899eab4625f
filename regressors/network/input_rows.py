"""What the layers of a network see of many rows, kept as codes and a few numbers.

A row of some 400 columns takes less than a hundred bytes. The columns of those rows that are asked
for are looked up again, which is quicker than copying them from a matrix of all rows.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from regressors.arrays import Array, Columns, Floats, Indices
from regressors.blocks import blocks_of, release, rows_of
from regressors.encoding.lookups import Block, Lookup, put_together, width
from regressors.model import ENCODED_ROWS

IN_MEMORY = 2**28
"""Bytes up to which the codes and the numbers of rows stay in memory, each."""


@dataclass(frozen=True)
class LookedUp:
    """Rows (n, d) of float32, each as `codes` (n, k) and `numbers` (n, m).

    `layout` has the blocks of columns, without a row. Those that are taken are copies.
    """

    layout: Sequence[Block]
    codes: NDArray[np.int16]
    numbers: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of rows and columns."""
        return len(self), width(self.layout)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, chosen: Indices | slice) -> Floats:
        codes, numbers = self.codes[chosen], self.numbers[chosen]
        blocks: list[Block] = []
        code, number = 0, 0
        for block in self.layout:
            if isinstance(block, Lookup):
                values = None if block.values is None else numbers[:, number]
                blocks.append(replace(block, codes=codes[:, code], values=values))
                code, number = code + 1, number + (values is not None)
            else:
                blocks.append(numbers[:, number : number + block.shape[1]])
                number += block.shape[1]
        rows = put_together(blocks, len(codes), np.float32)
        release([self.codes, self.numbers])
        return rows


InputRows = Floats | LookedUp


def input_rows(
    encode: Callable[[Columns], Sequence[Block]],
    columns: Columns,
    more: Array,
    in_memory: int = IN_MEMORY,
) -> LookedUp:
    """Return what `encode` makes of the columns, beside `more` (n, k).

    Blocks of rows are encoded one by one. Above `in_memory` bytes they are in temporary files
    without a name: however the process ends, nothing is left of them.
    """
    rows = len(more)
    layout = [_without_rows(b) for b in [*encode(rows_of(columns, slice(0, 1))), more[:1]]]
    looked_up = sum(isinstance(block, Lookup) for block in layout)
    codes = _room((rows, looked_up), np.int16, in_memory)
    numbers = _room((rows, sum(_numbers(b).shape[1] for b in layout)), np.float32, in_memory)
    for part in blocks_of(rows, ENCODED_ROWS):
        blocks = [*encode(rows_of(columns, part)), more[part]]
        for i, codes_of in enumerate(b.codes for b in blocks if isinstance(b, Lookup)):
            codes[part, i] = codes_of
        numbers[part] = np.hstack([_numbers(block) for block in blocks])
        release([codes, numbers])
    return LookedUp(layout, codes, numbers)


def _numbers(block: Block) -> Floats:
    """Return what is kept of a block beside its codes (n, m)."""
    if not isinstance(block, Lookup):
        return block
    return np.empty((len(block.codes), 0)) if block.values is None else block.values[:, None]


def _without_rows(block: Block) -> Block:
    if not isinstance(block, Lookup):
        return block[:0]
    values = None if block.values is None else block.values[:0]
    return replace(block, codes=block.codes[:0], values=values)


def _room(shape: tuple[int, int], dtype: DTypeLike, in_memory: int) -> NDArray[Any]:
    """Return an array for these values, in memory or in a file."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if not size or size <= in_memory:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:  # the mapping keeps it
        if hasattr(os, "posix_fallocate"):  # or a full disk would end the process by SIGBUS
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "w+", shape=shape)
