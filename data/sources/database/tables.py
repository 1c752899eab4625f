"""Find the table or view that a declaration names, and the query of all its rows."""

import re
from collections.abc import Sequence

from sqlalchemy import Connection, inspect, text

from data.declarations.mistakes import nearest
from data.errors import SourceLate, listed, quoted

PART = re.compile(r'"((?:[^"]|"")*)"|`([^`]*)`|\[([^\]]*)\]|([^."`\[]+)')

POSTGRESQL = """
SELECT n.nspname, c.relname, pg_table_is_visible(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_toast%'
"""
INFORMATION_SCHEMA = """
SELECT table_schema, table_name, table_schema = {own} FROM information_schema.tables
"""
QUERIES = {
    "postgresql": POSTGRESQL,
    "mysql": INFORMATION_SCHEMA.format(own="DATABASE()"),
    "mariadb": INFORMATION_SCHEMA.format(own="DATABASE()"),
    "duckdb": INFORMATION_SCHEMA.format(own="current_schema()"),
    "sqlite": """SELECT 'main', name, 1 FROM sqlite_master WHERE type IN ('table', 'view')""",
}
"""What lists the schema and the name of each table, and whether the schema may be left out."""

SYSTEM = ("information_schema", "pg_catalog", "performance_schema", "mysql", "sys")
MAX_NAMED = 10


def query_of_table(connection: Connection, table: str) -> str:
    """Return the query of all rows of a table or view, `name` or `schema.name`.

    Raises `SourceLate` with the most similar names if there is none of that name.
    """
    known = _tables(connection)
    schema, name = _found(table, known, connection.dialect.name)
    quote = connection.dialect.identifier_preparer.quote_identifier
    place = ".".join(map(quote, filter(None, (schema, name))))
    return f"SELECT * FROM {place}"  # noqa: S608 - the names are quoted


def tables_in_words(connection: Connection) -> str:
    """Return a sentence with the names of the tables and views that a user may see."""
    return _in_words(_own(_tables(connection)))


def _tables(connection: Connection) -> list[tuple[str, str, bool]]:
    query = QUERIES.get(connection.dialect.name)
    if query is not None:
        rows = connection.execute(text(query)).all()
        return [(str(row[0]), str(row[1]), bool(row[2])) for row in rows]
    inspector = inspect(connection)
    names = [*inspector.get_table_names(), *inspector.get_view_names()]
    return [("", name, True) for name in names]


def _found(
    table: str, known: Sequence[tuple[str, str, bool]], backend: str
) -> tuple[str | None, str]:
    """Return the schema and the name of a table."""
    for schema, name, is_near in known:
        if is_near and name == table:
            return schema or None, name
    parts = ["".join(found) for found in PART.findall(table)]
    if len(parts) == 1:
        wanted = [(schema, name) for schema, name, is_near in known if is_near and name == parts[0]]
    else:
        wanted = [(s, name) for s, name, _ in known if parts[-2:] == [s, name]]
    if backend == "sqlite" and not wanted:
        folded = [part.casefold() for part in parts[-1:]]
        wanted = [(s, name) for s, name, _ in known if [name.casefold()] == folded]
    if wanted:
        return wanted[0][0] or None, wanted[0][1]
    if backend not in QUERIES and len(parts) > 1:
        return ".".join(parts[:-1]), parts[-1]
    raise _no_table(table, known)


def _no_table(table: str, known: Sequence[tuple[str, str, bool]]) -> SourceLate:
    names, others = _own(known)
    # a table of that name in a schema that has to be named is the nearest there is
    elsewhere = [full for full in others if full.rpartition(".")[2].casefold() == table.casefold()]
    hint = (
        f"Did you mean {elsewhere[0]!r}? "
        if elsewhere and not nearest(table, names)
        else nearest(table, [*names, *others])
    )
    hint = hint or f"{_in_words((names, others))} "
    return SourceLate(
        f"There is no table or view {quoted(table)}.",
        next_step=f"{hint}Correct the name of the table.",
    )


def _own(known: Sequence[tuple[str, str, bool]]) -> tuple[list[str], list[str]]:
    """Return the tables that need no schema, and those of other schemas, without the system's."""
    own = [(schema, name, is_near) for schema, name, is_near in known if schema not in SYSTEM]
    names = [name for _, name, is_near in own if is_near]
    return names, [f"{schema}.{name}" for schema, name, is_near in own if not is_near]


def _in_words(tables: tuple[list[str], list[str]]) -> str:
    names, others = tables
    some = sorted(names or others)
    if not some:
        return "It has no tables that this user may see."
    more = ", …" if len(some) > MAX_NAMED else ""
    noun = "table is" if len(some) == 1 else "tables are"
    return f"Its {noun} {listed([quoted(name) for name in some[:MAX_NAMED]])}{more}."
