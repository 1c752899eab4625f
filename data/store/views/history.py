"""The views of what was: outcomes, runs and decisions."""

from data.store.views.view import BOOLEAN, INTEGER, NUMBER, TEXT, TIME, View

PREDICTION_OUTCOME = View(
    "prediction_outcome",
    (
        "One row per key whose target became known after it had been predicted: the last "
        "prediction before, by the model that served then, beside the truth. Rows are added "
        "and never change."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "key": (TEXT, "the row's key"),
        "predicted": (NUMBER, "the last prediction made while the target was unknown"),
        "lower": (NUMBER, "lower end of its interval"),
        "upper": (NUMBER, "upper end of its interval"),
        "predicted_at": (TIME, "when it was made"),
        "actual": (NUMBER, "the truth, as it was first read"),
        "realised_at": (TIME, "when the run finished that first read it"),
        "error": (NUMBER, "actual less predicted"),
        "inside": (BOOLEAN, "was the truth between lower and upper; NULL without an interval"),
    },
    """
SELECT dataset, key, predicted, lower, upper, predicted_at, actual, realised_at,
  actual - predicted AS error, actual BETWEEN lower AND upper AS inside
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
            "`succeeded`, `failed`, `rejected` (the data did not pass its checks) or `skipped`"
            " (nothing had changed)",
        ),
        "started_at": (TIME, "when it started"),
        "finished_at": (TIME, "when it finished"),
        "rows_read": (INTEGER, "rows in the source"),
        "rows_rejected": (INTEGER, "rows set aside because they broke a rule"),
        "champion": (TEXT, "the model that served after this run; NULL before the first champion"),
        "change": (TEXT, "what became of the champion"),
        "reason": (TEXT, "why the run did not succeed, or what is to be said of it"),
        "as_of": (
            TEXT,
            "the day or moment it was trained as of, as it was given; NULL for a night that "
            "knew all rows",
        ),
        "backfill": (
            BOOLEAN,
            "did a champion that had seen later data serve already: such a run is stored, and "
            "never serves by itself nor counts as the latest",
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
        "One row per decision about a dataset's champion, newest first. A night that refused "
        "its winner, and then let the champion's own kind serve with newer data, has two: the "
        "second one holds."
    ),
    {
        "promotion_id": (INTEGER, "the decision; later ones have higher numbers"),
        "run_id": (INTEGER, "the run that decided; NULL where a person did"),
        "dataset": (TEXT, "the dataset"),
        "decided_at": (TIME, "when"),
        "decision": (
            TEXT,
            "`promoted` or `kept` by a night; `rolled_back`, `forced` or `unpinned` by a person",
        ),
        "champion": (TEXT, "the model that served from then on"),
        "champion_run_id": (INTEGER, "the run that trained it"),
        "previous": (TEXT, "the model that had served until then; NULL for the first"),
        "previous_run_id": (INTEGER, "the run that trained it"),
        "challenger": (TEXT, "the model that wanted to serve"),
        "challenger_run_id": (INTEGER, "the run that trained it"),
        "previous_rmse": (
            NUMBER,
            "error of the previous model, on the rows that the two were compared on",
        ),
        "challenger_rmse": (NUMBER, "error of the challenger on the same rows"),
        "gain": (
            NUMBER,
            "1 less the challenger's mean squared error over the previous model's; 0.02 is 2% "
            "better",
        ),
        "gain_low": (NUMBER, "lower end of the gain's interval"),
        "gain_high": (NUMBER, "upper end of the gain's interval"),
        "rule": (TEXT, "the rule that was applied"),
        "reason": (TEXT, "the decision in words"),
        "rows": (INTEGER, "the test rows that the two were compared on"),
        "confidence": (NUMBER, "the confidence of the gain's interval"),
        "smallest_gain": (
            NUMBER,
            "the smallest gain that would have been found four times of five on so many rows",
        ),
        "decided_by": (TEXT, "the person who decided; NULL for a night"),
        "pinned": (BOOLEAN, "was the champion pinned from then on"),
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
