"""Send one message to one recipient, within a time, and say in words why it did not arrive."""

import re
import threading
from dataclasses import asdict
from typing import Any

from data.errors import CallError
from tasks.alarms.apprise_log import hushed
from tasks.alarms.message import Message
from tasks.alarms.recipients import Recipient

ANSWER_SECONDS = 10.0
"""How long a recipient may take for one answer, unless its URL says otherwise."""

PATIENCE_SECONDS = 30.0
"""How long it may take in all: a server that sends a byte now and then never answers."""

SILENCE = "it did not answer in time"

REASONS = (
    (r"CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
    (r"STARTTLS extension not supported", "it does not offer STARTTLS"),
    (r"AUTH extension not supported|No suitable authentication", "it takes no login"),
    (r"\((?:530|534|535), ", "it refused the login"),
    (r"error=(?:401|403)\b", "it refused the login"),
    (r"error=(\d{3})\b", "it answered {}"),
    (r"\((\d{3}), b?['\"]", "it answered {}"),
    (r"timed out|Timeout", SILENCE),
    (r"Connection refused", "nothing answers there"),
    (r"Name or service not known|name resolution|nodename|resolve", "its name is not known"),
    (r"unreachable|No route", "there is no way to it through the network"),
    (r"Connection unexpectedly closed|reset by peer|Connection aborted", "it ended the connection"),
    (r"SSL|TLS", "it does not speak TLS as expected"),
)
"""What a library's message means; the message itself is never shown, since it may hold secrets."""


def send(
    message: Message, recipient: Recipient, *, seconds: float = PATIENCE_SECONDS
) -> str | None:
    """Send a message; return why it has not arrived, None if it has.

    A recipient that has not ended after `seconds` is left alone, in a thread that ends with it.
    """
    outcome: list[str | None] = []

    def work() -> None:
        try:
            outcome.append(_sent(message, recipient))
        except Exception as error:  # noqa: BLE001 - whatever a service raises may hold secrets
            outcome.append(f"sending failed ({type(error).__name__})")

    thread = threading.Thread(target=work, name="alarm", daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else SILENCE


def _sent(message: Message, recipient: Recipient) -> str | None:
    try:
        service: Any = recipient.service()
    except CallError as error:
        return error.what.rstrip(".")
    from apprise import Apprise, NotifyFormat, NotifyType

    for name in ("socket_connect_timeout", "socket_read_timeout"):
        if name not in vars(service):
            setattr(service, name, ANSWER_SECONDS)
    kind = type(service).__name__
    body, form = message.html, NotifyFormat.HTML
    if kind == "NotifyJSON":
        body, form = message.text, NotifyFormat.TEXT
        items = [asdict(item) for item in message.items]
        service.payload_extras = {**service.payload_extras, "good": message.good, "items": items}
    elif kind == "NotifyEmail":
        if "format=" not in recipient.url:
            service.notify_format = NotifyFormat.TEXT
        if service.notify_format == NotifyFormat.TEXT:
            body, form = message.text, NotifyFormat.TEXT
    else:  # a chat, in which a word such as @everyone would call people
        body = body.replace("@", "@\u2060")
    sender = Apprise()
    sender.add(service)
    urgency = NotifyType.SUCCESS if message.good else NotifyType.WARNING
    with hushed() as log:
        if sender.notify(body, message.title, urgency, body_format=form):
            return None
    return _reason("\n".join(log))


def _reason(log: str) -> str:
    for pattern, words in REASONS:
        if found := re.search(pattern, log):
            return words.format(*found.groups())
    return "sending failed"
