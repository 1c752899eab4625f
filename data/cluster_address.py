"""Where fits are done: on this machine, on a Dask cluster of its own, or on one at an address."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from data.errors import CallError, quoted

MAX_LOCAL_WORKERS = 256
"""No machine has use for more."""

PORT = 8786
"""Where a scheduler of Dask listens unless told otherwise."""

_LOCAL = re.compile(r"local(?::(\d{1,9}))?", re.ASCII)
_NAME = re.compile(r"[\w.-]+")
_SCHEMES = ("tcp", "tls")
_EXAMPLES = "Write local, local:4 or tcp://scheduler:8786, or unset it."


@dataclass(frozen=True)
class ClusterAddress:
    """The scheduler at a `url`, or else so many `workers` on this machine; None: one per core."""

    workers: int | None = None
    url: str | None = None

    @property
    def host(self) -> str:
        """Return the host of the scheduler at a URL."""
        return urlsplit(self.url or "").hostname or ""

    @property
    def port(self) -> int:
        """Return the port of the scheduler at a URL."""
        return urlsplit(self.url or "").port or PORT


def cluster_address(text: str) -> ClusterAddress:
    """Return what NIGHTFIT_CLUSTER says; raise CallError if it says nothing that can be used."""
    text = text.strip()
    if found := _LOCAL.fullmatch(text):
        if found[1] is None:
            return ClusterAddress()
        workers = int(found[1])
        if not 1 <= workers <= MAX_LOCAL_WORKERS:
            raise _mistake(
                f"{quoted(text)} asks for {workers:,} workers, but this machine can have 1 to"
                f" {MAX_LOCAL_WORKERS}"
            )
        return ClusterAddress(workers=workers)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # which the machine's look-up does, and also raises ValueError
    except ValueError:
        raise _mistake(f"{quoted(text)} is not an address") from None
    if parts.scheme not in _SCHEMES or not host:
        raise _mistake(f"{quoted(text)} is neither local nor an address of a Dask scheduler")
    if port == 0 or re.search(r"\s", text) or not (":" in host or _NAME.fullmatch(host)):
        raise _mistake(f"{quoted(text)} is not an address")
    if "@" in parts.netloc:
        raise _mistake(
            "a Dask scheduler knows no user and no password; it lets in who has a certificate"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _mistake(f"{quoted(text)} goes on after the port")
    shown = f"[{host}]" if ":" in host else host
    return ClusterAddress(url=f"{parts.scheme}://{shown}:{port or PORT}")


def _mistake(what: str) -> CallError:
    return CallError(f"{what}.", where="NIGHTFIT_CLUSTER", next_step=_EXAMPLES)
