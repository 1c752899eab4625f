"""The catalogue of a database, to compare two of them."""

import re

from sqlalchemy import create_engine, text

OF_POSTGRESQL = (
    "SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default,"
    " collation_name FROM information_schema.columns WHERE table_schema = current_schema()",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = current_schema()::regnamespace",
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
    "SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema()",
    "SELECT relname, objsubid, description FROM pg_class JOIN pg_description ON objoid = oid"
    " WHERE relnamespace = current_schema()::regnamespace AND classoid = 'pg_class'::regclass",
)
OF_SQLITE = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'"


def catalogue(address: str) -> set[tuple[object, ...]]:
    """Return the columns, constraints, indexes, views and comments, without Alembic's own table."""
    engine = create_engine(address)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            entries = {
                tuple(row) for query in OF_POSTGRESQL for row in connection.execute(text(query))
            }
        else:
            statements = connection.execute(text(OF_SQLITE)).all()
            entries = {(name, part) for name, sql in statements for part in _parts(sql)}
    engine.dispose()
    return {row for row in entries if not str(row[0]).startswith("nightfit_version")}


def _parts(statement: str) -> set[str]:
    """Return a table's columns, constraints and options as a set: SQLite appends new ones."""
    statement = " ".join(statement.split())
    if not statement.startswith("CREATE TABLE"):
        return {statement}
    end = statement.rindex(")")
    inside = statement[statement.index("(") + 1 : end]
    listed = re.split(r",\s+(?=CONSTRAINT|[a-z_\"]+ [A-Z])", inside)
    return {statement[end:], *(part.strip() for part in listed)}
