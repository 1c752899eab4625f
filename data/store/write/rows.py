"""Rows of records: the values of a table's columns, checked, and inserted in a transaction."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, Connection, Table, insert

from data.progress import Report, unreported
from data.store.column_types import JsonValue
from data.store.row_columns import FURTHER, Array, PredictionColumns
from data.store.tables import prediction
from data.store.write.bulk import insert_columns
from data.texts import Texts


def row_of(table: Table, record: object, **more: Any) -> dict[str, Any]:
    """Return a table's row: the record's values for its columns, and `more`.

    NaN and infinity become NULL in a column that may be empty, and raise ValueError in any other.
    """
    names = [column.name for column in table.columns]
    values = {name: getattr(record, name) for name in names if hasattr(record, name)} | more
    return {name: _storable(table.c[name], value) for name, value in values.items()}


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert one row and return its primary key."""
    inserted = insert(table).returning(*table.primary_key)
    return int(connection.execute(inserted, dict(values)).scalar_one())


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert any number of rows, perhaps none."""
    if rows:
        connection.execute(insert(table), [dict(row) for row in rows])


def insert_predictions(
    connection: Connection,
    run_id: int,
    model_id: int,
    dataset: str,
    rows: PredictionColumns,
    report: Report = unreported,
    *,
    into: Table = prediction,
) -> None:
    """Insert a model's predictions in a run `into` a table that has the columns of `prediction`.

    Raises ValueError for one that is not a number.
    """
    role = np.asarray(rows.role)
    columns = {
        "model_id": model_id,
        "key": rows.key,
        "run_id": run_id,
        "dataset": dataset,
        # A row that an earlier run trained a model with may have lost its target since.
        "actual": _numbers(
            rows, "actual", may_be_missing=(role == "new") | isinstance(rows.model, int)
        ),
        "predicted": _numbers(rows, "predicted", may_be_missing=role == "warmup"),
        "lower": _finite_or_nan(rows.lower),
        "upper": _finite_or_nan(rows.upper),
        "role": role,
        "note": rows.notes,
        "segment": None if rows.segment is None else Texts.of(rows.segment),
        "routed": rows.routed,
        **{name: _finite_or_nan(c) for name, c in rows.numbers.items() if name in FURTHER},
    }
    insert_columns(connection, into, columns, report)


def _storable(column: Column[Any], value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, float) or math.isfinite(value) or isinstance(column.type, JsonValue):
        return value
    if column.nullable:
        return None
    raise ValueError(f"{column.table.name}.{column.name} cannot be {value}")


def _numbers(rows: PredictionColumns, name: str, *, may_be_missing: NDArray[np.bool_]) -> Array:
    values = np.asarray(getattr(rows, name), dtype=float)
    wrong = np.isinf(values) | (np.isnan(values) & ~may_be_missing)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"prediction.{name} cannot be {values[at]} for a {rows.role[at]} row"
            f" (key {rows.key[at]!r}, one of {int(wrong.sum())})"
        )
    return values


def _finite_or_nan(values: Array) -> Array:
    values = np.asarray(values, dtype=float)
    return np.where(np.isinf(values), np.nan, values) if np.isinf(values).any() else values
