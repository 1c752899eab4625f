"""Rows in Arrow's batches: as files for programs, from rows of Python's values, and as such."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, TextIO

from sqlalchemy import BigInteger, Boolean, Double, Text
from sqlalchemy.types import TypeEngine

from data.errors import CallError
from data.store.column_types import UtcTime

if TYPE_CHECKING:  # importing it takes as long as a whole query
    import pyarrow as pa

BINARY = ("parquet", "arrow")
"""The formats that keep the types of columns, and cannot be read on a terminal."""


def write_binary(
    batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema", output_format: str, stream: TextIO
) -> None:
    """Write batches as one of `BINARY` to a stream; raise CallError for a terminal."""
    if stream.isatty():
        raise CallError(
            f"{output_format.capitalize()} cannot be printed on a terminal.",
            next_step=f"Send it to a file: `... > rows.{output_format}`.",
        )
    stream.flush()
    binary: IO[bytes] = stream.buffer
    if output_format == "arrow":
        _write_arrow(batches, schema, binary)
    else:
        _write_parquet(batches, schema, binary)


def _write_parquet(
    batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema", binary: IO[bytes]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Doubles hardly ever repeat, and looking for those that do takes as long as all the rest.
    repeating = [field.name for field in schema if not pa.types.is_floating(field.type)]
    with pq.ParquetWriter(binary, schema, use_dictionary=repeating) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_arrow(
    batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema", binary: IO[bytes]
) -> None:
    import pyarrow as pa

    with pa.ipc.new_file(pa.PythonFile(binary, "w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def schema_of(columns: Mapping[str, Any]) -> "pa.Schema":
    """Return Arrow's types of columns by name, each with its SQLAlchemy type."""
    import pyarrow as pa

    types = {
        BigInteger: pa.int64(),
        Boolean: pa.bool_(),
        Double: pa.float64(),
        UtcTime: pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([(name, types.get(type(kind), pa.string())) for name, kind in columns.items()])


def columns_of(schema: "pa.Schema") -> dict[str, TypeEngine[Any]]:
    """Return the columns of Arrow's batches by name, each with the SQLAlchemy type to print it."""
    import pyarrow as pa

    def kind(dtype: "pa.DataType") -> TypeEngine[Any]:
        if pa.types.is_integer(dtype):
            return BigInteger()
        return Double() if pa.types.is_floating(dtype) else Text()

    return {field.name: kind(field.type) for field in schema}


def batches_of(
    batches: Iterable[Sequence[tuple[Any, ...]]], schema: "pa.Schema"
) -> "Iterator[pa.RecordBatch]":
    """Yield batches of rows of Python's values as Arrow's."""
    import pyarrow as pa

    for rows in batches:
        columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
        arrays = [
            pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)
        ]
        yield pa.record_batch(arrays, schema=schema)


def rows_of_batch(batch: "pa.RecordBatch") -> list[tuple[Any, ...]]:
    """Return the rows of one of Arrow's batches as Python's values."""
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
