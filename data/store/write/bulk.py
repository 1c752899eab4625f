"""Inserting many rows at once, given as columns, in the caller's transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from operator import le
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table

from data.progress import Report, unreported
from data.store.write.copy_format import copied, copy_rows
from data.texts import Texts

BATCH_ROWS = 4_000
"""Rows that are Python objects at any one time; the columns themselves stay as they came. A batch
is so small that PostgreSQL is still reading the end of it while the next one is made."""

STATEMENT_ROWS = 50
"""Rows in one statement for SQLite: even with all columns of any table, far fewer values than the
999 that the oldest SQLite accepts."""

Columns = Mapping[str, Any]
Rows = range | NDArray[np.int64]
"""Numbers of rows, from 0."""


def insert_columns(
    connection: Connection, table: Table, columns: Columns, report: Report = unreported
) -> None:
    """Insert rows given as columns: sequences or arrays of one length, or one value for all rows.

    NaN in an array of floats becomes NULL. The rows are inserted in the order of the primary key's
    first column that varies: an index that grows at its end is written twice as fast as one that
    grows everywhere. The databases in FAST have a method of their own; others use SQLAlchemy's
    portable insert.
    """
    write = FAST.get(connection.dialect.name, _portable)
    order = _order(table, columns)
    write(connection, table, _batches(columns, order, report))


def _values(connection: Connection, table: Table, batches: Iterator[Columns]) -> None:
    """Insert many rows per statement, since a statement costs SQLite's driver more than a row.

    Values that are the same in all rows are given once per statement, before the others.
    """
    for batch in batches:
        same = {name: column for name, column in batch.items() if _is_single(column)}
        own = {name: column for name, column in batch.items() if name not in same}
        names = [*same, *own]
        values = list(chain.from_iterable(_rows(own)))
        step = STATEMENT_ROWS * len(own)
        whole = len(values) - len(values) % step
        for start, end in ((0, whole), (whole, len(values))):
            parameters = [
                (*same.values(), *values[at : min(at + step, end)])
                for at in range(start, end, step)
            ]
            if parameters:
                rows = min(end - start, step) // len(own)
                statement = _insert_statement(table, names, same=len(same), rows=rows)
                connection.exec_driver_sql(statement, parameters)


def _insert_statement(table: Table, names: Sequence[str], *, same: int, rows: int) -> str:
    """Return an INSERT of `rows` rows; its first `same` columns have the same values in each."""
    own = len(names) - same
    shared = [f"?{number + 1}" for number in range(same)]
    placeholders = (
        ", ".join([*shared, *(f"?{same + row * own + number + 1}" for number in range(own))])
        for row in range(rows)
    )
    quoted = ", ".join(f'"{name}"' for name in names)
    listed = ", ".join(f"({row})" for row in placeholders)
    return f'INSERT INTO "{table.name}" ({quoted}) VALUES {listed}'  # noqa: S608


def _copy(connection: Connection, table: Table, batches: Iterator[Columns]) -> None:
    preparer = connection.dialect.identifier_preparer
    first = next(batches, None)
    if first is None:
        return
    names = [name for name, column in first.items() if column is not None]  # others become NULL
    given = ({name: batch[name] for name in names} for batch in chain([first], batches))
    rows = chain.from_iterable(copied(table, batch) for batch in given)
    quoted = ", ".join(map(preparer.quote, names))
    copy_rows(connection, preparer.format_table(table), quoted, rows)


def _portable(connection: Connection, table: Table, batches: Iterator[Columns]) -> None:
    for batch in batches:
        rows = [dict(zip(batch, row, strict=True)) for row in _rows(batch)]
        connection.execute(table.insert(), rows)


FAST: dict[str, Callable[[Connection, Table, Iterator[Columns]], None]] = {
    "sqlite": _values,
    "postgresql": _copy,
}


def _batches(columns: Columns, order: Rows, report: Report) -> Iterator[Columns]:
    for start in range(0, len(order), BATCH_ROWS):
        report(start / len(order), f"{start:,} of {len(order):,} rows written")
        rows = order[start : start + BATCH_ROWS]
        yield {name: _picked(column, rows) for name, column in columns.items()}


def _order(table: Table, columns: Columns) -> Rows:
    values = next(
        columns[column.name] for column in table.primary_key if not _is_single(columns[column.name])
    )
    if isinstance(values, Texts):
        return range(len(values)) if values.is_sorted() else values.order()
    if all(map(le, values, islice(values, 1, None))):
        return range(len(values))
    return np.array(sorted(range(len(values)), key=values.__getitem__))


def _is_single(column: Any) -> bool:
    """Return whether a column is one value for all rows."""
    return column is None or isinstance(column, (int, str))


def _picked(column: Any, rows: Rows) -> Any:
    """Return some rows of a column: an array, a list, or the one value for all rows."""
    if _is_single(column):
        return column
    if isinstance(column, Texts):
        own = slice(rows.start, rows.stop) if isinstance(rows, range) else rows
        return column[own].tolist()
    if isinstance(rows, range):
        return column[rows.start : rows.stop]
    if isinstance(column, np.ndarray):
        return column[rows]
    return list(map(column.__getitem__, rows.tolist()))


def _rows(batch: Columns) -> list[tuple[Any, ...]]:
    """Return a batch of columns as tuples of Python's own values."""
    return list(zip(*map(_plain, batch.values()), strict=False))


def _plain(column: Any) -> Any:
    if _is_single(column):
        return repeat(column)
    if not isinstance(column, np.ndarray):
        return column
    missing = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)
    if not missing.any():
        return column.tolist()
    with_nulls = column.astype(object)
    with_nulls[missing] = None
    return with_nulls.tolist()
