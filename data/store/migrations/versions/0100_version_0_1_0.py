"""The store of version 0.1.0: every table, then every view.

This is a released version: it stays as it is. Later changes are migrations of their own, numbered
from 0101.
"""

import sqlalchemy as sa
from alembic import op

from data.store.migrations.views_0_1_0 import VIEWS

revision = "0100"
down_revision = None
branch_labels = None
depends_on = None

new_names = ()
"""Tables and views that this migration adds to those of the version before."""

TIME = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(sa.JSON(), "postgresql")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
UNKNOWN = sa.text("actual IS NULL")


def upgrade() -> None:
    """Make the tables and the views; spelled out here, since tables.py and the views change."""

    op.create_table(
        "paired_error",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("other_model_id", sa.Integer(), nullable=False),
        sa.Column("error", sa.Double(), nullable=False),
        sa.Column("other_error", sa.Double(), nullable=False),
        sa.Column("unit", sa.BigInteger()),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_paired_error")),
        comment=(
            "One test row of one run on which two models were compared that had not seen it: "
            "actual minus predicted of each. Rows of one unit depend on each other."
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "prediction",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("key", KEY, nullable=False),
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
        sa.CheckConstraint(
            "role = 'train' OR role = 'test' OR role = 'new' OR role = 'warmup'",
            name=op.f("ck_prediction_role"),
        ),
        sa.PrimaryKeyConstraint("model_id", "key", "run_id", name=op.f("pk_prediction")),
        comment=(
            "One row of one run as predicted by one model; train rows are predicted out of fold."
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_prediction_unknown",
        "prediction",
        ["dataset", "key", "run_id"],
        sqlite_where=UNKNOWN,
        postgresql_where=UNKNOWN,
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=False),
        sa.Column("rows_read", sa.BigInteger()),
        sa.Column("rows_rejected", sa.BigInteger()),
        sa.Column("rows_labelled", sa.BigInteger()),
        sa.Column("rows_test", sa.BigInteger()),
        sa.Column("rows_new", sa.BigInteger()),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("setup_fingerprint", sa.Text()),
        sa.Column("declaration", sa.Text()),
        sa.Column("library_versions", JSON),
        sa.Column("verdict", sa.Text()),
        sa.Column("verdict_difference", sa.Double()),
        sa.Column("verdict_low", sa.Double()),
        sa.Column("verdict_high", sa.Double()),
        sa.Column("reason", sa.Text()),
        sa.Column("change", sa.Text()),
        sa.Column("warnings", JSON, nullable=False),
        sa.Column("snapshot", sa.Text()),
        sa.Column("flow_run_id", sa.Text()),
        sa.Column("as_of", sa.Text()),
        sa.Column("data_until", sa.Double()),
        sa.Column("train_until", sa.Double()),
        sa.Column("backfill", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("pruned_at", TIME),
        sa.Column("target", sa.Text()),
        sa.Column("features", sa.Text()),
        sa.Column("hidden_layers", sa.Text()),
        sa.Column("interval_level", sa.Double()),
        sa.Column("period_from", sa.Text()),
        sa.Column("period_until", sa.Text()),
        sa.Column("nightfit_version", sa.Text()),
        sa.Column("python_version", sa.Text()),
        sa.Column("numpy_version", sa.Text()),
        sa.CheckConstraint(
            "status IN ('succeeded', 'failed', 'rejected', 'skipped')", name=op.f("ck_run_status")
        ),
        sa.CheckConstraint("verdict IN ('yay', 'nay', 'undecided')", name=op.f("ck_run_verdict")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
        sa.UniqueConstraint("dataset", "started_at", name=op.f("uq_run_dataset_started_at")),
        comment=(
            "One attempt to retrain one dataset. as_of: the past moment it was trained as of, "
            "if any; data_until, train_until: the newest time of a labelled row and of a "
            "training row, in microseconds since 1970, or the number itself; backfill: a "
            "champion trained on later data was already serving; pruned_at: when predictions "
            "of models that never served were removed."
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_run_dataset_status_run_id"), "run", ["dataset", "status", "run_id"])
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
            "quantity IN ('probe', 'coefficients', 'excess_loss', 'validation_rmse')",
            name=op.f("ck_agreement_check_quantity"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.run_id"], name=op.f("fk_agreement_check_run_id_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_agreement_check")),
        comment=(
            "One comparison of one framework in one run: how far it was from what it was "
            "compared with, and how far it may be. figure is null where there was no number "
            "to compare."
        ),
    )
    op.create_table(
        "expectation_result",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("expectation", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text()),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("quarantine", sa.Boolean(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("kwargs", JSON, nullable=False),
        sa.Column("observed", JSON),
        sa.Column("unexpected_count", sa.BigInteger()),
        sa.Column("examples", JSON, nullable=False),
        sa.CheckConstraint(
            "severity IN ('critical', 'warning')", name=op.f("ck_expectation_result_severity")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.run_id"], name=op.f("fk_expectation_result_run_id_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_expectation_result")),
        comment="One expectation checked in one run.",
    )
    op.create_table(
        "model",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("framework", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("rank", sa.Integer()),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("no_skill", sa.Boolean()),
        sa.Column("fit_seconds", sa.Double()),
        sa.Column("seed", sa.Text()),
        sa.Column("details", JSON, nullable=False),
        sa.Column("artifact", sa.LargeBinary()),
        sa.Column("twin", sa.LargeBinary()),
        sa.Column("framework_version", sa.Text()),
        sa.CheckConstraint("status IN ('fitted', 'failed')", name=op.f("ck_model_status")),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_model_run_id_run")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_model")),
        sa.UniqueConstraint(
            "run_id", "framework", "kind", name=op.f("uq_model_run_id_framework_kind")
        ),
        comment=(
            "One candidate of one run. artifact: the model refitted on all labelled rows, as "
            "safetensors; twin: the same model fitted without the test rows."
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rejected_row",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("key", KEY),
        sa.Column("row_values", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.run_id"], name=op.f("fk_rejected_row_run_id_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "row_number", name=op.f("pk_rejected_row")),
        comment="One quarantined row of one run; row_number counts the rows of the source from 1.",
    )
    op.create_table(
        "coefficient",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("estimate", sa.Double(), nullable=False),
        sa.Column("standard_error", sa.Double()),
        sa.Column("t", sa.Double()),
        sa.Column("p", sa.Double()),
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        sa.Column("robust_standard_error", sa.Double()),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.model_id"], name=op.f("fk_coefficient_model_id_model")
        ),
        sa.PrimaryKeyConstraint("model_id", "position", name=op.f("pk_coefficient")),
        sa.UniqueConstraint("model_id", "term", name=op.f("uq_coefficient_model_id_term")),
        comment=(
            "One term of one linear model, in the data's own units, with its inference if any."
        ),
    )
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
        comment="One linear model as a whole, refitted on all labelled rows.",
    )
    op.create_table(
        "outcome",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("predicted", sa.Double(), nullable=False),
        sa.Column("lower", sa.Double()),
        sa.Column("upper", sa.Double()),
        sa.Column("predicted_at", TIME, nullable=False),
        sa.Column("actual", sa.Double(), nullable=False),
        sa.Column("realised_at", TIME, nullable=False),
        sa.Column("realised_run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.model_id"], name=op.f("fk_outcome_model_id_model")
        ),
        sa.ForeignKeyConstraint(
            ["realised_run_id"], ["run.run_id"], name=op.f("fk_outcome_realised_run_id_run")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_outcome_run_id_run")),
        sa.PrimaryKeyConstraint("dataset", "key", name=op.f("pk_outcome")),
        comment=(
            "One key whose target became known after it had been predicted: the last "
            "prediction before that (of run_id, by model_id), and the actual value."
        ),
    )
    op.create_index(op.f("ix_outcome_key"), "outcome", ["key"])
    op.create_table(
        "promotion",
        sa.Column("promotion_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("incumbent_model_id", sa.Integer()),
        sa.Column("challenger_model_id", sa.Integer()),
        sa.Column("incumbent_rmse", sa.Double()),
        sa.Column("challenger_rmse", sa.Double()),
        sa.Column("gain", sa.Double()),
        sa.Column("gain_low", sa.Double()),
        sa.Column("gain_high", sa.Double()),
        sa.Column("rule", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double()),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("units", sa.BigInteger()),
        sa.Column("smallest_gain", sa.Double()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "decision IN ('promoted', 'kept', 'rolled_back', 'forced', 'unpinned')",
            name=op.f("ck_promotion_decision"),
        ),
        sa.ForeignKeyConstraint(
            ["challenger_model_id"],
            ["model.model_id"],
            name=op.f("fk_promotion_challenger_model_id_model"),
        ),
        sa.ForeignKeyConstraint(
            ["incumbent_model_id"],
            ["model.model_id"],
            name=op.f("fk_promotion_incumbent_model_id_model"),
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.model_id"], name=op.f("fk_promotion_model_id_model")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_promotion_run_id_run")),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_promotion")),
        comment=(
            "One decision about a dataset's champion; model_id serves from then on. Rows are "
            "only ever added. A person's decision has decided_by instead of run_id. pinned: "
            "runs promote nobody from then on, until a person decides again."
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_promotion_dataset_promotion_id"), "promotion", ["dataset", "promotion_id"]
    )
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
            "One share of silenced hidden cells of one ANN: the mean, lowest and highest test "
            "error of its twin over random draws of the cells."
        ),
    )
    op.create_table(
        "score",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("rmse", sa.Double(), nullable=False),
        sa.Column("rmse_low", sa.Double()),
        sa.Column("rmse_high", sa.Double()),
        sa.Column("rmse_se", sa.Double()),
        sa.Column("mae", sa.Double(), nullable=False),
        sa.Column("r2", sa.Double()),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("coverage", sa.Double()),
        sa.CheckConstraint("rows IN ('validation', 'test')", name=op.f("ck_score_rows")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.model_id"], name=op.f("fk_score_model_id_model")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_score_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "model_id", "rows", name=op.f("pk_score")),
        comment=(
            "One model scored on one set of rows of one run: validation (out of fold) or "
            "test. The incumbent, a model of an earlier run, is scored again on the test rows "
            "of this run."
        ),
    )

    for view in VIEWS:
        op.execute(view)
