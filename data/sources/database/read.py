"""Read the rows of a table or a query, at one moment of a database, without changing anything."""

from pathlib import Path

from sqlalchemy import Connection

from data.connections.engine import connected
from data.declarations.model import Declaration
from data.declarations.sql_source import SqlSource
from data.progress import Report
from data.sources.database.tables import query_of_table
from data.sources.header import check_header
from data.sources.source_columns import SourceColumns


def read_database(
    declaration: Declaration, source: SqlSource, folder: Path, report: Report
) -> SourceColumns:
    """Return the columns of a table or a query; the rows are in temporary files in a folder.

    All rows are of one moment, and are read in a transaction that cannot write. Whatever fails is a
    `SourceError`, and a `SourceAway` if it may succeed later.
    """
    exact = {*declaration.key, declaration.split.group}
    report(0, "connecting")
    with connected(source.url.text, source.shown, read_only=True) as connection:
        query = source.query or query_of_table(connection, source.table or "")
        is_table = source.table is not None
        columns = _rows(connection, query, exact, folder, report, is_table=is_table)
    check_header(columns.column_names)
    return columns


def _rows(
    connection: Connection,
    query: str,
    exact: set[str | None],
    folder: Path,
    report: Report,
    *,
    is_table: bool,
) -> SourceColumns:
    """Return the rows of a query, in the way that is fastest with the database."""
    backend, driver = connection.dialect.name, connection.dialect.driver
    names = {name for name in exact if name is not None}
    if (backend, driver) == ("postgresql", "psycopg"):
        from data.sources.database.postgresql import read_postgresql

        return read_postgresql(connection, query, names, folder, report)
    if backend == "duckdb":
        from data.sources.database.duckdb_rows import read_duckdb

        return read_duckdb(connection, query, folder, report)
    if backend == "sqlite":
        from data.sources.database.sqlite import read_sqlite

        return read_sqlite(connection, query, folder, report)
    if driver == "pymysql":
        from data.sources.database.mysql import read_mysql

        return read_mysql(connection, query, names, folder, report, is_table=is_table)
    from data.sources.database.other import read_other

    return read_other(connection, query, folder, report)
