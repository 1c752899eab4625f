"""Parquet: the file's own types decide what a column holds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.declarations.model import Declaration
from data.errors import SourceError
from data.progress import Report
from data.sources.columns import TEXT_TYPES, has_kind
from data.sources.columns_ahead import ColumnsAhead
from data.sources.contents import not_whole
from data.sources.header import refuse_many_columns
from data.sources.parquet_statistics import Stated
from data.sources.source_columns import SourceColumns
from data.sources.text_rules import refuse_text_that_is_not_utf8
from data.sources.time_range import known_zone

MIN_UNPACKED = 128_000_000
"""Bytes of memory that the rows of any file may take."""

MAX_RATIO = 300
"""So many times its own size those of a larger file may take; measured values take up to 30."""

BYTES_PER_ROW = 100
"""What a row takes besides its values: its key, and what is computed for it."""

WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "BYTE_ARRAY": 4, "INT64": 8, "DOUBLE": 8}
MAX_WIDTH = 32
"""Bytes of a value of any other physical type, in a column that has a kind."""

MAX_CHUNK = 2**31 - 1
"""Bytes of text in one Arrow array."""


def read_parquet(
    path: Path, _declaration: Declaration, _folder: Path, _report: Report
) -> SourceColumns:
    """Return the columns of a Parquet file; a damaged one is refused, as late as it is seen.

    A column of no kind, such as a list, has its type, but no values. A file is refused whose rows
    would take far more memory than it is large, as a few kB may do that repeat one value.
    """
    with refusing(path, "Parquet file"):
        return _opened(path, max(MIN_UNPACKED, MAX_RATIO * path.stat().st_size))


@contextmanager
def refusing(path: Path, kind: str) -> Iterator[None]:
    """Raise `SourceError` where Arrow cannot read a file, which is to be of a kind."""
    try:
        yield
    except UnicodeDecodeError:
        raise SourceError(
            "The name of a column is not UTF-8.", next_step="Rename the column."
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise not_whole(path, kind, error) from None


def _opened(path: Path, allowed: int) -> SourceColumns:
    file = pq.ParquetFile(path, page_checksum_verification=True)
    schema = file.schema_arrow
    refuse_many_columns(len(schema.names))
    if len(set(schema.names)) == len(schema.names):  # else it is refused for its header
        _refuse_many_rows(file, allowed)
        repeated = _repeated_texts(file, allowed)
        if repeated:
            file = pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=repeated)
            texts = sum(_text_bytes(file.read(columns=[name])[name]) for name in repeated)
            _refuse(texts, allowed, _rows(file))
    known = pa.schema([known_zone(field) for field in schema], schema.metadata)
    ahead = ColumnsAhead(file, [field.name for field in schema if has_kind(field.type)])
    column = partial(_column, path, ahead, Stated(file), schema, known, _rows(file))
    return SourceColumns(known, _rows(file), column)


def _rows(file: pq.ParquetFile) -> int:
    metadata = file.metadata
    return sum(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))


def _column(
    path: Path,
    ahead: ColumnsAhead,
    stated: Stated,
    schema: pa.Schema,
    known: pa.Schema,
    rows: int,
    name: str,
) -> pa.ChunkedArray:
    """Return a column in the type that its file names, a text without views, a zone as known."""
    field = schema.field(name)
    if not has_kind(field.type):
        return without_values(field, rows)
    with refusing(path, "Parquet file"):
        column = _in_type(ahead.column(name), field)
        if len(column) != rows:
            raise pa.ArrowInvalid(f"Column {name!r} has {len(column):,} of {rows:,} rows.")
    stated.refuse_other_values(name, column)
    refuse_text_that_is_not_utf8(name, column)
    return column.cast(known.field(name).type) if pa.types.is_timestamp(field.type) else column


def _refuse_many_rows(file: pq.ParquetFile, allowed: int) -> None:
    """Raise `SourceError` if the rows would take more memory than is allowed."""
    metadata, kinds = file.metadata, {f.name for f in file.schema_arrow if has_kind(f.type)}
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    rows = max(metadata.num_rows, _rows(file))
    leaves = [file.schema.column(number) for number in range(metadata.num_columns)]
    width = sum(WIDTHS.get(leaf.physical_type, MAX_WIDTH) for leaf in leaves if leaf.path in kinds)
    unpacked = sum(group.total_byte_size for group in groups)
    _refuse(max(rows * (width + BYTES_PER_ROW), unpacked), allowed, rows)


def _refuse(size: int, allowed: int, rows: int) -> None:
    if size > allowed:
        raise SourceError(
            f"Its {rows:,} rows would take {size / 1e9:,.1f} GB of memory, far more than a file of"
            " its size should: it is damaged, or repeats the same values.",
            next_step="Check the program that writes it, or save the rows as CSV.",
        )


def _repeated_texts(file: pq.ParquetFile, allowed: int) -> list[str]:
    """Return the columns of text that might be too large, as each may repeat its longest value."""
    metadata = file.metadata
    texts = {field.name for field in file.schema_arrow if _is_text(field.type)}
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    repeated = []
    for number in range(metadata.num_columns):
        name = file.schema.column(number).path
        if name not in texts:
            continue
        chunks = [group.column(number) for group in groups]
        sizes = (c.num_values * c.total_uncompressed_size for c in chunks if c.has_dictionary_page)
        if sum(sizes) > allowed:
            repeated.append(name)
    return repeated


def _is_text(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        return _is_text(dtype.value_type)
    return any(is_text(dtype) for is_text in TEXT_TYPES)


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Return how many bytes the texts of a dictionary take where they are repeated."""
    total = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary).cast(pa.int64()).fill_null(0)
        total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
    return total


def _in_type(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Return a column in the type that its file names, and a text without views."""
    dtype = pa.string() if pa.types.is_string_view(field.type) else field.type
    if column.type == dtype or pa.types.is_dictionary(dtype):
        return column
    parts = [part.cast(dtype) for chunk in column.chunks for part in _parts(chunk)]
    return pa.chunked_array(parts, dtype)


def _parts(chunk: pa.Array) -> Iterator[pa.Array]:
    """Yield a dictionary in parts whose texts fit into one array each."""
    is_repeated = pa.types.is_dictionary(chunk.type) and len(chunk) > 1
    if not is_repeated or _text_bytes(pa.chunked_array([chunk])) <= MAX_CHUNK:
        yield chunk
        return
    yield from _parts(chunk[: len(chunk) // 2])
    yield from _parts(chunk[len(chunk) // 2 :])


def without_values(field: pa.Field, rows: int) -> pa.ChunkedArray:
    """Return a column of no kind without values: a dictionary takes little memory for any type."""
    nulls = pa.nulls(rows, pa.int8())
    return pa.chunked_array([pa.DictionaryArray.from_arrays(nulls, pa.nulls(0, field.type))])


def left_out_index(source: SourceColumns, declaration: Declaration) -> list[str]:
    """Return the columns that pandas wrote as the index of a frame and no one has named.

    Such an index mostly numbers the rows, which explains nothing.
    """
    metadata = (source.schema.metadata or {}).get(b"pandas", b"{}")
    try:
        indices = json.loads(metadata)["index_columns"]
    except (ValueError, TypeError, KeyError):
        return []
    if not isinstance(indices, list):
        return []
    named = declaration.named_columns()
    return [name for name in source.column_names if name in indices and name not in named]
