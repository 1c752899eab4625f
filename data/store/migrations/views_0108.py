"""The views that migration 0108 makes, as it makes them."""

VIEWS = {
    "current_prediction": """
CREATE VIEW current_prediction AS
SELECT latest.dataset, prediction.key, prediction.actual,
  CASE WHEN own.key IS NULL THEN prediction.predicted ELSE own.predicted END AS predicted,
  CASE WHEN own.key IS NULL THEN prediction.lower ELSE own.lower END AS lower,
  CASE WHEN own.key IS NULL THEN prediction.upper ELSE own.upper END AS upper,
  prediction.role, coalesce(own.model_id, prediction.model_id) AS model_id,
  run.finished_at AS predicted_at,
  CASE WHEN own.key IS NULL THEN prediction.note ELSE own.note END AS note,
  CASE WHEN own.key IS NULL THEN prediction.lower_2 ELSE own.lower_2 END AS lower_2,
  CASE WHEN own.key IS NULL THEN prediction.upper_2 ELSE own.upper_2 END AS upper_2,
  CASE WHEN own.key IS NULL THEN prediction.lower_3 ELSE own.lower_3 END AS lower_3,
  CASE WHEN own.key IS NULL THEN prediction.upper_3 ELSE own.upper_3 END AS upper_3,
  prediction.segment
FROM promotion AS latest
CROSS JOIN prediction
JOIN run ON run.run_id = prediction.run_id
LEFT JOIN prediction AS own ON own.model_id = CASE WHEN prediction.segment IS NOT NULL THEN
    (SELECT serving.model_id FROM segment_serving AS serving
      WHERE serving.dataset = prediction.dataset AND serving.segment = prediction.segment
        AND serving.run_id = prediction.run_id) END
  AND own.key = prediction.key AND own.run_id = prediction.run_id
WHERE latest.promotion_id = (SELECT max(newest.promotion_id) FROM promotion AS newest
    WHERE newest.dataset = latest.dataset)
  AND prediction.model_id = latest.model_id
  AND prediction.run_id = coalesce(latest.predictions_run_id,
    (SELECT max(later.run_id) FROM prediction AS later
      WHERE later.model_id = prediction.model_id AND later.key = prediction.key))
""",
    "prediction_outcome": """
CREATE VIEW prediction_outcome AS
SELECT dataset, key, predicted, lower, upper, predicted_at, actual, realised_at,
  actual - predicted AS error, actual BETWEEN lower AND upper AS inside,
  lower_2, upper_2, lower_3, upper_3, segment
FROM outcome
""",
    "segment_champion": """
CREATE VIEW segment_champion AS
SELECT serving.dataset, serving.segment, model.model_id <> latest.model_id AS own, model.run_id,
  model.model_id, model.framework, model.kind, serving.since, serving.rows, serving.rows_test,
  serving.validation_rmse, serving.champion_validation_rmse, serving.test_rmse,
  serving.champion_test_rmse, serving.reason, serving.pinned
FROM promotion AS latest
JOIN segment_serving AS serving ON serving.dataset = latest.dataset
JOIN model ON model.model_id = coalesce(
  CASE WHEN serving.run_id = latest.predictions_run_id THEN serving.model_id END, latest.model_id)
WHERE latest.promotion_id = (SELECT max(newest.promotion_id) FROM promotion AS newest
    WHERE newest.dataset = latest.dataset)
ORDER BY serving.dataset, serving.segment
""",
    "segment_coefficient": """
CREATE VIEW segment_coefficient AS
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
    "segment_history": """
CREATE VIEW segment_history AS
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
}
