"""What is kept of a run for its pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None

new_names = ("run_figures",)
"""Tables and views that this migration adds to those of the version before."""

JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    """Add a table; nothing that is stored changes."""
    op.create_table(
        "run_figures",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_run_figures_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_figures")),
        comment=(
            "One run as figures that its charts are drawn from, as JSON: some of its rows with"
            " their predictions, curves, and times."
        ),
    )
