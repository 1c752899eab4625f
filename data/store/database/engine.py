"""An SQLAlchemy engine on the database at a URL, whatever is in it."""

import logging
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Engine, NullPool, create_engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from data.errors import StoreError
from data.store.database.address import HOW, display_url, is_postgresql, url_of
from data.store.database.schema import connect_in_schema
from data.store.database.sqlite import sqlite_engine

CONNECT_SECONDS = 10

LOST_LINE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""After a minute without any answer, as when a firewall has cut the line, a connection is lost; the
operating system's default is a quarter of an hour, or two hours. Seconds, but the last one's
milliseconds."""


def engine_on(text: str, *, read_only: bool) -> Engine:
    """Return an engine on the database at a URL; it keeps no connection that is not in use.

    On PostgreSQL it sees only the schema that the URL names, if it names one. A `read_only` engine
    makes no SQLite file. Raises StoreError where the URL cannot be understood, or where the file is
    missing.
    """
    # It would log a traceback of whatever interrupts the closing of a connection.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    try:
        url = url_of(text)
        if url.get_backend_name() == "sqlite":
            return sqlite_engine(url, read_only=read_only)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        return _server_engine(url)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise StoreError(
            "the database's URL cannot be understood.",
            next_step=str(error) if type(error) is ValueError else HOW,
        ) from None
    except OSError as error:  # of SQLite's file, such as a name that is too long
        raise StoreError(
            f"the database's file cannot be used ({error.strerror}).",
            where=display_url(url),
            next_step="Correct it, or name another database in NIGHTFIT_DATABASE_URL.",
        ) from None


@lru_cache(maxsize=8)
def _server_engine(url: URL) -> Engine:
    """Return the engine of a URL, which compiles each statement once."""
    arguments: dict[str, Any] = {}
    if is_postgresql(url):
        arguments["connect_timeout"] = CONNECT_SECONDS
        arguments |= {key: value for key, value in LOST_LINE.items() if key not in url.query}
    if "sslpassword" in url.query:  # an engine shows its URL's options to whoever prints it
        arguments["sslpassword"] = url.query["sslpassword"]
        url = url.difference_update_query(["sslpassword"])
    engine = create_engine(url, connect_args=arguments, hide_parameters=True, poolclass=NullPool)
    connect_in_schema(engine)
    return engine
