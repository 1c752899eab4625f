"""Segments: what serves each of them, the decisions behind it, and their equations."""

import sqlalchemy as sa
from alembic import op

from data.store.migrations.views_0108 import VIEWS

revision = "0108"
down_revision = "0107"
branch_labels = None
depends_on = None

new_names = (
    "segment_serving",
    "segment_decision",
    "segment_fit",
    "segment_coefficient_value",
    "segment_champion",
    "segment_coefficient",
    "segment_history",
)
"""Tables and views that this migration adds to those of the version before."""

TIME = sa.DateTime(timezone=True)
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

INFERENCE = ("standard_error", "robust_standard_error", "t", "p", "low", "high")

COMMENTS = {
    "prediction": (
        "One row of one run as predicted by one model; train rows are predicted out of fold. note:"
        " what makes the prediction less certain than others, for example a level never seen."
        " lower, upper: of the widest interval; lower_2 to upper_3: of the next narrower ones, NULL"
        " if the dataset declares no more levels. segment: NULL without declared segments; routed:"
        " whether the model served the segment instead of the dataset's champion after the run."
    ),
    "outcome": (
        "One key whose target became known after it had been predicted: the last prediction"
        " before that (of run_id, by model_id), and the actual value. segment: NULL without"
        " declared segments."
    ),
}


def upgrade() -> None:
    """Add tables, columns and views; nothing that is stored changes."""
    _serving()
    _decision()
    _equations()
    for table in ("prediction", "outcome"):
        op.add_column(table, sa.Column("segment", KEY))
    op.add_column("prediction", sa.Column("routed", sa.Boolean()))
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:  # SQLite has no comments
        for table, comment in COMMENTS.items():
            op.create_table_comment(table, comment)
    for name, statement in VIEWS.items():
        if on_postgresql:  # new columns come last, so it can replace a view
            op.execute(statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
        else:
            op.execute(f"DROP VIEW IF EXISTS {name}")
            op.execute(statement)


def _serving() -> None:
    op.create_table(
        "segment_serving",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("segment", KEY, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer()),
        sa.Column("since", TIME, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("rows_test", sa.BigInteger(), nullable=False),
        sa.Column("validation_rmse", sa.Double()),
        sa.Column("champion_validation_rmse", sa.Double()),
        sa.Column("test_rmse", sa.Double()),
        sa.Column("champion_test_rmse", sa.Double()),
        sa.Column("reason", sa.Text()),
        sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()),
        *_references("segment_serving", "run", "model"),
        sa.PrimaryKeyConstraint("dataset", "segment", name=op.f("pk_segment_serving")),
        comment=(
            "One segment of one dataset as it is served now, of which the latest good run replaces"
            " all. model_id: the model of its own that serves it, NULL for the dataset's champion,"
            " whichever that is; its predictions are of the rows of run_id."
        ),
        sqlite_with_rowid=False,
    )
    for names in (["dataset", "model_id"], ["run_id"]):
        index = op.f(f"ix_segment_serving_{'_'.join(names)}")
        op.create_index(index, "segment_serving", names)


def _decision() -> None:
    op.create_table(
        "segment_decision",
        sa.Column("segment_decision_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("segment", KEY, nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("model_id", sa.Integer()),
        sa.Column("previous_model_id", sa.Integer()),
        sa.Column("gain", sa.Double()),
        sa.Column("gain_low", sa.Double()),
        sa.Column("gain_high", sa.Double()),
        sa.Column("confidence", sa.Double()),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("rule", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.CheckConstraint(
            "decision IN ('promoted', 'returned', 'rolled_back', 'forced', 'unpinned')",
            name=op.f("ck_segment_decision_decision"),
        ),
        *_references("segment_decision", "run", "model", "previous_model"),
        sa.PrimaryKeyConstraint("segment_decision_id", name=op.f("pk_segment_decision")),
        comment=(
            "One decision about one segment of one dataset: models of this kind serve it from then"
            " on, each night's own; NULL for the dataset's champion. Rows are only ever added."
            " model_id: the one that served first; NULL for the champion, or where it was to serve"
            " from the next night on. A person's decision has decided_by instead of run_id. pinned:"
            " no run decides about the segment from then on, until a person decides again."
        ),
        sqlite_autoincrement=True,
    )
    for names in (["dataset", "segment", "segment_decision_id"], ["run_id"]):
        index = op.f(f"ix_segment_decision_{'_'.join(names)}")
        op.create_index(index, "segment_decision", names)


def _equations() -> None:
    op.create_table(
        "segment_fit",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("segment", KEY, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("residual_sd", sa.Double()),
        sa.Column("r2", sa.Double()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("model_id", "segment", name=op.f("pk_segment_fit")),
        comment=(
            "One segment's equation as a whole, of one linear model of the latest good run of its"
            " dataset. reason: why the segment has no equation of its own."
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment_coefficient_value",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("segment", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("estimate", sa.Double(), nullable=False),
        *(sa.Column(name, sa.Double()) for name in INFERENCE),
        sa.PrimaryKeyConstraint(
            "model_id", "segment", "position", name=op.f("pk_segment_coefficient_value")
        ),
        comment=(
            "One term of one segment's equation in segment_fit, in the data's own units, with its"
            " inference if any. Those of earlier runs are in the artifacts of their models alone."
        ),
        sqlite_with_rowid=False,
    )


def _references(table: str, *names: str) -> list[sa.ForeignKeyConstraint]:
    """Return the references of columns such as `run_id` to the run or the model."""
    return [
        sa.ForeignKeyConstraint(
            [f"{name}_id"],
            [f"{target}.{target}_id"],
            name=op.f(f"fk_{table}_{name}_id_{target}"),
        )
        for name in names
        for target in [name.removeprefix("previous_")]
    ]
