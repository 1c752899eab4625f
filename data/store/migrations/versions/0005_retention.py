"""Which runs were pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

new_names = ()

RUN = (
    "One attempt to retrain one dataset. as_of: the moment it trained as of, null for now;"
    " data_until, train_until: the newest time of a labelled row and of a training row, in"
    " microseconds since 1970 or as the number it is; backfill: a champion with later data"
    " served already; pruned_at: when predictions of models that never served were removed."
)


def upgrade() -> None:
    """Add the column; frozen here, since tables.py goes on."""
    op.add_column("run", sa.Column("pruned_at", sa.DateTime(timezone=True)))
    if op.get_bind().dialect.name != "sqlite":
        op.create_table_comment("run", RUN)
