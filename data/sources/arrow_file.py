"""Arrow and Feather (version 2): a file or a stream, whose own types decide what a column holds."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.declarations.model import Declaration
from data.errors import SourceError
from data.progress import Report
from data.sources.columns import has_kind
from data.sources.contents import not_whole
from data.sources.header import refuse_many_columns
from data.sources.parquet_file import refusing, without_values
from data.sources.source_columns import SourceColumns
from data.sources.text_rules import refuse_text_that_is_not_utf8
from data.sources.time_range import known_zone

FILE, FEATHER_1 = b"ARROW1", b"FEA1"
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def read_arrow(
    path: Path, _declaration: Declaration, _folder: Path, _report: Report
) -> SourceColumns:
    """Return the columns of an Arrow file or stream; a damaged one is refused.

    The file is mapped, and a column is read without unpacking the others.
    """
    with path.open("rb") as file:
        start = file.read(len(FILE))
        file.seek(-min(len(END_OF_STREAM), path.stat().st_size), 2)
        end = file.read()
    if start.startswith(FEATHER_1):
        raise SourceError(
            "This is a Feather file of version 1.",
            next_step="Write it with version 2, or as Parquet.",
        )
    is_file = start == FILE
    if not is_file and end != END_OF_STREAM:
        raise not_whole(path, "Arrow file or stream", EOFError("it has no end."))
    with refusing(path, "Arrow file or stream"):
        with pa.memory_map(str(path)) as source:
            schema = _reader(source, is_file=is_file).schema
        refuse_many_columns(len(schema.names))
        rows = sum(batch.num_rows for batch in _batches(path, 0, is_file=is_file))
    known = pa.schema([known_zone(field) for field in schema], schema.metadata)
    return SourceColumns(known, rows, partial(_column, path, schema, known, rows, is_file))


def _reader(source: pa.NativeFile, *, is_file: bool, column: int | None = None) -> pa.Table:
    fields = None if column is None else [column]
    options = pa.ipc.IpcReadOptions(included_fields=fields)
    return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source, options=options)


def _batches(path: Path, column: int, *, is_file: bool) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source:
        reader = _reader(source, is_file=is_file, column=column)
        if is_file:
            yield from map(reader.get_batch, range(reader.num_record_batches))
        else:
            yield from reader


def _column(
    path: Path, schema: pa.Schema, known: pa.Schema, rows: int, is_file: bool, name: str
) -> pa.ChunkedArray:
    field = schema.field(name)
    if not has_kind(field.type):
        return without_values(field, rows)
    with refusing(path, "Arrow file or stream"):
        number = schema.get_field_index(name)
        chunks = [batch.column(0) for batch in _batches(path, number, is_file=is_file)]
        for chunk in chunks:
            _refuse_damaged(chunk)
        column = pa.chunked_array(chunks, field.type)
        if pa.types.is_string_view(field.type):
            column = column.cast(pa.string())
    refuse_text_that_is_not_utf8(name, column)
    return column.cast(known.field(name).type) if pa.types.is_timestamp(field.type) else column


def _refuse_damaged(array: pa.Array) -> None:
    """Raise Arrow's error for values that lie outside their buffers.

    The places of texts are looked at first: Arrow's own check of their bytes ends the process where
    one has a length below zero.
    """
    array.validate()
    if pa.types.is_dictionary(array.type):
        _refuse_damaged(array.dictionary)
    width = {pa.string(): np.int32, pa.large_string(): np.int64}.get(array.type)
    if width is None:
        array.validate(full=True)
        return
    _, places, values = array.buffers()
    if places is None or not len(array):
        return
    at = np.frombuffer(places, width)[array.offset : array.offset + len(array) + 1]
    size = 0 if values is None else values.size
    if (np.diff(at) < 0).any() or at[0] < 0 or at[-1] > size:
        raise pa.ArrowInvalid("A text lies outside the file.")
