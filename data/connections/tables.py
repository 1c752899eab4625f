"""Writing rows to a table in any database: all of them replaced at once, or nothing changed."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Column, Connection, Table, inspect, text
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from data.connections.arrow_rows import insert_batches
from data.connections.engine import connected
from data.connections.table_name import (
    IGNORES_CASE,
    TableName,
    execute,
    quoted_name,
    quoted_table,
    refuse_names,
    table_name,
)
from data.connections.typed_columns import MYSQL, is_text, listed_columns, table_of, takes
from data.errors import OutputError, quoted

LOCK_SECONDS = 60
"""How long a writer on MySQL waits for another one that writes the same table."""

MAX_INDEXED = 16
"""Columns that an index of MySQL may have."""

INDEXED_CHARACTERS = 760
"""In all texts of an index of MySQL together, whose entries have 3,072 bytes at most."""

INCOMING = "nightfit_incoming"
"""A temporary table on PostgreSQL, for an existing table whose types are not quite ours."""

Columns = Sequence[tuple[str, TypeEngine[Any]]]


def write_table(
    url: str,
    table: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    where: str,
    key: Sequence[str] = (),
) -> int:
    """Replace the rows of a table in the database at `url`, and return how many there are now.

    `table` is its name, or `schema.table`, as `table_name` reads it, and is always quoted: capitals
    and signs stay as they are. `url` may have secrets, `${NAME}`. A table that is not there is
    made, with a column for each of `schema` and an index of the `key`: its primary key, or on MySQL
    a plain index, because a primary key cannot be of texts there. NaN becomes NULL; text, whole
    numbers, doubles, booleans, dates and times keep their types, and SQLite, which has no type for
    these, gets times as `2026-01-31 02:00:00`. Times with a zone are in UTC where there is no type
    with one.

    All of it is one transaction: other connections see the old rows until they see the new ones,
    and whatever fails or is killed leaves the old ones. On MySQL, where making a table ends a
    transaction, the rows of a new one are written to another that then gets its name. Of two
    writers, one waits for the other. The rows need not fit into memory.

    An existing table keeps its indexes, permissions and triggers. If it has other columns, or types
    that would lose something, that is an OutputError which names both, as is a name that is too
    long; failures of the database are those of `data.connections.failures`. `where` says in
    messages what should be written.
    """
    name = table_name(table, where)
    with connected(url, where, read_only=False) as connection:
        if connection.dialect.name == "sqlite":
            execute(connection, "ROLLBACK")  # a transaction that only later begins to write
        return replace_rows(connection, name, schema, batches, where=where, key=key)


def replace_rows(
    connection: Connection,
    name: TableName,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    where: str,
    key: Sequence[str] = (),
) -> int:
    """Replace the rows of a table, likewise, in the transaction of a connection."""
    dialect = connection.dialect
    refuse_names(name, schema.names, dialect, where)
    table = table_of(name, schema, dialect, key=key, where=where)
    _begin(connection, name, where)
    existing = _existing_columns(connection, name)
    if existing is None and dialect.name in MYSQL:
        return _write_aside(connection, table, batches, schema, key)
    if existing is None:
        connection.execute(CreateTable(table))
        return insert_batches(connection, table, batches)
    _refuse_other_columns(existing, table, where, dialect.name)
    target = quoted_table(name, dialect)
    if dialect.name in MYSQL:
        _refuse_engine_without_transactions(connection, name, where)
    if dialect.name == "postgresql":  # readers go on; another writer waits
        execute(connection, f"LOCK TABLE {target} IN SHARE ROW EXCLUSIVE MODE")
    execute(connection, f"DELETE FROM {target}")  # noqa: S608
    if dialect.name == "postgresql" and not _are_same(existing, table, dialect):
        return _by_incoming(connection, table, batches)
    return insert_batches(connection, table, batches)


def _begin(connection: Connection, name: TableName, where: str) -> None:
    """Begin to write: SQLite's driver would only begin after a table has been made."""
    dialect = connection.dialect
    if dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            execute(connection, "BEGIN IMMEDIATE")
    elif dialect.name == "postgresql":
        execute(connection, "SET LOCAL TIME ZONE 'UTC'")
    elif dialect.name in MYSQL:
        lock = _short("lock", name)
        taken = text("SELECT GET_LOCK(:name, :seconds)")
        if connection.execute(taken, {"name": lock, "seconds": LOCK_SECONDS}).scalar() != 1:
            raise OutputError(
                f"Another process has been writing the table for {LOCK_SECONDS} seconds.",
                where=where,
                next_step="Run again when it has ended.",
            )


def _existing_columns(connection: Connection, name: TableName) -> Columns | None:
    """Return the columns of a table with their types, None if there is no such table."""
    inspector = inspect(connection)
    if not inspector.has_table(name.name, schema=name.schema):
        return None
    columns = inspector.get_columns(name.name, schema=name.schema)
    return [(column["name"], column["type"]) for column in columns]


def _refuse_other_columns(existing: Columns, table: Table, where: str, database: str) -> None:
    """Raise OutputError unless an existing table has the columns, in any order, and takes them."""
    folded = str.lower if database in IGNORES_CASE else str
    types = {folded(name): kind for name, kind in existing}
    wanted = [(str(column.name), column.type) for column in table.columns]
    if {*types} == {folded(name) for name, _ in wanted} and all(
        takes(types[folded(name)], kind, database) for name, kind in wanted
    ):
        return
    raise OutputError(
        f"The table {quoted(str(table.name))} is there already and has other columns:"
        f" {listed_columns(existing)}; the rows have {listed_columns(wanted)}.",
        where=where,
        next_step="Name another table, or drop this one if nobody needs it.",
    )


def _are_same(existing: Columns, table: Table, dialect: Any) -> bool:
    """Return whether the types of existing columns are to the letter those of a table."""
    types = {name: kind.compile(dialect) for name, kind in existing}
    return all(types[column.name] == column.type.compile(dialect) for column in table.columns)


def _by_incoming(connection: Connection, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
    """Insert rows by way of a temporary table, so that PostgreSQL converts their types."""
    columns = [Column(column.name, column.type) for column in table.columns]
    incoming = Table(INCOMING, table.metadata, *columns, prefixes=["TEMPORARY"])
    connection.execute(CreateTable(incoming))
    rows = insert_batches(connection, incoming, batches)
    names = [column.name for column in table.columns]
    connection.execute(table.insert().from_select(names, incoming.select()))
    incoming.drop(connection)
    return rows


def _write_aside(
    connection: Connection,
    table: Table,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    key: Sequence[str],
) -> int:
    """Write a new table of MySQL under another name, and rename it when it is whole.

    What a killed writer left under that name goes first.
    """
    dialect = connection.dialect
    name = TableName(str(table.name), table.schema)
    aside = table.to_metadata(table.metadata, name=_short("rows", name))
    written = TableName(str(aside.name), table.schema)
    execute(connection, f"DROP TABLE IF EXISTS {quoted_table(written, dialect)}")
    connection.execute(CreateTable(aside))
    if key:
        texts = [column for column in key if is_text(schema.field(column).type)]
        length = INDEXED_CHARACTERS // max(len(texts), 1)
        indexed = ", ".join(
            quoted_name(column, dialect) + (f"({length})" if column in texts else "")
            for column in key[:MAX_INDEXED]
        )
        execute(
            connection, f"CREATE INDEX nightfit_key ON {quoted_table(written, dialect)} ({indexed})"
        )
    rows = insert_batches(connection, aside, batches)
    old, new = quoted_table(written, dialect), quoted_table(name, dialect)
    execute(connection, f"RENAME TABLE {old} TO {new}")
    return rows


def _refuse_engine_without_transactions(
    connection: Connection, name: TableName, where: str
) -> None:
    engine = text(
        "SELECT engine FROM information_schema.tables"
        " WHERE table_name = :name AND table_schema = coalesce(:schema, database())"
    )
    found = connection.execute(engine, {"name": name.name, "schema": name.schema}).scalar()
    if found is not None and str(found).lower() != "innodb":
        raise OutputError(
            f"The table {quoted(name.name)} is kept by {found}, which has no transactions: its"
            " readers would see it empty.",
            where=where,
            next_step="Run ALTER TABLE ... ENGINE = InnoDB, or name another table.",
        )


def _short(purpose: str, name: TableName) -> str:
    """Return a name for something that belongs to a table, short enough for MySQL."""
    return f"nightfit_{purpose}_{hashlib.sha256(str(name).encode()).hexdigest()[:16]}"
