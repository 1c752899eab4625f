"""Which segment a row is of, in a graph."""

from collections.abc import Sequence
from math import prod

import numpy as np

from data.errors import CallError
from tasks.export.graph.row import GraphRow

MAX_CELLS = 10_000_000
"""Of a table with a cell for each combination of the values of several columns."""


def segment_index(
    row: GraphRow, columns: Sequence[str], segments: Sequence[Sequence[str]], numbers: Sequence[int]
) -> str:
    """Return the number (n, 1) of each row's segment; one more than the last for no such segment.

    `segments` are texts in the columns. Raises CallError for columns with too many combinations.
    """
    graph, others = row.graph, max(numbers, default=-1) + 1
    codes = [
        {text: i for i, text in enumerate(dict.fromkeys(own))}
        for own in zip(*segments, strict=True)
    ]
    sizes = [len(own) + 1 for own in codes]
    if prod(sizes) > MAX_CELLS:
        raise CallError(
            f"the values of {', '.join(columns)} have {prod(sizes):,} combinations, and an ONNX"
            f" file is for {MAX_CELLS:,} at most.",
            next_step="Export the model with '--format sql' or '--format json'.",
        )
    table = np.full(sizes, others)
    for segment, number in zip(segments, numbers, strict=True):
        table[tuple(own[text] for own, text in zip(codes, segment, strict=True))] = number
    cell = ""
    for name, own, size in zip(columns, codes, sizes, strict=True):
        index = row.index(name, own, size - 1, size - 1)
        wider = cell and graph.node("Mul", cell, graph.constant(size, np.int64))
        cell = graph.node("Add", wider, index) if wider else index
    flat = graph.constant(table.ravel(), np.int64)
    return graph.node("Gather", flat, cell, axis=0)
