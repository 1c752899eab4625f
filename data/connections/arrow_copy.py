"""Arrow's rows in PostgreSQL's binary COPY format, without making Python's values of them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.connections.typed_columns import is_text
from data.store.write.copy_format import (
    CHUNK_BYTES,
    ROW_BYTES,
    Bytes,
    Lengths,
    bytes_of,
    joined_fields,
    slots_of,
)

EPOCH_DAYS = 10_957
"""From 1970 to 2000, where PostgreSQL's dates and times begin."""

EPOCH_MICROSECONDS = EPOCH_DAYS * 86_400_000_000


def copied_batch(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Yield rows as COPY reads them, without the header and the trailer.

    NaN becomes NULL. A batch is written in parts, so that one long text does not give each of its
    rows a slot of that length.
    """
    columns = [_simple(column) for column in batch.columns]
    longest = sum(
        int(_lengths(column).max(initial=0)) for column in columns if is_text(column.type)
    )
    step = max(1, CHUNK_BYTES // (ROW_BYTES + longest))
    for start in range(0, batch.num_rows, step):
        fields = [_field(column.slice(start, step)) for column in columns]
        yield joined_fields(fields, min(step, batch.num_rows - start))


def _simple(column: pa.Array) -> pa.Array:
    """Return a column in one of the few types that have a format below."""
    dtype = column.type
    if pa.types.is_dictionary(dtype):
        return _simple(column.dictionary_decode())
    if pa.types.is_boolean(dtype):
        return column.cast(pa.int8())
    if pa.types.is_integer(dtype):
        return column.cast(pa.int64())
    if pa.types.is_floating(dtype) or pa.types.is_null(dtype):
        return column.cast(pa.float64())
    if pa.types.is_date(dtype):
        return column.cast(pa.date32()).cast(pa.int32())
    if pa.types.is_timestamp(dtype):
        return column.cast(pa.timestamp("us", tz=dtype.tz), safe=False)
    return column.cast(pa.large_string())


def _field(column: pa.Array) -> tuple[Lengths, Bytes]:
    """Return the length of each value, -1 for NULL, and its bytes in a slot."""
    missing = np.asarray(column.is_null())
    if is_text(column.type):
        lengths, content = _lengths(column), _content(column)
        data = slots_of(lengths, content)
        return np.where(missing, -1, lengths), data
    numbers = _numbers(column)
    if numbers.dtype.kind == "f":
        missing = np.isnan(numbers)
    data = bytes_of(numbers, f">{numbers.dtype.kind}{numbers.dtype.itemsize}")
    if not missing.any():
        return np.array([data.shape[1]]), data
    return np.where(missing, -1, data.shape[1]), data


def _numbers(column: pa.Array) -> NDArray[np.generic]:
    """Return the numbers that PostgreSQL has for the values; any for one that is missing."""
    dtype = column.type
    if pa.types.is_floating(dtype):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if pa.types.is_timestamp(dtype):
        column = column.cast(pa.int64())
    numbers = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False))
    if pa.types.is_timestamp(dtype):
        return numbers - EPOCH_MICROSECONDS
    return numbers - EPOCH_DAYS if dtype == pa.int32() else numbers


def _lengths(texts: pa.LargeStringArray) -> Lengths:
    """Return the number of bytes of each text."""
    return np.diff(_offsets(texts))


def _content(texts: pa.LargeStringArray) -> Bytes:
    """Return the bytes of all texts, one after the other."""
    offsets, buffer = _offsets(texts), texts.buffers()[2]
    if buffer is None:
        return np.zeros(0, np.uint8)
    return np.frombuffer(buffer, np.uint8)[offsets[0] : offsets[-1]]


def _offsets(texts: pa.LargeStringArray) -> NDArray[np.int64]:
    if not len(texts):
        return np.zeros(1, np.int64)
    offsets = np.frombuffer(texts.buffers()[1], np.int64)
    return offsets[texts.offset : texts.offset + len(texts) + 1]
