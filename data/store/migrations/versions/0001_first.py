"""The first tables and views."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(sa.JSON(), "postgresql")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
UNKNOWN = sa.text("role = 'new' AND actual IS NULL")

VIEWS = (
    """
CREATE VIEW champion AS
SELECT latest.dataset, model.run_id, model.model_id, model.framework, model.kind,
  (SELECT min(served.decided_at) FROM promotion AS served
    WHERE served.dataset = latest.dataset AND served.promotion_id > coalesce(
      (SELECT max(other.promotion_id) FROM promotion AS other
        WHERE other.dataset = latest.dataset AND other.model_id <> latest.model_id), 0)) AS since,
  score.rmse AS test_rmse, score.rmse_low AS test_rmse_low, score.rmse_high AS test_rmse_high,
  score.r2 AS test_r2, run.rows_labelled AS n_train, run.verdict
FROM promotion AS latest
JOIN model ON model.model_id = latest.model_id
JOIN run ON run.run_id = model.run_id
LEFT JOIN score ON score.run_id = model.run_id AND score.model_id = model.model_id
  AND score.rows = 'test'
WHERE latest.promotion_id = (SELECT max(newest.promotion_id) FROM promotion AS newest
    WHERE newest.dataset = latest.dataset)
ORDER BY latest.dataset
""",
    """
CREATE VIEW leaderboard AS
SELECT run.run_id, run.dataset, model.framework, model.kind, model.status,
  validation.rmse AS validation_rmse, validation.rmse_se AS validation_se, test.rmse AS test_rmse,
  model.rank, model.chosen, model.reason, model.fit_seconds
FROM run
JOIN model ON model.run_id = run.run_id
LEFT JOIN score AS validation ON validation.run_id = run.run_id
  AND validation.model_id = model.model_id AND validation.rows = 'validation'
LEFT JOIN score AS test ON test.run_id = run.run_id
  AND test.model_id = model.model_id AND test.rows = 'test'
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded')
ORDER BY run.dataset, model.rank IS NULL, model.rank, model.framework, model.kind
""",
    """
CREATE VIEW current_prediction AS
SELECT latest.dataset, prediction.key, prediction.actual, prediction.predicted, prediction.lower,
  prediction.upper, prediction.role, prediction.model_id, run.finished_at AS predicted_at
FROM promotion AS latest
CROSS JOIN prediction
JOIN run ON run.run_id = prediction.run_id
WHERE latest.promotion_id = (SELECT max(newest.promotion_id) FROM promotion AS newest
    WHERE newest.dataset = latest.dataset)
  AND prediction.model_id = latest.model_id
  AND NOT EXISTS (SELECT 1 FROM prediction AS later WHERE later.model_id = prediction.model_id
    AND later.key = prediction.key AND later.run_id > prediction.run_id)
""",
    """
CREATE VIEW current_coefficient AS
SELECT run.dataset, model.framework, model.kind, coefficient.term, coefficient.estimate,
  coefficient.standard_error, coefficient.t, coefficient.p, coefficient.low, coefficient.high
FROM run
JOIN model ON model.run_id = run.run_id
JOIN coefficient ON coefficient.model_id = model.model_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded')
ORDER BY run.dataset, model.framework, model.kind, coefficient.position
""",
    """
CREATE VIEW prediction_outcome AS
SELECT dataset, key, predicted, lower, upper, predicted_at, actual, realised_at,
  actual - predicted AS error, actual BETWEEN lower AND upper AS inside
FROM outcome
""",
    """
CREATE VIEW run_history AS
SELECT run.run_id, run.dataset, run.status, run.started_at, run.finished_at, run.rows_read,
  run.rows_rejected, model.framework || '/' || model.kind AS champion, run.change, run.reason
FROM run
LEFT JOIN promotion AS latest ON latest.promotion_id = (
  SELECT max(earlier.promotion_id) FROM promotion AS earlier
  WHERE earlier.dataset = run.dataset AND (earlier.run_id <= run.run_id
    OR (earlier.run_id IS NULL AND earlier.decided_at <= run.finished_at)))
LEFT JOIN model ON model.model_id = latest.model_id
ORDER BY run.run_id DESC
""",
    """
CREATE VIEW champion_history AS
SELECT promotion.promotion_id, promotion.run_id, promotion.dataset, promotion.decided_at,
  promotion.decision,
  champion.framework || '/' || champion.kind AS champion, champion.run_id AS champion_run_id,
  previous.framework || '/' || previous.kind AS previous, previous.run_id AS previous_run_id,
  challenger.framework || '/' || challenger.kind AS challenger,
  challenger.run_id AS challenger_run_id, promotion.incumbent_rmse AS previous_rmse,
  promotion.challenger_rmse, promotion.gain, promotion.gain_low, promotion.gain_high,
  promotion.rule, promotion.reason
FROM promotion
JOIN model AS champion ON champion.model_id = promotion.model_id
LEFT JOIN model AS previous ON previous.model_id = promotion.incumbent_model_id
LEFT JOIN model AS challenger ON challenger.model_id = promotion.challenger_model_id
ORDER BY promotion.promotion_id DESC
""",
)


def upgrade() -> None:
    """Make every table, then the views over them."""
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
            "role IN ('train', 'test', 'new', 'warmup')", name=op.f("ck_prediction_role")
        ),
        sa.PrimaryKeyConstraint("model_id", "key", "run_id", name=op.f("pk_prediction")),
        comment=(
            "One row of one run as the model that then served saw it; train rows are out of fold."
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
        sa.CheckConstraint(
            "status IN ('succeeded', 'failed', 'rejected', 'skipped')", name=op.f("ck_run_status")
        ),
        sa.CheckConstraint("verdict IN ('yay', 'nay', 'undecided')", name=op.f("ck_run_verdict")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
        sa.UniqueConstraint("dataset", "started_at", name=op.f("uq_run_dataset_started_at")),
        comment="One attempt to retrain one dataset.",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_run_dataset_status_run_id"), "run", ["dataset", "status", "run_id"])
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
        sa.CheckConstraint(
            "framework IN ('tensorflow', 'torch', 'theano')", name=op.f("ck_model_framework")
        ),
        sa.CheckConstraint(
            "kind IN ('least_squares', 'gradient_descent', 'ann')", name=op.f("ck_model_kind")
        ),
        sa.CheckConstraint("status IN ('fitted', 'failed')", name=op.f("ck_model_status")),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_model_run_id_run")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_model")),
        sa.UniqueConstraint(
            "run_id", "framework", "kind", name=op.f("uq_model_run_id_framework_kind")
        ),
        comment=(
            "One candidate of one run. artifact: the model refitted on all labelled "
            "rows, safetensors; twin: the same, fitted without the test rows."
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
        comment="One quarantined row of one run; row_number is its place in the source.",
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
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.model_id"], name=op.f("fk_coefficient_model_id_model")
        ),
        sa.PrimaryKeyConstraint("model_id", "position", name=op.f("pk_coefficient")),
        sa.UniqueConstraint("model_id", "term", name=op.f("uq_coefficient_model_id_term")),
        comment=(
            "One term of one linear model, in original units, with its inference where it has one."
        ),
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
            "prediction before (of run_id, by model_id), and the truth."
        ),
    )
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
        sa.CheckConstraint(
            "decision IN ('promoted', 'kept', 'rolled_back', 'forced')",
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
            "One decision about a dataset's champion; model_id serves from then on. Rows "
            "are only ever added; run_id is null where a person decided."
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_promotion_dataset_promotion_id"), "promotion", ["dataset", "promotion_id"]
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
            "test. The incumbent, a model of an earlier run, is scored again on "
            "tonight's test rows."
        ),
    )
    for view in VIEWS:
        op.execute(view)
