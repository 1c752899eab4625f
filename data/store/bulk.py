"""Many rows at once, given as columns, on the connection of the caller's transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from operator import le
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from data.store.copy_format import HEADER, TRAILER, copied

BATCH_ROWS = 20_000
"""Rows in memory at a time as Python objects; the columns themselves stay as they came."""

Columns = Mapping[str, Any]


def insert_columns(connection: Connection, table: Table, columns: Columns) -> None:
    """Insert rows given as columns: sequences or arrays of one length, or one value for all.

    NaN in an array of floats is NULL. The rows go in by the order of the primary key's column that
    is no single value: a tree that grows at its end is written twice as fast as one that grows all
    over. Databases in FAST have a way of their own, all others SQLAlchemy's portable insert.
    """
    write = FAST.get(connection.dialect.name, _portable)
    order = _order(table, columns)
    rows = (order[start : start + BATCH_ROWS] for start in range(0, len(order), BATCH_ROWS))
    write(connection, table, ({n: _picked(c, some) for n, c in columns.items()} for some in rows))


def _tuples(connection: Connection, table: Table, batches: Iterator[Columns]) -> None:
    """Give SQLite's driver plain tuples, without a step of SQLAlchemy's in between."""
    for batch in batches:
        holes = ", ".join("?" for _ in batch)
        quoted = ", ".join(f'"{name}"' for name in batch)
        statement = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({holes})'  # noqa: S608
        connection.exec_driver_sql(statement, _rows(batch))


def _copy(connection: Connection, table: Table, batches: Iterator[Columns]) -> None:
    """Stream PostgreSQL's own binary format to it by COPY, in the same transaction."""
    dialect = connection.dialect
    preparer = dialect.identifier_preparer
    names = [column.name for column in table.columns]
    quoted = ", ".join(map(preparer.quote, names))
    statement = f"COPY {preparer.format_table(table)} ({quoted}) FROM STDIN (FORMAT BINARY)"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(HEADER)
            for batch in batches:
                for part in copied(table, {name: batch.get(name) for name in names}):
                    copy.write(part)
            copy.write(TRAILER)
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            statement,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=driver.closed,
            dialect=dialect,
        ) from error


def _portable(connection: Connection, table: Table, batches: Iterator[Columns]) -> None:
    for batch in batches:
        rows = [dict(zip(batch, row, strict=True)) for row in _rows(batch)]
        connection.execute(table.insert(), rows)


FAST: dict[str, Callable[[Connection, Table, Iterator[Columns]], None]] = {
    "sqlite": _tuples,
    "postgresql": _copy,
}


def _order(table: Table, columns: Columns) -> Sequence[int]:
    values = next(
        columns[column.name]
        for column in table.primary_key
        if not isinstance(columns[column.name], (int, str))
    )
    if all(map(le, values, islice(values, 1, None))):
        return range(len(values))
    return sorted(range(len(values)), key=values.__getitem__)


def _picked(column: Any, rows: Sequence[int]) -> Any:
    """Return some rows of a column: an array, a list, or the one value for all."""
    if column is None or isinstance(column, (int, str)):
        return column
    if isinstance(rows, range):
        return column[rows.start : rows.stop]
    return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]


def _rows(batch: Columns) -> list[tuple[Any, ...]]:
    """Return a batch of columns as tuples of Python's own values."""
    return list(zip(*map(_plain, batch.values()), strict=False))


def _plain(column: Any) -> Any:
    if column is None or isinstance(column, (int, str)):
        return repeat(column)
    if not isinstance(column, np.ndarray):
        return column
    missing = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)
    if not missing.any():
        return column.tolist()
    with_nulls = column.astype(object)
    with_nulls[missing] = None
    return with_nulls.tolist()
