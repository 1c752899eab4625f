"""The rows of a database in one temporary file, as they arrive, and the columns that it has."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import pyarrow as pa

from data.progress import Report
from data.sources.column_files import ArrowFile
from data.sources.source_columns import OfNoKind, SourceColumns

HALF_WAY = 1_000_000
"""Rows after which half of the reading is reported as done: a database does not say how many."""


def unchanged(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is."""
    return column


@dataclass(frozen=True)
class DatabaseColumn:
    """A column of a database: how its values are stored in the file, and what is made of them.

    `dtype` is the type of what `finished` returns, unless the values do not fit it. One that is
    `of_no_kind` is not read.
    """

    name: str
    stored: pa.DataType
    dtype: pa.DataType
    finished: Callable[[pa.ChunkedArray], pa.ChunkedArray] = unchanged
    of_no_kind: OfNoKind | None = None


class RowsFile:
    """Rows that are written to a file in batches, and then read a column at a time.

    It is to be used in a `with` statement, while the rows are added.
    """

    def __init__(self, folder: Path, columns: Sequence[DatabaseColumn], report: Report) -> None:
        self._path, self._columns, self._report = folder / "rows.arrow", columns, report
        self.read = [column for column in columns if column.of_no_kind is None]
        fields = [(str(number), column.stored) for number, column in enumerate(self.read)]
        self.schema = pa.schema(fields)
        self._file = ArrowFile(self._path, self.schema)
        self.num_rows = 0

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        self._file.__exit__(error, *rest)

    def add(self, arrays: Sequence[pa.Array], rows: int) -> None:
        """Write some rows: an array for each column that is read, in the type that is stored."""
        self.num_rows += rows
        self._file.write(pa.record_batch(list(arrays), schema=self.schema))
        share = self.num_rows / (self.num_rows + HALF_WAY)
        self._report(share, f"{self.num_rows:,} rows read")

    def columns(self, notes: Sequence[str] = ()) -> SourceColumns:
        """Return all columns, of which one is read at a time; their rows are in no order."""
        dtypes = [
            (column.name, pa.null() if column.of_no_kind else column.dtype)
            for column in self._columns
        ]
        numbers = {column.name: number for number, column in enumerate(self.read)}
        return SourceColumns(
            pa.schema(dtypes),
            self.num_rows,
            partial(self._column, numbers),
            notes=tuple(notes),
            is_ordered=False,
            of_no_kind={c.name: c.of_no_kind for c in self._columns if c.of_no_kind},
        )

    def _column(self, numbers: dict[str, int], name: str) -> pa.ChunkedArray:
        number = numbers[name]
        chunks = [batch.column(0) for batch in self._batches(number)]
        return self.read[number].finished(pa.chunked_array(chunks, self.read[number].stored))

    def _batches(self, number: int) -> Iterator[pa.RecordBatch]:
        options = pa.ipc.IpcReadOptions(included_fields=[number])
        with pa.memory_map(str(self._path)) as source:
            reader = pa.ipc.open_file(source, options=options)
            yield from map(reader.get_batch, range(reader.num_record_batches))
