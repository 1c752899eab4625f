"""The driver below SQLAlchemy, for what has many rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


@contextmanager
def driver_of(connection: Connection, statement: str) -> Iterator[Any]:
    """Give the driver's own connection; its failures are those that SQLAlchemy would raise."""
    dialect, driver = connection.dialect, connection.connection.driver_connection
    try:
        yield driver
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            statement,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=bool(getattr(driver, "closed", False)),
            dialect=dialect,
        ) from error
