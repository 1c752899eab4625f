"""A connection to a database that is not the store, made from a URL that may name secrets."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from data.connections.failures import reason_of, secrets_of, translated
from data.connections.secrets import filled
from data.declarations.mistakes import nearest
from data.declarations.sql_source import EXAMPLES
from data.errors import SourceError, SourceLate, quoted

CONNECT_SECONDS = 10

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The driver that is used where a URL names none."""

EXTRAS = {"pymysql": "mysql", "duckdb": "duckdb", "duckdb_engine": "duckdb"}
"""The extra of nightfit that brings a module."""

PACKAGES = {
    "MySQLdb": "mysqlclient",
    "psycopg2": "psycopg2-binary",
    "cx_Oracle": "cx_Oracle",
    "oracledb": "oracledb",
    "pyodbc": "pyodbc",
}
"""The package that brings a module, where they differ or SQLAlchemy knows the dialect."""

DIALECT_PACKAGES = {
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "cockroachdb": "sqlalchemy-cockroachdb",
    "databricks": "databricks-sqlalchemy",
    "duckdb": "duckdb-engine",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
    "trino": "trino",
}
"""The package that brings a dialect which SQLAlchemy does not have."""

LOST_LINE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""PostgreSQL's settings, so that a line that is cut is noticed after a minute."""


@contextmanager
def connected(url: str, where: str, *, read_only: bool) -> Iterator[Connection]:
    """Connect to the database at a URL, `${NAME}` in it being a secret, for one transaction.

    A `read_only` transaction sees the database at one moment and cannot write; it is rolled back at
    the end. Any other one is committed, or rolled back after an error. `where` names the source in
    messages. Whatever the database or its driver cannot do, here or within the `with` statement, is
    a `SourceError` without a secret; it is a `SourceAway` if the same may succeed later.
    """
    address = url_of(filled(url, where), where)
    secrets = secrets_of(address)
    with translated(where, secrets):
        engine = _engine(address, where, read_only=read_only)
        try:
            with engine.connect() as connection, connection.begin() as transaction:
                yield connection
                if read_only:
                    transaction.rollback()
        finally:
            engine.dispose()


def url_of(text: str, where: str) -> URL:
    """Return a URL with the driver that is used; the `SourceError` never quotes any part of it."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SourceError(
            "The URL of the database cannot be understood.", where=where, next_step=EXAMPLES
        ) from None
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def file_of(url: URL) -> Path | None:
    """Return the file of a database, None for one that is elsewhere or in memory."""
    name = url.database
    if url.get_backend_name() not in ("sqlite", "duckdb") or not name:
        return None
    if name.startswith((":", "md:", "motherduck:", "file:")):
        return None
    return Path(name)


def _engine(url: URL, where: str, *, read_only: bool) -> Engine:
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    backend = url.get_backend_name()
    arguments: dict[str, Any] = {}
    options: dict[str, Any] = {}
    file = file_of(url)
    if file is not None and read_only:
        _require_file(file, where)
    elif backend == "sqlite" and read_only and url.database in (None, "", ":memory:"):
        raise SourceError("The URL names no file.", where=where, next_step=EXAMPLES)
    if backend == "sqlite":
        url, arguments = _sqlite(url, file, read_only=read_only)
    elif backend == "duckdb":
        arguments = {"config": {"autoinstall_known_extensions": "false"}}
        if read_only and file is not None:
            arguments["read_only"] = True
    elif url.drivername == "postgresql+psycopg":
        arguments = {"connect_timeout": CONNECT_SECONDS, **LOST_LINE}
        arguments = {name: v for name, v in arguments.items() if name not in url.query}
        if read_only:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    elif url.drivername.endswith("+pymysql"):
        arguments = {"connect_timeout": CONNECT_SECONDS}
        if "charset" not in url.query:
            arguments["charset"] = "utf8mb4"
    engine = _created(url, arguments, where)
    if backend == "sqlite":
        event.listen(engine, "connect", _without_own_transactions)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    elif backend in ("mysql", "mariadb") and read_only:
        event.listen(engine, "begin", _begin_mysql)
    return engine.execution_options(**options) if options else engine


def _created(url: URL, arguments: dict[str, Any], where: str) -> Engine:
    """Return an engine, or raise `SourceError` for a driver that is not there."""
    try:
        return create_engine(url, connect_args=arguments, hide_parameters=True, poolclass=NullPool)
    except NoSuchModuleError:
        raise _no_dialect(url, where) from None
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        raise _no_driver(url, module, where) from None
    except (ArgumentError, ValueError, TypeError) as error:
        raise SourceError(
            f"The URL of the database cannot be used: {reason_of(error, secrets_of(url))}.",
            where=where,
            next_step=EXAMPLES,
        ) from None


def _no_dialect(url: URL, where: str) -> SourceError:
    name = url.drivername.partition("+")[0]
    package = DIALECT_PACKAGES.get(name)
    if package is not None:
        return _no_driver(url, "duckdb_engine" if name == "duckdb" else package, where)
    known = (*DRIVERS, *DIALECT_PACKAGES, "sqlite", "oracle", "mssql")
    return SourceError(
        f"No database is called {quoted(url.drivername)}, or its package is not installed.",
        where=where,
        next_step=f"{nearest(name, known)}Install the package with its SQLAlchemy dialect.",
    )


def _no_driver(url: URL, module: str, where: str) -> SourceError:
    extra = EXTRAS.get(module)
    package = PACKAGES.get(module, module.replace("_", "-"))
    install = f"pip install 'nightfit[{extra}]'" if extra else f"pip install {package}"
    backend = url.drivername.partition("+")[0]
    return SourceError(
        f"The driver of {backend} is not installed: the module {module!r} is missing.",
        where=where,
        next_step=f"Install it: {install}",
    )


def _require_file(file: Path, where: str) -> None:
    """Raise `SourceError` if there is no file that can be read, which a driver would create."""
    try:
        if file.is_file():
            with file.open("rb"):
                return
        what = "This is a folder, not a database." if file.is_dir() else "There is no such file."
        is_misspelt = file.parent.is_dir() and not file.is_dir()
        names = [each.name for each in file.parent.iterdir()] if is_misspelt else []
    except OSError as error:
        raise SourceError(
            f"The file of the database cannot be read: {error.strerror}.",
            where=where,
            next_step="Allow the user who runs nightfit to read it.",
        ) from None
    raise (SourceError if file.is_dir() else SourceLate)(
        what,
        where=where,
        next_step=f"{nearest(file.name, filter(str.isprintable, names))}Correct the path in 'url'.",
    )


def _sqlite(url: URL, file: Path | None, *, read_only: bool) -> tuple[URL, dict[str, Any]]:
    """Return the URL that opens a file of SQLite, and the arguments of its driver."""
    if file is None or not read_only:
        return url, {"timeout": CONNECT_SECONDS}
    place = URL.create(url.drivername, database=file.absolute().as_uri())
    return place.set(query={"mode": "ro", "uri": "true"}), {"timeout": CONNECT_SECONDS}


def _without_own_transactions(connection: Any, _record: object) -> None:
    """Keep Python's driver from beginning transactions later than SQLAlchemy does."""
    connection.isolation_level = None


def _begin_mysql(connection: Connection) -> None:
    """Begin a transaction that sees one moment and cannot write; so does any after it."""
    for statement in (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION TRANSACTION READ ONLY",
        "SET time_zone = '+00:00'",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ):
        connection.exec_driver_sql(statement)
