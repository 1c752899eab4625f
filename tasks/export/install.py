"""A view in a user's database, beside the table whose rows it predicts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, inspect, text

from data.connections.engine import connected
from data.connections.table_name import TableName, refuse_names, table_name
from data.declarations.mistakes import nearest
from data.errors import CallError, OutputError, listed, quoted
from tasks.export.engines import fetched, in_postgresql
from tasks.export.export import Export
from tasks.export.sql.dialects import DIALECTS, POSTGRESQL, SQLITE, Dialect
from tasks.export.sql.query import Query

MARK = "Made by 'nightfit export'"
"""How the comment of a view begins that may be replaced."""
TRIED_ROWS = 100
"""Rows of the view that are read before it stays."""

_FIND = {
    "sqlite": "SELECT type, sql FROM sqlite_master"
    " WHERE lower(name) = lower(:name) AND (:schema IS NULL OR :schema IS NOT NULL)",
    "postgresql": "SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END,"
    " obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n"
    " ON n.oid = c.relnamespace WHERE c.relname = :name"
    " AND n.nspname = coalesce(CAST(:schema AS text), current_schema())",
    "duckdb": "SELECT * FROM (SELECT 'view', comment, view_name AS name, schema_name"
    " FROM duckdb_views() UNION ALL SELECT 'table', comment, table_name, schema_name"
    " FROM duckdb_tables()) WHERE lower(name) = lower(:name)"
    " AND schema_name = coalesce(CAST(:schema AS text), current_schema())",
}


def install(export: Export, url: str, table: str, view: str | None) -> list[str]:
    """Make a view over a table of the database at `url`; return sentences on it and its proof.

    A view of the same name is replaced if nightfit made it. All of it is one transaction. Raises
    CallError or OutputError if the database, the table or the view cannot be used, and UserError
    if the database does not predict what nightfit does.
    """
    where = "--install"
    source = table_name(table, "--table")
    default = TableName(f"nightfit_{export.serving.dataset}", source.schema)
    target = default if view is None else table_name(view, "--view")
    with connected(url, where, read_only=False) as connection:
        dialect = DIALECTS.get(connection.dialect.name)
        if dialect is None:
            raise CallError(
                f"a view is made in {listed([d.shown for d in DIALECTS.values()])} only, and this"
                f" is {connection.dialect.name}.",
                where=where,
                next_step="'--format onnx' and '--format json' go with any database.",
            )
        names = _columns(connection, source)
        made = _query(export, dialect, source, names)
        refuse_names(target, [*made.columns], connection.dialect, where)
        existing = _refuse_foreign(connection, dialect, target)
        notes = _proof(export, connection, dialect)
        _create(connection, export, dialect, target, made, existing=existing)
        first = f"SELECT * FROM {dialect.table(target)} LIMIT {TRIED_ROWS}"  # noqa: S608 - quoted
        rows = len(fetched(connection, first))
    verb = "replaced" if existing else "made"
    return [
        *notes,
        *export.notes,
        f"The view {target} is {verb}: {listed(list(made.columns))} of each row of {source};"
        f" its first {rows:,} rows were read.",
    ]


def _columns(connection: Connection, table: TableName) -> list[str]:
    """Return the columns of a table or view; raise OutputError, with a suggestion, for no such."""
    inspector = inspect(connection)
    if not inspector.has_table(table.name, schema=table.schema):
        known = [
            *inspector.get_table_names(schema=table.schema),
            *inspector.get_view_names(schema=table.schema),
        ]
        raise OutputError(
            f"There is no table {quoted(str(table))}.",
            where="--install",
            next_step=f"{nearest(table.name, known)}Name the table whose rows it is to predict.",
        )
    columns = inspector.get_columns(table.name, schema=table.schema)
    return [str(column["name"]) for column in columns]


def _query(export: Export, dialect: Dialect, table: TableName, names: Sequence[str]) -> Query:
    ignores_case = dialect is not POSTGRESQL
    known = {name.casefold() if ignores_case else name for name in names}

    def has(name: str) -> bool:
        return (name.casefold() if ignores_case else name) in known

    key_is_made = export.key_is_made
    carried = tuple(names) if key_is_made else export.carried
    missing = [n for n in dict.fromkeys((*export.types, *carried)) if not has(n)]
    if missing:
        raise OutputError(
            f"The table {quoted(str(table))} has no column {quoted(missing[0])}.",
            where="--install",
            next_step=f"{nearest(missing[0], names)}The model needs"
            f" {listed(list(dict.fromkeys((*carried, *export.types))))}; a view can give columns"
            " other names.",
        )
    weight = export.weight if export.weight is not None and has(export.weight) else None
    return export.query_of(dialect, table, carried, weight)


def _refuse_foreign(connection: Connection, dialect: Dialect, view: TableName) -> bool:
    """Return whether there is a view of nightfit; raise OutputError for anything else."""
    found = connection.execute(
        text(_FIND[dialect.name]), {"name": view.name, "schema": view.schema}
    ).first()
    if found is None:
        return False
    kind, comment = found[0], found[1]
    if kind == "view" and MARK in (comment or ""):
        return True
    raise OutputError(
        f"There is already a {kind} {quoted(str(view))}, which nightfit has not made.",
        where="--install",
        next_step="Choose another name with '--view NAME'.",
    )


def _proof(export: Export, connection: Connection, dialect: Dialect) -> list[str]:
    if dialect is not POSTGRESQL:
        return export.proved_in_sql(dialect)
    rows = export.proof_rows_in_sql()
    theirs = in_postgresql(connection, export.make, export.types, rows, export.weight)
    return [str(export.compared("PostgreSQL", export.ours(rows), theirs, rows))]


def _create(
    connection: Connection,
    export: Export,
    dialect: Dialect,
    view: TableName,
    made: Query,
    *,
    existing: bool,
) -> None:
    name = dialect.table(view)
    facts = export.facts
    comment = (
        f"{MARK}: {facts['target']} of {facts['dataset']}, predicted by {facts['model']} of run"
        f" {facts['run_id']} (model {facts['model_id']})"
    ).replace("*/", "* /")
    if existing and (dialect is SQLITE or not _same_columns(connection, view, made)):
        _run(connection, f"DROP VIEW {name}")
    if dialect is SQLITE:  # which has no comments beside this one
        _run(connection, f"CREATE VIEW {name} AS /* {comment} */ {made.text}")
        return
    _run(connection, f"CREATE OR REPLACE VIEW {name} AS {made.text}")
    _run(connection, f"COMMENT ON VIEW {name} IS {dialect.text(comment)}")


def _same_columns(connection: Connection, view: TableName, made: Query) -> bool:
    columns: list[Any] = inspect(connection).get_columns(view.name, schema=view.schema)
    return [column["name"] for column in columns] == [*made.columns]


def _run(connection: Connection, statement: str) -> None:
    connection.execution_options(no_parameters=True).exec_driver_sql(statement)
