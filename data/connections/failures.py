"""What a database reports about a failure, in one sentence for the user, without any secret."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from data.declarations.sql_source import SECRET_OPTION
from data.errors import SourceAway, SourceError, SourceLate, shortened
from data.store.database.address import hidden

MAX_REASON = 300
"""Characters of what a driver reports."""

AWAY_STATES = ("08", "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03", "57P05")
"""How PostgreSQL's codes begin for a server that stops, starts, is full or lost a connection."""

AWAY_NUMBERS = (
    *(1040, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1205, 1213, 1927),
    *(2002, 2003, 2006, 2013, 2014, 2055, 4031),
)
"""MySQL's and MariaDB's numbers for the same, those of PyMySQL included."""

AWAY_WORDS = re.compile(
    r"connection refused|timeout expired|timed out|no route to host|unreachable"
    r"|name resolution|name or service not known|nodename nor servname|starting up|shutting down"
    r"|recovery mode|not yet accepting|too many (clients|connections)|slots are reserved"
    r"|terminating connection|closed the connection|connection (is |has been )?(closed|lost)"
    r"|connection reset|broken pipe|could not (receive|send) data|lost connection"
    r"|could not set lock|database is locked|no such file or directory|\bssl\b.*\beof\b"
    r"|consuming input failed",
    re.I,
)
UNREACHABLE_WORDS = re.compile(
    r"connection refused|timeout expired|timed out|no route to host|unreachable|name resolution"
    r"|name or service not known|nodename nor servname|no such file or directory",
    re.I,
)
PASSWORD_STATES, PASSWORD_NUMBERS = ("28P01", "28000"), (1044, 1045, 1698)
NO_DATABASE_STATES, NO_DATABASE_NUMBERS = ("3D000",), (1049,)
NO_TABLE_STATES, NO_TABLE_NUMBERS = ("42P01",), (1146,)
READ_ONLY_STATES, READ_ONLY_NUMBERS = ("25006",), (1792, 1290)
PERMISSION_STATES, PERMISSION_NUMBERS = ("42501",), (1142, 1143, 1227, 1370)
PASSWORD_WORDS = re.compile(
    r'password authentication failed|no password supplied|role "[^"]*" does not exist', re.I
)
NO_DATABASE_WORDS = re.compile(r'database "[^"]*" does not exist', re.I)
NO_TABLE_WORDS = re.compile(
    r"no such table|\b(table|view) with name .* does not exist|is malformed", re.I
)
NO_DATABASE_FILE_WORDS = re.compile(
    r"is not a database|not a valid DuckDB database|in-memory database in read-only", re.I
)
"""DuckDB takes the file of another format, such as CSV, for a database in memory."""
READ_ONLY_WORDS = re.compile(
    r"readonly database|read-only (mode|transaction)|READ ONLY transaction|in read-only", re.I
)
CODES = re.compile(r"^\(\d+, ['\"](.*)['\"]\)$", re.S)
PLACE = re.compile(
    r'connection (failed: connection )?to server (at|on)( socket)? "[^"]*"[^:]*: (FATAL: +)?'
)


def secrets_of(url: URL) -> tuple[str, ...]:
    """Return the parts of a URL that no message may have."""
    options = url.normalized_query.items()
    values = [text for name, texts in options if SECRET_OPTION.search(name) for text in texts]
    return tuple(filter(None, (url.password and str(url.password), *values)))


@contextmanager
def translated(where: str, secrets: Sequence[str]) -> Iterator[None]:
    """Raise `SourceError` where a database fails, `SourceAway` if the same may succeed later."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        failure = failure_of(error, where, secrets)
        if failure is None:
            raise
        raise failure from None


def failure_of(error: Exception, where: str, secrets: Sequence[str]) -> SourceError | None:
    """Return the error for what a database or its driver raised, None if neither did."""
    original = error.orig if isinstance(error, DBAPIError) else error
    is_driver = isinstance(error, SQLAlchemyError) or _is_of_a_driver(error)
    if not is_driver or original is None:
        return None
    reason = reason_of(original, secrets)
    state = getattr(original, "sqlstate", None) or ""
    arguments = getattr(original, "args", ())
    number = arguments[0] if arguments and isinstance(arguments[0], int) else None

    def matches(states: tuple[str, ...], numbers: tuple[int, ...], words: re.Pattern[str]) -> bool:
        return state in states or number in numbers or bool(words.search(str(original)))

    if matches(PASSWORD_STATES, PASSWORD_NUMBERS, PASSWORD_WORDS):
        return SourceError(
            f"The database does not accept the user or the password: {reason}.",
            where=where,
            next_step="Correct them in 'url', or in the secret that it names.",
        )
    if matches(NO_DATABASE_STATES, NO_DATABASE_NUMBERS, NO_DATABASE_WORDS):
        return SourceLate(
            f"The server has no such database: {reason}.",
            where=where,
            next_step="Correct the name of the database.",
        )
    if NO_DATABASE_FILE_WORDS.search(str(original)):  # it may not be copied to its end
        return SourceLate(
            f"The file is not a database: {reason}.",
            where=where,
            next_step="Correct the path in 'url', or name a file of rows by its path alone.",
        )
    if matches(READ_ONLY_STATES, READ_ONLY_NUMBERS, READ_ONLY_WORDS):
        return SourceError(
            f"The query writes, but a source is only read: {reason}.",
            where=where,
            next_step="Write a query that reads, such as SELECT.",
        )
    if state in PERMISSION_STATES or number in PERMISSION_NUMBERS:
        return SourceError(
            f"The database does not allow it: {reason}.",
            where=where,
            next_step="Ask its owner to grant this user that permission, or name another user.",
        )
    if _is_away(error, original, state, number):
        unreachable = UNREACHABLE_WORDS.search(str(original)) or number in (2002, 2003)
        what = "The database does not answer" if unreachable else "The connection to it failed"
        step = "Check its address in 'url', and that the server runs." if unreachable else ""
        return SourceAway(f"{what}: {reason}.", where=where, next_step=step or "Run again later.")
    is_late = matches(NO_TABLE_STATES, NO_TABLE_NUMBERS, NO_TABLE_WORDS)
    return (SourceLate if is_late else SourceError)(
        f"The database reports: {reason}.",
        where=where,
        next_step="Correct the table or the query that is named, or ask the database's owner.",
    )


def reason_of(error: BaseException, secrets: Sequence[str] = ()) -> str:
    """Return the first line of what a driver reports, without codes and secrets."""
    text = str(error).strip()
    if found := CODES.match(text):
        text = found[1].encode(errors="replace").decode().replace("\\'", "'")
    lines = PLACE.sub("", text).splitlines() or [type(error).__name__]
    for secret in secrets:
        lines[0] = hidden(lines[0], secret)
    return shortened(lines[0], MAX_REASON).rstrip(".! ")


def _is_of_a_driver(error: Exception) -> bool:
    """Return whether a driver raised an error: each has classes of its own by the same names."""
    names = {each.__name__ for each in type(error).__mro__}
    module = type(error).__module__.partition(".")[0]
    return "Error" in names and module not in ("builtins", "data")


def _is_away(error: Exception, original: BaseException, state: str, number: int | None) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if state:
        return state.startswith(AWAY_STATES)
    if number is not None:
        return number in AWAY_NUMBERS
    is_operational = isinstance(error, OperationalError) or any(
        each.__name__
        in ("OperationalError", "InterfaceError", "IOException", "ConnectionException")
        for each in type(original).__mro__
    )
    return is_operational and bool(AWAY_WORDS.search(str(original)))
