"""The views of the past: outcomes, runs and decisions."""

from data.store.views.view import BOOLEAN, INTEGER, NARROWER, NUMBER, SEGMENT, TEXT, TIME, View

PREDICTION_OUTCOME = View(
    "prediction_outcome",
    (
        "One row per key whose target became known after it had been predicted: the last "
        "prediction before that, by the model that served it then, beside the actual value. Rows "
        "are added and never change."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "key": (TEXT, "the row's key"),
        "predicted": (NUMBER, "the last prediction made while the target was unknown"),
        "lower": (NUMBER, "lower end of its interval"),
        "upper": (NUMBER, "upper end of its interval"),
        "predicted_at": (TIME, "when it was made"),
        "actual": (NUMBER, "the actual value, as first read"),
        "realised_at": (TIME, "when the run that first read it finished"),
        "error": (NUMBER, "actual minus predicted"),
        "inside": (
            BOOLEAN,
            "whether the actual value lies between lower and upper; NULL without an interval",
        ),
        **NARROWER,
        "segment": SEGMENT,
    },
    """
SELECT dataset, key, predicted, lower, upper, predicted_at, actual, realised_at,
  actual - predicted AS error, actual BETWEEN lower AND upper AS inside,
  lower_2, upper_2, lower_3, upper_3, segment
FROM outcome
""",
)

RUN_HISTORY = View(
    "run_history",
    "One row per attempt to retrain a dataset, newest first.",
    {
        "run_id": (INTEGER, "the run; later runs have higher numbers"),
        "dataset": (TEXT, "the dataset"),
        "status": (
            TEXT,
            "`succeeded`, `failed`, `rejected` (the data failed its checks) or `skipped` (nothing "
            "had changed)",
        ),
        "started_at": (TIME, "when it started"),
        "finished_at": (TIME, "when it finished"),
        "rows_read": (INTEGER, "rows in the source"),
        "rows_rejected": (INTEGER, "rows quarantined because they broke a rule"),
        "champion": (TEXT, "the model that served after this run; NULL before the first champion"),
        "change": (TEXT, "what became of the champion in this run"),
        "reason": (TEXT, "why the run did not succeed, or what it decided"),
        "as_of": (
            TEXT,
            "the past date or moment it was trained as of, as it was given; NULL for a run that "
            "used all rows",
        ),
        "backfill": (
            BOOLEAN,
            "whether a champion that had seen later data was already serving: such a run is "
            "stored, but promotes nobody and does not count as the latest",
        ),
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
    (
        "One row per decision about a dataset's champion, newest first. A run that refused its "
        "winner, and then let the champion's own candidate serve with newer data, has two: the "
        "second one holds."
    ),
    {
        "promotion_id": (INTEGER, "the decision; later decisions have higher numbers"),
        "run_id": (INTEGER, "the run that decided; NULL where a person decided"),
        "dataset": (TEXT, "the dataset"),
        "decided_at": (TIME, "when it was decided"),
        "decision": (
            TEXT,
            "`promoted` or `kept` by a run; `rolled_back`, `forced` or `unpinned` by a person",
        ),
        "champion": (TEXT, "the model that served from then on"),
        "champion_run_id": (INTEGER, "the run that trained it"),
        "previous": (TEXT, "the model that served until then; NULL for the first champion"),
        "previous_run_id": (INTEGER, "the run that trained it"),
        "challenger": (TEXT, "the model that could have replaced it"),
        "challenger_run_id": (INTEGER, "the run that trained it"),
        "previous_rmse": (
            NUMBER,
            "RMSE of the previous model on the rows that the two were compared on",
        ),
        "challenger_rmse": (NUMBER, "RMSE of the challenger on the same rows"),
        "gain": (
            NUMBER,
            "1 minus the challenger's mean squared error divided by the previous model's; 0.02 is "
            "2% better",
        ),
        "gain_low": (NUMBER, "lower end of the gain's interval"),
        "gain_high": (NUMBER, "upper end of the gain's interval"),
        "rule": (TEXT, "the rule that was applied"),
        "reason": (TEXT, "the decision in words"),
        "rows": (INTEGER, "how many test rows the two were compared on"),
        "confidence": (NUMBER, "the confidence of the gain's interval"),
        "smallest_gain": (
            NUMBER,
            "the smallest gain that so many rows would have shown four times out of five",
        ),
        "decided_by": (TEXT, "the person who decided; NULL where a run decided"),
        "pinned": (BOOLEAN, "whether the champion was pinned from then on"),
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
