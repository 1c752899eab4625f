"""Whom alarms are sent to: the URLs of `NIGHTFIT_NOTIFY`, and names for them without secrets."""

import re
import socket
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from data.errors import CallError
from tasks.alarms.apprise_log import hushed

if TYPE_CHECKING:
    from apprise import NotifyBase

SETTING = "NIGHTFIT_NOTIFY"
BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*:)")
"""A comma within a URL, as between two recipients, has no scheme after it."""

SHOWN_SCHEMES = ("mailto", "mailtos", "slack", "http", "https", "json", "jsons")
"""What an error may repeat of a recipient that is not understood: all else may be a secret."""

EXAMPLE = (
    "Write for example mailtos://USER:PASSWORD@smtp.example.com?from=FROM&to=TO,"
    " slack://TOKEN_A/TOKEN_B/TOKEN_C or https://hooks.example.com/PATH; in a user or password,"
    " write %40 for @, %3A for : and %2F for /."
)


@dataclass(frozen=True)
class Recipient:
    """One recipient of alarms: its name for people, and its URL, which may hold secrets."""

    name: str
    url: str = field(repr=False)

    def service(self) -> "NotifyBase":
        """Return a new sender of Apprise; raise CallError if there is none for such a URL."""
        return _service(self.url, self.name)


def recipients_of(text: str, where: str = SETTING) -> tuple[Recipient, ...]:
    """Return the recipients that a text names, in order; raise CallError for a mistake in it.

    Its message names a recipient by its position, and shows nothing of it but its scheme.
    """
    urls = dict.fromkeys(part for part in BETWEEN.split(text.strip(" \t\r\n,")) if part)
    seen: Counter[str] = Counter()
    recipients = []
    for number, written in enumerate(urls, start=1):
        url = _complete(written)
        name = _name(_service(url, f"recipient {number} of {where}"), url)
        seen[name] += 1
        recipients.append(Recipient(f"{name} ({seen[name]})" if seen[name] > 1 else name, url))
    return tuple(recipients)


def _complete(written: str) -> str:
    """Return a URL as Apprise wants it."""
    scheme, _, rest = written.partition(":")
    if not rest.startswith("//"):
        if scheme.lower() != "mailto":
            return f"{scheme}://{rest}"
        addresses, _, options = rest.partition("?")
        sender = f"nightfit@{socket.getfqdn()}"  # this machine's own mail server takes it
        return f"mailto://localhost?to={quote(addresses)}&from={quote(sender)}&{options}"
    return written


def _service(url: str, where: str) -> "NotifyBase":
    """Return what sends to a URL."""
    # Imported here: it takes as long as a query, and most commands send nothing.
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(
        app_id="nightfit",
        app_desc="nightfit",
        app_url="",
        image_url_mask="",  # no chat should fetch a picture from elsewhere
        async_mode=False,
    )
    scheme = url.partition(":")[0].lower()
    with hushed():
        service = Apprise.instantiate(url, asset=asset)
        if service is None and scheme in ("http", "https") and urlsplit(url).hostname:
            service = Apprise.instantiate(_webhook(url), asset=asset)
    if service is None:
        what = f"a recipient '{scheme}:…'" if scheme in SHOWN_SCHEMES else "what is written there"
        raise CallError(f"{what} cannot be understood.", where=where, next_step=EXAMPLE)
    if _sends_password_in_the_clear(service):
        raise CallError(
            f"the password of a recipient '{scheme}:…' would cross the network unencrypted.",
            where=where,
            next_step=f"Write {'mailtos' if scheme == 'mailto' else 'https'}:// instead.",
        )
    return service


def _webhook(url: str) -> str:
    """Return the URL by which Apprise posts JSON to an address, with the address's own options."""
    scheme, rest = url.split("://", 1)
    address, _, options = rest.partition("?")
    query = urlencode([(f"-{n}", v) for n, v in parse_qsl(options, keep_blank_values=True)])
    json = "jsons" if scheme.lower() == "https" else "json"
    return f"{json}://{address}?{query}" if query else f"{json}://{address}"


def _sends_password_in_the_clear(service: Any) -> bool:
    secure = getattr(service, "secure_mode", None)
    encrypted = secure != "insecure" if secure else service.secure
    host = getattr(service, "smtp_host", None) or service.host
    is_ours = type(service).__name__ in ("NotifyEmail", "NotifyJSON")
    return bool(is_ours and service.password and not encrypted and not _is_this_machine(host))


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _name(service: Any, url: str) -> str:
    """Return what a person knows a recipient by; of most URLs, any part may be a secret."""
    kind = type(service).__name__
    if kind == "NotifyEmail":
        return f"mail to {', '.join(address for _, address in service.targets)}"
    if kind == "NotifyJSON":
        port = f":{service.port}" if service.port else ""
        return f"{urlsplit(url).scheme.replace('json', 'http')}://{service.host}{port}/…"
    return str(service.service_name)
