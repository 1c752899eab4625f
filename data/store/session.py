"""The one way to the store: a connection that reads, or one transaction that writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from data.store.database.address import display_url, is_postgresql, url_of
from data.store.database.engine import engine_on
from data.store.database.failures import translated
from data.store.database.schema import refuse_closed_schema
from data.store.database.sqlite import WRITES
from data.store.database.version import is_current


@dataclass(frozen=True)
class Store:
    """The store in the database at `url`.

    Everything here raises StoreError where the database cannot be reached or used, and where its
    tables are older or newer than this code.
    """

    url: str = field(repr=False)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that never writes; raises StoreError where there is no store yet.

        Close it as soon as the reading is done: until then, a database may have to keep old rows
        for it.
        """
        with engine_on(self.url, read_only=True) as engine:
            _ensure_ready(engine, read_only=True)
            with translated(engine), engine.connect() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in one transaction that is kept whole or not at all.

        An empty database gets its tables first.
        """
        with engine_on(self.url, read_only=False) as engine:
            _ensure_ready(engine, read_only=False)
            writer = engine.execution_options(**{WRITES: True})
            with translated(engine), writer.begin() as connection:
                yield connection

    def ensure_ready(self) -> None:
        """Make the tables of an empty database, or check those that are there."""
        with engine_on(self.url, read_only=False) as engine:
            _ensure_ready(engine, read_only=False)

    @property
    def display_url(self) -> str:
        """Where the store is, for people: SQLite's file, or the URL without its secrets."""
        return display_url(url_of(self.url))


def _ensure_ready(engine: Engine, *, read_only: bool) -> None:
    with translated(engine), engine.connect() as connection:
        if is_postgresql(engine.url):
            refuse_closed_schema(connection, display_url(engine.url))
        ready = is_current(connection)
    if not ready:
        from data.store.database.upgrades import (
            make_ready,
        )  # importing Alembic takes as long as a query

        make_ready(engine, read_only=read_only)
