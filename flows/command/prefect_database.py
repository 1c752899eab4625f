"""The database of the server that Prefect starts for a command, which need not outlive it.

What Prefect notes of a night is worth nothing once the night has ended: its results are in
nightfit's own store. So each night begins with an empty database, instead of one that grows for
ever. The one of `nightfit serve`, which has a page to look at, is another one.
"""

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

DATABASE = "nights.db"
"""The file in Prefect's folder."""

SERVERS_DATABASE = "prefect.db"
"""That of `nightfit serve`."""

REFUSED = "dlq"
"""The folder of what the database of Prefect's server had no time for; nobody reads it."""

VARIABLES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")

MAX_COPIED_BYTES = 20_000_000
"""Making new tables takes seconds; copying a longer database would, too."""

_OF_RUNS = (
    "flow_run",
    "flow_run_state",
    "flow_run_input",
    "task_run",
    "task_run_state",
    "task_run_state_cache",
    "log",
    "events",
    "event_resources",
    "artifact",
    "artifact_collection",
)

_locks: list[int] = []
"""Descriptors that stay open, and the locks with them, until this process ends."""


def use_nights_database(folder: Path) -> None:
    """Have the server that Prefect starts keep its runs in `folder`, in a database of their own.

    Call it before Prefect is imported. What earlier nights left there is removed, unless another
    one is in progress. A database that the user has named is used as it is.
    """
    if any(os.environ.get(name) for name in VARIABLES):
        return
    database = folder / DATABASE
    os.environ[VARIABLES[0]] = f"sqlite+aiosqlite:///{database}"
    with suppress(OSError):  # what is wrong with the folder is reported where the server starts
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _locks.append(lock)
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _empty(database)
            shutil.rmtree(folder / REFUSED, ignore_errors=True)
        fcntl.flock(lock, fcntl.LOCK_SH)


def _empty(database: Path) -> None:
    """Remove what is noted of runs; a new database gets the tables of the server's, if it has any.

    A database that cannot be emptied is left as it is.
    """
    server = database.with_name(SERVERS_DATABASE)
    with suppress(sqlite3.Error):
        if not database.exists() and server.exists() and server.stat().st_size < MAX_COPIED_BYTES:
            _copy(server, database)
        if not database.exists():
            return
        with closing(sqlite3.connect(database, isolation_level=None, timeout=2)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in tables.fetchall():
                if name in _OF_RUNS:
                    connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 - one of ours
            connection.execute("VACUUM")


def _copy(source: Path, database: Path) -> None:
    half = database.with_name(f"{database.name}.new")
    half.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as theirs,
        closing(sqlite3.connect(half)) as ours,
    ):
        theirs.backup(ours)
    half.replace(database)
