"""The views that migration 0105 makes, as it makes them."""

VIEWS = {
    "model_card": """
CREATE VIEW model_card AS
SELECT champion.dataset, champion.run_id, champion.model_id, champion.framework, champion.kind,
  CASE WHEN champion.kind = 'ann' THEN run.hidden_layers END AS hidden_layers, champion.since,
  run.finished_at AS trained_at, run.as_of, run.target, run.features, run.rows_read,
  champion.n_train, run.rows_test AS n_test, run.period_from, run.period_until,
  validation.rmse AS validation_rmse, champion.test_rmse, champion.test_rmse_low,
  champion.test_rmse_high, champion.test_r2, run.interval_level, test.coverage, model.seed,
  run.fingerprint, run.setup_fingerprint, run.nightfit_version, run.python_version,
  run.numpy_version, model.framework_version, run.interval_levels
FROM champion
JOIN run ON run.run_id = champion.run_id
JOIN model ON model.model_id = champion.model_id
LEFT JOIN score AS validation ON validation.run_id = champion.run_id
  AND validation.model_id = champion.model_id AND validation.rows = 'validation'
LEFT JOIN score AS test ON test.run_id = champion.run_id
  AND test.model_id = champion.model_id AND test.rows = 'test'
ORDER BY champion.dataset
""",
    "current_prediction": """
CREATE VIEW current_prediction AS
SELECT latest.dataset, prediction.key, prediction.actual, prediction.predicted, prediction.lower,
  prediction.upper, prediction.role, prediction.model_id, run.finished_at AS predicted_at,
  prediction.note, prediction.lower_2, prediction.upper_2, prediction.lower_3, prediction.upper_3
FROM promotion AS latest
CROSS JOIN prediction
JOIN run ON run.run_id = prediction.run_id
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
  lower_2, upper_2, lower_3, upper_3
FROM outcome
""",
}
