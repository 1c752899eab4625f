"""Columns of any length in temporary files, so that not all of them are in memory at once."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import Protocol, Self

import pyarrow as pa

from data.disk import no_room
from data.errors import HomeError, library_message

BLOCK = 131_072
"""Rows that a column has in one piece, at most."""

MAX_HELD = 32_000_000
"""Bytes of columns that are not in files."""


class Columns(Protocol):
    """Columns of one length, which may be in memory, as those of a table are, or in files."""

    @property
    def schema(self) -> pa.Schema:
        """Return their names and types."""

    @property
    def num_rows(self) -> int:
        """Return the number of rows."""

    def column(self, name: str) -> pa.ChunkedArray:
        """Return all values of one column."""


class RowColumns(Columns, Protocol):
    """Columns of which a part of the rows can be had."""

    def slice(self, start: int, rows: int) -> pa.Table:
        """Return all columns of so many rows, or of those that are left, from one on."""


class ColumnFiles:
    """Typed columns, each written once.

    The first ones, as many as take at most `MAX_HELD` bytes, are held in memory, because a file
    takes longer than the values of a short column; each other one is in a file of a folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fields: dict[str, pa.Field] = {}
        self._held: dict[str, pa.ChunkedArray] = {}
        self._held_bytes = 0
        self._files: dict[str, tuple[Path, list[int]]] = {}
        self.num_rows = 0

    @property
    def schema(self) -> pa.Schema:
        """Return the names and types of the columns."""
        return pa.schema([*self._fields.values()])

    def add(self, name: str, column: pa.ChunkedArray) -> None:
        """Write another column; `HomeError` if it cannot be written."""
        self._fields[name], self.num_rows = pa.field(name, column.type), len(column)
        pieces = [
            chunk[start : start + BLOCK]
            for chunk in column.chunks
            for start in range(0, len(chunk), BLOCK)
        ]
        size = column.get_total_buffer_size()
        if self._held_bytes + size <= MAX_HELD:
            self._held[name] = pa.chunked_array(pieces, column.type)
            self._held_bytes += size
            return
        file = self._folder / f"{len(self._files)}.arrow"
        schema = pa.schema([self._fields[name]])
        with ArrowFile(file, schema) as written:
            for piece in pieces:
                written.write(pa.record_batch([piece], schema=schema))
        self._files[name] = file, [0, *accumulate(map(len, pieces))]

    def arrange(self, names: Sequence[str]) -> None:
        """Put the columns in another order."""
        self._fields = {name: self._fields[name] for name in names}

    def column(self, name: str) -> pa.ChunkedArray:
        """Return all values of one column."""
        return self._values(name, 0, self.num_rows)

    def slice(self, start: int, rows: int, names: Sequence[str] | None = None) -> pa.Table:
        """Return columns (all by default) of so many rows, or of those that are left, from one."""
        fields = [self._fields[name] for name in (self._fields if names is None else names)]
        columns = [self._values(field.name, start, start + rows) for field in fields]
        return pa.table(columns, schema=pa.schema(fields))

    def _values(self, name: str, start: int, end: int) -> pa.ChunkedArray:
        if name in self._held:
            return self._held[name].slice(start, end - start)
        file, begins = self._files[name]
        first, last = bisect_right(begins, start) - 1, bisect_right(begins, end - 1)
        with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
            numbers = range(first, min(last, reader.num_record_batches))
            pieces = [reader.get_batch(number).column(0) for number in numbers]
        values = pa.chunked_array(pieces, self._fields[name].type)
        return values.slice(start - begins[first], end - start)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise `HomeError` if a temporary file in a folder cannot be written."""
    try:
        yield
    except OSError as error:
        full = no_room(error)
        raise HomeError(
            "The rows cannot be put into a temporary file:"
            f" {full or error.strerror or library_message(error)}.",
            where=str(folder),
            next_step=f"Make {'room there' if full else 'the folder writable'}, or set"
            " NIGHTFIT_HOME, or TMPDIR for a command outside a night, to another one.",
        ) from None


class ArrowFile:
    """A temporary file of rows in Arrow's format that is being written.

    It is to be used in a `with` statement. Whatever cannot be written is a `HomeError`.
    """

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self._folder = file.parent
        with writing(self._folder):
            self._sink = pa.OSFile(str(file), "wb")
            self._writer = pa.ipc.new_file(self._sink, schema)

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Write some more rows."""
        with writing(self._folder):
            self._writer.write(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        with suppress(OSError) if error else writing(self._folder):
            self._writer.close()
            self._sink.close()
