"""The views of version 0.1.0, as its migration makes them."""

VIEWS = (
    """
CREATE VIEW champion AS
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
    """
CREATE VIEW model_card AS
SELECT champion.dataset, champion.run_id, champion.model_id, champion.framework, champion.kind,
  CASE WHEN champion.kind = 'ann' THEN run.hidden_layers END AS hidden_layers, champion.since,
  run.finished_at AS trained_at, run.as_of, run.target, run.features, run.rows_read,
  champion.n_train, run.rows_test AS n_test, run.period_from, run.period_until,
  validation.rmse AS validation_rmse, champion.test_rmse, champion.test_rmse_low,
  champion.test_rmse_high, champion.test_r2, run.interval_level, test.coverage, model.seed,
  run.fingerprint, run.setup_fingerprint, run.nightfit_version, run.python_version,
  run.numpy_version, model.framework_version
FROM champion
JOIN run ON run.run_id = champion.run_id
JOIN model ON model.model_id = champion.model_id
LEFT JOIN score AS validation ON validation.run_id = champion.run_id
  AND validation.model_id = champion.model_id AND validation.rows = 'validation'
LEFT JOIN score AS test ON test.run_id = champion.run_id
  AND test.model_id = champion.model_id AND test.rows = 'test'
ORDER BY champion.dataset
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
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
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
    """
CREATE VIEW current_fit AS
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
    """
CREATE VIEW champion_resilience AS
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
    """
CREATE VIEW agreement AS
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
    """
CREATE VIEW prediction_outcome AS
SELECT dataset, key, predicted, lower, upper, predicted_at, actual, realised_at,
  actual - predicted AS error, actual BETWEEN lower AND upper AS inside
FROM outcome
""",
    """
CREATE VIEW run_history AS
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
    """
CREATE VIEW champion_history AS
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
