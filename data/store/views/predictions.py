"""The view of what is predicted now, row by row, by the models that serve."""

from data.store.views.fragments import CURRENT_DECISION
from data.store.views.view import INTEGER, NARROWER, NUMBER, SEGMENT, TEXT, TIME, View

OWN = ("predicted", "lower", "upper", "note", "lower_2", "upper_2", "lower_3", "upper_3")
"""What a row has from the model that serves its segment, where that is not the champion."""

SERVED = {
    name: f"CASE WHEN own.key IS NULL THEN prediction.{name} ELSE own.{name} END AS {name}"
    for name in OWN
}

# Decisions of version 0.1.0 name no run: there, a key's latest prediction counts. With CROSS JOIN,
# SQLite always starts from the champion and finds its predictions by the primary key. PostgreSQL
# reads it as an inner join. The model of a row's segment is a subquery of the row alone, which both
# databases look up only where there are segments; `tests/benchmarks/segment_store.py` measures what
# that costs.
CURRENT_PREDICTION = View(
    "current_prediction",
    (
        "One row per row of each dataset's latest good run, backfills aside: what the champion "
        "predicts for it, whichever run trained the champion, or the model that serves the row's "
        "segment instead (see `segment_champion`). Where the target is known, the "
        "prediction is still from a model that never saw that row, unless `note` says otherwise. "
        "A dataset that does not store the predictions of training rows (`predictions` in its "
        "declaration) has none of those here."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "key": (TEXT, "the row's key"),
        "actual": (NUMBER, "the target's value; NULL while it is unknown"),
        "predicted": (NUMBER, "the prediction; NULL only for `warmup` rows"),
        "lower": (
            NUMBER,
            "lower end of the prediction interval; NULL where there were too few rows for one",
        ),
        "upper": (
            NUMBER,
            "upper end of the prediction interval; of several levels, the widest",
        ),
        "role": (
            TEXT,
            "`train` (predicted out of fold), `test`, `new` (the champion was trained without it: "
            "no target yet, or a later row) or `warmup` (the oldest rows of a dataset with a time "
            "column, which no earlier rows can predict)",
        ),
        "model_id": (INTEGER, "the model, as in `champion`, or in `segment_champion`"),
        "predicted_at": (TIME, "when the run that made this prediction finished"),
        "note": (
            TEXT,
            "what makes this prediction less certain than others, for example a level that was "
            "never seen before, or a feature that has changed since the champion was trained; NULL "
            "for most rows",
        ),
        **NARROWER,
        "segment": SEGMENT,
    },
    f"""
SELECT latest.dataset, prediction.key, prediction.actual,
  {SERVED["predicted"]},
  {SERVED["lower"]},
  {SERVED["upper"]},
  prediction.role, coalesce(own.model_id, prediction.model_id) AS model_id,
  run.finished_at AS predicted_at,
  {SERVED["note"]},
  {SERVED["lower_2"]},
  {SERVED["upper_2"]},
  {SERVED["lower_3"]},
  {SERVED["upper_3"]},
  prediction.segment
FROM promotion AS latest
CROSS JOIN prediction
JOIN run ON run.run_id = prediction.run_id
LEFT JOIN prediction AS own ON own.model_id = CASE WHEN prediction.segment IS NOT NULL THEN
    (SELECT serving.model_id FROM segment_serving AS serving
      WHERE serving.dataset = prediction.dataset AND serving.segment = prediction.segment
        AND serving.run_id = prediction.run_id) END
  AND own.key = prediction.key AND own.run_id = prediction.run_id
WHERE {CURRENT_DECISION}
  AND prediction.model_id = latest.model_id
  AND prediction.run_id = coalesce(latest.predictions_run_id,
    (SELECT max(later.run_id) FROM prediction AS later
      WHERE later.model_id = prediction.model_id AND later.key = prediction.key))
""",  # noqa: S608
)
