"""The views of segments: what serves each, by which equations, and what was decided about them."""

from data.store.views.fragments import CURRENT_DECISION
from data.store.views.view import BOOLEAN, INTEGER, NUMBER, TEXT, TIME, View

NAME = (TEXT, "the segment, as in `current_prediction`")

SEGMENT_CHAMPION = View(
    "segment_champion",
    (
        "One row per segment of each dataset that declares segments, as of its latest good run: "
        "the model that serves it now, which is the dataset's champion unless another one is "
        "better for this segment."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "segment": NAME,
        "own": (
            BOOLEAN,
            "whether a model of its own serves it; otherwise the dataset's champion does",
        ),
        "run_id": (INTEGER, "the run that trained the model that serves it"),
        "model_id": (INTEGER, "the model"),
        "framework": (TEXT, "its framework"),
        "kind": (TEXT, "its kind"),
        "since": (
            TIME,
            "since when models of this kind of its own, or else the champion, serve it",
        ),
        "rows": (INTEGER, "rows of the segment with a target"),
        "rows_test": (INTEGER, "test rows among them"),
        "validation_rmse": (
            NUMBER,
            "root mean squared error (RMSE) out of fold, in this segment, of the model that the "
            "run chose for it",
        ),
        "champion_validation_rmse": (NUMBER, "the same of the dataset's champion"),
        "test_rmse": (NUMBER, "RMSE of that model's twin on the segment's test rows"),
        "champion_test_rmse": (NUMBER, "the same of the dataset's champion"),
        "reason": (TEXT, "why this model serves it"),
        "pinned": (BOOLEAN, "whether a person pinned it: no run decides about it"),
    },
    f"""
SELECT serving.dataset, serving.segment, model.model_id <> latest.model_id AS own, model.run_id,
  model.model_id, model.framework, model.kind, serving.since, serving.rows, serving.rows_test,
  serving.validation_rmse, serving.champion_validation_rmse, serving.test_rmse,
  serving.champion_test_rmse, serving.reason, serving.pinned
FROM promotion AS latest
JOIN segment_serving AS serving ON serving.dataset = latest.dataset
JOIN model ON model.model_id = coalesce(
  CASE WHEN serving.run_id = latest.predictions_run_id THEN serving.model_id END, latest.model_id)
WHERE {CURRENT_DECISION}
ORDER BY serving.dataset, serving.segment
""",  # noqa: S608
)

SEGMENT_COEFFICIENT = View(
    "segment_coefficient",
    (
        "One row per term of each segment's equation, of the linear models of each dataset's "
        "latest good run that serve segments, and of its best own and its best shrunken equations. "
        "A prediction is the sum of estimate times term over all terms, in the data's own units."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "segment": NAME,
        "framework": (TEXT, "the framework that fitted it"),
        "kind": (
            TEXT,
            "`segment_least_squares` or `segment_gradient_descent` for an equation of the "
            "segment's rows alone, `shrunken_least_squares` for one drawn towards that of all rows",
        ),
        "term": (TEXT, "as in `current_coefficient`"),
        "estimate": (NUMBER, "the coefficient"),
        "standard_error": (
            NUMBER,
            "its standard error, the robust one where rows count by their age (`recency`); this "
            "and the next four are NULL where there is no inference, as for gradient descent",
        ),
        "t": (NUMBER, "estimate divided by standard error"),
        "p": (NUMBER, "two-sided p-value"),
        "low": (NUMBER, "lower end of the confidence interval"),
        "high": (NUMBER, "upper end of the confidence interval"),
        "robust_standard_error": (
            NUMBER,
            "a standard error that also holds where the variance of the errors is not constant "
            "(HC3); only of `segment_least_squares`, and NULL where a single row decides a "
            "coefficient",
        ),
        "rows": (INTEGER, "rows of the segment that it was fitted on"),
        "residual_sd": (
            NUMBER,
            "standard deviation of the equation's residuals, in the target's units",
        ),
        "r2": (NUMBER, "share of the target's variance explained on the same rows"),
    },
    """
SELECT run.dataset, fit.segment, model.framework, model.kind, value.term, value.estimate,
  value.standard_error, value.t, value.p, value.low, value.high, value.robust_standard_error,
  fit.rows, fit.residual_sd, fit.r2
FROM run
JOIN model ON model.run_id = run.run_id
JOIN segment_fit AS fit ON fit.model_id = model.model_id
JOIN segment_coefficient_value AS value ON value.model_id = fit.model_id
  AND value.segment = fit.segment
ORDER BY run.dataset, fit.segment, model.framework, model.kind, value.position
""",
)

SEGMENT_HISTORY = View(
    "segment_history",
    (
        "One row per decision about a segment, newest first: models of another kind serve it from "
        "then on. That each night fits these models anew is no decision."
    ),
    {
        "segment_decision_id": (INTEGER, "the decision; later decisions have higher numbers"),
        "run_id": (INTEGER, "the run that decided; NULL where a person decided"),
        "dataset": (TEXT, "the dataset"),
        "segment": NAME,
        "decided_at": (TIME, "when it was decided"),
        "decision": (
            TEXT,
            "`promoted` to models of its own, or `returned` to the champion, by a run; "
            "`rolled_back`, `forced` or `unpinned` by a person",
        ),
        "kind": (TEXT, "the kind of its models from then on; NULL for the dataset's champion"),
        "model": (
            TEXT,
            "the first of them; NULL for the champion, and where the next night was to fit it",
        ),
        "previous": (TEXT, "the model that served it until then; NULL for the dataset's champion"),
        "gain": (
            NUMBER,
            "1 minus the mean squared error of the model divided by that of what served before, on "
            "the segment's rows",
        ),
        "gain_low": (NUMBER, "lower end of the gain's interval"),
        "gain_high": (NUMBER, "upper end of the gain's interval"),
        "rows": (INTEGER, "how many rows the two were compared on"),
        "confidence": (NUMBER, "the confidence of the gain's interval"),
        "rule": (TEXT, "the rule that was applied"),
        "reason": (TEXT, "the decision in words"),
        "decided_by": (TEXT, "the person who decided; NULL where a run decided"),
        "pinned": (BOOLEAN, "whether the segment was pinned from then on"),
    },
    """
SELECT decision.segment_decision_id, decision.run_id, decision.dataset, decision.segment,
  decision.decided_at, decision.decision, decision.kind,
  model.framework || '/' || model.kind AS model,
  previous.framework || '/' || previous.kind AS previous, decision.gain, decision.gain_low,
  decision.gain_high, decision.rows, decision.confidence, decision.rule, decision.reason,
  decision.decided_by, decision.pinned
FROM segment_decision AS decision
LEFT JOIN model ON model.model_id = decision.model_id
LEFT JOIN model AS previous ON previous.model_id = decision.previous_model_id
ORDER BY decision.segment_decision_id DESC
""",
)
