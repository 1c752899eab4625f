"""The name of a dataset's table of results, and what it may not be."""

import json

from sqlalchemy import Connection, inspect, select

from data.connections.table_name import TableName, refuse_names
from data.errors import OutputError, quoted
from data.store.database.version import VERSION_TABLE
from data.store.results.columns import ResultColumns
from data.store.tables import metadata, result_table
from data.store.views import VIEWS

PREFIX = "predicted_"
RENAME = "Declare another one: 'results: {table: ...}'."


def wanted_name(dataset: str, declaration: str | None, database: str) -> TableName:
    """Return the table that a declaration, as JSON, names for the results of a dataset.

    Without a name it is `predicted_` and that of the dataset, in a form that needs no quotation
    marks. SQLite has no schemas.
    """
    declared = json.loads(declaration or "{}").get("results") or {}
    usual = PREFIX + dataset.lower().replace("-", "_")
    schema = declared.get("schema") if database == "postgresql" else None
    return TableName(declared.get("table") or usual, schema)


def refuse_name(
    connection: Connection, dataset: str, name: TableName, columns: ResultColumns | None
) -> None:
    """Raise OutputError for a table that is not ours to make, or that the database cannot name."""
    where = f"results of {dataset}"
    names = [] if columns is None else columns.schema.names
    refuse_names(name, names, connection.dialect, where)
    own = {table.lower() for table in (*metadata.tables, *VIEWS, VERSION_TABLE)}
    if name.schema is None and (name.name.lower() in own or name.name.startswith("sqlite_")):
        raise OutputError(
            f"{quoted(name.name)} is the name of one of the store's own tables or views.",
            where=where,
            next_step=RENAME,
        )
    ours = select(result_table.c.dataset, result_table.c.schema_name, result_table.c.table_name)
    for owner, schema, table in connection.execute(ours):
        if same_table(TableName(table, schema), name, connection):
            if owner == dataset:
                return
            raise OutputError(
                f"The table {quoted(str(name))} has the results of the dataset {quoted(owner)}.",
                where=where,
                next_step=RENAME,
            )
    if exists(connection, name):
        raise OutputError(
            f"The database has a table or view {quoted(str(name))} that nightfit has not made, and"
            " does not replace.",
            where=where,
            next_step=f"Rename or drop it, or name another table. {RENAME}",
        )


def same_table(one: TableName, other: TableName, connection: Connection) -> bool:
    """Return whether two names are those of one table; SQLite ignores capitals."""
    if connection.dialect.name == "sqlite":
        return one.name.lower() == other.name.lower()
    return one == other


def exists(connection: Connection, name: TableName) -> bool:
    """Return whether the database has a table or view of this name."""
    inspector = inspect(connection)
    if name.schema is not None and name.schema not in inspector.get_schema_names():
        return False
    views = inspector.get_view_names(schema=name.schema)
    return inspector.has_table(name.name, schema=name.schema) or name.name in views
