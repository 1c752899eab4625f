"""Intervals of several levels: a run keeps their shares, and a prediction up to three of them."""

import sqlalchemy as sa
from alembic import op

from data.store.migrations.views_0105 import VIEWS

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None

new_names: tuple[str, ...] = ()
"""Tables and views that this migration adds to those of the version before."""

COMMENTS = {
    "run": (
        "One attempt to retrain one dataset. as_of: the past moment it was trained as of, if any;"
        " data_until, train_until: the newest time of a labelled row and of a training row, in"
        " microseconds since 1970, or the number itself; backfill: a champion trained on later data"
        " was already serving; pruned_at: when predictions that nothing shows any more were"
        " removed; key_columns: the columns of the key as [name, type]; interval_levels: the shares"
        " that intervals should cover, the widest first."
    ),
    "prediction": (
        "One row of one run as predicted by one model; train rows are predicted out of fold. note:"
        " what makes the prediction less certain than others, for example a level never seen."
        " lower, upper: of the widest interval; lower_2 to upper_3: of the next narrower ones, NULL"
        " if the dataset declares no more levels."
    ),
}


def upgrade() -> None:
    """Add columns; nothing that is stored changes."""
    for table in ("prediction", "outcome"):
        for name in ("lower_2", "upper_2", "lower_3", "upper_3"):
            op.add_column(table, sa.Column(name, sa.Double()))
    op.add_column("run", sa.Column("interval_levels", sa.Text()))
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:  # SQLite has no comments
        for table, comment in COMMENTS.items():
            op.create_table_comment(table, comment)
    for name, statement in VIEWS.items():
        if on_postgresql:  # new columns come last, so it can replace a view
            op.execute(statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
        else:
            op.execute(f"DROP VIEW {name}")
            op.execute(statement)
