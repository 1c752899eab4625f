"""Raise alarms: what people should hear of is stored once, and sent until it has arrived."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby

from sqlalchemy import Connection

from data.declarations.file import declared_since
from data.settings import Settings
from data.store.read.alarms import alarm_facts, waiting_recipients
from data.store.session import Store
from data.store.write.alarms import (
    Unsent,
    claim_message,
    end_alarms,
    forget_old,
    note_obstacle,
    note_sent,
    raise_alarm,
    write_message,
)
from tasks.alarms.causes import CHANGES_ARE_NEWS, Cause, Ended, Killed, causes, ended
from tasks.alarms.links import Links
from tasks.alarms.message import Item, Message, message
from tasks.alarms.recipients import Recipient, recipients_of
from tasks.alarms.sending import send
from tasks.run.progress import LOG

PAUSE = timedelta(minutes=5)
"""After a recipient was tried, how long it is left alone."""


def raise_alarms(
    config: Settings,
    links: Links,
    *,
    killed: Sequence[Killed] = (),
    settled: timedelta = timedelta(0),
) -> None:
    """Send what people have not heard of yet, and what has not reached a recipient before.

    What is known for less than the time `settled` waits, so that a night in progress can report
    all of it in one message. Raises StoreError and CallError; a recipient that is away is none of
    them, but is stored for `status`.
    """
    recipients = recipients_of(config.notify or "")
    if not recipients:
        return
    store, now = Store(config.database_url), datetime.now(UTC)
    declared = declared_since(config.datasets)
    facts = store.read(lambda c: alarm_facts(c, changed_since=now - CHANGES_ARE_NEWS))
    within = timedelta(hours=config.good_night_within)
    found = causes(facts, declared=declared, within=within, now=now, killed=killed)
    standing = {(alarm.area, alarm.dataset, alarm.detail) for alarm in facts.standing}
    before = now - settled
    new = [c for c in found if c.key not in standing and (c.known_at or before) <= before]
    over = [e for e in ended(facts, found, declared) if _is_settled(e, before)]
    if new or over:
        items = {cause.key: _item(cause, links) for cause in new}
        names = [recipient.name for recipient in recipients]
        store.write(lambda c: _note(c, new, over, items, links, names, now))
    send_waiting(store, recipients)


def send_waiting(store: Store, recipients: Sequence[Recipient], *, at_once: bool = False) -> None:
    """Send each recipient what has not reached it, unless it was tried a moment ago."""
    pause = timedelta(0) if at_once else PAUSE
    before = datetime.now(UTC) - pause
    waiting = set(store.read(lambda c: waiting_recipients(c, before)))
    asked = [recipient for recipient in recipients if recipient.name in waiting]
    if asked:
        with ThreadPoolExecutor(len(asked)) as pool:
            list(pool.map(lambda recipient: _send_all(store, recipient, pause), asked))


def _is_settled(end: Ended, before: datetime) -> bool:
    return end.run is None or end.run.finished_at <= before


def _note(
    connection: Connection,
    new: Sequence[Cause],
    over: Sequence[Ended],
    items: Mapping[tuple[str, str, str], Item],
    links: Links,
    recipients: Sequence[str],
    now: datetime,
) -> None:
    """Store what is new and what is over, and a message about each that nobody else has stored."""
    forget_old(connection, recipients, now)
    raised = [
        cause
        for cause in new
        if raise_alarm(
            connection,
            area=cause.area,
            dataset=cause.dataset,
            detail=cause.detail,
            what=cause.what,
            since=cause.since,
            now=now,
        )
    ]
    for _, alike in groupby(sorted(raised, key=lambda c: c.area), key=lambda c: c.area):
        told = message([items[cause.key] for cause in alike])
        write_message(connection, told.content, recipients, now)
    gone = end_alarms(connection, [end.alarm.alarm_id for end in over], now)
    news = [end for end in over if end.alarm.alarm_id in gone and end.title]
    latest = {(end.alarm.area, end.alarm.dataset): end for end in news}
    if latest:
        told = message([_end_item(end, links) for end in latest.values()], good=True)
        write_message(connection, told.content, recipients, now)


def _item(cause: Cause, links: Links) -> Item:
    return Item(
        cause.dataset,
        cause.event,
        cause.title,
        cause.what,
        cause.since.astimezone(UTC).isoformat(),
        cause.next_step,
        links.run(cause.flow_run_id),
        links.report(cause.dataset, cause.run_id),
    )


def _end_item(end: Ended, links: Links) -> Item:
    run = end.run
    return Item(
        end.alarm.dataset,
        "recovered",
        end.title or "",
        f"{end.what} Before: {end.alarm.what}",
        end.alarm.since.astimezone(UTC).isoformat(),
        run=links.run(run.flow_run_id) if run else None,
        report=links.report(run.dataset, run.run_id) if run else None,
    )


def _send_all(store: Store, recipient: Recipient, pause: timedelta) -> None:
    """Send a recipient what waits for it, oldest first, until something does not arrive."""
    while (
        unsent := store.write(partial(_claimed, recipient=recipient.name, pause=pause))
    ) is not None:
        reason = send(Message.stored(unsent.content), recipient)
        if reason is not None:
            store.write(partial(note_obstacle, message=unsent, reason=reason))
            LOG.warning(
                "an alarm has not reached %s: %s; it is tried again later", recipient.name, reason
            )
            return
        store.write(partial(note_sent, message=unsent, now=datetime.now(UTC)))
        LOG.info("alarm sent to %s: %s", recipient.name, unsent.content["title"])


def _claimed(connection: Connection, recipient: str, pause: timedelta) -> Unsent | None:
    return claim_message(connection, recipient, now=datetime.now(UTC), pause=pause)
