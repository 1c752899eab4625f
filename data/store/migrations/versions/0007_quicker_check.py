"""A prediction's role, and whether it waits for its target, checked in less time a row."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

new_names = ()

ROLE = "role = 'train' OR role = 'test' OR role = 'new' OR role = 'warmup'"
UNKNOWN = sa.text("actual IS NULL")


def upgrade() -> None:
    """State the same rules in other words; frozen here, since tables.py goes on."""
    op.drop_index("ix_prediction_unknown", "prediction")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_prediction()
    else:
        op.drop_constraint(op.f("ck_prediction_role"), "prediction", type_="check")
        op.create_check_constraint(op.f("ck_prediction_role"), "prediction", ROLE)
    op.create_index(
        "ix_prediction_unknown",
        "prediction",
        ["dataset", "key", "run_id"],
        sqlite_where=UNKNOWN,
        postgresql_where=UNKNOWN,
    )


def _rebuild_prediction() -> None:
    """Make SQLite's `prediction` anew, since a check cannot be changed in place.

    Indexes and triggers, also those of other programs, go with the old table and are made again.
    """
    depending = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'prediction' AND sql IS NOT NULL"
        " AND type IN ('index', 'trigger') ORDER BY type, rowid"
    )
    made_again = list(op.get_bind().execute(depending).scalars())
    op.create_table(
        "prediction_0007",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("actual", sa.Double()),
        sa.Column("predicted", sa.Double()),
        sa.Column("lower", sa.Double()),
        sa.Column("upper", sa.Double()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "predicted IS NOT NULL OR role = 'warmup'", name=op.f("ck_prediction_predicted")
        ),
        sa.CheckConstraint(ROLE, name=op.f("ck_prediction_role")),
        sa.PrimaryKeyConstraint("model_id", "key", "run_id", name=op.f("pk_prediction")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO prediction_0007 SELECT * FROM prediction")
    op.drop_table("prediction")
    # Views ask for the new name, and SQLite would otherwise refuse to give it to another table.
    op.execute("PRAGMA legacy_alter_table = ON")
    op.rename_table("prediction_0007", "prediction")
    op.execute("PRAGMA legacy_alter_table = OFF")
    for statement in made_again:
        op.get_bind().exec_driver_sql(statement)
