INSERT INTO run (run_id, dataset, status, started_at, finished_at, rows_labelled, verdict, warnings)
VALUES
  (1, 'wages', 'succeeded', '2026-01-01 02:00:00', '2026-01-01 02:01:00', 2, 'yay', '["few rows"]'),
  (2, 'wages', 'rejected', '2026-01-02 02:00:00', '2026-01-02 02:01:00', NULL, NULL, '[]'),
  (3, 'sales', 'succeeded', '2026-01-02 03:00:00', '2026-01-02 03:01:00', 1, 'nay', '[]'),
  (4, 'wages', 'succeeded', '2026-01-03 02:00:00', '2026-01-03 02:01:00', 3, 'undecided', '[]');
INSERT INTO model (model_id, run_id, framework, kind, status, reason, rank, chosen, details)
VALUES
  (1, 1, 'torch', 'least_squares', 'fitted', 'the best', 1, TRUE, '{"rank": 2}'),
  (2, 3, 'theano', 'gradient_descent', 'fitted', 'the best', 1, TRUE, '{}'),
  (3, 4, 'torch', 'least_squares', 'fitted', 'the best', 1, TRUE, '{"r2": 0.30000000000000004}'),
  (4, 4, 'theano', 'ann', 'failed', 'time is up', NULL, FALSE, '{}');
INSERT INTO score (run_id, model_id, rows, rmse, mae, n)
VALUES
  (1, 1, 'validation', 0.1, 0.3, 2), (1, 1, 'test', 0.30000000000000004, 0.1, 2),
  (4, 3, 'validation', 1e-300, 0.3, 3), (4, 3, 'test', 2.5, 0.1, 3), (4, 1, 'test', 2.6, 0.1, 3);
INSERT INTO coefficient (model_id, position, term, estimate, standard_error, t, p, low, high)
VALUES
  (1, 1, 'intercept', 0.1, 2.5, 0.04, 0.97, -5.0, 5.2),
  (2, 1, 'price', -0.30000000000000004, NULL, NULL, NULL, NULL, NULL),
  (3, 1, 'intercept', 0.7, 0.1, 7.0, 1e-12, 0.5, 0.9),
  (3, 2, 'age', 0.30000000000000004, NULL, NULL, NULL, NULL, NULL);
INSERT INTO prediction (model_id, key, run_id, dataset, actual, predicted, lower, upper, role)
VALUES
  (1, 'a', 1, 'wages', 1.5, 1.25, 1.0, 2.0, 'train'),
  (1, 'b', 1, 'wages', NULL, 2.0, NULL, NULL, 'new'),
  (2, 'x', 3, 'sales', NULL, 0.30000000000000004, 0.0, 1.0, 'new'),
  (1, 'b', 4, 'wages', 2.25, 2.125, 2.0, 3.0, 'train');
INSERT INTO outcome (dataset, key, run_id, model_id, predicted, predicted_at, actual, realised_at,
  realised_run_id)
VALUES ('wages', 'b', 1, 1, 2.0, '2026-01-01 02:01:00', 2.25, '2026-01-03 02:01:00', 4);
INSERT INTO promotion (run_id, dataset, decided_at, decision, model_id, incumbent_model_id,
  challenger_model_id, gain, reason)
VALUES
  (1, 'wages', '2026-01-01 02:01:00', 'promoted', 1, NULL, NULL, NULL, 'the first'),
  (3, 'sales', '2026-01-02 03:01:00', 'promoted', 2, NULL, NULL, NULL, 'the first'),
  (4, 'wages', '2026-01-03 02:01:00', 'kept', 1, 1, 3, -0.1, 'the challenger is worse');
INSERT INTO linear_fit (model_id, rows, rank, r2) VALUES (3, 3, 2, 0.30000000000000004);
INSERT INTO agreement_check (run_id, position, framework, kind, quantity, compared_with, figure,
  allowed, agreed)
VALUES (4, 1, 'torch', 'least_squares', 'coefficients', 'theano', 1e-17, 1e-12, TRUE);
INSERT INTO resilience (model_id, share, rmse, rmse_low, rmse_high, draws)
VALUES (1, 0.0, 2.5, 2.5, 2.5, 1), (1, 0.1, 3.5, 3.0, 4.0, 20);
INSERT INTO run (run_id, dataset, status, started_at, finished_at, warnings, as_of, backfill)
VALUES (5, 'wages', 'succeeded', '2026-01-04 02:00:00', '2026-01-04 02:01:00', '[]', '2025-12-31',
  TRUE);
INSERT INTO promotion (dataset, decided_at, decision, model_id, incumbent_model_id, reason,
  decided_by, pinned)
VALUES ('sales', '2026-01-04 09:00:00', 'forced', 2, 2, 'I say so', 'ann', TRUE);
INSERT INTO paired_error (run_id, key, model_id, other_model_id, error, other_error)
VALUES (4, 'a', 3, 1, 0.30000000000000004, -0.5);
UPDATE run SET pruned_at = '2026-02-01 02:00:00' WHERE run_id = 1;
INSERT INTO prediction (model_id, key, run_id, dataset, actual, predicted, lower, upper, role)
VALUES (1, 'w', 1, 'wages', 1.5, NULL, NULL, NULL, 'warmup');
UPDATE run SET target = 'wage', features = 'age, job', hidden_layers = '64, 32', interval_level = 0.8,
  period_from = '2025-01-01', period_until = '2025-12-31', nightfit_version = '0.1.0',
  python_version = '3.11.9', numpy_version = '2.4.6', rows_read = 3, rows_rejected = 1
  WHERE run_id = 1;
UPDATE model SET framework_version = '2.13.0', seed = '12345678901234567890' WHERE model_id = 1;
INSERT INTO rejected_row (run_id, row_number, key, row_values, reason)
VALUES (1, 2, 'z', '{"age": -1}', 'age is below 0');
INSERT INTO expectation_result (run_id, position, expectation, column_name, severity, quarantine,
  success, kwargs, observed, unexpected_count, examples)
VALUES (1, 1, 'expect_column_values_to_be_between', 'age', 'warning', TRUE, FALSE,
  '{"min_value": 0}', NULL, 1, '[-1]');
