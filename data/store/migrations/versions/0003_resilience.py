"""How the champion ANN bears silenced cells."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

new_names = ("resilience", "champion_resilience")

CHAMPION_RESILIENCE = """
CREATE VIEW champion_resilience AS
SELECT latest.dataset, model.run_id, model.model_id, model.framework, resilience.share,
  resilience.rmse, resilience.rmse_low, resilience.rmse_high,
  resilience.rmse / nullif(whole.rmse, 0) AS ratio, resilience.draws
FROM promotion AS latest
JOIN model ON model.model_id = latest.model_id
JOIN resilience ON resilience.model_id = model.model_id
JOIN resilience AS whole ON whole.model_id = model.model_id AND whole.share = 0
WHERE latest.promotion_id = (SELECT max(newest.promotion_id) FROM promotion AS newest
    WHERE newest.dataset = latest.dataset)
ORDER BY latest.dataset, resilience.share
"""


def upgrade() -> None:
    """Make the table and its view; frozen here, since tables.py and views.py go on."""
    op.create_table(
        "resilience",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("rmse", sa.Double(), nullable=False),
        sa.Column("rmse_low", sa.Double(), nullable=False),
        sa.Column("rmse_high", sa.Double(), nullable=False),
        sa.Column("draws", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.model_id"], name=op.f("fk_resilience_model_id_model")
        ),
        sa.PrimaryKeyConstraint("model_id", "share", name=op.f("pk_resilience")),
        comment=(
            "One share of silenced hidden cells of one ANN: the test error of its twin, mean,"
            " lowest and highest over random draws of the cells."
        ),
    )
    op.execute(CHAMPION_RESILIENCE)
