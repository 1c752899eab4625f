"""The views: what people query, so their columns do not change silently.

Each is one SQL statement that SQLite and PostgreSQL both understand, with the type of each column,
which SQLite does not keep. `docs/database.md` describes them. A change here needs a migration.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Double, Text, column, table
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from data.store.column_types import UtcTime

INTEGER, TEXT, BOOLEAN, TIME = BigInteger(), Text(), Boolean(), UtcTime()
NUMBER: Double[float] = Double()


@dataclass(frozen=True)
class View:
    """One view: its columns in order with their types, and the SELECT behind it."""

    name: str
    columns: dict[str, TypeEngine[Any]]
    select: str

    @property
    def create(self) -> str:
        """The statement that creates the view."""
        return f"CREATE VIEW {self.name} AS\n{self.select.strip()}"

    @property
    def table(self) -> TableClause:
        """The view as SQLAlchemy selects from it."""
        return table(self.name, *(column(name, kind) for name, kind in self.columns.items()))


CHAMPION = View(
    "champion",
    {
        "dataset": TEXT,
        "run_id": INTEGER,
        "model_id": INTEGER,
        "framework": TEXT,
        "kind": TEXT,
        "since": TIME,
        "test_rmse": NUMBER,
        "test_rmse_low": NUMBER,
        "test_rmse_high": NUMBER,
        "test_r2": NUMBER,
        "n_train": INTEGER,
        "verdict": TEXT,
        "pinned": BOOLEAN,
    },
    """
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
)

LEADERBOARD = View(
    "leaderboard",
    {
        "run_id": INTEGER,
        "dataset": TEXT,
        "framework": TEXT,
        "kind": TEXT,
        "status": TEXT,
        "validation_rmse": NUMBER,
        "validation_se": NUMBER,
        "test_rmse": NUMBER,
        "rank": INTEGER,
        "chosen": BOOLEAN,
        "reason": TEXT,
        "fit_seconds": NUMBER,
    },
    """
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
)

# CROSS JOIN with the condition below it: SQLite then always starts from the champion, and finds
# its predictions by the primary key. PostgreSQL reads it as an inner join.
CURRENT_PREDICTION = View(
    "current_prediction",
    {
        "dataset": TEXT,
        "key": TEXT,
        "actual": NUMBER,
        "predicted": NUMBER,
        "lower": NUMBER,
        "upper": NUMBER,
        "role": TEXT,
        "model_id": INTEGER,
        "predicted_at": TIME,
    },
    """
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
)

CURRENT_COEFFICIENT = View(
    "current_coefficient",
    {
        "dataset": TEXT,
        "framework": TEXT,
        "kind": TEXT,
        "term": TEXT,
        "estimate": NUMBER,
        "standard_error": NUMBER,
        "t": NUMBER,
        "p": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "robust_standard_error": NUMBER,
    },
    """
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
)

CURRENT_FIT = View(
    "current_fit",
    {
        "dataset": TEXT,
        "framework": TEXT,
        "kind": TEXT,
        "rows": INTEGER,
        "rank": INTEGER,
        "degrees_of_freedom": INTEGER,
        "residual_sd": NUMBER,
        "r2": NUMBER,
        "adjusted_r2": NUMBER,
        "f": NUMBER,
        "f_p": NUMBER,
        "condition_number": NUMBER,
        "excess_loss": NUMBER,
        "epochs": INTEGER,
        "epochs_to_solution": INTEGER,
    },
    """
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
)

CHAMPION_RESILIENCE = View(
    "champion_resilience",
    {
        "dataset": TEXT,
        "run_id": INTEGER,
        "model_id": INTEGER,
        "framework": TEXT,
        "share": NUMBER,
        "rmse": NUMBER,
        "rmse_low": NUMBER,
        "rmse_high": NUMBER,
        "ratio": NUMBER,
        "draws": INTEGER,
    },
    """
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
""",
)

AGREEMENT = View(
    "agreement",
    {
        "dataset": TEXT,
        "run_id": INTEGER,
        "framework": TEXT,
        "kind": TEXT,
        "quantity": TEXT,
        "compared_with": TEXT,
        "figure": NUMBER,
        "allowed": NUMBER,
        "agreed": BOOLEAN,
    },
    """
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
)

PREDICTION_OUTCOME = View(
    "prediction_outcome",
    {
        "dataset": TEXT,
        "key": TEXT,
        "predicted": NUMBER,
        "lower": NUMBER,
        "upper": NUMBER,
        "predicted_at": TIME,
        "actual": NUMBER,
        "realised_at": TIME,
        "error": NUMBER,
        "inside": BOOLEAN,
    },
    """
SELECT dataset, key, predicted, lower, upper, predicted_at, actual, realised_at,
  actual - predicted AS error, actual BETWEEN lower AND upper AS inside
FROM outcome
""",
)

RUN_HISTORY = View(
    "run_history",
    {
        "run_id": INTEGER,
        "dataset": TEXT,
        "status": TEXT,
        "started_at": TIME,
        "finished_at": TIME,
        "rows_read": INTEGER,
        "rows_rejected": INTEGER,
        "champion": TEXT,
        "change": TEXT,
        "reason": TEXT,
        "as_of": TEXT,
        "backfill": BOOLEAN,
    },
    """
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
)

CHAMPION_HISTORY = View(
    "champion_history",
    {
        "promotion_id": INTEGER,
        "run_id": INTEGER,
        "dataset": TEXT,
        "decided_at": TIME,
        "decision": TEXT,
        "champion": TEXT,
        "champion_run_id": INTEGER,
        "previous": TEXT,
        "previous_run_id": INTEGER,
        "challenger": TEXT,
        "challenger_run_id": INTEGER,
        "previous_rmse": NUMBER,
        "challenger_rmse": NUMBER,
        "gain": NUMBER,
        "gain_low": NUMBER,
        "gain_high": NUMBER,
        "rule": TEXT,
        "reason": TEXT,
        "rows": INTEGER,
        "confidence": NUMBER,
        "smallest_gain": NUMBER,
        "decided_by": TEXT,
        "pinned": BOOLEAN,
    },
    """
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
)

VIEWS = {
    view.name: view
    for view in (
        CHAMPION,
        LEADERBOARD,
        CURRENT_PREDICTION,
        CURRENT_COEFFICIENT,
        CURRENT_FIT,
        CHAMPION_RESILIENCE,
        AGREEMENT,
        PREDICTION_OUTCOME,
        RUN_HISTORY,
        CHAMPION_HISTORY,
    )
}
"""Every view by its name."""
