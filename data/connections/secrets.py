"""Secrets of a declaration: `${NAME}` stands for a value that is looked up when it is needed.

A value comes from the environment, or from a lookup that a caller provides, as nights and commands
do for Prefect's Secret blocks. It is put into the address of a connection at the last moment, and
into nothing else: not into a declaration, a log, a store or a message.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote

from data.errors import SourceError, quoted

Lookup = Callable[[str], str | None]
"""Returns the value of a secret by its name, None if it has none of that name."""

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*)\}")
HOW = "Write for example ${SHOP_URL}."

_lookup: ContextVar[Lookup | None] = ContextVar("lookup of secrets", default=None)


@contextmanager
def secrets_from(lookup: Lookup) -> Iterator[None]:
    """Let `lookup` find the secrets that the environment does not have, while this lasts."""
    token = _lookup.set(lookup)
    try:
        yield
    finally:
        _lookup.reset(token)


def block_name(name: str) -> str:
    """Return how the Secret block of Prefect for a secret is called: `SHOP_URL`'s is `shop-url`.

    A block's name has small letters, digits and dashes.
    """
    return name.lower().replace("_", "-")


def secret_names(text: str) -> tuple[str, ...]:
    """Return the names of the secrets in a text, in their order."""
    return tuple(PLACEHOLDER.findall(text))


def filled(text: str, where: str) -> str:
    """Return a text with the values of its secrets, `${NAME}`.

    In the user, the password or the options of a URL, a value may have any characters: they are
    quoted as a URL needs it. A value that is a whole URL, or its beginning, is taken as it is.
    Raises SourceError at `where` if there is no such secret, or an empty one.
    """
    parts, end = [], 0
    for found in PLACEHOLDER.finditer(text):
        value = _value(found[1], where)
        before, after = text[: found.start()], text[found.end() :]
        is_inside = "://" in before and ("?" in before or "@" in after.partition("?")[0])
        parts += [text[end : found.start()], quote(value, safe="") if is_inside else value]
        end = found.end()
    return "".join([*parts, text[end:]])


def _value(name: str, where: str) -> str:
    lookup = _lookup.get()
    value = os.environ.get(name) or (lookup(name) if lookup else None)
    if not value:
        raise SourceError(
            f"The secret {quoted(name)} has no value.",
            where=where,
            next_step=f"Set the environment variable {name}"
            + (f", or make a Secret block {block_name(name)!r} in Prefect." if lookup else "."),
        )
    return value
