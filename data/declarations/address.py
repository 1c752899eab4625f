"""The address of a file elsewhere, such as `s3://bucket/rows.csv`.

It is kept as it was written, and shown without what may be a secret.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from data.declarations.mistakes import nearest
from data.errors import DeclarationMistake, quoted

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
CHAIN = re.compile(r"\w+::.*://")
NAMED = r"\$\{\w+\}"
WEB = ("http", "https")
HERE = ("file", "local")
"""Protocols of files on this machine."""

WRAPPERS = (
    "async_wrapper",
    "asynclocal",
    "asyncwrapper",
    "blockcache",
    "cached",
    "dir",
    "filecache",
    "generic",
    "libarchive",
    "reference",
    "simplecache",
    "tar",
    "zip",
)
"""Protocols that only say how the file at another address is read."""

HOST = re.compile(rf"(\[[^\]]*\]|[^:]*)(:(\d*|{NAMED}))?")


@dataclass(frozen=True, repr=False)
class Address:
    """Where a file is, as it was written, with `${NAME}` for what is filled in when it is read.

    Its text may have a secret in it; formatted, it is what people may see.
    """

    text: str

    @property
    def protocol(self) -> str:
        """Return what the address begins with, such as "s3", "" if that is to be filled in."""
        found = SCHEME.match(self.text)
        return found[0].lower() if found else ""

    @property
    def is_web(self) -> bool:
        """Return whether a web server has the file, which has no folders that could be listed."""
        return self.protocol in WEB

    @property
    def shown(self) -> str:
        """Return the address without user, password and query: it may be printed and stored."""
        if not self.protocol:
            begin, sign, _ = self.text.partition("?")
            found = re.match(NAMED, begin)
            if "@" in begin or not found:
                return f"{found[0] if found else ''}***"
            return f"{begin}?***" if sign else begin
        place, path = self._place_and_path()
        user, at, host = place.rpartition("@")
        if not HOST.fullmatch(host):  # as where a password has a slash in it
            return f"{self.protocol}://***"
        if at:
            host = f"***@{host}" if ":" in user or self.is_web else f"{user}@{host}"
        query = "?***" if path != self.text.split("://", 1)[1][len(place) :] else ""
        return f"{self.protocol}://{host}{path}{query}"

    @property
    def file(self) -> PurePosixPath:
        """Return the path of the file in the address, whose ending says what it holds."""
        if not self.protocol:
            return PurePosixPath(self.text.partition("?")[0])
        place, path = self._place_and_path()
        return PurePosixPath(unquote(path) if self.is_web else place + path)

    def _place_and_path(self) -> tuple[str, str]:
        """Return the host or bucket with its user, and the path without its query."""
        rest = self.text.split("://", 1)[1]
        without = re.split(r"[?#]" if self.is_web else r"\?(?=\w+=)", rest, maxsplit=1)[0]
        place, slash, path = without.partition("/")
        return place, slash + path

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def is_address(text: str) -> bool:
    """Return whether a text is an address, and not the path of a file of this machine."""
    return any(re.match(begin, text) for begin in (SCHEME, CHAIN, NAMED))


def address_of(text: str) -> Address | Path:
    """Return an address, or the path of a `file://`; raise `DeclarationMistake` for an odd one."""
    address = Address(text)
    if not text.isprintable():
        raise DeclarationMistake(
            "the address has a character that cannot be printed", "Write it in one line."
        )
    if CHAIN.match(text) or address.protocol in WRAPPERS:
        raise DeclarationMistake(
            "an address cannot lead through another one",
            "Name the file itself; a packed one such as .csv.gz or .zip is unpacked.",
        )
    if not address.protocol:
        return address
    if address.protocol in HERE:
        return Path(unquote(urlsplit(text).path) if address.protocol == "file" else text[8:])
    known = protocols()
    if address.protocol not in known:
        raise DeclarationMistake(
            f"an address cannot begin with {quoted(address.protocol + '://')}",
            nearest(address.protocol, known)
            + "Write for example s3://, gs:// or https://, and a database's under 'url'.",
        )
    if not text.split("://", 1)[1].strip("/"):
        raise DeclarationMistake(f"{quoted(str(address))} names no file", "Write its address.")
    return address


def protocols() -> list[str]:
    """Return what addresses may begin with: all that fsspec, and packages that extend it, know."""
    from fsspec.registry import known_implementations, registry

    known: dict[str, Any] = {**known_implementations, **registry}
    return sorted(set(known) - {*WRAPPERS, *HERE})
