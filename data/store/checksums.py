"""SHA-256 of what is stored, by which damage of the database is noticed.

A disk, a copy or another program may change what a database keeps, and no database notices every
change of a value. Bytes of models are checked whenever they are read; other rows as `db check` and
the readers of a champion need them.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import cache
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Any

import numpy as np
from sqlalchemy import Connection, Float, Integer, Row, Select, Table, bindparam, select

from data.disk import no_room
from data.errors import HomeError
from data.store.column_types import json_value
from data.store.read.streaming import batches_of
from data.store.row_columns import FURTHER, NUMBERS, Array, PredictionColumns
from data.store.tables import (
    agreement_check,
    coefficient,
    coefficient_variant,
    expectation_result,
    linear_fit,
    model,
    naive,
    paired_error,
    promotion,
    rejected_row,
    resilience,
    run,
    run_figures,
    score,
    segment_coefficient_value,
    segment_decision,
    segment_fit,
    segment_serving,
    source_column,
)
from data.texts import BATCH_ROWS, Texts

IN_MEMORY = 2**20
"""So many bytes of a column of predictions are in memory at once."""

TEXTS = ("role", "note", "segment")
"""The columns of predictions beside the key that are no numbers, as they wait for their turn."""

MISSING = np.array([np.nan], dtype="<f8").tobytes()
"""A number that is missing, as it enters a checksum."""

OF_A_RUN = (
    run,
    source_column,
    expectation_result,
    rejected_row,
    model,
    score,
    coefficient,
    coefficient_variant,
    linear_fit,
    resilience,
    agreement_check,
    paired_error,
    promotion,
    run_figures,
    naive,
    segment_serving,
    segment_decision,
    segment_fit,
    segment_coefficient_value,
)
"""The tables whose rows of a run are stored once, and have a checksum together."""

BY_COLUMN = (segment_fit, segment_coefficient_value)
"""Those that have a row for each segment and more, which are summed by column."""

CHANGING = {
    run.name: {"pruned_at"},
    model.name: {"artifact", "twin", "artifact_sha256", "twin_sha256"},
}
"""Columns that change later, or have a checksum of their own."""


def model_sha256(
    content: bytes, *, dataset: str, run_id: int, framework: str, kind: str, part: str
) -> str:
    """Return the SHA-256 of a model's bytes and of what they belong to.

    `part` is `artifact` or `twin`. Bytes that are exchanged with those of another model therefore
    do not fit, even together with their checksum.
    """
    belongs = json.dumps([dataset, run_id, framework, kind, part])
    digest = hashlib.sha256(belongs.encode())
    digest.update(content)
    return digest.hexdigest()


def rows_sha256(connection: Connection, table: Table, run_id: int) -> tuple[int, str]:
    """Return how many rows of a table belong to a run, and their SHA-256, as they are stored.

    A column without a value adds nothing, so that a later version may add columns. Tables with
    hundreds of thousands of rows are summed by column, which is quicker.
    """
    digest, count = hashlib.sha256(), 0
    for rows in batches_of(connection, _rows_of(table), {"of_run": run_id}):
        count += len(rows)
        if table in BY_COLUMN:
            _add_columns(digest, table, rows)
            continue
        for row in rows:
            values = {n: _plain(v) for n, v in row._mapping.items() if v is not None}
            digest.update(json.dumps(values, sort_keys=True).encode())
            digest.update(b"\n")
    return count, digest.hexdigest()


def _add_columns(digest: "hashlib._Hash", table: Table, rows: Sequence[Row[Any]]) -> None:
    """Add rows of all columns of a table: numbers as they are in memory, other values as JSON."""
    for column, values in zip(table.columns, zip(*rows, strict=True), strict=True):
        if isinstance(column.type, Float):
            digest.update((np.array(values, dtype="<f8") + 0.0).tobytes())  # no negative zero
        else:
            digest.update(_items(values) + b"\n")


@cache
def _rows_of(table: Table) -> Select[Any]:
    """Return the statement that selects the rows of the run `of_run`; each is made once."""
    run_id = bindparam("of_run", type_=Integer)
    omitted = CHANGING.get(table.name, set())
    chosen = select(*(column for column in table.columns if column.name not in omitted))
    if "run_id" in table.columns:
        return chosen.where(table.c.run_id == run_id).order_by(*table.primary_key)
    own = chosen.join(model, model.c.model_id == table.c.model_id)
    return own.where(model.c.run_id == run_id).order_by(*table.primary_key)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else json_value(value)


def in_key_order(rows: PredictionColumns) -> Iterator[PredictionColumns]:
    """Yield predictions in the order of their keys, some rows at a time."""
    keys, role = Texts.of(rows.key), np.asarray(rows.role)
    note = rows.notes
    segment = None if rows.segment is None else Texts.of(rows.segment)
    order = keys.order()
    for start in range(0, len(order), BATCH_ROWS):
        part = order[start : start + BATCH_ROWS]
        yield PredictionColumns(
            model=rows.model,
            key=keys[part],
            role=role[part],
            note=None if note is None else note[part],
            segment=None if segment is None else segment[part],
            routed=None if rows.routed is None else rows.routed[part],
            **{name: np.asarray(column)[part] for name, column in rows.numbers.items()},
        )


def predictions_sha256(batches: Iterable[PredictionColumns]) -> tuple[int, str]:
    """Return how many rows a model predicted in a run, and the SHA-256 of these predictions.

    The batches are in the order of their keys. The SHA-256 is that of `[keys, roles, notes or
    null]` as JSON and of the numbers, a column after the other: until its turn a column waits in a
    temporary file, so that no more than a batch is in memory. The columns of further levels, and
    those of segments, add their name and their values where they have any, so that the SHA-256 of
    others is that of a version without them. Raises HomeError where there is no room for the files.
    """
    digest, count, has_notes, in_segments = hashlib.sha256(b"[["), 0, False, 0
    with ExitStack() as stack:
        number_names = (*NUMBERS, *FURTHER)
        files = [
            stack.enter_context(SpooledTemporaryFile(IN_MEMORY)) for _ in (*TEXTS, *number_names)
        ]
        roles, notes, segments, *numbers = files
        try:
            for batch in batches:
                comma = b", " if count else b""
                note = batch.note or [None] * len(batch.key)
                digest.update(comma + _items(batch.key))
                roles.write(comma + _items(batch.role))
                notes.write(comma + _items(note))
                if any(segment is not None for segment in batch.segment or ()):
                    _write_segments(segments, _no_segments(count - in_segments))
                    _write_segments(segments, _segments(batch))
                    in_segments = count + len(batch.key)
                for file, name in zip(numbers, number_names, strict=True):
                    _write_numbers(file, getattr(batch, name), count, always=name in NUMBERS)
                has_notes, count = has_notes or any(note), count + len(batch.key)
            for file in numbers[len(NUMBERS) :]:
                if file.tell():
                    _write_missing(file, count)
        except OSError as error:
            raise HomeError(
                "the checksum of predictions needs a temporary file, which cannot be written:"
                f" {no_room(error) or error.strerror}.",
                where=gettempdir(),
                next_step="Make room there, or name another folder in TMPDIR.",
            ) from None
        digest.update(b"], [")
        _add(digest, roles)
        digest.update(b"], ")
        if has_notes:
            digest.update(b"[")
            _add(digest, notes)
            digest.update(b"]]")
        else:
            digest.update(b"null]")
        for file, name in zip(numbers, number_names, strict=True):
            if name in FURTHER and file.tell():
                digest.update(name.encode())
            _add(digest, file)
        if in_segments:
            _write_segments(segments, _no_segments(count - in_segments))
            digest.update(b"segment [")
            _add(digest, segments)
            digest.update(b"]")
    return count, digest.hexdigest()


def _segments(batch: PredictionColumns) -> list[tuple[str | None, bool]]:
    """Return the segment of each row, and whether the model serves it there."""
    routed = np.zeros(len(batch.key), bool) if batch.routed is None else batch.routed
    return [*zip(batch.segment or (), routed.tolist(), strict=True)]


def _no_segments(rows: int) -> list[tuple[None, bool]]:
    return [(None, False)] * rows


def _write_segments(file: IO[bytes], rows: Sequence[tuple[str | None, bool]]) -> None:
    if rows:
        file.write((b", " if file.tell() else b"") + _items(rows))


def _items(values: Iterable[Any]) -> bytes:
    """Return a list as JSON without its brackets."""
    return json.dumps(list(values))[1:-1].encode()


def _write_numbers(file: IO[bytes], values: Array | None, start: int, *, always: bool) -> None:
    """Write the numbers of rows from `start` on; unless `always`, only if there is any."""
    if values is None:
        return
    numbers = np.asarray(values, dtype="<f8") + 0.0  # no negative zero
    finite = np.isfinite(numbers)
    if always or finite.any():
        _write_missing(file, start)
        file.write(np.where(finite, numbers, np.nan).tobytes())


def _write_missing(file: IO[bytes], rows: int) -> None:
    """Write that the numbers of the rows up to so many are missing, where there are none yet."""
    file.write(MISSING * (rows - file.tell() // len(MISSING)))


def _add(digest: "hashlib._Hash", file: IO[bytes]) -> None:
    file.seek(0)
    while part := file.read(IN_MEMORY):
        digest.update(part)
