"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

new_names = ()  # the tables and views that it makes


def upgrade() -> None:
    """Make the change; frozen here, since tables.py and views/ go on changing."""
    ${upgrades if upgrades else "raise NotImplementedError"}
