"""Alarms: what people were told about, and what has not reached them yet."""

import sqlalchemy as sa
from alembic import op

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None

new_names = ("alarm", "alarm_message", "alarm_delivery")
"""Tables and views that this migration adds to those of the version before."""

TIME = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    """Add tables; nothing that is stored changes."""
    op.create_table(
        "alarm",
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("raised_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.CheckConstraint(
            "area IN ('run', 'night', 'champion', 'delivery', 'damage')",
            name=op.f("ck_alarm_area"),
        ),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_alarm")),
        comment=(
            "One cause of an alarm, which people were sent one message about: since when it is so,"
            " when that was noticed, and when it ended. dataset: empty where it concerns no single"
            " one. detail: what tells it from other causes of the same area and dataset."
        ),
        sqlite_autoincrement=True,
    )
    standing = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_alarm_standing",
        "alarm",
        ["area", "dataset", "detail"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    op.create_table(
        "alarm_message",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_alarm_message")),
        comment="One message to people about causes of alarms that began, or ended, together.",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alarm_delivery",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("tried_at", TIME),
        sa.Column("sent_at", TIME),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["alarm_message.message_id"],
            name=op.f("fk_alarm_delivery_message_id_alarm_message"),
        ),
        sa.PrimaryKeyConstraint("message_id", "recipient", name=op.f("pk_alarm_delivery")),
        comment=(
            "One message to one recipient, named without any secret: when it was last tried and, if"
            " it has not arrived, why."
        ),
    )
