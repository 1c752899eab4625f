"""How wrong naive predictions are on the rows that the candidates of a run are scored on."""

import sqlalchemy as sa
from alembic import op

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None

new_names = ("naive", "naive_score")
"""Tables and views that this migration adds to those of the version before."""

NAIVE_SCORE = """\
CREATE VIEW naive_score AS
SELECT run.run_id, run.dataset, naive.name, naive.rows, naive.rmse, naive.mae, naive.r2, naive.n
FROM run
JOIN naive ON naive.run_id = run.run_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
ORDER BY run.dataset, naive.rows, naive.rmse, naive.name"""


def upgrade() -> None:
    """Add a table and a view; nothing that is stored changes."""
    op.create_table(
        "naive",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("rmse", sa.Double(), nullable=False),
        sa.Column("mae", sa.Double(), nullable=False),
        sa.Column("r2", sa.Double()),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("rows IN ('validation', 'test')", name=op.f("ck_naive_rows")),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_naive_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "name", "rows", name=op.f("pk_naive")),
        comment=(
            "One naive prediction scored on one set of rows of one run, as far as it predicts them:"
            " what the candidates should be better than."
        ),
    )
    op.execute(NAIVE_SCORE)
