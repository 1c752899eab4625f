"""The version of the schema: the one that a database has, and the one that this code needs."""

from pathlib import Path

from sqlalchemy import Connection, String, column, inspect, select, table

MIGRATIONS = Path(__file__).parents[1] / "migrations"
VERSION_TABLE = "nightfit_version"
"""Not Alembic's usual name, which another program may use in the same database."""


def head() -> str:
    """Return the version that this code needs: the number its latest migration begins with."""
    return max(file.stem[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_current(connection: Connection) -> bool:
    """Return whether the database holds a store at this code's version."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    stored = select(column("version_num", String)).select_from(table(VERSION_TABLE))
    return connection.execute(stored).scalars().all() == [head()]
