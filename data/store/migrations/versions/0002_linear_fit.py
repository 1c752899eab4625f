"""Robust standard errors, each linear fit as a whole, and how far the frameworks agree."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

new_names = ("linear_fit", "agreement_check", "current_fit", "agreement")

CURRENT_COEFFICIENT = """
VIEW current_coefficient AS
SELECT run.dataset, model.framework, model.kind, coefficient.term, coefficient.estimate,
  coefficient.standard_error, coefficient.t, coefficient.p, coefficient.low, coefficient.high,
  coefficient.robust_standard_error
FROM run
JOIN model ON model.run_id = run.run_id
JOIN coefficient ON coefficient.model_id = model.model_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded')
ORDER BY run.dataset, model.framework, model.kind, coefficient.position
"""

VIEWS = (
    """
CREATE VIEW current_fit AS
SELECT run.dataset, model.framework, model.kind, linear_fit.rows, linear_fit.rank,
  linear_fit.degrees_of_freedom, linear_fit.residual_sd, linear_fit.r2, linear_fit.adjusted_r2,
  linear_fit.f, linear_fit.f_p, linear_fit.condition_number, linear_fit.excess_loss,
  linear_fit.epochs, linear_fit.epochs_to_solution
FROM run
JOIN model ON model.run_id = run.run_id
JOIN linear_fit ON linear_fit.model_id = model.model_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded')
ORDER BY run.dataset, model.framework, model.kind
""",
    """
CREATE VIEW agreement AS
SELECT run.dataset, run.run_id, agreement_check.framework, agreement_check.kind,
  agreement_check.quantity, agreement_check.compared_with, agreement_check.figure,
  agreement_check.allowed, agreement_check.agreed
FROM run
JOIN agreement_check ON agreement_check.run_id = run.run_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded')
ORDER BY run.dataset, agreement_check.position
""",
)


def upgrade() -> None:
    """Make the new column, tables and views; frozen here, since tables.py and views.py go on."""
    op.add_column("coefficient", sa.Column("robust_standard_error", sa.Double()))
    op.create_table(
        "linear_fit",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer()),
        sa.Column("degrees_of_freedom", sa.BigInteger()),
        sa.Column("residual_sd", sa.Double()),
        sa.Column("r2", sa.Double()),
        sa.Column("adjusted_r2", sa.Double()),
        sa.Column("f", sa.Double()),
        sa.Column("f_p", sa.Double()),
        sa.Column("condition_number", sa.Double()),
        sa.Column("excess_loss", sa.Double()),
        sa.Column("epochs", sa.Integer()),
        sa.Column("epochs_to_solution", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.model_id"], name=op.f("fk_linear_fit_model_id_model")
        ),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_linear_fit")),
        comment="One linear model's fit as a whole, in the refit on all labelled rows.",
    )
    op.create_table(
        "agreement_check",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("framework", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("compared_with", sa.Text(), nullable=False),
        sa.Column("figure", sa.Double()),
        sa.Column("allowed", sa.Double(), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "framework IN ('tensorflow', 'torch', 'theano')",
            name=op.f("ck_agreement_check_framework"),
        ),
        sa.CheckConstraint(
            "kind IN ('least_squares', 'gradient_descent', 'ann')",
            name=op.f("ck_agreement_check_kind"),
        ),
        sa.CheckConstraint(
            "quantity IN ('probe', 'coefficients', 'excess_loss', 'validation_rmse')",
            name=op.f("ck_agreement_check_quantity"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.run_id"], name=op.f("fk_agreement_check_run_id_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_agreement_check")),
        comment=(
            "One comparison of one framework in one run: how far it was from what it was compared"
            " with, and how far it may be. figure is null where there was no number to compare."
        ),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP VIEW current_coefficient")
        op.execute(f"CREATE {CURRENT_COEFFICIENT}")
    else:  # what depends on the view, and who may read it, stays as it is
        op.execute(f"CREATE OR REPLACE {CURRENT_COEFFICIENT}")
    for view in VIEWS:
        op.execute(view)
