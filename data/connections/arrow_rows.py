"""Inserting batches of Arrow's rows into a table, each database in the fastest of its ways."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, bindparam

from data.connections.arrow_copy import copied_batch
from data.connections.table_name import TableName, execute, quoted_name, quoted_table
from data.store.write.copy_format import copy_rows

BATCH_ROWS = 4_000
"""Rows that are Python objects at any one time."""

MAX_VALUES = 900
"""In one statement for SQLite, which in its oldest versions accepts 999."""

STATEMENT_ROWS = 50

ISO = "%Y-%m-%d %H:%M:%S"
"""To which Arrow adds the fraction of a second that its type has."""

NO_FRACTION = r"\.0+$"

ARROW_NAME = "nightfit_rows"


def insert_batches(connection: Connection, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
    """Insert rows with the columns of a table, in their order, and return how many there were.

    NaN becomes NULL. Everything is in the caller's transaction, and no more than a batch of rows is
    in memory.
    """
    insert = FAST.get(connection.dialect.name, _portable)
    counted = _Counted(batches)
    insert(connection, table, iter(counted))
    return counted.rows


class _Counted:
    """Batches that are counted as they go by."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches, self.rows = batches, 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            if batch.num_rows:
                yield batch


def _copy(connection: Connection, table: Table, batches: Iterator[pa.RecordBatch]) -> None:
    copy_rows(
        connection, *_quoted(connection, table), chain.from_iterable(map(copied_batch, batches))
    )


def _duckdb(connection: Connection, table: Table, batches: Iterator[pa.RecordBatch]) -> None:
    """Let DuckDB read Arrow's rows where they are."""
    target, names = _quoted(connection, table)
    driver: Any = connection.connection.driver_connection
    for batch in batches:
        columns = [_without_nan(column) for column in batch.columns]
        driver.register(ARROW_NAME, pa.table(columns, names=batch.schema.names))
        execute(connection, f"INSERT INTO {target} ({names}) SELECT * FROM {ARROW_NAME}")  # noqa: S608
        driver.unregister(ARROW_NAME)


def _values(connection: Connection, table: Table, batches: Iterator[pa.RecordBatch]) -> None:
    """Insert many rows per statement, since a statement costs SQLite's driver more than a row."""
    target, names = _quoted(connection, table)
    width = len(table.columns)
    most = max(1, min(STATEMENT_ROWS, MAX_VALUES // width))
    row = f"({', '.join('?' * width)})"
    for columns in _plain_batches(batches, as_text=True):
        values = list(chain.from_iterable(zip(*columns, strict=True)))
        step = most * width
        whole = len(values) - len(values) % step
        for start, end in ((0, whole), (whole, len(values))):
            parameters = [tuple(values[at : min(at + step, end)]) for at in range(start, end, step)]
            if parameters:
                rows = ", ".join([row] * (len(parameters[0]) // width))
                statement = f"INSERT INTO {target} ({names}) VALUES {rows}"  # noqa: S608
                connection.exec_driver_sql(statement, parameters)


def _portable(connection: Connection, table: Table, batches: Iterator[pa.RecordBatch]) -> None:
    """Insert by the way that every database has; the parameters' names are ours, and plain."""
    names = [f"p{number}" for number in range(len(table.columns))]
    into = table.insert().values(
        {
            column: bindparam(name, type_=column.type)
            for column, name in zip(table.columns, names, strict=True)
        }
    )
    for columns in _plain_batches(batches, as_text=False):
        rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        connection.execute(into, rows)


FAST: dict[str, Callable[[Connection, Table, Iterator[pa.RecordBatch]], None]] = {
    "sqlite": _values,
    "postgresql": _copy,
    "duckdb": _duckdb,
}


def _quoted(connection: Connection, table: Table) -> tuple[str, str]:
    """Return a table and the list of its columns as a statement has them."""
    dialect = connection.dialect
    target = quoted_table(TableName(table.name, table.schema), dialect)
    return target, ", ".join(quoted_name(column.name, dialect) for column in table.columns)


def _plain_batches(
    batches: Iterator[pa.RecordBatch], *, as_text: bool
) -> Iterator[list[Sequence[Any]]]:
    """Yield the columns of a few rows at a time as Python's own values.

    Dates and times are texts in ISO 8601 if that is how the database keeps them.
    """
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(start, BATCH_ROWS)
            yield [_plain(column, as_text=as_text) for column in part.columns]


def _plain(column: pa.Array, *, as_text: bool) -> Sequence[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = in_utc(column)
        if as_text:  # as SQLite's own functions write it, so that it is found in other tables
            column = pc.replace_substring_regex(pc.strftime(column, ISO), NO_FRACTION, "")
    elif pa.types.is_date(column.type) and as_text:
        column = column.cast(pa.date32()).cast(pa.string())
    elif pa.types.is_floating(column.type):
        column = _without_nan(column)
    is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    values: list[Any]
    if is_number and column.null_count == 0:
        values = column.to_numpy(zero_copy_only=False).tolist()
    else:
        values = column.to_pylist()
    return values


def in_utc(times: pa.Array) -> pa.Array:
    """Return times to the microsecond, without a zone: those with one in UTC."""
    return times.cast(pa.timestamp("us", tz=times.type.tz), safe=False).cast(pa.timestamp("us"))


def _without_nan(column: pa.Array) -> pa.Array:
    if not pa.types.is_floating(column.type):
        return column
    is_nan = pc.is_nan(column)
    return (
        pc.if_else(is_nan, pa.scalar(None, column.type), column)
        if pc.any(is_nan).as_py()
        else column
    )
