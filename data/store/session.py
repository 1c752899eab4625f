"""The one way to the store: a connection that reads, or one transaction that writes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine

from data.errors import StoreAway
from data.store.database.address import display_url, is_postgresql, url_of
from data.store.database.engine import engine_on
from data.store.database.failures import translated
from data.store.database.retry import retried
from data.store.database.schema import refuse_closed_schema
from data.store.database.sqlite import WRITES
from data.store.database.version import is_current

T = TypeVar("T")

FIRST_CONTACT_SECONDS = 20.0
"""How long a command waits for a database that does not answer its first call, and may not exist:
as long as a restart takes."""


@dataclass(frozen=True)
class Store:
    """The store in the database at `url`.

    Everything here raises StoreError where the database cannot be reached or used, and where its
    tables are older or newer than this code. While the database is away, `read` and `write` try
    again for `retry_time` seconds.
    """

    url: str = field(repr=False)
    retry_time: float = 0.0

    def read(self, action: Callable[[Connection], T]) -> T:
        """Return what `action` returns for a connection that never writes."""

        def attempt() -> T:
            with Store(self.url).reading() as connection:
                return action(connection)

        return retried(attempt, seconds=self.retry_time)

    def write(
        self,
        action: Callable[[Connection], T],
        *,
        on_retry: Callable[[StoreAway], None] = lambda _error: None,
    ) -> T:
        """Return what `action` returns for a connection in one transaction, kept whole or not.

        If the database goes away while it is kept, nobody knows whether it was: an action that is
        tried again, after `on_retry`, must find out for itself.
        """

        def attempt() -> T:
            with self.writing() as connection:
                return action(connection)

        return retried(attempt, seconds=self.retry_time, on_retry=on_retry)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that never writes; raises StoreError where there is no store yet.

        Only the connecting is tried again. Close it as soon as the reading is done: until then, a
        database may have to keep old rows for it.
        """
        engine = engine_on(self.url, read_only=True)
        connect = partial(_connected, engine, read_only=True)
        connection = retried(connect, seconds=self.retry_time)
        with translated(engine), connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in one transaction that is kept whole or not at all.

        An empty database gets its tables first.
        """
        engine = engine_on(self.url, read_only=False)
        connection = _connected(engine, read_only=False).execution_options(**{WRITES: True})
        # The inner one looks while the journal is still there, which may have filled the disk.
        with translated(engine), connection, translated(engine), connection.begin():
            yield connection

    def ensure_ready(self, *, first_contact: bool = False) -> None:
        """Make the tables of an empty database, or check those that are there.

        A `first_contact` waits less long for an address where nothing answers.
        """

        def attempt() -> None:
            _connected(engine_on(self.url, read_only=False), read_only=False).close()

        patience = FIRST_CONTACT_SECONDS if first_contact else None
        retried(attempt, seconds=self.retry_time, unreachable_seconds=patience)

    @property
    def is_postgresql(self) -> bool:
        """Return whether the database is one of PostgreSQL."""
        return is_postgresql(url_of(self.url))

    @property
    def display_url(self) -> str:
        """Where the store is, for people: SQLite's file, or the URL without its secrets."""
        return display_url(url_of(self.url))


def _connected(engine: Engine, *, read_only: bool) -> Connection:
    """Return a connection to a store at this code's version; an empty database gets its tables."""
    with translated(engine), ExitStack() as until_ready:
        connection = until_ready.enter_context(engine.connect())
        if is_postgresql(engine.url):
            refuse_closed_schema(connection, display_url(engine.url))
        ready = is_current(connection)
        connection.rollback()
        if not ready:
            # Imported here: Alembic takes as long as a query.
            from data.store.database.upgrades import make_ready

            make_ready(engine, read_only=read_only)
        until_ready.pop_all()
    return connection
