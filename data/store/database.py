"""Opening the store: a database that is reachable, ours, and at this version of the schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, func, inspect, select
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
)

from data.address import HOW, hidden, url_of
from data.errors import StoreError
from data.store.sqlite import WAIT_SECONDS, WRITES, sqlite_engine
from data.store.tables import metadata
from data.store.views import VIEWS

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "nightfit_version"
"""Not Alembic's usual name, which another program may use in the same database."""

CONNECT_SECONDS = 10

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
            stored, _ = _versions(connection)
        if stored is None and reading:
            raise StoreError(
                "this database has no store yet.",
                where=place(engine.url),
                next_step="`nightfit nightly` makes it.",
            )
        if stored is None:
            _upgrade(engine)
        elif stored != _head():
            raise StoreError(
                f"the database is at version {stored}, this nightfit needs {_head()}.",
                where=place(engine.url),
                next_step="Run `nightfit db upgrade`.",
            )
    except BaseException:
        engine.dispose()
        raise
    return engine


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did: where, and the version before (None: there was no store) and after."""

    place: str
    before: str | None
    after: str

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.place}: made at version {self.after}."
        if self.before == self.after:
            return f"{self.place}: is at version {self.after} already."
        return f"{self.place}: upgraded from version {self.before} to {self.after}."


def upgrade(url: str) -> Upgrade:
    """Bring the database to this code's version, or make it; return what was done.

    All of it happens in one transaction: a failed upgrade changes nothing. Raises StoreError.
    """
    engine = engine_for(url, reading=False)
    try:
        return _upgrade(engine)
    finally:
        engine.dispose()


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
        raise StoreError(
            _sentence(error, engine.url),
            where=place(engine.url),
            next_step="Mend it, or name another database in NIGHTFIT_DATABASE_URL.",
        ) from None


def place(url: URL) -> str:
    """Return where a database is, for people: SQLite's file, or the URL without its secrets."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    shown = url.set(drivername=url.get_backend_name(), query={})
    return shown.render_as_string(hide_password=True)


def engine_for(text: str, *, reading: bool) -> Engine:
    """Return an engine on the database at a URL, whatever is in it; raises StoreError."""
    try:
        url = url_of(text)
        if url.get_backend_name() == "sqlite":
            return sqlite_engine(url, reading=reading)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        given: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS} if _is_postgresql(url) else {}
        if "sslpassword" in url.query:  # an engine shows its URL's options to whoever prints it
            given["sslpassword"] = url.query["sslpassword"]
            url = url.difference_update_query(["sslpassword"])
        return create_engine(url, connect_args=given, hide_parameters=True)
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


def _is_postgresql(url: URL) -> bool:
    return url.get_backend_name() == "postgresql"


def _upgrade(engine: Engine) -> Upgrade:
    with writing(engine) as connection:
        if _is_postgresql(engine.url):  # a second upgrade waits, as SQLite's does anyway
            key = func.hashtextextended("nightfit upgrades", 0)
            connection.execute(select(func.pg_advisory_xact_lock(key)))
        stored, taken = _versions(connection)
        if taken:
            raise StoreError(
                f"the database already has a table or view named {taken[0]!r}, not nightfit's.",
                where=place(engine.url),
                next_step="Name an empty database in NIGHTFIT_DATABASE_URL."
                if stored is None
                else "Rename it, then run `nightfit db upgrade` again.",
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return Upgrade(place(engine.url), stored, _head())


def _versions(connection: Connection) -> tuple[str | None, list[str]]:
    """Return the schema's version, None where there is none, and what an upgrade finds in its way.

    That is tables and views of another program with names that the next versions need.
    """
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    stored = context.get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    if stored is not None and stored not in {one.revision for one in scripts.walk_revisions()}:
        raise StoreError(
            f"the database was made by a newer nightfit: it is at version {stored},"
            f" and this one knows {_head()}.",
            where=place(connection.engine.url),
            next_step="Install that nightfit, or name another database in NIGHTFIT_DATABASE_URL.",
        )
    if stored is None:
        needed = {*metadata.tables, *VIEWS}
    else:
        later = scripts.iterate_revisions("head", stored)
        needed = {name for one in later for name in one.module.new_names}
    inspector = inspect(connection)
    there = {*inspector.get_table_names(), *inspector.get_view_names()}
    return stored, sorted(there & needed)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _head() -> str:
    return str(ScriptDirectory.from_config(_config()).get_current_head())


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
