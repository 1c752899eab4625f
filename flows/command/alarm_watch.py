"""The watch of `nightfit serve`: alarms that no night could send, because it never came to its end.

A run that was killed stores nothing, and a night that never began sends nothing.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

from data.errors import StoreError, UserError
from data.settings import Settings
from data.store.session import Store
from tasks.alarms.killed import killed_runs
from tasks.alarms.links import Links
from tasks.alarms.message import Item, message
from tasks.alarms.recipients import Recipient
from tasks.alarms.sending import send
from tasks.alarms.watch import raise_alarms
from tasks.run.progress import LOG

EVERY_SECONDS = 60.0

SETTLED = timedelta(minutes=10)
"""A night reports its runs itself when it ends; what is older than this, it did not."""

STORE_AWAY = timedelta(minutes=15)
"""People hear of a database that has been away for so long: no run can be stored in it."""


@contextmanager
def alarm_watch(
    config: Settings, page: str | None, recipients: Sequence[Recipient]
) -> Iterator[None]:
    """Watch in the background, if there is anybody to tell.

    `page` is the address of the server's page as people open it, if it is our own.
    """
    if not recipients:
        yield
        return
    links = Links(config.home, page or config.page_url, lasting=True)
    watch, stopped = AlarmWatch(config, links, recipients), threading.Event()
    context = copy_context()  # with Prefect's settings, which a new thread would not have
    thread = threading.Thread(
        target=lambda: context.run(watch.until, stopped), name="alarm watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopped.set()


class AlarmWatch:
    """What is looked at again and again; only a database that is away is remembered here."""

    def __init__(self, config: Settings, links: Links, recipients: Sequence[Recipient]) -> None:
        self._config, self._links, self._recipients = config, links, recipients
        self._away_since: datetime | None = None
        self._told = False

    def until(self, stopped: threading.Event) -> None:
        """Look every minute until it is stopped; whatever fails is a warning in the log."""
        while not stopped.wait(EVERY_SECONDS):
            try:
                self.look(datetime.now(UTC))
            except UserError as error:
                LOG.warning("alarms: %s", error)
            except Exception:  # noqa: BLE001 - the next look may succeed, and others need serve
                LOG.warning("alarms: the watch could not look", exc_info=True)

    def look(self, now: datetime) -> None:
        """Send what people have not heard of yet."""
        store = Store(self._config.database_url)
        try:
            store.read(lambda _: None)
        except StoreError as error:
            self._note_away(error, now)
            return
        self._note_back(now)
        raise_alarms(self._config, self._links, killed=killed_runs(store, now), settled=SETTLED)

    def _note_away(self, error: StoreError, now: datetime) -> None:
        """Tell people of a database that stays away; it cannot keep what was sent about itself."""
        self._away_since = self._away_since or now
        if self._told or now - self._away_since < STORE_AWAY:
            return
        next_step = error.next_step or "Start it again, or look at its log."
        self._told = self._send("the database cannot be used", str(error.what), next_step)

    def _note_back(self, now: datetime) -> None:
        if self._told and self._send("the database can be used again", "", "", good=True):
            self._told = False
        self._away_since = None

    def _send(self, title: str, what: str, next_step: str, *, good: bool = False) -> bool:
        """Return whether a message has reached anybody."""
        since = self._away_since.isoformat() if self._away_since else None
        event = "recovered" if good else "no database"
        told = message([Item("", event, title, what, since, next_step)], good=good)
        return any([send(told, recipient) is None for recipient in self._recipients])
