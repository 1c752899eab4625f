"""Storing what people are told: which causes stand, and whom each message has reached."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from data.store.tables import alarm, alarm_delivery, alarm_message

KEPT = timedelta(days=30)
"""For how long it is remembered what was sent, and what has ended."""

GIVEN_UP = timedelta(days=7)
"""For how long a message is tried."""


@dataclass(frozen=True)
class Unsent:
    """A message that has yet to reach a recipient."""

    message_id: int
    recipient: str
    content: dict[str, Any]


def raise_alarm(
    connection: Connection,
    *,
    area: str,
    dataset: str,
    detail: str,
    what: str,
    since: datetime,
    now: datetime,
) -> bool:
    """Store that a cause stands; return whether it is new, also to any other process."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"area": area, "dataset": dataset, "detail": detail, "what": what, "since": since}
    statement = dialect.insert(alarm).values(**values, raised_at=now).on_conflict_do_nothing()
    return connection.execute(statement.returning(alarm.c.alarm_id)).first() is not None


def end_alarms(connection: Connection, ids: Sequence[int], now: datetime) -> frozenset[int]:
    """Store that causes have ended; return those that had not ended yet for any other process."""
    ended = []
    for alarm_id in ids:
        same = (alarm.c.alarm_id == alarm_id) & alarm.c.ended_at.is_(None)
        if connection.execute(update(alarm).where(same).values(ended_at=now)).rowcount:
            ended.append(alarm_id)
    return frozenset(ended)


def write_message(
    connection: Connection, content: dict[str, Any], recipients: Iterable[str], now: datetime
) -> None:
    """Store a message that is to be sent to these recipients."""
    made = insert(alarm_message).values(content=content, made_at=now)
    (message_id,) = connection.execute(made).inserted_primary_key or (None,)
    for recipient in recipients:
        connection.execute(
            insert(alarm_delivery).values(message_id=message_id, recipient=recipient)
        )


def forget_old(connection: Connection, recipients: Sequence[str], now: datetime) -> None:
    """Remove what nobody needs any more, and messages to recipients that are no longer named."""
    unsent = alarm_delivery.c.sent_at.is_(None)
    old = select(alarm_message.c.message_id).where(alarm_message.c.made_at < now - GIVEN_UP)
    gone = alarm_delivery.c.recipient.not_in(recipients) | alarm_delivery.c.message_id.in_(old)
    connection.execute(delete(alarm_delivery).where(unsent & gone))
    kept = alarm_message.c.made_at < now - KEPT
    past = select(alarm_message.c.message_id).where(kept)
    connection.execute(delete(alarm_delivery).where(alarm_delivery.c.message_id.in_(past)))
    connection.execute(delete(alarm_message).where(kept))
    connection.execute(delete(alarm).where(alarm.c.ended_at < now - KEPT))


def claim_message(
    connection: Connection, recipient: str, *, now: datetime, pause: timedelta
) -> Unsent | None:
    """Return the oldest message that has yet to reach a recipient; nobody else gets it for a while.

    There is none while one to the same recipient was tried less than `pause` ago.
    """
    waiting = (
        select(alarm_delivery.c.message_id, alarm_message.c.content, alarm_delivery.c.tried_at)
        .join(alarm_message, alarm_message.c.message_id == alarm_delivery.c.message_id)
        .where(alarm_delivery.c.recipient == recipient, alarm_delivery.c.sent_at.is_(None))
        .order_by(alarm_delivery.c.message_id)
        .limit(1)
    )
    row = connection.execute(waiting).first()
    if row is None or (row.tried_at is not None and row.tried_at > now - pause):
        return None
    free = or_(alarm_delivery.c.tried_at.is_(None), alarm_delivery.c.tried_at <= now - pause)
    claimed = (
        update(alarm_delivery)
        .where(_of(row.message_id, recipient) & alarm_delivery.c.sent_at.is_(None) & free)
        .values(tried_at=now)
    )
    if connection.execute(claimed).rowcount == 0:
        return None
    return Unsent(row.message_id, recipient, row.content)


def note_sent(connection: Connection, message: Unsent, now: datetime) -> None:
    """Store that a message has reached its recipient."""
    sent = update(alarm_delivery).where(_of(message.message_id, message.recipient))
    connection.execute(sent.values(sent_at=now, reason=None))


def note_obstacle(connection: Connection, message: Unsent, reason: str) -> None:
    """Store why a message has not reached its recipient."""
    obstacle = update(alarm_delivery).where(_of(message.message_id, message.recipient))
    connection.execute(obstacle.values(reason=reason))


def _of(message_id: int, recipient: str) -> Any:
    return and_(alarm_delivery.c.message_id == message_id, alarm_delivery.c.recipient == recipient)
