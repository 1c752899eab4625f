"""A database's URL: read strictly, and shown to people without its password."""

import re
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HOW = "Write it as sqlite:///file.db or postgresql://user:password@host/name."
SCHEMA_KEY = "schema"
"""The key in the query of a URL that names the store's PostgreSQL schema."""

DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
MAX_PORT = 65_535

REFUSED_OPTIONS = (
    "autocommit",
    "conninfo",
    "context",
    "cursor_factory",
    "dbname",
    "prepare_threshold",
    "row_factory",
)
"""Options of the driver, and not of the server, of which a URL can only give the text; and others
that could hold a second password."""

MIN_HIDDEN_ANYWHERE = 4
"""Characters; a shorter password is hidden only as a whole word, since many words contain it."""


def url_of(text: str) -> URL:
    """Return a database's URL; a user or password among its options takes its usual position.

    Raises ValueError where it cannot be understood. The message never quotes any part of the URL:
    nobody knows which part of a malformed one is the password.
    """
    if not text.isprintable():
        raise ValueError(f"{HOW} It has a character that cannot be printed, perhaps a line break.")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError for a port that is not a number
        raise ValueError(HOW) from None
    after_the_user = text.partition("://")[2].partition(":")[2]
    if url.password is not None and after_the_user.count("@") > 1:
        raise ValueError(f"{HOW} Write an @ in a password as %40.")
    options = "".join(f"{key}{''.join(texts)}" for key, texts in url.normalized_query.items())
    if "\0" in f"{url.username}{url.password}{url.host}{url.database}{options}":
        raise ValueError(f"{HOW} No part of it may contain a NUL character.")
    if url.drivername not in DRIVERS:
        raise ValueError(f"{HOW} nightfit comes with the driver of each, and knows no other.")
    if url.get_backend_name() == "sqlite":
        return _sqlite_url(url)
    return _postgresql_url(url, text)


def _sqlite_url(url: URL) -> URL:
    if url.username or url.password or url.host or url.port is not None:
        raise ValueError(
            f"{HOW} An SQLite database has neither user nor host: write three slashes."
        )
    if set(url.query) - {SCHEMA_KEY}:
        raise ValueError(f"{HOW} That of an SQLite database takes no options.")
    return url


def _postgresql_url(url: URL, text: str) -> URL:
    """Return the URL with its user and password where they usually are."""
    if url.port is not None and not (1 <= url.port <= MAX_PORT and f":{url.port}" in text):
        raise ValueError(f"{HOW} The port is a number from 1 to {MAX_PORT}.")
    for name in REFUSED_OPTIONS:
        if name in url.query:
            raise ValueError(f"{HOW} The option {name!r} cannot be used.")
    for name, usual in (("user", url.username), ("password", url.password)):
        value = url.query.get(name)
        if value is None:
            continue
        if usual is not None or not isinstance(value, str):
            raise ValueError(f"{HOW} It has more than one {name}.")
        url = url.difference_update_query([name])
        url = url.set(username=value) if name == "user" else url.set(password=value)
    return url


def display_url(url: URL) -> str:
    """Return where a store is, for people: SQLite's file, or the URL without its secrets."""
    if url.get_backend_name() == "sqlite":
        file = url.database or ":memory:"
        return unquote(file.removeprefix("file://")) if file.startswith("file://") else file
    schema = schema_of(url)
    query = {SCHEMA_KEY: schema} if schema else {}
    shown = url.set(drivername=url.get_backend_name(), query=query)
    return shown.render_as_string(hide_password=True)


def schema_of(url: URL) -> str | None:
    """Return the schema that a URL names, None where it leaves the choice to the database."""
    named = url.query.get(SCHEMA_KEY)
    return named if isinstance(named, str) else None


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite database, None for any other database and for one in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def is_postgresql(url: URL) -> bool:
    """Return whether a URL is that of a PostgreSQL database."""
    return url.get_backend_name() == "postgresql"


def hidden(sentence: str, password: str | None) -> str:
    """Return a sentence without the password, whether plain or quoted as in a URL."""
    for form in sorted({form(password or "") for form in (str, quote, quote_plus, _all_quoted)}):
        if len(form) >= MIN_HIDDEN_ANYWHERE:
            sentence = sentence.replace(form, "***")
        elif form:
            sentence = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", sentence)
    return sentence


def _all_quoted(password: str) -> str:
    return quote(password, safe="")
