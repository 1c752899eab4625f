"""Turning what a database reports about itself into one sentence for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from data.errors import StoreError
from data.store.database.address import display_url, hidden
from data.store.database.sqlite import WAIT_SECONDS

REPAIR = "Run 'nightfit db check' to see what is damaged, and restore a backup."
"""What to do about a database that is damaged."""

NOT_PERMITTED = "42501"
"""PostgreSQL's code for a role that lacks a permission."""

NUL = ("cannot contain NUL", 'encoding "UTF8": 0x00')
"""How PostgreSQL's driver and server report a text with a NUL, which SQLite accepts."""

SQLITE_FAILURES = {
    "SQLITE_NOTADB": "the file is not an SQLite database.",
    "SQLITE_CANTOPEN": "the file cannot be opened.",
    "SQLITE_FULL": "the disk is full; nothing from this run was stored.",
    "SQLITE_CORRUPT": "the database file is damaged.",
    "SQLITE_READONLY": "the database is read-only.",
    "SQLITE_BUSY": f"another process has kept it locked for {WAIT_SECONDS:.0f} seconds.",
}


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Raise StoreError where the database fails, and let errors in our statements through."""
    try:
        yield
    except DBAPIError as error:
        if not _is_database_failure(error):
            raise
        refused = getattr(error.orig, "sqlstate", None) == NOT_PERMITTED
        raise StoreError(
            _sentence(error, engine.url),
            where=display_url(engine.url),
            next_step="Ask its owner to grant this role that permission, or connect as another one."
            if refused
            else "Fix it, or name another database in NIGHTFIT_DATABASE_URL.",
        ) from None


def _is_database_failure(error: DBAPIError) -> bool:
    """Return whether the database failed, and not one of our statements."""
    return (
        isinstance(error, OperationalError)
        or error.statement is None  # it did not even get to a statement
        or type(error) is DatabaseError
        or error.connection_invalidated
        or getattr(error.orig, "sqlstate", None) == NOT_PERMITTED
        or _is_about_nul(error)
    )


def _is_about_nul(error: DBAPIError) -> bool:
    return any(words in str(error.orig) for words in NUL)


def _sentence(error: DBAPIError, url: URL) -> str:
    if _is_about_nul(error):
        return "a text contains a NUL character, which PostgreSQL cannot store."
    name = "_".join(getattr(error.orig, "sqlite_errorname", "").split("_")[:2])
    if name in SQLITE_FAILURES:
        return SQLITE_FAILURES[name]
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return f"the database cannot be used: {hidden(lines[0], url.password).rstrip('.')}."
