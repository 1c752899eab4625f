"""What SQLite needs and a server does not: an accessible file, real transactions, a journal."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from data.errors import NoStore, StoreError

WRITES = "nightfit_writes"
"""The execution option of a connection that will write. It takes the write lock at once, because a
transaction that reads first and writes later fails if another one has written in between."""

WAIT_SECONDS = 60.0
"""How long a writer waits for another one."""


def sqlite_engine(url: URL, *, read_only: bool) -> Engine:
    """Return an engine with foreign keys on, and transactions that SQLAlchemy begins and ends.

    Raises StoreError where the file or its folder cannot be used.
    """
    waits = False
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        path = Path(url.database).absolute()
        if read_only:
            url = _readable(url, path)
        else:
            _make_writable(path)
        waits = True
    return _engine(url, read_only=read_only, waits=waits)


@lru_cache(maxsize=8)
def _engine(url: URL, *, read_only: bool, waits: bool) -> Engine:
    """Return the engine of a URL, which compiles each statement once."""
    arguments = {"timeout": WAIT_SECONDS} if waits else {}
    engine = create_engine(url, connect_args=arguments, poolclass=NullPool)
    event.listen(engine, "connect", _set_up_reader if read_only else _set_up_writer)
    event.listen(engine, "begin", _begin)
    return engine


def _readable(url: URL, path: Path) -> URL:
    if not path.exists():
        raise NoStore(
            "there is no database here yet.",
            where=str(path),
            next_step="`nightfit nightly` creates it, or name another one in"
            " NIGHTFIT_DATABASE_URL.",
        )
    # SQLite reads a journal beside the file by itself. Without one it would create one, which a
    # read-only folder does not allow; but then nobody can be writing there either.
    journal = path.with_name(f"{path.name}-wal")
    if _may_write(path.parent) or (journal.exists() and journal.stat().st_size):
        if not _may_write(path.parent) and not path.with_name(f"{path.name}-shm").exists():
            raise StoreError(
                "its last changes are in a journal beside it, and its folder is read-only.",
                where=str(path),
                next_step="Run `nightfit status` where the folder may be written to, or copy the"
                " file and its journal (-wal) to such a folder.",
            )
        return url
    return url.set(database=path.as_uri(), query={"immutable": "1", "uri": "true"})


def _make_writable(path: Path) -> None:
    """Make the folder of a database, and refuse one that may not be written."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder cannot be created ({error.strerror}).",
            where=str(folder),
            next_step="Create it, or name another database in NIGHTFIT_DATABASE_URL.",
        ) from None
    for existing, kind in ((folder, "folder"), (path, "file")):
        if existing.exists() and not _may_write(existing):
            raise StoreError(
                f"the database's {kind} is read-only.",
                where=str(existing),
                next_step="Make it writable, or name another database in NIGHTFIT_DATABASE_URL.",
            )


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _set_up_writer(connection: Any, _record: object) -> None:
    # Python's driver would otherwise begin transactions of its own, later than SQLAlchemy does.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")


def _set_up_reader(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
