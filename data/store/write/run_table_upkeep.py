"""What becomes of the tables of `run_tables`: they are dropped, or merged into `prediction`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from data.store.database.failures import NOT_PERMITTED
from data.store.database.lock import is_worked_on
from data.store.tables import prediction
from data.store.write.run_tables import NAME

MOST_TABLES = 64
"""So many tables may be parts of `prediction`: with a hundred, a query of one row takes a
millisecond or two more than with none; with a thousand, 20, and many of the server's locks."""

LOCK_SECONDS = 2
"""How long to wait for those who read a table; later nights try again."""

LOCKED = "55P03"
"""PostgreSQL's code for a lock that could not be had in time."""

TABLES = """
SELECT own.relname, obj_description(own.oid, 'pg_class') AS comment, EXISTS (
    SELECT FROM pg_inherits WHERE inhrelid = own.oid AND inhparent = to_regclass('prediction')
) AS is_part
FROM pg_class AS own
JOIN pg_namespace AS place ON place.oid = own.relnamespace AND place.nspname = current_schema()
WHERE own.relkind = 'r' AND starts_with(own.relname, 'prediction_')
"""


@dataclass(frozen=True)
class StoredRunTable:
    """A table of a run that is in the database: a part of `prediction`, or left behind."""

    name: str
    dataset: str
    is_part: bool

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the ids of its run and its model."""
        return tuple(map(int, self.name.split("_")[1:]))


def run_tables(connection: Connection) -> list[StoredRunTable]:
    """Return the tables of runs, the newest first."""
    if connection.dialect.name != "postgresql":
        return []
    found = [
        StoredRunTable(row.relname, str(row.comment).partition(":")[0], row.is_part)
        for row in connection.execute(text(TABLES))
        if NAME.fullmatch(row.relname)
    ]
    return sorted(found, key=lambda table: table.ids, reverse=True)


def drop_left(connection: Connection, dataset: str) -> None:
    """Drop the tables of runs that were never stored, of a dataset whose lock the caller holds.

    So are those of datasets that nobody works on, which may never be run again.
    """
    left = [table for table in run_tables(connection) if not table.is_part]
    worked_on = {
        other
        for other in {table.dataset for table in left} - {dataset}
        if is_worked_on(connection, other)
    }
    _drop(connection, (table.name for table in left if table.dataset not in worked_on))


def keep_few(connection: Connection, dataset: str) -> None:
    """Drop a dataset's empty tables and what was left behind, and merge those of its oldest runs.

    A table that somebody reads just now stays until a later night.
    """
    drop_left(connection, dataset)
    parts = [table for table in run_tables(connection) if table.is_part]
    own = [table for table in parts if table.dataset == dataset]
    empty = [table for table in own if not _has_rows(connection, table.name)]
    _drop(connection, (table.name for table in empty))
    staying = [table for table in parts if table not in empty]
    for table in staying[MOST_TABLES:]:
        if table in own:
            _merge(connection, table.name)


def _has_rows(connection: Connection, name: str) -> bool:
    return connection.execute(text(f"SELECT 1 FROM {name} LIMIT 1")).first() is not None  # noqa: S608


def _drop(connection: Connection, names: Iterable[str]) -> None:
    for name in names:
        _when_free(connection, name, [f"DROP TABLE {name}"])


def _merge(connection: Connection, name: str) -> None:
    """Move the rows of a table to `prediction` itself."""
    columns = ", ".join(prediction.columns.keys())
    rows = f"SELECT {columns} FROM {name} ORDER BY key"  # noqa: S608
    moved = f"INSERT INTO prediction ({columns}) {rows}"
    _when_free(connection, name, [moved, f"DROP TABLE {name}"])


def _when_free(connection: Connection, name: str, statements: Iterable[str]) -> None:
    """Execute statements on a table unless somebody uses it, or it is not this role's to change."""
    try:
        with connection.begin_nested():
            for statement in (*_locked(name), *statements, "SET LOCAL lock_timeout TO DEFAULT"):
                connection.execute(text(statement))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in (LOCKED, NOT_PERMITTED):
            raise


def _locked(name: str) -> Iterator[str]:
    yield f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"
    yield f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"
