"""Replacing the table of a dataset's results, in the transaction that changes who predicts."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema, CreateTable, SetTableComment

from data.connections.table_name import TableName, quoted_name, quoted_table
from data.connections.typed_columns import table_of
from data.errors import OutputError
from data.store.database.failures import NOT_PERMITTED
from data.store.read.champions import latest_decision
from data.store.results.columns import ResultColumns
from data.store.results.names import exists, refuse_name, same_table, wanted_name
from data.store.results.typed_rows import typed_rows
from data.store.tables import model, result_table, run, segment_serving

OF_A_LEVEL = re.compile(r"(lower|upper)_\d+(_\d+)?")
"""The names of the columns of narrower intervals."""

OBSTACLES = (NOT_PERMITTED, "22", "2BP01", "3F000", "42P", "42701", "54")
"""How PostgreSQL's codes begin for what keeps a table from being made or filled: permissions, a
value that is not of its type, a view that depends on it, a schema or names that are taken or not
there, and limits. Results in a table are not worth a run."""


@dataclass(frozen=True)
class Shown:
    """What `current_prediction` shows of a dataset: whose predictions, of which run's rows."""

    model_id: int
    run_id: int | None


def write_results(
    connection: Connection,
    dataset: str,
    *,
    has_changed: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Bring the table of a dataset's results up to what `current_prediction` shows of it now.

    Nothing is done where it has that already, unless `has_changed`. Readers see the old rows until
    the transaction ends; only where the columns of the key have changed, a new table takes the
    place of the old one, with its permissions. A table that cannot be made stays as it is, and
    `told` gets a sentence on why.
    """
    shown = shown_now(connection, dataset)
    if shown is None:
        return
    declaration = _latest_declaration(connection, dataset)
    columns = columns_shown(connection, dataset)
    ours = connection.execute(select(result_table).where(result_table.c.dataset == dataset)).first()
    name = wanted_name(dataset, declaration, connection.dialect.name)
    if not has_changed and ours is not None and _is_current(connection, ours, name, shown):
        return
    if columns is None and ours is None:
        return  # runs of an earlier version: the next one makes the table
    try:
        if columns is None:
            raise OutputError(
                f"The columns of the key of run {shown.run_id}, whose rows are shown now, are not"
                " known, because an earlier version stored it.",
                next_step="The next night with new rows writes it.",
            )
        refuse_name(connection, dataset, name, columns)
        with connection.begin_nested():
            _replace(connection, dataset, name, columns, ours, shown)
            _remember(connection, dataset, name, columns, shown)
    except (OutputError, DBAPIError) as error:
        told(_sentence(error, name))


def shown_now(connection: Connection, dataset: str) -> Shown | None:
    """Return whose predictions are current, None if nobody has served yet."""
    standing = latest_decision(connection, dataset)
    if standing is None:
        return None
    return Shown(standing.model_id, standing.predictions_run_id)


def columns_shown(connection: Connection, dataset: str) -> ResultColumns | None:
    """Return the columns of what is shown; None if nobody knows those of the key, or serves.

    The levels of its intervals are those of the model that predicts, and so of the run that trained
    it.
    """
    shown = shown_now(connection, dataset)
    if shown is None:
        return None
    own = (
        select(run.c.run_id, run.c.interval_levels)
        .join(model, model.c.run_id == run.c.run_id)
        .where(model.c.model_id == shown.model_id)
    )
    trained_by = connection.execute(own).first()
    if trained_by is None:
        return None
    of_run = shown.run_id or trained_by.run_id  # a decision of version 0.1.0 names no run
    same = select(run.c.fingerprint).where(run.c.run_id == of_run).scalar_subquery()
    again = (  # a later one that read the same rows, for a run of an earlier version
        select(run.c.key_columns)
        .where(run.c.dataset == dataset, run.c.fingerprint == same, run.c.key_columns.is_not(None))
        .order_by(run.c.run_id.desc())
        .limit(1)
    )
    key = select(run.c.key_columns).where(run.c.run_id == of_run)
    columns = connection.execute(key).scalar() or connection.execute(again).scalar()
    if columns is None:
        return None
    shares = [*map(float, filter(None, (trained_by.interval_levels or "").split(", ")))]
    declared = connection.execute(select(run.c.declaration).where(run.c.run_id == of_run)).scalar()
    segmented = bool(json.loads(declared or "{}").get("segment"))
    return ResultColumns([(each[0], each[1]) for each in columns], shares, segmented)


def _latest_declaration(connection: Connection, dataset: str) -> str | None:
    """Return the declaration of the latest good or skipped run, as JSON."""
    declared = (
        select(run.c.declaration)
        .where(run.c.dataset == dataset, run.c.declaration.is_not(None))
        .where(run.c.status.in_(("succeeded", "skipped")))
        .order_by(run.c.run_id.desc())
        .limit(1)
    )
    declaration: str | None = connection.execute(declared).scalar()
    return declaration


def _is_current(connection: Connection, ours: Row[Any], name: TableName, shown: Shown) -> bool:
    its_name = TableName(ours.table_name, ours.schema_name)
    return (
        its_name == name and Shown(ours.model_id, ours.run_id) == shown and exists(connection, name)
    )


def _replace(
    connection: Connection,
    dataset: str,
    name: TableName,
    columns: ResultColumns,
    ours: Row[Any] | None,
    shown: Shown,
) -> None:
    """Put the current predictions into a table, and drop one of another name or other columns."""
    old = None if ours is None else TableName(ours.table_name, ours.schema_name)
    if old is not None and not exists(connection, old):
        old = None
    schema, dialect = columns.schema, connection.dialect
    target = quoted_table(name, dialect)
    names = ", ".join(quoted_name(column, dialect) for column in schema.names)
    grants: Sequence[tuple[str, str]] = ()
    if (
        old is not None
        and same_table(old, name, connection)
        and _has_columns(connection, ours, columns)
    ):
        connection.execute(text(f"DELETE FROM {_as_text(target)}"))  # noqa: S608
    else:
        if old is not None:
            grants = _grants(connection, old)
            connection.execute(text(f"DROP TABLE {_as_text(quoted_table(old, dialect))}"))
        _create(connection, dataset, name, columns)
    stored_as = None
    if shown.run_id is not None and not _has_routes(connection, dataset, shown.run_id):
        stored_as = (shown.model_id, shown.run_id)
    rows = typed_rows(connection, columns, stored_as=stored_as)
    filled = text(f"INSERT INTO {_as_text(target)} ({_as_text(names)}) {rows}")
    connection.execute(filled, {} if stored_as else {"dataset": dataset})
    for role, privilege in grants:
        connection.execute(text(f"GRANT {privilege} ON {_as_text(target)} TO {_as_text(role)}"))


def _has_routes(connection: Connection, dataset: str, run_id: int) -> bool:
    """Return whether other models than the champion serve segments of the rows that are shown."""
    served = segment_serving.c
    own = (served.dataset == dataset) & (served.run_id == run_id) & served.model_id.is_not(None)
    return connection.execute(select(served.segment).where(own).limit(1)).first() is not None


def _create(connection: Connection, dataset: str, name: TableName, shown: ResultColumns) -> None:
    dialect, schema = connection.dialect, shown.schema
    if name.schema is not None and name.schema not in inspect(connection).get_schema_names():
        connection.execute(CreateSchema(name.schema))
    table = table_of(name, schema, dialect, key=shown.key_names, where=f"results of {dataset}")
    table.dialect_options["sqlite"]["with_rowid"] = False
    connection.execute(CreateTable(table))
    if dialect.supports_comments:
        table.comment = (
            f"nightfit's predictions of the dataset {dataset}, one row per row, replaced by its"
            " runs: current_prediction with the columns of the key."
        )
        connection.execute(SetTableComment(table))


def _has_columns(connection: Connection, ours: Row[Any] | None, shown: ResultColumns) -> bool:
    """Return whether our table still has the columns that it was made with, and these are it.

    Columns that a user has added stay; those of a level that is declared no more do not.
    """
    if ours is None or [tuple(column) for column in ours.key_columns] != [*map(tuple, shown.key)]:
        return False
    inspector = inspect(connection)
    key = inspector.get_pk_constraint(ours.table_name, schema=ours.schema_name)
    if key["constrained_columns"] != shown.key_names:
        return False  # a column beside the key has the name of one of its columns now, or had it
    columns = inspector.get_columns(ours.table_name, schema=ours.schema_name)
    names, wanted = {column["name"] for column in columns}, {*shown.schema.names}
    return wanted <= names and not any(map(OF_A_LEVEL.fullmatch, names - wanted))


def _grants(connection: Connection, name: TableName) -> Sequence[tuple[str, str]]:
    """Return who may do what with a table of PostgreSQL, besides its owner."""
    if connection.dialect.name != "postgresql":
        return ()
    granted = text(
        "SELECT CASE granted.grantee WHEN 0 THEN 'PUBLIC'"
        " ELSE CAST(CAST(granted.grantee AS regrole) AS text) END, granted.privilege_type"
        " FROM pg_class, LATERAL aclexplode(relacl) AS granted"
        " WHERE pg_class.oid = to_regclass(:name) AND granted.grantee <> relowner"
    )
    named = quoted_table(name, connection.dialect)
    return [(row[0], row[1]) for row in connection.execute(granted, {"name": named})]


def _remember(
    connection: Connection, dataset: str, name: TableName, columns: ResultColumns, shown: Shown
) -> None:
    connection.execute(delete(result_table).where(result_table.c.dataset == dataset))
    connection.execute(
        insert(result_table).values(
            dataset=dataset,
            schema_name=name.schema,
            table_name=name.name,
            key_columns=[list(column) for column in columns.key],
            model_id=shown.model_id,
            run_id=shown.run_id,
            written_at=datetime.now(UTC),
        )
    )


def _sentence(error: OutputError | DBAPIError, name: TableName) -> str:
    """Return why a table could not be brought up to date; raise again what is worse than that."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        if not state.startswith(OBSTACLES):
            raise error
        what = f"the database reports: {str(error.orig).partition(chr(10))[0].rstrip('.')}."
    else:
        what = f"{error.what} {error.next_step}".strip()
    return f"The table of results {str(name)!r} was not written: {what}"


def _as_text(sql: str) -> str:
    """Return names for a statement in which a colon would begin a parameter."""
    return sql.replace(":", "\\:")
