"""Tables of PostgreSQL with one model's predictions in one run, each a part of `prediction`.

Several sessions copy rows into such a table at the same time, each in a transaction of its own, so
that nobody may see it before the run is stored: the run's transaction makes it a child of
`prediction`, by which every query and view of that table has its rows, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Column, Connection, MetaData, Table, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import SetTableComment

from data.errors import StoreError
from data.progress import unreported
from data.store.database.address import is_postgresql, url_of
from data.store.database.engine import engine_on
from data.store.database.failures import translated
from data.store.database.retry import retried
from data.store.records import RunRecord
from data.store.row_columns import ModelRef, PredictionColumns
from data.store.tables import model, prediction, run
from data.store.write.rows import insert_predictions

NAME = re.compile(r"prediction_\d+_\d+")
"""What such a table is called: `prediction`, and the ids of the run and the model."""

RETRY_SECONDS, UNREACHABLE_SECONDS = 60.0, 20.0
"""How long a part is tried again while the database is away, and while nothing answers at all."""

LOCK_SECONDS = 20
"""How long to wait for others that read such a table before it is a part of `prediction`."""

TURN_SECONDS = 600
"""How long to wait for runs of other datasets that are adding theirs, until they are stored."""

OBSTACLES = ("23", "42", "55P03")
"""How PostgreSQL's codes begin for what is no reason to give up a run: rows that are there twice,
permissions and names, and somebody who keeps the table locked."""

XIDS = 2**32
"""Rows have the lower half of the number of their transaction."""


@dataclass(frozen=True)
class RunTable:
    """A table for the predictions of a model in a run of a dataset.

    Its comment has the `token`, by which another session sees that it is in the same database.
    """

    dataset: str
    run_id: int
    model_id: int
    token: str

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return f"prediction_{self.run_id}_{self.model_id}"

    @property
    def table(self) -> Table:
        """Return the table, with the columns of `prediction`."""
        return prediction.to_metadata(MetaData(), name=self.name)


@dataclass(frozen=True)
class CopiedRows:
    """What was copied into a table: so many rows with this SHA-256, by these transactions."""

    table: RunTable
    rows: int
    sha256: str
    transactions: frozenset[int]


@dataclass(frozen=True)
class CopiedRun:
    """The ids that a run and its candidates will have, and the models whose rows are copied."""

    run_id: int
    model_ids: Mapping[str, int]
    rows: Mapping[ModelRef, CopiedRows]


class _OtherRows(Exception):
    """A table does not have the rows that were copied into it."""


def may_add_tables(connection: Connection) -> bool:
    """Return whether this role may make a table and add it to `prediction`."""
    allowed = text(
        "SELECT pg_has_role(relowner, 'USAGE')"
        " AND has_schema_privilege(CAST(relnamespace AS oid), 'CREATE')"
        " FROM pg_class WHERE oid = to_regclass('prediction')"
    )
    return bool(connection.execute(allowed).scalar())


def reserved_ids(connection: Connection, record: RunRecord) -> tuple[int, dict[str, int]]:
    """Return ids that nobody else gets, for a run and for its candidates by name."""
    run_id = _next_id(connection, run.c.run_id)
    return run_id, {each.name: _next_id(connection, model.c.model_id) for each in record.candidates}


def _next_id(connection: Connection, column: Column[int]) -> int:
    sequence = func.pg_get_serial_sequence(column.table.name, column.name)
    return int(connection.execute(select(func.nextval(sequence))).scalar_one())


def make_run_table(connection: Connection, dataset: str, *, run_id: int, model_id: int) -> RunTable:
    """Make a table without rows or indexes, with the checks of `prediction` and one of its ids.

    By that one PostgreSQL passes the table over where another model or run is asked for.
    """
    made = RunTable(dataset, run_id, model_id, uuid4().hex)
    connection.execute(
        text(
            f"CREATE TABLE {made.name} (LIKE prediction INCLUDING DEFAULTS INCLUDING CONSTRAINTS,"
            f" CONSTRAINT ck_{made.name}_ids CHECK (model_id = {model_id} AND run_id = {run_id}))"
        )
    )
    _set_comment(connection, made, f"{dataset}: rows of a run that is not stored ({made.token}).")
    return made


def _set_comment(connection: Connection, of: RunTable, comment: str) -> None:
    table = of.table
    table.comment = comment
    connection.execute(SetTableComment(table))


def copy_part(url: str, into: RunTable, rows: PredictionColumns) -> int:
    """Copy rows into a table of the store at `url`; return the number of the transaction.

    Raises StoreError where that database cannot be used, or is another one, and ValueError for a
    prediction that is not a number.
    """
    if not is_postgresql(url_of(url)):
        raise StoreError("NIGHTFIT_DATABASE_URL names no PostgreSQL database there.")
    engine = engine_on(url, read_only=True)  # an empty database stays one

    def attempt() -> int:
        with translated(engine), engine.begin() as connection:
            comment = func.obj_description(func.to_regclass(into.name), "pg_class")
            if into.token not in (connection.execute(select(comment)).scalar() or ""):
                raise StoreError("NIGHTFIT_DATABASE_URL names another database there.")
            insert_predictions(
                connection,
                into.run_id,
                into.model_id,
                into.dataset,
                rows,
                unreported,
                into=into.table,
            )
            return int(connection.execute(select(func.txid_current())).scalar_one()) % XIDS

    try:
        return retried(attempt, seconds=RETRY_SECONDS, unreachable_seconds=UNREACHABLE_SECONDS)
    except DBAPIError as error:
        raise StoreError(f"the database reports: {_first_line(error)}.") from None


def attach(connection: Connection, copied: CopiedRows) -> str | None:
    """Make a table of copied rows a part of `prediction`, or return why that cannot be.

    Rows of a part that was copied twice, since a worker was lost that had committed, are removed,
    and a session that still copies is ended: it is one whose part another worker has done.
    """
    name = copied.table.name
    try:
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            _end_copying(connection, name)
            connection.execute(text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
            _remove_repeated(connection, copied)
            connection.execute(
                text(
                    f"ALTER TABLE {name} ADD CONSTRAINT pk_{name}"
                    " PRIMARY KEY (model_id, key, run_id)"
                )
            )
            connection.execute(
                text(
                    f"CREATE INDEX ix_{name}_unknown ON {name} (dataset, key, run_id)"
                    " WHERE actual IS NULL"
                )
            )
            of = copied.table
            part = f"{of.dataset}: a part of prediction, of run {of.run_id} and model {of.model_id}"
            _set_comment(connection, of, f"{part}. Nightfit makes, merges and drops such tables.")
            connection.execute(text(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'"))
            connection.execute(text(f"ALTER TABLE {name} INHERIT prediction"))
            connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
    except _OtherRows as error:
        return str(error)
    except DBAPIError as error:
        if not (getattr(error.orig, "sqlstate", None) or "").startswith(OBSTACLES):
            raise
        return _first_line(error)
    return None


def _end_copying(connection: Connection, name: str) -> None:
    copying = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'relation'"
        " AND relation = to_regclass(:name) AND mode = 'RowExclusiveLock'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND pid <> pg_backend_pid()"
    )
    connection.execute(copying, {"name": name})


def _remove_repeated(connection: Connection, copied: CopiedRows) -> None:
    count = text(f"SELECT count(*) FROM {copied.table.name}")  # noqa: S608
    if connection.execute(count).scalar_one() == copied.rows:
        return
    others = text(
        f"DELETE FROM {copied.table.name}"  # noqa: S608
        " WHERE CAST(CAST(xmin AS text) AS bigint) <> ALL (:transactions)"
    )
    connection.execute(others, {"transactions": [*copied.transactions]})
    if (rows := connection.execute(count).scalar_one()) != copied.rows:
        raise _OtherRows(f"{copied.table.name} has {rows:,} rows instead of {copied.rows:,}")


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0].rstrip(".")
