"""Rows of a table that stand for all of them, where pairs of columns are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from data.proposals.facts import ColumnFacts
from data.proposals.keys import codes_of
from data.sources.column_files import Columns

SAMPLE = 20_000
"""Rows, in even steps over the table, in which columns are compared."""

MAX_NUMBERS = 300
"""Columns of numbers that are compared with others."""


@dataclass(frozen=True)
class Sampled:
    """Columns of m rows of a table: `numbers` as doubles, NaN where missing, and all as codes.

    `codes` number the values of a column in the sample from 0; -1 is a missing one.
    """

    numbers: dict[str, np.ndarray]
    codes: dict[str, np.ndarray]
    all_rows: int

    @property
    def rows(self) -> int:
        """Return the number of rows in the sample."""
        return len(next(iter(self.codes.values()), ()))


def sampled(columns: Columns, facts: Sequence[ColumnFacts], target: str | None = None) -> Sampled:
    """Return the sample of a table: times are numbers, too, their microseconds.

    Of many columns of numbers, the first ones are in it, and the target in any case.
    """
    n = columns.num_rows
    rows = pa.array(np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64)))
    numbers: dict[str, np.ndarray] = {}
    codes: dict[str, np.ndarray] = {}
    for one in facts:
        if one.kind is None or one.is_constant:
            continue
        column = columns.column(one.name).take(rows)
        is_needed = one.kind == "time" or one.is_year or one.name == target
        if is_needed or (one.kind == "number" and len(numbers) < MAX_NUMBERS):
            numbers[one.name] = _doubles(column)
        codes[one.name] = codes_of(column)
    return Sampled(numbers, codes, n)


def _doubles(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=float)
