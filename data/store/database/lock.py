"""Locks: one process works on a dataset at a time, and one transaction writes it at a time."""

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

SESSION_SETTINGS = (
    "SET idle_session_timeout = 0",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)
"""They let a server keep an idle session all night, and notice soon if our machine dies."""


@contextmanager
def dataset_lock(
    url: str, dataset: str, *, wait: bool = True, on_wait: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock of a dataset in the store at `url`; call `on_wait` once if it has to wait.

    On SQLite it is an operating system's lock on a file beside the database, on PostgreSQL an
    advisory lock of its own session. Neither outlives its process, even one that is killed. Raises
    Busy if another process holds it and `wait` is False, and StoreError if the database or its
    folder cannot be used.
    """
    with engine_on(url, read_only=False) as engine:
        if engine.dialect.name == "postgresql":
            with _session(engine) as connection:
                _acquire(lambda: _try_session(connection, engine, dataset), dataset, wait, on_wait)
                yield
        elif engine.url.database in (None, "", ":memory:"):  # nobody else can see it
            yield
        else:
            file = Path(f"{engine.url.database}.{dataset}.lock")
            lock = FileLock(file, fallback_to_soft=False)
            try:
                _acquire(lambda: _try_file(lock, file), dataset, wait, on_wait)
                yield
            finally:
                lock.release()


def lock_for_writing(connection: Connection, dataset: str) -> None:
    """Wait until no other transaction writes this dataset, and keep others out until this one ends.

    On SQLite, beginning the transaction has done both.
    """
    if connection.dialect.name == "postgresql":
        key = lock_key(connection, f"nightfit writes {dataset}")
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _acquire(
    attempt: Callable[[], bool], dataset: str, wait: bool, on_wait: Callable[[], None]
) -> None:
    if attempt():
        return
    if not wait:
        raise Busy(
            "another process is working on it, so nothing was started.",
            where=dataset,
            next_step="Try again when it has finished, or leave out --no-wait to wait for it.",
        )
    on_wait()
    while not attempt():
        sleep(POLL_SECONDS)


def _try_file(lock: FileLock, file: Path) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise StoreError(
            f"the lock file beside the database cannot be used ({error.strerror or error}).",
            where=str(file),
            next_step="Allow this user to read and write it.",
        ) from None
    return True


@contextmanager
def _session(engine: Engine) -> Iterator[Connection]:
    """Give a connection outside any transaction; its advisory locks end with it."""
    with translated(engine):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        for setting in SESSION_SETTINGS:
            connection.execute(text(setting))
    try:
        yield connection
    finally:
        connection.invalidate()
        connection.close()


def _try_session(connection: Connection, engine: Engine, dataset: str) -> bool:
    key = lock_key(connection, f"nightfit works on {dataset}")
    with translated(engine):
        return bool(connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one())
