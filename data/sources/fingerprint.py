"""The fingerprint of typed rows: a SHA-256 that does not depend on how they are stored."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.sources.column_files import Columns
from data.sources.columns import kind_of
from data.sources.readings import ColumnReading, what_matters

Seen = Callable[[str, pa.ChunkedArray], None]
"""Is handed each column with its name."""


def fingerprint(
    columns: Columns,
    readings: Sequence[ColumnReading] = (),
    seen: Seen | None = None,
) -> str:
    """Return the SHA-256 of the typed rows: names, types and values, however they are chunked.

    It includes the cells that could not be read (see `what_matters`). One column is in memory at a
    time; each is also handed to `seen`, with its name.
    """
    digest = hashlib.sha256()
    names, types = columns.schema.names, [str(dtype) for dtype in columns.schema.types]
    digest.update(json.dumps([names, types, columns.num_rows]).encode())
    for name in names:
        column = columns.column(name)
        for part in _canonical_bytes([chunk for chunk in column.chunks if len(chunk)]):
            digest.update(part)
        if seen is not None:
            seen(name, column)
        del column  # before the next one is read
    digest.update(what_matters(readings))
    return digest.hexdigest()


def _canonical_bytes(chunks: list[pa.Array]) -> Iterator[memoryview]:
    """Yield which values are present, the lengths of texts, then the values, 0 where missing."""
    for chunk in chunks:
        yield chunk.is_valid().to_numpy(zero_copy_only=False).data
    if chunks and pa.types.is_string(chunks[0].type):
        for chunk in chunks:
            yield pc.binary_length(chunk.fill_null("")).to_numpy().data
        for chunk in chunks:
            _, offsets, characters = chunk.fill_null("").buffers()
            ends = np.frombuffer(offsets, np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
            if characters:
                yield memoryview(characters[ends[0] : ends[1]])
        return
    for chunk in chunks:
        yield np.ascontiguousarray(_fixed_width(chunk)).data


def _fixed_width(chunk: pa.Array) -> np.ndarray:
    if pa.types.is_boolean(chunk.type):
        values = chunk.fill_null(False).to_numpy(zero_copy_only=False)
    else:
        width = pa.int32() if pa.types.is_date(chunk.type) else pa.int64()
        numbers = chunk if kind_of(chunk.type) == "number" else chunk.cast(width)
        values = numbers.fill_null(0).to_numpy()
    return np.asarray(values)
