"""What the checks read of a source: its columns, one at a time, so that they need not all fit."""

from collections.abc import Collection, Sequence
from copy import copy
from typing import Protocol

import numpy as np
import pyarrow as pa


class Table(Protocol):
    """Typed columns of one length: a snapshot's `StoredColumns`, or an Arrow table."""

    @property
    def schema(self) -> pa.Schema:
        """Return the names and the types of the columns."""

    @property
    def column_names(self) -> list[str]:
        """Return the names of the columns."""

    @property
    def num_rows(self) -> int:
        """Return the number of rows."""

    def column(self, name: str) -> pa.ChunkedArray:
        """Return all values of one column."""

    def select(self, names: list[str]) -> pa.Table:
        """Return some columns as a table in memory."""


class Columns:
    """A table of which the column that was read last is kept, since checks often ask for it again.

    `without` some columns, and `where` the rows pass a test, it is a smaller table that keeps the
    same column.
    """

    def __init__(self, table: Table) -> None:
        self.schema: pa.Schema = table.schema
        self._table = table
        self._last: dict[str, pa.ChunkedArray] = {}
        self._rows: np.ndarray | None = None

    @property
    def column_names(self) -> list[str]:
        """Return the names of the columns."""
        names: list[str] = self.schema.names
        return names

    @property
    def num_rows(self) -> int:
        """Return the number of rows."""
        return self._table.num_rows if self._rows is None else int(self._rows.sum())

    def column(self, name: str) -> pa.ChunkedArray:
        """Return all values of one column."""
        if name not in self._last:
            self._last.clear()
            self._last[name] = self._table.column(name)
        column = self._last[name]
        return column if self._rows is None else filtered(column, self._rows)

    def select(self, names: Sequence[str]) -> pa.Table:
        """Return some columns as a table in memory."""
        return pa.table([self.column(name) for name in names], names=list(names))

    def without(self, names: Collection[str]) -> "Columns":
        """Return the table without some of its columns."""
        part = copy(self)
        left_out = frozenset(names)
        part.schema = pa.schema([field for field in self.schema if field.name not in left_out])
        return part

    def where(self, kept: np.ndarray) -> "Columns":
        """Return the table of the `kept` rows, a mask (n,)."""
        part = copy(self)
        part._rows = kept
        return part


def filtered(column: pa.ChunkedArray, kept: np.ndarray) -> pa.ChunkedArray:
    """Return the values of the `kept` rows, a mask (n,); no copy if these are all."""
    return column if kept.all() else column.filter(pa.array(kept))


def rows_of(table: Table, names: Sequence[str], rows: Sequence[int] | np.ndarray) -> pa.Table:
    """Return some rows (from 0) of some columns, which are read one at a time."""
    numbers = pa.array(rows, pa.int64())
    return pa.table(
        [table.column(name).take(numbers) for name in names],
        schema=pa.schema([table.schema.field(name) for name in names]),
    )
