"""A database's URL: read strictly, and shown to people without its password."""

import re
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HOW = "Write it as sqlite:///file.db or postgresql://user:password@host/name."
SCHEMA_KEY = "schema"
"""The key in the query of a URL that names the store's PostgreSQL schema."""

MIN_HIDDEN_ANYWHERE = 4
"""Characters; a shorter password is hidden only as a whole word, since many words contain it."""


def url_of(text: str) -> URL:
    """Return a database's URL; a password among its options is moved to its usual position.

    Raises ValueError where it cannot be understood. The message never quotes any part of the URL:
    nobody knows which part of a malformed one is the password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError for a port that is not a number
        raise ValueError(HOW) from None
    after_the_user = text.partition("://")[2].partition(":")[2]
    if url.password is not None and after_the_user.count("@") > 1:
        raise ValueError(f"{HOW} Write an @ in a password as %40.")
    if "\0" in f"{url.username}{url.password}{url.host}{url.database}":
        raise ValueError(f"{HOW} No part of it may contain a NUL character.")
    password = url.query.get("password")
    if isinstance(password, str):
        url = url.set(password=password).difference_update_query(["password"])
    return url


def display_url(url: URL) -> str:
    """Return where a store is, for people: SQLite's file, or the URL without its secrets."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
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
