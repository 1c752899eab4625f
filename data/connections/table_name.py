"""The name of a table in some database: read from text, checked, and quoted always."""

from dataclasses import dataclass

from sqlalchemy import Connection, Dialect

from data.errors import OutputError, quoted, shortened

PARTS = 2
"""Of a name that says its schema: the schema and the table."""

UNLIMITED = ("sqlite", "duckdb")
"""Databases whose names may have any length."""

LIMITS = {"mysql": 64, "mariadb": 64}
"""Where SQLAlchemy's limit is that of an alias, which may be longer."""

IGNORES_CASE = ("sqlite", "duckdb", "mysql", "mariadb")
"""Databases in which columns whose names differ only in capitals are one column."""


@dataclass(frozen=True)
class TableName:
    """A table, and the schema that it is in; None for the one that the database uses by itself."""

    name: str
    schema: str | None = None

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


def table_name(text: str, where: str) -> TableName:
    """Return the table that `table` or `schema.table` names, in capitals and signs as they are.

    A name with a dot of its own is written in double quotation marks, as in SQL: `"a.b"`, or
    `"my schema"."a.b"`, and a quotation mark in it twice. Raises OutputError.
    """
    parts, rest = [], text
    while True:
        part, rest, ended = _first_part(rest)
        parts.append(part)
        if ended:
            break
    if not all(part.strip() for part in parts) or len(parts) > PARTS:
        raise OutputError(
            f"{quoted(text)} is not the name of a table.",
            where=where,
            next_step='Write "table", or "schema.table"; a name with a dot in it is quoted as in'
            " SQL.",
        )
    return TableName(parts[-1], parts[0] if len(parts) == PARTS else None)


def _first_part(text: str) -> tuple[str, str, bool]:
    """Return the name that a text begins with, what follows its dot, and whether nothing does."""
    if not text.startswith('"'):
        part, dot, rest = text.partition(".")
        return part, rest, not dot
    part, at = "", 1
    while at < len(text):
        if text[at] == '"' and text[at + 1 : at + 2] != '"':
            rest = text[at + 1 :]
            if rest and not rest.startswith("."):
                return "", "", True
            return part, rest[1:], not rest
        at += 2 if text[at] == '"' else 1
        part += text[at - 1]
    return "", "", True


def quoted_name(name: str, dialect: Dialect) -> str:
    """Return a name as a statement has it, in the quotation marks of its database."""
    preparer = dialect.identifier_preparer
    escape = preparer.escape_quote
    return f"{preparer.initial_quote}{name.replace(escape, escape * 2)}{preparer.final_quote}"


def quoted_table(table: TableName, dialect: Dialect) -> str:
    """Return a table as a statement has it."""
    parts = [table.name] if table.schema is None else [table.schema, table.name]
    return ".".join(quoted_name(part, dialect) for part in parts)


def execute(connection: Connection, statement: str) -> None:
    """Execute a statement without parameters as it is, whatever signs its names have."""
    if connection.dialect.paramstyle in ("format", "pyformat"):
        statement = statement.replace("%", "%%")
    connection.exec_driver_sql(statement)


def refuse_names(table: TableName, columns: list[str], dialect: Dialect, where: str) -> None:
    """Raise OutputError for a name that a database would cut or refuse, or take for another."""
    parts = [table.name, *columns, *([table.schema] if table.schema else [])]
    for name in parts:
        _refuse_name(name, dialect, where)
    seen: dict[str, str] = {}
    for name in columns:
        folded = name.lower() if dialect.name in IGNORES_CASE else name
        if folded in seen:
            raise OutputError(
                f"{quoted(seen[folded])} and {quoted(name)} are one column for {dialect.name},"
                " which ignores capitals."
                if seen[folded] != name
                else f"There are two columns {quoted(name)}.",
                where=where,
                next_step="Rename one of them in the source.",
            )
        seen[folded] = name


def _refuse_name(name: str, dialect: Dialect, where: str) -> None:
    """Raise OutputError for a name that is too long, or has a character that no name may have."""
    if "\0" in name or not name:
        raise OutputError(f"{quoted(name)} cannot be the name of a table or column.", where=where)
    if dialect.name in UNLIMITED:
        return
    limit = LIMITS.get(dialect.name, dialect.max_identifier_length)
    unit, length = "characters", len(name)
    if dialect.name == "postgresql":
        unit, length = "bytes", len(name.encode())
    if length > limit:
        raise OutputError(
            f"The name {quoted(shortened(name, 80))} has {length} {unit}, and {dialect.name}"
            f" allows {limit}.",
            where=where,
            next_step="Give it a shorter one.",
        )
