"""One night of a dataset at a time, by a lock that the end of its holder frees, however it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, func, select, text

from data.errors import Busy, StoreError
from data.store.database.engine import engine_on
from data.store.database.failures import translated
from data.store.database.schema import lock_key

POLL_SECONDS = 0.2

SETTINGS = (
    "SET idle_session_timeout = 0",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)
"""So that a server keeps a quiet session all night, and soon sees that our machine died."""


@contextmanager
def dataset_lock(
    url: str, dataset: str, *, wait: bool = True, on_wait: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock of a dataset in the store at `url`; `on_wait` is called once if it must wait.

    SQLite's is a lock of the operating system on a file beside the database, PostgreSQL's an
    advisory lock of a session of its own: neither is left behind by a process that is killed.
    Raises Busy where another holds it and this one shall not `wait`, and StoreError where the
    database or its folder cannot be used.
    """
    with engine_on(url, read_only=False) as engine:
        if engine.dialect.name == "postgresql":
            with _session(engine) as connection:
                _acquire(lambda: _taken(connection, engine, dataset), dataset, wait, on_wait)
                yield
        elif engine.url.database in (None, "", ":memory:"):  # nobody else can see it
            yield
        else:
            file = Path(f"{engine.url.database}.{dataset}.lock")
            lock = FileLock(file, fallback_to_soft=False)
            try:
                _acquire(lambda: _locked(lock, file), dataset, wait, on_wait)
                yield
            finally:
                lock.release()


def _acquire(
    attempt: Callable[[], bool], dataset: str, wait: bool, on_wait: Callable[[], None]
) -> None:
    if attempt():
        return
    if not wait:
        raise Busy(
            "another process is at work on it, so nothing was started.",
            where=dataset,
            next_step="Try again when it has ended; without --no-wait this waits for it.",
        )
    on_wait()
    while not attempt():
        sleep(POLL_SECONDS)


def _locked(lock: FileLock, file: Path) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise StoreError(
            f"the lock file beside the database cannot be used ({error.strerror or error}).",
            where=str(file),
            next_step="Allow reading and writing it.",
        ) from None
    return True


@contextmanager
def _session(engine: Engine) -> Iterator[Connection]:
    """Give a connection that is in no transaction; the lock ends with it."""
    with translated(engine):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        for setting in SETTINGS:
            connection.execute(text(setting))
    try:
        yield connection
    finally:
        connection.invalidate()
        connection.close()


def _taken(connection: Connection, engine: Engine, dataset: str) -> bool:
    key = lock_key(connection, f"nightfit works on {dataset}")
    with translated(engine):
        return bool(connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one())


def one_writer_at_a_time(connection: Connection, dataset: str) -> None:
    """Wait until no other transaction writes this dataset; SQLite's have waited already."""
    if connection.dialect.name == "postgresql":
        key = lock_key(connection, f"nightfit writes {dataset}")
        connection.execute(select(func.pg_advisory_xact_lock(key)))
