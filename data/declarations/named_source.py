"""A source that a person names on the command line: a file, a pattern, a folder or a database."""

from importlib.metadata import entry_points
from pathlib import Path

from pydantic import ValidationError

from data.connections.secrets import PLACEHOLDER
from data.declarations.any_source import Source
from data.declarations.mistakes import EXPECTED
from data.declarations.source import PathSource
from data.declarations.sql_source import DatabaseUrl, SqlSource, scheme_of
from data.errors import CallError, DeclarationMistake, quoted

DATABASES = (
    *("sqlite", "postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql", "duckdb"),
    *("redshift", "snowflake", "bigquery", "cockroachdb", "trino", "clickhouse", "databricks"),
)
"""How the URLs of common databases begin; any other one that SQLAlchemy has a dialect for is one,
too."""

DATABASE_FILES = {
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".db3"), "sqlite"),
    ".duckdb": "duckdb",
}
"""The endings of files that are databases."""


def source_named(
    text: str,
    declared: Source | None,
    *,
    table: str | None = None,
    query: str | None = None,
) -> Source:
    """Return the source that a person names: the path or address of a file, or a database's URL.

    A file of a database, such as `shop.db`, is one, too. The options of the `declared` source go
    along as far as they fit: those of a file, or the table or query of a database. A mistake is a
    `CallError`, and a relative path in a folder that has been deleted a FileNotFoundError.
    """
    wanted = table is not None or query is not None
    url = _database_url(text, wanted=wanted, is_declared=isinstance(declared, SqlSource))
    try:
        if url is None:
            if table is not None or query is not None:
                raise CallError(
                    f"{'--table' if table is not None else '--query'} is for databases, but"
                    f" {quoted(text)} names a file.",
                    next_step="Leave it out, or name a database, such as postgresql://host/shop.",
                )
            if not scheme_of(text):
                Path(text).absolute()  # raises FileNotFoundError in a folder that is gone
            fitting = declared if isinstance(declared, PathSource) else None
            return (
                PathSource.model_validate({"path": text}) if fitting is None else fitting.at(text)
            )
        if table is None and query is None and isinstance(declared, SqlSource):
            table, query = declared.table, declared.query
        return SqlSource.model_validate({"url": url, "table": table, "query": query})
    except ValidationError as error:
        raise _mistake(error) from None


def database_named(text: str, *, wanted: bool) -> DatabaseUrl | None:
    """Return the database that a person names on the command line, None if it is a file.

    A text that may be either names a database if one is `wanted`.
    """
    url = _database_url(text, wanted=wanted, is_declared=False)
    return None if url is None else DatabaseUrl(url)


def _database_url(text: str, *, wanted: bool, is_declared: bool) -> str | None:
    """Return the URL of the database that a text names, None if it names a file.

    A text that may be either names a database if one is `wanted`; a secret does, too, if the
    declared source is one.
    """
    scheme = scheme_of(text)
    if scheme:
        return text if wanted or _is_database(scheme) else None
    if PLACEHOLDER.match(text):
        return text if wanted or is_declared else None
    kind = DATABASE_FILES.get(Path(text).suffix.lower())
    return f"{kind}:///{Path(text).expanduser().absolute()}" if kind else None


def _is_database(scheme: str) -> bool:
    return scheme in DATABASES or bool(entry_points(group="sqlalchemy.dialects", name=scheme))


def _mistake(error: ValidationError) -> CallError:
    """Return the first mistake in what a person named; the message quotes nothing but names."""
    details = error.errors(include_url=False)[0]
    mistake = details.get("ctx", {}).get("error")
    if not isinstance(mistake, DeclarationMistake):
        name, expected = details["loc"][-1], EXPECTED.get(details["type"], details["msg"])
        return CallError(f"The source cannot be used: {name!r} should be {expected}.")
    step = mistake.next_step
    if "neither 'table' nor 'query'" in mistake.what:
        step = "Name a table with --table, or a query with --query."
    return CallError(f"The source cannot be used: {mistake.what}.", next_step=step)
