"""The views of the models that serve now: champions, their cards, predictions and resilience."""

from data.store.views.fragments import CURRENT_DECISION
from data.store.views.view import BOOLEAN, INTEGER, NUMBER, SCHEME, TEXT, TIME, View

CHAMPION = View(
    "champion",
    "One row per dataset: the model that serves it now.",
    {
        "dataset": (TEXT, "the dataset"),
        "run_id": (INTEGER, "the run that trained this model"),
        "model_id": (INTEGER, "the model"),
        "framework": (TEXT, "its framework"),
        "kind": (TEXT, "its kind"),
        "since": (TIME, "when it began to serve; after a rollback, the time of the rollback"),
        "test_rmse": (
            NUMBER,
            "root mean squared error (RMSE) on rows that it never saw, in the run that trained it",
        ),
        "test_rmse_low": (
            NUMBER,
            "lower end of its 95% interval, which counts groups and blocks of time, not rows",
        ),
        "test_rmse_high": (NUMBER, "upper end of the same interval"),
        "test_r2": (
            NUMBER,
            "share of the target's variance explained on the same rows; below 0 it is worse than "
            "predicting the mean",
        ),
        "n_train": (
            INTEGER,
            "rows it was fitted on before it began to serve: all rows with a target",
        ),
        "verdict": (
            TEXT,
            "whether the best ANN of that run was better than its best linear model: `yay`, `nay` "
            "or `undecided`",
        ),
        "pinned": (
            BOOLEAN,
            "whether a person pinned it: runs continue, but promote nobody until a person decides "
            "again",
        ),
        "scheme": SCHEME,
    },
    f"""
SELECT latest.dataset, model.run_id, model.model_id, model.framework, model.kind,
  (SELECT min(served.decided_at) FROM promotion AS served
    WHERE served.dataset = latest.dataset AND served.promotion_id > coalesce(
      (SELECT max(other.promotion_id) FROM promotion AS other
        WHERE other.dataset = latest.dataset AND other.model_id <> latest.model_id), 0)) AS since,
  score.rmse AS test_rmse, score.rmse_low AS test_rmse_low, score.rmse_high AS test_rmse_high,
  score.r2 AS test_r2, run.rows_labelled AS n_train, run.verdict, latest.pinned,
  run.scheme
FROM promotion AS latest
JOIN model ON model.model_id = latest.model_id
JOIN run ON run.run_id = model.run_id
LEFT JOIN score ON score.run_id = model.run_id AND score.model_id = model.model_id
  AND score.rows = 'test'
WHERE {CURRENT_DECISION}
ORDER BY latest.dataset
""",  # noqa: S608
)

# Built on the view `champion`, so that the two never disagree about who serves.
MODEL_CARD = View(
    "model_card",
    (
        "One row per dataset: the card of the model that serves it now, with what it was trained "
        "on, how well it does, and the versions that made it. A value that its run did not store "
        "is NULL."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "run_id": (INTEGER, "the run that trained this model"),
        "model_id": (INTEGER, "the model, as in `champion`"),
        "framework": (TEXT, "its framework"),
        "kind": (TEXT, "its kind"),
        "hidden_layers": (
            TEXT,
            "number of cells in each hidden layer of an ANN, for example `128, 128`; NULL where "
            "there are none",
        ),
        "since": (TIME, "when it began to serve, as in `champion`"),
        "trained_at": (TIME, "when the run that trained it finished"),
        "as_of": (
            TEXT,
            "the past date or moment it was trained as of; NULL for a run that used all rows",
        ),
        "target": (TEXT, "the column that it predicts"),
        "features": (TEXT, "the columns that it predicts from, for example `age, education`"),
        "rows_read": (INTEGER, "rows in the source when it was trained"),
        "n_train": (INTEGER, "rows it was fitted on before it began to serve, as in `champion`"),
        "n_test": (INTEGER, "rows among them that its twin was tested on, for the errors below"),
        "period_from": (
            TEXT,
            "the oldest time of a row with a target; NULL if no time column is declared",
        ),
        "period_until": (TEXT, "the newest time of a row with a target"),
        "validation_rmse": (NUMBER, "its RMSE out of fold, by which it was chosen"),
        "test_rmse": (
            NUMBER,
            "RMSE of its twin on the test rows, which the twin never saw; with a time column, of"
            " fits at rolling origins",
        ),
        "test_rmse_low": (
            NUMBER,
            "lower end of its 95% interval, which counts groups and blocks of time, not rows",
        ),
        "test_rmse_high": (NUMBER, "upper end of the same interval"),
        "test_r2": (NUMBER, "share of the target's variance explained on the test rows"),
        "interval_level": (
            NUMBER,
            "the share of rows that its prediction intervals should cover; of several, the widest",
        ),
        "coverage": (
            NUMBER,
            "the share of test rows that they did cover; NULL where there were too few rows for an "
            "interval",
        ),
        "seed": (TEXT, "the seed of its first network; NULL for a linear model"),
        "fingerprint": (TEXT, "SHA-256 of the rows that were read"),
        "setup_fingerprint": (
            TEXT,
            "SHA-256 of the declaration, the code and the library versions",
        ),
        "nightfit_version": (TEXT, "the version of nightfit that trained it"),
        "python_version": (TEXT, "the version of Python"),
        "numpy_version": (TEXT, "the version of NumPy"),
        "framework_version": (TEXT, "the version of its framework"),
        "interval_levels": (
            TEXT,
            "the shares of all its intervals, the widest first, for example `0.9, 0.5`; NULL in "
            "runs of earlier versions",
        ),
    },
    """
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
)

CHAMPION_RESILIENCE = View(
    "champion_resilience",
    (
        "One row per share of silenced cells of each champion that is an ANN: how much worse it "
        "predicts when some of its hidden cells are silenced, on test rows of the run that trained "
        "it. This is measured on the champion's twin, which never saw those rows, and on at most "
        "5,000 of them, drawn at random. A linear champion, or one without hidden cells, has no "
        "rows here."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "run_id": (INTEGER, "the run that trained and measured this model"),
        "model_id": (INTEGER, "the model, as in `champion`"),
        "framework": (TEXT, "its framework"),
        "share": (
            NUMBER,
            "the share of cells silenced in each hidden layer: 0, 0.1 and so on up to 0.5",
        ),
        "rmse": (
            NUMBER,
            "RMSE on the test rows, averaged over the draws; at share 0, and on all test rows, it "
            "is the `test_rmse` of `champion`",
        ),
        "rmse_low": (NUMBER, "the lowest of the draws"),
        "rmse_high": (NUMBER, "the highest of the draws"),
        "ratio": (NUMBER, "`rmse` divided by that at share 0; NULL where that is 0"),
        "draws": (
            INTEGER,
            "how many times the silenced cells were drawn at random; 1 at share 0, where there is "
            "nothing to draw",
        ),
    },
    f"""
SELECT latest.dataset, model.run_id, model.model_id, model.framework, resilience.share,
  resilience.rmse, resilience.rmse_low, resilience.rmse_high,
  resilience.rmse / nullif(whole.rmse, 0) AS ratio, resilience.draws
FROM promotion AS latest
JOIN model ON model.model_id = latest.model_id
JOIN resilience ON resilience.model_id = model.model_id
JOIN resilience AS whole ON whole.model_id = model.model_id AND whole.share = 0
WHERE {CURRENT_DECISION}
ORDER BY latest.dataset, resilience.share
""",  # noqa: S608
)
