"""Turning what a database reports about itself into one sentence for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from data.errors import DamagedStore, StoreError
from data.store.column_types import UnreadableValue
from data.store.database.address import display_url, hidden
from data.store.database.sqlite import WAIT_SECONDS

REPAIR = "Run 'nightfit db check' to see what is damaged, and restore a backup."
"""What to do about a database that is damaged."""

NOT_PERMITTED = "42501"
"""PostgreSQL's code for a role that lacks a permission."""

NUL = ("cannot contain NUL", 'encoding "UTF8": 0x00')
"""How PostgreSQL's driver and server report a text with a NUL, which SQLite accepts."""

DAMAGED_NAMES = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_TOOBIG")
"""SQLite's codes for damage; the last one is for a length that no value can have."""

DAMAGED_STATES = ("XX000", "XX001", "XX002")
"""PostgreSQL's codes for an internal error, damaged data and a damaged index."""

DAMAGED_TEXT = "Could not decode to UTF-8"
"""How Python's driver reports a text that SQLite has kept but something else has damaged."""

SQLITE_FAILURES = {
    "SQLITE_NOTADB": "the file is not an SQLite database.",
    "SQLITE_CANTOPEN": "the file cannot be opened.",
    "SQLITE_FULL": "the disk is full; nothing from this run was stored.",
    "SQLITE_CORRUPT": "the database file is damaged.",
    "SQLITE_TOOBIG": "the database file is damaged: the length of a stored value is wrong.",
    "SQLITE_READONLY": "the database is read-only.",
    "SQLITE_BUSY": f"another process has kept it locked for {WAIT_SECONDS:.0f} seconds.",
}


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Raise StoreError where the database fails, and let errors in our statements through."""
    try:
        yield
    except UnreadableValue as error:
        what = f"the database is damaged: {error}."
        raise DamagedStore(what, where=display_url(engine.url), next_step=REPAIR) from None
    except DBAPIError as error:
        if not _is_database_failure(error):
            raise
        kind = DamagedStore if _is_about_damage(error) else StoreError
        raise kind(
            _sentence(error, engine.url),
            where=display_url(engine.url),
            next_step=_next_step(error),
        ) from None


def _next_step(error: DBAPIError) -> str:
    if getattr(error.orig, "sqlstate", None) == NOT_PERMITTED:
        return "Ask its owner to grant this role that permission, or connect as another one."
    if _is_about_damage(error):
        return REPAIR
    return "Fix it, or name another database in NIGHTFIT_DATABASE_URL."


def _is_about_damage(error: DBAPIError) -> bool:
    """Return whether what is in the database is damaged, as far as the database notices."""
    damaged = getattr(error.orig, "sqlstate", None) in DAMAGED_STATES
    name = "_".join(getattr(error.orig, "sqlite_errorname", "").split("_")[:2])
    return damaged or name in DAMAGED_NAMES or DAMAGED_TEXT in str(error.orig)


def _is_database_failure(error: DBAPIError) -> bool:
    """Return whether the database failed, and not one of our statements."""
    return (
        isinstance(error, OperationalError)
        or error.statement is None  # it did not even get to a statement
        or type(error) is DatabaseError
        or error.connection_invalidated
        or getattr(error.orig, "sqlstate", None) == NOT_PERMITTED
        or _is_about_nul(error)
        or _is_about_damage(error)
    )


def _is_about_nul(error: DBAPIError) -> bool:
    return any(words in str(error.orig) for words in NUL)


def _sentence(error: DBAPIError, url: URL) -> str:
    if _is_about_nul(error):
        return "a text contains a NUL character, which PostgreSQL cannot store."
    if DAMAGED_TEXT in str(error.orig):
        return "the database file is damaged: a stored text cannot be read."
    name = "_".join(getattr(error.orig, "sqlite_errorname", "").split("_")[:2])
    if name in SQLITE_FAILURES:
        return SQLITE_FAILURES[name]
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return f"the database cannot be used: {hidden(lines[0], url.password).rstrip('.')}."
