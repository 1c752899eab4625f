"""Whether the database itself is sound: its pages or files, its indexes, references and types."""

from collections.abc import Iterator

from sqlalchemy import Connection, Table, select, text
from sqlalchemy.exc import DBAPIError

from data.store.check.finding import RESTORE, Finding
from data.store.column_types import UnreadableValue
from data.store.database.failures import NOT_PERMITTED
from data.store.tables import (
    acceptance,
    metadata,
    model,
    paired_error,
    prediction,
    promotion,
    run,
    segment_coefficient_value,
    segment_decision,
    segment_fit,
)
from data.store.write.run_table_upkeep import run_tables

MAX_MESSAGES = 10
"""Of SQLite about one database: more would tell nobody more."""

RECOVER = (
    "Restore a backup; without one, `sqlite3 FILE .recover | sqlite3 NEW` saves what can be read."
)

UNCHECKED_REFERENCES = (
    (prediction.c.model_id, model.c.model_id),
    (prediction.c.run_id, run.c.run_id),
    (paired_error.c.model_id, model.c.model_id),
    (paired_error.c.other_model_id, model.c.model_id),
    (paired_error.c.run_id, run.c.run_id),
    (promotion.c.predictions_run_id, run.c.run_id),
    (segment_fit.c.model_id, model.c.model_id),
    (segment_coefficient_value.c.model_id, model.c.model_id),
)
"""References that the database does not check itself."""

SQLITE_STORAGE = {
    "INTEGER": "'integer'",
    "BIGINT": "'integer'",
    "BOOLEAN": "'integer'",
    "DOUBLE": "'real', 'integer'",
    "BLOB": "'blob'",
}
"""How SQLite stores the values of a column; those of all other types are texts."""

BTREES = """
SELECT of_index.relname FROM pg_index
JOIN pg_class AS of_index ON of_index.oid = pg_index.indexrelid
JOIN pg_am ON pg_am.oid = of_index.relam AND pg_am.amname = 'btree'
WHERE pg_index.indrelid = to_regclass(:name) AND pg_index.indisvalid
"""


def integrity_findings(connection: Connection) -> Iterator[Finding]:
    """Yield what the database reports about its own pages, files and indexes."""
    if connection.dialect.name == "sqlite":
        for (message,) in connection.execute(text(f"PRAGMA integrity_check({MAX_MESSAGES})")):
            if message != "ok":
                yield Finding("integrity", f"SQLite reports: {message}.", RECOVER)
        return
    for name in metadata.tables:
        # As text, so that PostgreSQL reads every value, those that it keeps elsewhere included.
        every_value = f'SELECT sum(length(of_row::text)) FROM "{name}" AS of_row'  # noqa: S608
        yield from _failures(connection, every_value, f"The table {name} cannot be read")
    yield from _index_findings(connection)


def _index_findings(connection: Connection) -> Iterator[Finding]:
    """Yield what PostgreSQL's extension amcheck finds, where it is installed and allowed."""
    installed = text("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'")
    if connection.execute(installed).first() is None:
        return
    parts = (table.name for table in run_tables(connection))
    for table in (*metadata.tables, *parts):
        for index in connection.execute(text(BTREES), {"name": table}).scalars().all():
            check = f"SELECT bt_index_check(to_regclass('{index}'), true)"
            yield from _failures(connection, check, f"The index {index} is damaged")


def _failures(connection: Connection, statement: str, what: str) -> Iterator[Finding]:
    try:
        with connection.begin_nested():
            connection.execute(text(statement)).all()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != NOT_PERMITTED:
            message = str(error.orig).strip().splitlines()[0]
            yield Finding("integrity", f"{what}: {message}.", RESTORE)


def reference_findings(connection: Connection) -> Iterator[Finding]:
    """Yield the rows that refer to a row that is not there."""
    if connection.dialect.name == "sqlite":  # others never let one go
        violated: dict[tuple[str, str], int] = {}
        for row in connection.execute(text("PRAGMA foreign_key_check")):
            violated[row[0], row[2]] = violated.get((row[0], row[2]), 0) + 1
        for (table, parent), count in violated.items():
            yield _dangling(table, parent, count)
    for column, target in UNCHECKED_REFERENCES:
        ids = connection.execute(select(column).where(column.is_not(None)).distinct()).scalars()
        present = set(connection.execute(select(target)).scalars())
        if missing := set(ids) - present:
            yield _dangling(column.table.name, target.table.name, len(missing))


def _dangling(table: str, parent: str, count: int) -> Finding:
    what = f"Rows of {table} refer to {count:,} rows of {parent} that do not exist."
    return Finding("references", what, RESTORE)


def value_findings(connection: Connection) -> Iterator[Finding]:
    """Yield the columns with values that are not of their type."""
    if connection.dialect.name == "sqlite":
        for table in metadata.tables.values():
            yield from _mistyped(connection, table)
    for table in (acceptance, promotion, segment_decision):  # those of runs have checksums
        try:
            connection.execute(select(table)).all()
        except UnreadableValue as error:
            yield Finding("values", f"In the table {table.name}, {error}.", RESTORE)


def _mistyped(connection: Connection, table: Table) -> Iterator[Finding]:
    """Yield the columns of a table in which SQLite keeps values of another type."""
    counts = []
    for column in table.columns:
        storage = SQLITE_STORAGE.get(column.type.compile(connection.dialect), "'text'")
        null = ", 'null'" if column.nullable else ""
        counts.append(f'sum(typeof("{column.name}") NOT IN ({storage}{null}))')
    statement = f'SELECT {", ".join(counts)} FROM "{table.name}"'  # noqa: S608
    row = connection.execute(text(statement)).one()
    for column, count in zip(table.columns, row, strict=True):
        if count:
            what = f"{count:,} values of {table.name}.{column.name} are not of its type."
            yield Finding("values", what, RESTORE)
