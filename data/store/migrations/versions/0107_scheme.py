"""By which split of the rows errors are measured: a run keeps it, and views show it."""

import sqlalchemy as sa
from alembic import op

from data.store.migrations.views_0107 import VIEWS

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None

new_names: tuple[str, ...] = ()
"""Tables and views that this migration adds to those of the version before."""

COMMENT = (
    "One attempt to retrain one dataset. as_of: the past moment it was trained as of, if any;"
    " data_until, train_until: the newest time of a labelled row and of a training row, in"
    " microseconds since 1970, or the number itself; backfill: a champion trained on later data"
    " was already serving; pruned_at: when predictions that nothing shows any more were"
    " removed; key_columns: the columns of the key as [name, type]; interval_levels: the shares"
    " that intervals should cover, the widest first; scheme: by which split of the rows errors"
    " are measured."
)


def upgrade() -> None:
    """Add a column; nothing that is stored changes."""
    op.add_column("run", sa.Column("scheme", sa.Text()))
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:  # SQLite has no comments
        op.create_table_comment("run", COMMENT)
    for name, statement in VIEWS.items():
        if on_postgresql:  # new columns come last, so it can replace a view
            op.execute(statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
        else:
            op.execute(f"DROP VIEW {name}")
            op.execute(statement)
