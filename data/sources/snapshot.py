"""Snapshots: the typed rows of one reading in a Parquet file, named after their fingerprint."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.errors import HomeError, SourceError, library_message
from data.sources.columns import OFFSETS, arrays, kind_of, with_offsets
from data.sources.readings import METADATA_KEY, ColumnReading, as_json, from_json, what_matters


@dataclass(frozen=True)
class Snapshot:
    """The file that one reading wrote, the SHA-256 of its rows, and their number."""

    path: Path
    fingerprint: str
    rows: int


def write(table: pa.Table, folder: Path, readings: Sequence[ColumnReading] = ()) -> Snapshot:
    """Write the rows to `folder/<first 16 characters of their fingerprint>.parquet`.

    How the columns were read is written with them. A file that is there already and has all this is
    left alone. A folder that cannot be written to is a `HomeError`.
    """
    digest = fingerprint(table, readings)
    file = folder.absolute() / f"{digest[:16]}.parquet"
    if not file.exists() or readings_of(file) != tuple(readings):
        _write_whole(table.replace_schema_metadata({METADATA_KEY: as_json(readings)}), file)
    return Snapshot(file, digest, table.num_rows)


def load(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a snapshot, in the order of the source: the named columns, or all.

    All columns are without their `OFFSETS`; a column that is named and not there is left out.
    """
    table = _whole(path, columns)
    if columns is not None:
        return table
    return table.select([name for name in table.column_names if not name.startswith(OFFSETS)])


def feature_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return columns of a snapshot as `arrays` does; times are what the clock showed."""
    return arrays(load(path, with_offsets(names)), names)


def _whole(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None
    return table.replace_schema_metadata(None)


def readings_of(path: Path) -> tuple[ColumnReading, ...]:
    """Return how the columns of a snapshot were read; nothing if version 0.1.0 wrote it."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None
    return from_json(metadata[METADATA_KEY]) if METADATA_KEY in metadata else ()


def _unreadable(path: Path, error: Exception) -> SourceError:
    return SourceError(
        f"The snapshot cannot be read: {library_message(error)}",
        where=str(path),
        next_step="Delete it and run again; the source is then read again.",
    )


def snapshot_at(path: Path) -> Snapshot:
    """Return the snapshot in a file, with the fingerprint of the rows that the file has now."""
    table = _whole(path)
    return Snapshot(path, fingerprint(table, readings_of(path)), table.num_rows)


def fingerprint(table: pa.Table, readings: Sequence[ColumnReading] = ()) -> str:
    """Return the SHA-256 of the typed rows: names, types and values, however they are chunked.

    It includes the cells that could not be read (see `what_matters`).
    """
    digest = hashlib.sha256()
    types = [str(dtype) for dtype in table.schema.types]
    digest.update(json.dumps([table.column_names, types, table.num_rows]).encode())
    for column in table.columns:
        for part in _canonical_bytes([chunk for chunk in column.chunks if len(chunk)]):
            digest.update(part)
    digest.update(what_matters(readings))
    return digest.hexdigest()


def _canonical_bytes(chunks: list[pa.Array]) -> Iterator[bytes]:
    """Yield which values are present, the lengths of texts, then the values, 0 where missing."""
    for chunk in chunks:
        yield chunk.is_valid().to_numpy(zero_copy_only=False).tobytes()
    if chunks and pa.types.is_string(chunks[0].type):
        for chunk in chunks:
            yield pc.binary_length(chunk.fill_null("")).to_numpy().tobytes()
        for chunk in chunks:
            _, offsets, characters = chunk.fill_null("").buffers()
            ends = np.frombuffer(offsets, np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
            yield characters[ends[0] : ends[1]].to_pybytes() if characters else b""
        return
    for chunk in chunks:
        yield _fixed_width(chunk).tobytes()


def _fixed_width(chunk: pa.Array) -> np.ndarray:
    if pa.types.is_boolean(chunk.type):
        values = chunk.fill_null(False).to_numpy(zero_copy_only=False)
    else:
        width = pa.int32() if pa.types.is_date(chunk.type) else pa.int64()
        numbers = chunk if kind_of(chunk.type) == "number" else chunk.cast(width)
        values = numbers.fill_null(0).to_numpy()
    return np.asarray(values)


def _write_whole(table: pa.Table, file: Path) -> None:
    """Write all rows or nothing, by way of a file that other processes do not use."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, unfinished, write_page_checksum=True)
        unfinished.replace(file)
    except OSError as error:
        raise HomeError(
            f"The snapshot cannot be written: {error.strerror or library_message(error)}.",
            where=str(file),
            next_step="Make the folder writable, or set NIGHTFIT_HOME to another one.",
        ) from None
    finally:
        if file.parent.is_dir():
            unfinished.unlink(missing_ok=True)
