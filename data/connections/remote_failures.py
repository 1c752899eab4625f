"""What a driver's error means, in words for people: each driver has errors of its own.

Their messages may repeat an address with its password, so they are told apart by their types, by
the status of an answer and by error numbers, and are quoted only where nothing else is known.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from data.connections.file_systems import AMAZON
from data.disk import no_room
from data.errors import (
    HomeError,
    SourceAway,
    SourceError,
    SourceLate,
    SourceRefused,
    UserError,
    library_message,
)

PASSING_STATUS = (408, 425, 429)
"""Answers below 500 after which the same request may succeed later."""

PASSING_NUMBERS = (
    errno.EBUSY,
    errno.EIO,
    errno.EREMOTEIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ENETDOWN,
    errno.ENETRESET,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
)
"""Numbers of the system's errors that pass, as on a disk of the network."""

NOT_FOUND = (404, 410)
SECRETS = re.compile(r"\w+://\S+|(?<=[?&])\S+=\S+")


class NoSuchFile(SourceLate):
    """There is no file, folder or bucket at an address."""


@dataclass(frozen=True)
class Attempted:
    """What was being read, for messages: the address, its protocol, and where people name it."""

    where: str
    protocol: str
    named_in: str

    @property
    def is_amazon(self) -> bool:
        """Return whether the driver takes its settings from the variables of AWS."""
        return self.protocol in AMAZON


@contextmanager
def explained(attempted: Attempted) -> Iterator[None]:
    """Raise errors of a driver as `SourceError`: `SourceAway` for what may pass."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  # a driver may raise anything
        raise explanation(error, attempted) from None


def explanation(error: BaseException, attempted: Attempted) -> UserError:
    """Return the error for people that an error of a driver, or what caused it, means."""
    chain = list(_chain(error))
    where = attempted.where
    full = next((no_room(e) for e in chain if isinstance(e, OSError) and no_room(e)), None)
    if full:
        return HomeError(
            f"The file cannot be put into a temporary one: {full}.",
            where=where,
            next_step="Make room there, or set NIGHTFIT_HOME, or TMPDIR for a command outside a"
            " night, to another folder.",
        )
    if any(isinstance(e, ssl.SSLError) or "SSL" in type(e).__name__ for e in chain):
        return _tls(chain, attempted)
    names = {kind.__name__ for e in chain for kind in type(e).__mro__}
    if _any(names, "Payload", "IncompleteRead"):
        return _away("The connection broke before all of the file had come.", attempted)
    status = next((found for e in chain if (found := _status(e))), None)
    if status is not None:
        return _answered(status, chain, attempted)
    if any(isinstance(e, PermissionError) for e in chain) or _any(names, "Credential", "Authent"):
        missing = _any(names, "NoCredential", "PartialCredential")
        return _forbidden("There are no credentials for it" if missing else "", attempted)
    if "FileExpired" in names:
        return SourceError("The file was changed while it was fetched.", where=where)
    unknown = next((e for e in chain if isinstance(e, socket.gaierror)), None)
    if unknown is not None or _any(names, "DNSError", "NameResolution"):
        return _unknown_host(unknown, attempted)
    if _any(names, "Timeout"):
        return _away("The server has not answered in time.", attempted)
    if "TooManyRedirects" in names:
        return SourceError(
            "The server leads from one address to another without an end.",
            where=where,
            next_step=f"Open it in a browser, or correct {attempted.named_in}.",
        )
    # The driver of the web calls every failure so, and has the real one as its cause.
    if any(isinstance(e, FileNotFoundError) and e.__cause__ is None for e in chain):
        return NoSuchFile(
            "There is no such file.", where=where, next_step=f"Correct {attempted.named_in}."
        )
    return _broken(chain, names, attempted)


def passing_number(error: BaseException) -> OSError | None:
    """Return the error of the system behind an error, if it is of a kind that passes."""
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in PASSING_NUMBERS:
            return each
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, what caused it, and what was being handled before, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]


def _any(names: set[str], *parts: str) -> bool:
    return any(part in name for name in names for part in parts)


def _status(error: BaseException) -> int | None:
    """Return the status of a server's answer, if the error is one."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return found if isinstance(found, int) and found >= 300 else None
    for holder in (error, response):
        for name in ("status", "status_code", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int):
                return value if 300 <= value < 600 else None
    return None


def _code(chain: list[BaseException]) -> str:
    """Return the word that an object store has for its refusal, such as "InvalidAccessKeyId"."""
    for error in chain:
        response = getattr(error, "response", None)
        code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
        if isinstance(code, str) and code.isalnum() and not code.isdigit():
            return code
    return ""


def _answered(status: int, chain: list[BaseException], attempted: Attempted) -> SourceError:
    try:
        phrase = _code(chain) or HTTPStatus(status).phrase
    except ValueError:
        phrase = "an unknown status"
    answer = f"the server answers {status} ({phrase})"
    where = attempted.where
    if status in NOT_FOUND:
        return NoSuchFile(
            f"There is no such file: {answer}.",
            where=where,
            next_step=f"Correct {attempted.named_in}.",
        )
    if status in (401, 403, 407):
        return _forbidden(f"It may not be read: {answer}", attempted)
    what = f"{answer[0].upper()}{answer[1:]}."
    if status >= 500 or status in PASSING_STATUS:
        return _away(what, attempted)
    if attempted.is_amazon:
        step = f"Check AWS_REGION, AWS_ENDPOINT_URL and the keys, or correct {attempted.named_in}."
    else:
        step = f"Correct {attempted.named_in}."
    return SourceError(what, where=where, next_step=step)


def _forbidden(what: str, attempted: Attempted) -> SourceError:
    if attempted.is_amazon:
        step = (
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for a user who may"
            " read it."
        )
    elif attempted.protocol in ("http", "https"):
        step = "Check the user, the password or the token in the address."
    else:
        step = "Give its driver, by its usual settings, a user who may read it."
    return SourceRefused(f"{what or 'It may not be read'}.", where=attempted.where, next_step=step)


def _unknown_host(error: socket.gaierror | None, attempted: Attempted) -> SourceError:
    passes = error is not None and error.errno == socket.EAI_AGAIN
    endpoint = " and AWS_ENDPOINT_URL" if attempted.is_amazon else ""
    return (SourceAway if passes else SourceError)(
        "No address of its host can be found"
        + (": the network's name server does not answer." if passes else ": the name is unknown."),
        where=attempted.where,
        next_step=f"Correct {attempted.named_in}{endpoint}, or check the network.",
    )


def _tls(chain: list[BaseException], attempted: Attempted) -> SourceError:
    reasons = (getattr(each, "verify_message", "") for each in chain)
    reason = next((f": {text}" for text in reasons if text), "")
    variable = "AWS_CA_BUNDLE" if attempted.is_amazon else "SSL_CERT_FILE"
    return SourceError(
        f"The server cannot be trusted, or does not speak TLS{reason}.",
        where=attempted.where,
        next_step=f"Correct {attempted.named_in}, or name the file with the certificate of your own"
        f" authority in {variable}.",
    )


def _broken(chain: list[BaseException], names: set[str], attempted: Attempted) -> SourceError:
    """Return the error of a connection, or of something that is not known."""
    if any(isinstance(e, ConnectionRefusedError) for e in chain):
        return _away("Nothing answers at its host: it refuses the connection.", attempted)
    if (
        any(isinstance(e, ConnectionError) for e in chain)
        or _any(names, "Connect", "Disconnect", "HTTPClientError", "ProxyError")
        or any(passing_number(e) for e in chain[:1])
    ):
        return _away("The connection to its host failed.", attempted)
    error = next((e for e in chain if not isinstance(e, FileNotFoundError)), chain[0])
    message = SECRETS.sub("…", library_message(error))
    return SourceError(
        f"It cannot be read ({type(error).__name__}): {message}",
        where=attempted.where,
        next_step=f"Correct {attempted.named_in}, or check the server.",
    )


def _away(what: str, attempted: Attempted) -> SourceAway:
    return SourceAway(what, where=attempted.where, next_step="Check that it works, and run again.")
