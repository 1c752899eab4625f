"""Opening the store: a database that is reachable, ours, and at this version of the schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    String,
    column,
    create_engine,
    inspect,
    select,
    table,
)
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
)

from data.errors import StoreError
from data.store.database.address import HOW, SCHEMA_KEY, hidden, url_of
from data.store.database.schema import (
    connect_in_schema,
    refuse_closed_schema,
    schema_of,
)
from data.store.database.sqlite import WAIT_SECONDS, WRITES, sqlite_engine

MIGRATIONS = Path(__file__).parents[1] / "migrations"
VERSION_TABLE = "nightfit_version"
"""Not Alembic's usual name, which another program may use in the same database."""

CONNECT_SECONDS = 10

BATCH_ROWS = 10_000
"""Rows of a long answer in memory at a time."""

NOT_PERMITTED = "42501"
"""What PostgreSQL calls a role that may not do what it was asked."""

NUL = ("cannot contain NUL", 'encoding "UTF8": 0x00')
"""What PostgreSQL's driver, and the server, say of a text with that character. SQLite keeps it."""


def open_store(url: str, *, reading: bool = False) -> Engine:
    """Return an engine on the store at `url`, after making its tables if the database is empty.

    With `reading`, nothing is ever written: the database must be there, and may be read-only.
    Raises StoreError: unreachable, not a database, no permission, older or newer than this code.
    """
    engine = engine_for(url, reading=reading)
    try:
        with translated(engine), engine.connect() as connection:
            ready = _is_ready(connection)
        if not ready:
            from data.store.database.upgrades import make_ready  # Alembic takes as long as a query

            make_ready(engine, reading=reading)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction that is kept whole or not at all; raises StoreError."""
    with translated(engine), engine.execution_options(**{WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn what a database says is wrong with itself into one sentence for the user."""
    try:
        yield
    except DBAPIError as error:
        if not _is_of_the_database(error):
            raise
        refused = getattr(error.orig, "sqlstate", None) == NOT_PERMITTED
        raise StoreError(
            _sentence(error, engine.url),
            where=place(engine.url),
            next_step="Have its owner grant that to this role, or connect as another one."
            if refused
            else "Mend it, or name another database in NIGHTFIT_DATABASE_URL.",
        ) from None


def place(url: URL) -> str:
    """Return where a store is, for people: SQLite's file, or the URL without its secrets."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    schema = schema_of(url)
    query = {SCHEMA_KEY: schema} if schema else {}
    shown = url.set(drivername=url.get_backend_name(), query=query)
    return shown.render_as_string(hide_password=True)


def engine_for(text: str, *, reading: bool) -> Engine:
    """Return an engine on the database at a URL, whatever is in it; raises StoreError.

    On PostgreSQL it sees only the schema that the URL's query names, if it names one.
    """
    try:
        url = url_of(text)
        if url.get_backend_name() == "sqlite":
            return sqlite_engine(url, reading=reading)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        given: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS} if is_postgresql(url) else {}
        if "sslpassword" in url.query:  # an engine shows its URL's options to whoever prints it
            given["sslpassword"] = url.query["sslpassword"]
            url = url.difference_update_query(["sslpassword"])
        engine = create_engine(url, connect_args=given, hide_parameters=True)
        connect_in_schema(engine)
        return engine
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise StoreError(
            "the database's URL cannot be understood.",
            next_step=str(error) if type(error) is ValueError else HOW,
        ) from None
    except ModuleNotFoundError as error:
        raise StoreError(
            f"this kind of database needs the Python package {error.name}, which is missing.",
            where=place(url),
            next_step=f"Install it with `pip install '{error.name}'`.",
        ) from None


def head() -> str:
    """Return the version that this code needs, with which the name of its migration begins."""
    return max(file.stem[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_postgresql(url: URL) -> bool:
    """Tell whether a URL is of a PostgreSQL database."""
    return url.get_backend_name() == "postgresql"


def _is_ready(connection: Connection) -> bool:
    """Tell whether there is a store at this code's version."""
    if is_postgresql(connection.engine.url):
        refuse_closed_schema(connection, place(connection.engine.url))
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    stored = select(column("version_num", String)).select_from(table(VERSION_TABLE))
    return connection.execute(stored).scalars().all() == [head()]


def _is_of_the_database(error: DBAPIError) -> bool:
    """Is it the database that failed, and no statement of ours?"""
    return (
        isinstance(error, OperationalError)
        or error.statement is None  # it did not even come to a statement
        or type(error) is DatabaseError
        or error.connection_invalidated
        or getattr(error.orig, "sqlstate", None) == NOT_PERMITTED
        or _is_of_nul(error)
    )


def _is_of_nul(error: DBAPIError) -> bool:
    return any(words in str(error.orig) for words in NUL)


def _sentence(error: DBAPIError, url: URL) -> str:
    known = {
        "SQLITE_NOTADB": "the file is not an SQLite database.",
        "SQLITE_CANTOPEN": "the file cannot be opened.",
        "SQLITE_FULL": "the disk is full; nothing of this run was stored.",
        "SQLITE_CORRUPT": "the database file is damaged.",
        "SQLITE_READONLY": "the database is read-only.",
        "SQLITE_BUSY": f"another process has kept it locked for {WAIT_SECONDS:.0f} seconds.",
    }
    if _is_of_nul(error):
        return "a text has a NUL character, which PostgreSQL cannot keep."
    name = "_".join(getattr(error.orig, "sqlite_errorname", "").split("_")[:2])
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    said = hidden(lines[0], url.password).rstrip(".")
    return known.get(name) or f"the database cannot be used: {said}."
