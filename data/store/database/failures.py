"""Turning what a database reports about itself into one sentence for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from data.disk import full_disk
from data.errors import DamagedStore, StoreAway, StoreError
from data.store.column_types import UnreadableValue
from data.store.database.address import display_url, hidden
from data.store.database.sqlite import WAIT_SECONDS

REPAIR = "Run 'nightfit db check' to see what is damaged, and restore a backup."
"""What to do about a database that is damaged."""

NOT_PERMITTED = "42501"
"""PostgreSQL's code for a role that lacks a permission."""

AWAY_CODES = ("08", "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03", "57P05")
"""How PostgreSQL's codes begin for a server that stops, starts, is full of connections, or lost
this one; and for two transactions that stood in each other's way."""

AWAY_WORDS = (
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting connections",
    "too many clients",
    "too many connections",
    "connection slots are reserved",
    "terminating connection",
    "server closed the connection",
    "connection is closed",
    "connection is lost",
    "connection has been closed",
    "connection reset",
    "broken pipe",
    "could not receive data",
    "could not send data",
)
"""What a connection that could not be made reports: it has no code."""

UNREACHABLE_WORDS = (
    "connection refused",
    "timeout expired",
    "timed out",
    "no such file or directory",  # the socket of a server that is stopped
    "no route to host",
    "is unreachable",
    "temporary failure in name resolution",
)

NUL = ("cannot contain NUL", 'encoding "UTF8": 0x00')
"""How PostgreSQL's driver and server report a text with a NUL, which SQLite accepts."""

DAMAGED_NAMES = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_TOOBIG")
"""SQLite's codes for damage; the last one is for a length that no value can have."""

DAMAGED_STATES = ("XX000", "XX001", "XX002")
"""PostgreSQL's codes for an internal error, damaged data and a damaged index."""

SERVER_FULL = "53100"
"""PostgreSQL's code for a disk of the server that is full."""

NO_ROOM_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")
"""How PostgreSQL reports that a file cannot grow; but for the first, the code is that of damage."""

DAMAGED_TEXT = "Could not decode to UTF-8"
"""How Python's driver reports a text that SQLite has kept but something else has damaged."""

SQLITE_FAILURES = {
    "SQLITE_NOTADB": "the file is not an SQLite database.",
    "SQLITE_CANTOPEN": "the file cannot be opened.",
    "SQLITE_CORRUPT": "the database file is damaged.",
    "SQLITE_TOOBIG": "the database file is damaged: the length of a stored value is wrong.",
    "SQLITE_READONLY": "the database is read-only.",
    "SQLITE_BUSY": f"another process has kept it locked for {WAIT_SECONDS:.0f} seconds.",
    "SQLITE_LOCKED": "another connection has locked it.",
}

SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_LOCKED")
SQLITE_WRITE_FAILURES = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
"""What SQLite reports, among others, when the disk is full or a quota is used up."""


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Raise StoreError where the database fails, and let errors in our statements through.

    It is a StoreAway where the same may succeed later.
    """
    try:
        yield
    except (UnreadableValue, UnicodeDecodeError) as error:
        reason = error if isinstance(error, UnreadableValue) else "a text in it cannot be read"
        what = f"the database is damaged: {reason}."
        raise DamagedStore(what, where=display_url(engine.url), next_step=REPAIR) from None
    except DBAPIError as error:
        if interruption := _interruption(error):
            raise interruption from None
        if not _is_database_failure(error):
            raise
        raise _store_error(error, engine.url) from None


def _interruption(error: BaseException | None) -> BaseException | None:
    """Return what interrupted a statement, such as Ctrl-C, None if nothing did.

    A driver that cannot tidy up after it raises an error of its own in its place.
    """
    while isinstance(error, Exception):
        error = error.__cause__ or error.__context__
    return error


def _store_error(error: DBAPIError, url: URL) -> StoreError:
    where, sentence = display_url(url), _sentence(error, url)
    if _is_about_a_full_server(error):
        return StoreError(
            f"the server has no room left ({_first_line(error, url)}); nothing from this run was"
            " stored.",
            where=where,
            next_step="Make room on the disk of the server, then run it again.",
        )
    name = _sqlite_name(error)
    if name in SQLITE_WRITE_FAILURES and (
        full := full_disk(url.database, sure=name[-4:] == "FULL")
    ):
        return StoreError(
            f"{full}; nothing from this run was stored.",
            where=where,
            next_step="Make room there (`nightfit prune` removes old data), then run it again.",
        )
    if getattr(error.orig, "sqlstate", None) == NOT_PERMITTED:
        permit = "Ask its owner to grant this role that permission, or connect as another one."
        return StoreError(sentence, where=where, next_step=permit)
    if _is_about_damage(error):
        return DamagedStore(sentence, where=where, next_step=REPAIR)
    fix = "Fix it, or name another database in NIGHTFIT_DATABASE_URL."
    unreachable = _is_unreachable(error)
    if unreachable or _is_away(error):
        away = StoreAway(sentence, where=where, next_step=fix)
        away.unreachable = unreachable
        return away
    return StoreError(sentence, where=where, next_step=fix)


def _is_about_damage(error: DBAPIError) -> bool:
    """Return whether what is in the database is damaged, as far as the database notices."""
    damaged = getattr(error.orig, "sqlstate", None) in DAMAGED_STATES
    return damaged or _sqlite_name(error) in DAMAGED_NAMES or DAMAGED_TEXT in str(error.orig)


def _is_about_a_full_server(error: DBAPIError) -> bool:
    """Return whether a PostgreSQL server could not write a file for lack of room."""
    code = getattr(error.orig, "sqlstate", None)
    no_room = any(words in str(error.orig) for words in NO_ROOM_WORDS)
    return code == SERVER_FULL or (code in DAMAGED_STATES and no_room)


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


def _is_away(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlstate", None) or ""
    if _sqlite_name(error):
        return _sqlite_name(error) in SQLITE_AWAY
    words = str(error.orig).lower()
    return (
        error.connection_invalidated
        or code.startswith(AWAY_CODES)
        or any(word in words for word in AWAY_WORDS)
    )


def _is_unreachable(error: DBAPIError) -> bool:
    words = str(error.orig).lower()
    return not _sqlite_name(error) and any(word in words for word in UNREACHABLE_WORDS)


def _is_about_nul(error: DBAPIError) -> bool:
    return any(words in str(error.orig) for words in NUL)


def _sqlite_name(error: DBAPIError) -> str:
    """Return SQLite's own name of a failure without its details, "" on other databases."""
    return "_".join(getattr(error.orig, "sqlite_errorname", "").split("_")[:2])


def _sentence(error: DBAPIError, url: URL) -> str:
    if _is_about_nul(error):
        return "a text contains a NUL character, which PostgreSQL cannot store."
    if DAMAGED_TEXT in str(error.orig):
        return "the database file is damaged: a stored text cannot be read."
    if (name := _sqlite_name(error)) in SQLITE_FAILURES:
        return SQLITE_FAILURES[name]
    return f"the database cannot be used: {_first_line(error, url)}."


def _first_line(error: DBAPIError, url: URL) -> str:
    """Return what the driver says, without the password."""
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return hidden(lines[0], url.password).rstrip(".")
