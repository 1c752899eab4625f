"""Tables of results: which ones are ours, what their keys are, and what was given elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None

new_names = ("result_table", "output_delivery")
"""Tables and views that this migration adds to those of the version before."""

TIME = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(sa.JSON(), "postgresql")
OF_RUN = (
    "One attempt to retrain one dataset. as_of: the past moment it was trained as of, if any;"
    " data_until, train_until: the newest time of a labelled row and of a training row, in"
    " microseconds since 1970, or the number itself; backfill: a champion trained on later data"
    " was already serving; pruned_at: when predictions that nothing shows any more were"
    " removed; key_columns: the columns of the key as [name, type]."
)


def upgrade() -> None:
    """Add tables and a column; nothing that is stored changes."""
    op.create_table(
        "result_table",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("schema_name", sa.Text()),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("key_columns", JSON, nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("written_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", name=op.f("pk_result_table")),
        comment=(
            "One table that nightfit has made for the results of a dataset, and may therefore"
            " replace: its name, the columns of its key as [name, type], and the decision that it"
            " shows. schema_name: NULL for that of the store."
        ),
    )
    op.create_table(
        "output_delivery",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("promotion_id", sa.Integer()),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("delivered_at", TIME),
        sa.Column("failed_at", TIME),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("dataset", name=op.f("pk_output_delivery")),
        comment=(
            "One table of another database that gets the results of a dataset: after which decision"
            " it was given them last, and if that is not the latest one, when and why it could not"
            " be given. place: its name without any secret."
        ),
    )
    op.add_column("run", sa.Column("key_columns", JSON))
    if op.get_bind().dialect.name == "postgresql":  # SQLite has no comments
        op.create_table_comment("run", OF_RUN)
