"""What was reported to people: the causes of alarms, and the messages about them."""

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from data.store.column_types import JsonValue, UtcTime
from data.store.tables.base import metadata, one_of

alarm = Table(
    "alarm",
    metadata,
    Column("alarm_id", Integer, primary_key=True),
    Column("area", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("raised_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    one_of("area", "run", "night", "champion", "delivery", "damage"),
    comment=(
        "One cause of an alarm, which people were sent one message about: since when it is so, when"
        " that was noticed, and when it ended. dataset: empty where it concerns no single one."
        " detail: what tells it from other causes of the same area and dataset."
    ),
    sqlite_autoincrement=True,
)

# Of two processes that notice the same, only one can store it.
Index(
    "uq_alarm_standing",
    alarm.c.area,
    alarm.c.dataset,
    alarm.c.detail,
    unique=True,
    sqlite_where=alarm.c.ended_at.is_(None),
    postgresql_where=alarm.c.ended_at.is_(None),
)

alarm_message = Table(
    "alarm_message",
    metadata,
    Column("message_id", Integer, primary_key=True),
    Column("content", JsonValue, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    comment="One message to people about causes of alarms that began, or ended, together.",
    sqlite_autoincrement=True,
)

alarm_delivery = Table(
    "alarm_delivery",
    metadata,
    Column("message_id", ForeignKey(alarm_message.c.message_id), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("tried_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("reason", Text),
    PrimaryKeyConstraint("message_id", "recipient"),
    comment=(
        "One message to one recipient, named without any secret: when it was last tried and, if it"
        " has not arrived, why."
    ),
)
