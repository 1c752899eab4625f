"""The views that migration 0101 makes, as it makes them."""

VIEWS = {
    "current_prediction": """
CREATE VIEW current_prediction AS
SELECT latest.dataset, prediction.key, prediction.actual, prediction.predicted, prediction.lower,
  prediction.upper, prediction.role, prediction.model_id, run.finished_at AS predicted_at,
  prediction.note
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
    "current_coefficient": """
CREATE VIEW current_coefficient AS
SELECT dataset, framework, kind, term, estimate, standard_error, t, p, low, high,
  robust_standard_error, cluster_standard_error, hac_standard_error, variant, rows
FROM (
  SELECT run.dataset, model.framework, model.kind, coefficient.term, coefficient.estimate,
    coefficient.standard_error, coefficient.t, coefficient.p, coefficient.low, coefficient.high,
    coefficient.robust_standard_error, coefficient.cluster_standard_error,
    coefficient.hac_standard_error, coefficient.position, linear_fit.rows, 'all rows' AS variant
  FROM run
  JOIN model ON model.run_id = run.run_id
  JOIN coefficient ON coefficient.model_id = model.model_id
  LEFT JOIN linear_fit ON linear_fit.model_id = model.model_id
  WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
  UNION ALL
  SELECT run.dataset, model.framework, model.kind, compared.term, compared.estimate,
    compared.standard_error, compared.t, compared.p, compared.low, compared.high,
    compared.robust_standard_error, compared.cluster_standard_error,
    compared.hac_standard_error, compared.position, compared.rows, compared.variant
  FROM run
  JOIN model ON model.run_id = run.run_id
  JOIN coefficient_variant AS compared ON compared.model_id = model.model_id
  WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
) AS of_variant
ORDER BY dataset, framework, kind, variant <> 'all rows', variant, position
""",
    "current_fit": """
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
    "current_column": """
CREATE VIEW current_column AS
SELECT run.dataset, run.run_id, source_column.name, source_column.role, source_column.kind,
  source_column.kind_from, source_column.missing, source_column.distinct_values,
  source_column.typical_size, source_column.example, source_column.enters
FROM run
JOIN source_column ON source_column.run_id = run.run_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
ORDER BY run.dataset, source_column.position
""",
}
