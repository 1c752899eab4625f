"""SHA-256 of what is stored, by which damage of the database is noticed.

A disk, a copy or another program may change what a database keeps, and no database notices every
change of a value. Bytes of models are checked whenever they are read; other rows as `db check` and
the readers of a champion need them.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import Connection, Integer, Select, Table, bindparam, select

from data.store.column_types import json_value
from data.store.read.streaming import batches_of
from data.store.records import PredictionColumns
from data.store.tables import (
    agreement_check,
    coefficient,
    coefficient_variant,
    expectation_result,
    linear_fit,
    model,
    paired_error,
    promotion,
    rejected_row,
    resilience,
    run,
    score,
    source_column,
)
from data.texts import BATCH_ROWS, Texts

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
)
"""The tables whose rows of a run are stored once, and have a checksum together."""

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

    A column without a value adds nothing, so that a later version may add columns.
    """
    digest, count = hashlib.sha256(), 0
    for rows in batches_of(connection, _rows_of(table), {"of_run": run_id}):
        for row in rows:
            values = {n: _plain(v) for n, v in row._mapping.items() if v is not None}
            digest.update(json.dumps(values, sort_keys=True).encode())
            digest.update(b"\n")
        count += len(rows)
    return count, digest.hexdigest()


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


def predictions_sha256(rows: PredictionColumns) -> str:
    """Return the SHA-256 of a model's predictions of the rows of a run, in whatever order.

    It is that of `[keys, roles, notes or null]` as JSON and of the numbers, by key.
    """
    keys, roles = Texts.of(rows.key), np.asarray(rows.role)
    order = keys.order()
    parts = [order[start : start + BATCH_ROWS] for start in range(0, len(order), BATCH_ROWS)]
    digest = hashlib.sha256(b"[")
    _add_list(digest, (keys[part].tolist() for part in parts))
    digest.update(b", ")
    _add_list(digest, (roles[part].tolist() for part in parts))
    digest.update(b", ")
    if rows.note is not None and any(rows.note):
        notes = rows.note
        _add_list(digest, ([notes[at] for at in part.tolist()] for part in parts))
    else:
        digest.update(b"null")
    digest.update(b"]")
    for name in ("actual", "predicted", "lower", "upper"):
        numbers = np.asarray(getattr(rows, name), dtype="<f8")
        for part in parts:
            values = numbers[part] + 0.0  # without negative zeros
            digest.update(np.where(np.isfinite(values), values, np.nan).tobytes())
    return digest.hexdigest()


def _add_list(digest: "hashlib._Hash", parts: Iterator[list[Any]]) -> None:
    """Add a list to a digest as the JSON of the whole, a part at a time."""
    digest.update(b"[")
    for number, part in enumerate(parts):
        digest.update(b", " if number else b"")
        digest.update(json.dumps(part)[1:-1].encode())
    digest.update(b"]")
