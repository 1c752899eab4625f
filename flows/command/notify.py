"""`nightfit notify test`: send a test to each recipient of alarms, and say what became of it."""

import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from data.errors import StoreError, UserError
from data.settings import settings
from data.store.session import Store
from flows.command.screen import Screen
from tasks.alarms.message import Item, message
from tasks.alarms.recipients import EXAMPLE, SETTING, Recipient, recipients_of
from tasks.alarms.sending import send


def run_notify_test(recipient: str | None) -> int:
    """Send a test to one recipient, or to all that the setting names; return 1 if any is away.

    What has not reached those of the setting before is then sent to those that are not.
    """
    config = settings()
    recipients = (
        recipients_of(recipient, "the command line")
        if recipient
        else recipients_of(config.notify or "")
    )
    if not recipients:
        raise UserError("no recipient of alarms is set.", where=SETTING, next_step=EXAMPLE)
    now = datetime.now(UTC)
    test = message(
        [
            Item(
                "",
                "test",
                "a test from nightfit",
                f"Sent by hand on {socket.gethostname()}. Alarms will look like this one.",
                now.isoformat(),
                "Nothing.",
            )
        ],
        good=True,
    )
    with ThreadPoolExecutor(len(recipients)) as pool:
        reasons = list(pool.map(lambda each: send(test, each), recipients))
    screen = Screen(sys.stdout)
    for each, reason in zip(recipients, reasons, strict=True):
        screen.print(f"{each.name}: {f'not sent: {reason}' if reason else 'sent'}", soft_wrap=True)
    if not recipient:
        reached = [each for each, why in zip(recipients, reasons, strict=True) if why is None]
        _send_waiting(config.database_url, reached)
    return 1 if any(reasons) else 0


def _send_waiting(database_url: str, recipients: Sequence[Recipient]) -> None:
    from tasks.alarms.watch import send_waiting

    if recipients:
        try:
            send_waiting(Store(database_url), recipients, at_once=True)
        except StoreError as error:
            Screen(stderr=True).print(f"What was not sent before stays so: {error}", soft_wrap=True)
