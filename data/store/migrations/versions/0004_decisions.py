"""What the gate saw and decided, by night and by hand; nights trained as of an earlier day."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

new_names = ("paired_error",)

TIME = sa.DateTime(timezone=True)
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DECISION = "decision IN ('promoted', 'kept', 'rolled_back', 'forced', 'unpinned')"

RUN = (
    "One attempt to retrain one dataset. as_of: the moment it trained as of, null for now;"
    " data_until, train_until: the newest time of a labelled row and of a training row, in"
    " microseconds since 1970 or as the number it is; backfill: a champion with later data"
    " served already."
)
PROMOTION = (
    "One decision about a dataset's champion; model_id serves from then on. Rows are only ever"
    " added; run_id is null and decided_by is not where a person decided. pinned: nobody is"
    " promoted from then on, until a person decides otherwise."
)

VIEWS = {
    "champion": """
SELECT latest.dataset, model.run_id, model.model_id, model.framework, model.kind,
  (SELECT min(served.decided_at) FROM promotion AS served
    WHERE served.dataset = latest.dataset AND served.promotion_id > coalesce(
      (SELECT max(other.promotion_id) FROM promotion AS other
        WHERE other.dataset = latest.dataset AND other.model_id <> latest.model_id), 0)) AS since,
  score.rmse AS test_rmse, score.rmse_low AS test_rmse_low, score.rmse_high AS test_rmse_high,
  score.r2 AS test_r2, run.rows_labelled AS n_train, run.verdict, latest.pinned
FROM promotion AS latest
JOIN model ON model.model_id = latest.model_id
JOIN run ON run.run_id = model.run_id
LEFT JOIN score ON score.run_id = model.run_id AND score.model_id = model.model_id
  AND score.rows = 'test'
WHERE latest.promotion_id = (SELECT max(newest.promotion_id) FROM promotion AS newest
    WHERE newest.dataset = latest.dataset)
ORDER BY latest.dataset
""",
    "leaderboard": """
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
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
ORDER BY run.dataset, model.rank IS NULL, model.rank, model.framework, model.kind
""",
    "current_coefficient": """
SELECT run.dataset, model.framework, model.kind, coefficient.term, coefficient.estimate,
  coefficient.standard_error, coefficient.t, coefficient.p, coefficient.low, coefficient.high,
  coefficient.robust_standard_error
FROM run
JOIN model ON model.run_id = run.run_id
JOIN coefficient ON coefficient.model_id = model.model_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
ORDER BY run.dataset, model.framework, model.kind, coefficient.position
""",
    "current_fit": """
SELECT run.dataset, model.framework, model.kind, linear_fit.rows, linear_fit.rank,
  linear_fit.degrees_of_freedom, linear_fit.residual_sd, linear_fit.r2, linear_fit.adjusted_r2,
  linear_fit.f, linear_fit.f_p, linear_fit.condition_number, linear_fit.excess_loss,
  linear_fit.epochs, linear_fit.epochs_to_solution
FROM run
JOIN model ON model.run_id = run.run_id
JOIN linear_fit ON linear_fit.model_id = model.model_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
ORDER BY run.dataset, model.framework, model.kind
""",
    "agreement": """
SELECT run.dataset, run.run_id, agreement_check.framework, agreement_check.kind,
  agreement_check.quantity, agreement_check.compared_with, agreement_check.figure,
  agreement_check.allowed, agreement_check.agreed
FROM run
JOIN agreement_check ON agreement_check.run_id = run.run_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
ORDER BY run.dataset, agreement_check.position
""",
    "run_history": """
SELECT run.run_id, run.dataset, run.status, run.started_at, run.finished_at, run.rows_read,
  run.rows_rejected, model.framework || '/' || model.kind AS champion, run.change, run.reason,
  run.as_of, run.backfill
FROM run
LEFT JOIN promotion AS latest ON latest.promotion_id = (
  SELECT max(earlier.promotion_id) FROM promotion AS earlier
  WHERE earlier.dataset = run.dataset AND (earlier.run_id <= run.run_id
    OR (earlier.run_id IS NULL AND earlier.decided_at <= run.finished_at)))
LEFT JOIN model ON model.model_id = latest.model_id
ORDER BY run.run_id DESC
""",
    "champion_history": """
SELECT promotion.promotion_id, promotion.run_id, promotion.dataset, promotion.decided_at,
  promotion.decision,
  champion.framework || '/' || champion.kind AS champion, champion.run_id AS champion_run_id,
  previous.framework || '/' || previous.kind AS previous, previous.run_id AS previous_run_id,
  challenger.framework || '/' || challenger.kind AS challenger,
  challenger.run_id AS challenger_run_id, promotion.incumbent_rmse AS previous_rmse,
  promotion.challenger_rmse, promotion.gain, promotion.gain_low, promotion.gain_high,
  promotion.rule, promotion.reason, promotion.rows, promotion.confidence, promotion.smallest_gain,
  promotion.decided_by, promotion.pinned
FROM promotion
JOIN model AS champion ON champion.model_id = promotion.model_id
LEFT JOIN model AS previous ON previous.model_id = promotion.incumbent_model_id
LEFT JOIN model AS challenger ON challenger.model_id = promotion.challenger_model_id
ORDER BY promotion.promotion_id DESC
""",
}
"""The views that gain columns, all at the end, or leave backfills out."""


def upgrade() -> None:
    """Add the columns, the table and the views' columns; frozen here, since tables.py goes on."""
    of_sqlite = op.get_bind().dialect.name == "sqlite"
    if of_sqlite:  # which cannot replace a view
        for name in VIEWS:
            op.execute(f"DROP VIEW {name}")
    op.add_column("run", sa.Column("as_of", sa.Text()))
    op.add_column("run", sa.Column("data_until", sa.Double()))
    op.add_column("run", sa.Column("train_until", sa.Double()))
    op.add_column("run", _no("backfill"))
    op.add_column("promotion", sa.Column("confidence", sa.Double()))
    op.add_column("promotion", sa.Column("rows", sa.BigInteger()))
    op.add_column("promotion", sa.Column("units", sa.BigInteger()))
    op.add_column("promotion", sa.Column("smallest_gain", sa.Double()))
    op.add_column("promotion", sa.Column("decided_by", sa.Text()))
    op.add_column("promotion", _no("pinned"))
    if of_sqlite:
        _rebuild_promotion()
    else:
        op.drop_constraint(op.f("ck_promotion_decision"), "promotion", type_="check")
        op.create_check_constraint(op.f("ck_promotion_decision"), "promotion", DECISION)
        op.create_table_comment("run", RUN)
        op.create_table_comment("promotion", PROMOTION)
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
            "One test row of one run on which two models were compared that had not seen it:"
            " actual less predicted of each; rows of one unit depend on each other."
        ),
        sqlite_with_rowid=False,
    )
    # Replaced where it can be: what depends on a view, and who may read it, stays as it is.
    create = "CREATE" if of_sqlite else "CREATE OR REPLACE"
    for name, select in VIEWS.items():
        op.execute(f"{create} VIEW {name} AS{select}")


def _no(column: str) -> sa.Column[bool]:
    """Return a column that says no for the rows that are there."""
    return sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.false())


def _rebuild_promotion() -> None:
    """Make SQLite's `promotion` anew, since its list of decisions cannot be changed in place."""
    model = "model.model_id"
    op.create_table(
        "promotion_0004",
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
        _no("pinned"),
        sa.CheckConstraint(DECISION, name=op.f("ck_promotion_decision")),
        sa.ForeignKeyConstraint(
            ["challenger_model_id"], [model], name=op.f("fk_promotion_challenger_model_id_model")
        ),
        sa.ForeignKeyConstraint(
            ["incumbent_model_id"], [model], name=op.f("fk_promotion_incumbent_model_id_model")
        ),
        sa.ForeignKeyConstraint(["model_id"], [model], name=op.f("fk_promotion_model_id_model")),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_promotion_run_id_run")),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_promotion")),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO promotion_0004 SELECT * FROM promotion")
    op.drop_table("promotion")
    with _views_left_alone():
        op.rename_table("promotion_0004", "promotion")
    op.create_index(
        op.f("ix_promotion_dataset_promotion_id"), "promotion", ["dataset", "promotion_id"]
    )


@contextmanager
def _views_left_alone() -> Iterator[None]:
    """Let a table be renamed though views ask for the new name, as SQLite would not otherwise."""
    op.execute("PRAGMA legacy_alter_table = ON")
    try:
        yield
    finally:
        op.execute("PRAGMA legacy_alter_table = OFF")
