CREATE TABLE paired_error (
	run_id INTEGER NOT NULL,
	"key" TEXT NOT NULL,
	model_id INTEGER NOT NULL,
	other_model_id INTEGER NOT NULL,
	error DOUBLE NOT NULL,
	other_error DOUBLE NOT NULL,
	unit BIGINT,
	CONSTRAINT pk_paired_error PRIMARY KEY (run_id, "key")
)
 WITHOUT ROWID;
CREATE TABLE prediction (
	model_id INTEGER NOT NULL,
	"key" TEXT NOT NULL,
	run_id INTEGER NOT NULL,
	dataset TEXT NOT NULL,
	actual DOUBLE,
	predicted DOUBLE,
	lower DOUBLE,
	upper DOUBLE,
	role TEXT NOT NULL,
	CONSTRAINT pk_prediction PRIMARY KEY (model_id, "key", run_id),
	CONSTRAINT ck_prediction_predicted CHECK (predicted IS NOT NULL OR role = 'warmup'),
	CONSTRAINT ck_prediction_role CHECK (role = 'train' OR role = 'test' OR role = 'new' OR role = 'warmup')
)
 WITHOUT ROWID;
CREATE INDEX ix_prediction_unknown ON prediction (dataset, "key", run_id) WHERE actual IS NULL;
CREATE TABLE run (
	run_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	dataset TEXT NOT NULL,
	status TEXT NOT NULL,
	started_at DATETIME NOT NULL,
	finished_at DATETIME NOT NULL,
	rows_read BIGINT,
	rows_rejected BIGINT,
	rows_labelled BIGINT,
	rows_test BIGINT,
	rows_new BIGINT,
	fingerprint TEXT,
	setup_fingerprint TEXT,
	declaration TEXT,
	library_versions TEXT,
	verdict TEXT,
	verdict_difference DOUBLE,
	verdict_low DOUBLE,
	verdict_high DOUBLE,
	reason TEXT,
	change TEXT,
	warnings TEXT NOT NULL,
	snapshot TEXT,
	flow_run_id TEXT,
	as_of TEXT,
	data_until DOUBLE,
	train_until DOUBLE,
	backfill BOOLEAN DEFAULT 0 NOT NULL,
	pruned_at DATETIME,
	target TEXT,
	features TEXT,
	hidden_layers TEXT,
	interval_level DOUBLE,
	period_from TEXT,
	period_until TEXT,
	nightfit_version TEXT,
	python_version TEXT,
	numpy_version TEXT,
	CONSTRAINT ck_run_status CHECK (status IN ('succeeded', 'failed', 'rejected', 'skipped')),
	CONSTRAINT ck_run_verdict CHECK (verdict IN ('yay', 'nay', 'undecided')),
	CONSTRAINT uq_run_dataset_started_at UNIQUE (dataset, started_at)
);
CREATE INDEX ix_run_dataset_status_run_id ON run (dataset, status, run_id);
CREATE TABLE agreement_check (
	run_id INTEGER NOT NULL,
	position INTEGER NOT NULL,
	framework TEXT NOT NULL,
	kind TEXT NOT NULL,
	quantity TEXT NOT NULL,
	compared_with TEXT NOT NULL,
	figure DOUBLE,
	allowed DOUBLE NOT NULL,
	agreed BOOLEAN NOT NULL,
	CONSTRAINT pk_agreement_check PRIMARY KEY (run_id, position),
	CONSTRAINT ck_agreement_check_quantity CHECK (quantity IN ('probe', 'coefficients', 'excess_loss', 'validation_rmse')),
	CONSTRAINT fk_agreement_check_run_id_run FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE expectation_result (
	run_id INTEGER NOT NULL,
	position INTEGER NOT NULL,
	expectation TEXT NOT NULL,
	column_name TEXT,
	severity TEXT NOT NULL,
	quarantine BOOLEAN NOT NULL,
	success BOOLEAN NOT NULL,
	kwargs TEXT NOT NULL,
	observed TEXT,
	unexpected_count BIGINT,
	examples TEXT NOT NULL,
	CONSTRAINT pk_expectation_result PRIMARY KEY (run_id, position),
	CONSTRAINT ck_expectation_result_severity CHECK (severity IN ('critical', 'warning')),
	CONSTRAINT fk_expectation_result_run_id_run FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE model (
	model_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	run_id INTEGER NOT NULL,
	framework TEXT NOT NULL,
	kind TEXT NOT NULL,
	status TEXT NOT NULL,
	reason TEXT,
	rank INTEGER,
	chosen BOOLEAN NOT NULL,
	no_skill BOOLEAN,
	fit_seconds DOUBLE,
	seed TEXT,
	details TEXT NOT NULL,
	artifact BLOB,
	twin BLOB,
	framework_version TEXT,
	CONSTRAINT ck_model_status CHECK (status IN ('fitted', 'failed')),
	CONSTRAINT fk_model_run_id_run FOREIGN KEY(run_id) REFERENCES run (run_id),
	CONSTRAINT uq_model_run_id_framework_kind UNIQUE (run_id, framework, kind)
);
CREATE TABLE rejected_row (
	run_id INTEGER NOT NULL,
	row_number BIGINT NOT NULL,
	"key" TEXT,
	row_values TEXT NOT NULL,
	reason TEXT NOT NULL,
	CONSTRAINT pk_rejected_row PRIMARY KEY (run_id, row_number),
	CONSTRAINT fk_rejected_row_run_id_run FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE coefficient (
	model_id INTEGER NOT NULL,
	position INTEGER NOT NULL,
	term TEXT NOT NULL,
	estimate DOUBLE NOT NULL,
	standard_error DOUBLE,
	t DOUBLE,
	p DOUBLE,
	low DOUBLE,
	high DOUBLE,
	robust_standard_error DOUBLE,
	CONSTRAINT pk_coefficient PRIMARY KEY (model_id, position),
	CONSTRAINT fk_coefficient_model_id_model FOREIGN KEY(model_id) REFERENCES model (model_id),
	CONSTRAINT uq_coefficient_model_id_term UNIQUE (model_id, term)
);
CREATE TABLE linear_fit (
	model_id INTEGER NOT NULL,
	rows BIGINT NOT NULL,
	rank INTEGER,
	degrees_of_freedom BIGINT,
	residual_sd DOUBLE,
	r2 DOUBLE,
	adjusted_r2 DOUBLE,
	f DOUBLE,
	f_p DOUBLE,
	condition_number DOUBLE,
	excess_loss DOUBLE,
	epochs INTEGER,
	epochs_to_solution INTEGER,
	CONSTRAINT pk_linear_fit PRIMARY KEY (model_id),
	CONSTRAINT fk_linear_fit_model_id_model FOREIGN KEY(model_id) REFERENCES model (model_id)
);
CREATE TABLE outcome (
	dataset TEXT NOT NULL,
	"key" TEXT NOT NULL,
	run_id INTEGER NOT NULL,
	model_id INTEGER NOT NULL,
	predicted DOUBLE NOT NULL,
	lower DOUBLE,
	upper DOUBLE,
	predicted_at DATETIME NOT NULL,
	actual DOUBLE NOT NULL,
	realised_at DATETIME NOT NULL,
	realised_run_id INTEGER NOT NULL,
	CONSTRAINT pk_outcome PRIMARY KEY (dataset, "key"),
	CONSTRAINT fk_outcome_model_id_model FOREIGN KEY(model_id) REFERENCES model (model_id),
	CONSTRAINT fk_outcome_realised_run_id_run FOREIGN KEY(realised_run_id) REFERENCES run (run_id),
	CONSTRAINT fk_outcome_run_id_run FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE INDEX ix_outcome_key ON outcome ("key");
CREATE TABLE promotion (
	promotion_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	run_id INTEGER,
	dataset TEXT NOT NULL,
	decided_at DATETIME NOT NULL,
	decision TEXT NOT NULL,
	model_id INTEGER NOT NULL,
	incumbent_model_id INTEGER,
	challenger_model_id INTEGER,
	incumbent_rmse DOUBLE,
	challenger_rmse DOUBLE,
	gain DOUBLE,
	gain_low DOUBLE,
	gain_high DOUBLE,
	rule TEXT,
	reason TEXT NOT NULL,
	confidence DOUBLE,
	rows BIGINT,
	units BIGINT,
	smallest_gain DOUBLE,
	decided_by TEXT,
	pinned BOOLEAN DEFAULT 0 NOT NULL,
	CONSTRAINT ck_promotion_decision CHECK (decision IN ('promoted', 'kept', 'rolled_back', 'forced', 'unpinned')),
	CONSTRAINT fk_promotion_challenger_model_id_model FOREIGN KEY(challenger_model_id) REFERENCES model (model_id),
	CONSTRAINT fk_promotion_incumbent_model_id_model FOREIGN KEY(incumbent_model_id) REFERENCES model (model_id),
	CONSTRAINT fk_promotion_model_id_model FOREIGN KEY(model_id) REFERENCES model (model_id),
	CONSTRAINT fk_promotion_run_id_run FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE INDEX ix_promotion_dataset_promotion_id ON promotion (dataset, promotion_id);
CREATE TABLE resilience (
	model_id INTEGER NOT NULL,
	share DOUBLE NOT NULL,
	rmse DOUBLE NOT NULL,
	rmse_low DOUBLE NOT NULL,
	rmse_high DOUBLE NOT NULL,
	draws INTEGER NOT NULL,
	CONSTRAINT pk_resilience PRIMARY KEY (model_id, share),
	CONSTRAINT fk_resilience_model_id_model FOREIGN KEY(model_id) REFERENCES model (model_id)
);
CREATE TABLE score (
	run_id INTEGER NOT NULL,
	model_id INTEGER NOT NULL,
	rows TEXT NOT NULL,
	rmse DOUBLE NOT NULL,
	rmse_low DOUBLE,
	rmse_high DOUBLE,
	rmse_se DOUBLE,
	mae DOUBLE NOT NULL,
	r2 DOUBLE,
	n BIGINT NOT NULL,
	coverage DOUBLE,
	CONSTRAINT pk_score PRIMARY KEY (run_id, model_id, rows),
	CONSTRAINT ck_score_rows CHECK (rows IN ('validation', 'test')),
	CONSTRAINT fk_score_model_id_model FOREIGN KEY(model_id) REFERENCES model (model_id),
	CONSTRAINT fk_score_run_id_run FOREIGN KEY(run_id) REFERENCES run (run_id)
);
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
ORDER BY latest.dataset;
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
ORDER BY champion.dataset;
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
ORDER BY run.dataset, model.rank IS NULL, model.rank, model.framework, model.kind;
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
    AND later.key = prediction.key AND later.run_id > prediction.run_id);
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
ORDER BY run.dataset, model.framework, model.kind, coefficient.position;
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
ORDER BY run.dataset, model.framework, model.kind;
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
ORDER BY latest.dataset, resilience.share;
CREATE VIEW agreement AS
SELECT run.dataset, run.run_id, agreement_check.framework, agreement_check.kind,
  agreement_check.quantity, agreement_check.compared_with, agreement_check.figure,
  agreement_check.allowed, agreement_check.agreed
FROM run
JOIN agreement_check ON agreement_check.run_id = run.run_id
WHERE run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)
ORDER BY run.dataset, agreement_check.position;
CREATE VIEW prediction_outcome AS
SELECT dataset, key, predicted, lower, upper, predicted_at, actual, realised_at,
  actual - predicted AS error, actual BETWEEN lower AND upper AS inside
FROM outcome;
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
ORDER BY run.run_id DESC;
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
ORDER BY promotion.promotion_id DESC;
