"""Locks: one process works on a dataset at a time, and one transaction writes it at a time."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from data.called_from import asking
from data.errors import Busy, LockLost, StoreError
from data.store.database.engine import engine_on
from data.store.database.failures import translated
from data.store.database.retry import retried
from data.store.database.schema import lock_key

LOG = logging.getLogger("nightfit")

POLL_SECONDS = 0.2

SESSION_SETTINGS = (
    "SET idle_session_timeout = 0",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)
"""They let a server keep an idle session all night, and notice soon if our machine dies."""


class DatasetLock:
    """The lock of a dataset that this process holds.

    On SQLite it is an operating system's lock on a file beside the database, on PostgreSQL an
    advisory lock of its own session. Neither outlives its process, even one that is killed.
    """

    def ensure_held(self) -> None:
        """Raise LockLost if another process has taken the lock since, StoreAway if nobody knows."""


class _SessionLock(DatasetLock):
    """An advisory lock, which ends with its session: a restart of the server, for example."""

    def __init__(self, engine: Engine, dataset: str) -> None:
        self._engine, self._dataset = engine, dataset
        self._session: Connection | None = None

    def try_to_take(self) -> bool:
        """Return whether the lock could be taken, in a new session where there is none."""
        try:
            with translated(self._engine):
                if self._session is None:
                    self._session = _new_session(self._engine)
                key = lock_key(self._session, f"nightfit works on {self._dataset}")
                attempt = select(func.pg_try_advisory_lock(key))
                return bool(self._session.execute(attempt).scalar_one())
        except StoreError:
            self.release()  # this session may be gone, and would hold nothing
            raise

    def ensure_held(self) -> None:
        """Take the lock again if its session is gone, unless another process was quicker."""
        try:
            with translated(self._engine):
                if self._session is not None:
                    self._session.execute(text("SELECT 1"))
                    return
        except StoreError:
            self.release()
        message = "%s: the database ended the session that held this run's lock: taking it again"
        LOG.warning(message, self._dataset)
        if not self.try_to_take():
            self.release()
            raise LockLost(
                "the database ended the session that held this run's lock, and another process has"
                " begun to work on the dataset since, so nothing from this run is stored.",
                where=self._dataset,
                next_step="Run it again when the other one has finished.",
            )

    def free(self) -> None:
        """Free the lock now: a server sees that its client has left only a moment later."""
        if self._session is not None:
            with suppress(DBAPIError):
                self._session.execute(select(func.pg_advisory_unlock_all()))

    def release(self) -> None:
        """End the session, if it has not ended by itself."""
        if self._session is not None:
            with suppress(DBAPIError):
                self._session.invalidate()
            self._session.close()
            self._session = None


@contextmanager
def dataset_lock(
    url: str,
    dataset: str,
    *,
    wait: bool = True,
    on_wait: Callable[[], None] = lambda: None,
    retry_time: float = 0.0,
) -> Iterator[DatasetLock]:
    """Hold the lock of a dataset in the store at `url`; call `on_wait` once if it has to wait.

    While the database is away, this tries again for `retry_time` seconds. Raises Busy if another
    process holds the lock and `wait` is False, and StoreError if the database or its folder cannot
    be used.
    """
    engine = engine_on(url, read_only=False)
    if engine.dialect.name == "postgresql":
        session = _SessionLock(engine, dataset)

        def attempt() -> bool:
            return retried(session.try_to_take, seconds=retry_time)

        try:
            _acquire(attempt, dataset, wait, on_wait)
            yield session
            session.free()
        finally:
            session.release()
    elif engine.url.database in (None, "", ":memory:"):  # nobody else can see it
        yield DatasetLock()
    else:
        file = Path(f"{engine.url.database}.{dataset}.lock")
        lock = FileLock(file, fallback_to_soft=False)
        try:
            _acquire(lambda: _try_file(lock, file), dataset, wait, on_wait)
            yield DatasetLock()
        finally:
            lock.release()


def is_worked_on(connection: Connection, dataset: str) -> bool:
    """Return whether another process holds the lock of a dataset in a store on PostgreSQL."""
    key = lock_key(connection, f"nightfit works on {dataset}")
    if not connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one():
        return True
    connection.execute(select(func.pg_advisory_unlock(key)))
    return False


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
            next_step="Try again when it has finished, or "
            + asking(terminal="leave out --no-wait", page="set wait")
            + " to wait for it.",
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


def _new_session(engine: Engine) -> Connection:
    """Return a connection outside any transaction; its advisory locks end with it."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    for setting in SESSION_SETTINGS:
        connection.execute(text(setting))
    return connection
