"""Many rows at once, given as columns, on the connection of the caller's transaction."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table

BATCH_ROWS = 20_000
"""Rows in memory at a time as Python objects; the columns themselves stay as they came."""

TUPLES = ("sqlite",)
"""Databases that take rows as tuples, marked by `?`, without a step of SQLAlchemy's in between."""


def insert_columns(connection: Connection, table: Table, columns: Mapping[str, Any]) -> None:
    """Insert rows given as columns: sequences or arrays of one length, or one value for all.

    NaN in an array of floats is NULL. The rows go in by the order of the primary key's column that
    is no single value: a tree that grows at its end is written twice as fast as one that grows all
    over. Databases in TUPLES take rows as they are, all others by SQLAlchemy's portable insert.
    """
    order = _order(table, columns)
    names = list(columns)
    if connection.dialect.name in TUPLES:
        holes = ", ".join("?" for _ in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        statement = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({holes})'  # noqa: S608
        for rows in _batches(columns, order):
            connection.exec_driver_sql(statement, rows)
        return
    for rows in _batches(columns, order):
        connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def _order(table: Table, columns: Mapping[str, Any]) -> list[int]:
    values = next(
        columns[column.name]
        for column in table.primary_key
        if not isinstance(columns[column.name], (int, str))
    )
    return sorted(range(len(values)), key=values.__getitem__)


def _batches(columns: Mapping[str, Any], order: Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, len(order), BATCH_ROWS):
        rows = order[start : start + BATCH_ROWS]
        yield list(zip(*(_picked(column, rows) for column in columns.values()), strict=False))


def _picked(column: Any, rows: Sequence[int]) -> Any:
    if column is None or isinstance(column, (int, str)):
        return repeat(column)
    if not isinstance(column, np.ndarray):
        return [column[row] for row in rows]
    values = column[rows]
    if values.dtype.kind != "f":
        return values.tolist()
    missing = np.isnan(values)
    if not missing.any():
        return values.tolist()
    with_nulls = values.astype(object)
    with_nulls[missing] = None
    return with_nulls.tolist()
