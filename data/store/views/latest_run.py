"""The views of each dataset's latest good run: its candidates, equations, fits and agreement."""

from data.store.views.fragments import LATEST_GOOD_RUN
from data.store.views.view import BOOLEAN, INTEGER, NUMBER, SCHEME, TEXT, View

LEADERBOARD = View(
    "leaderboard",
    (
        "One row per candidate of each dataset's latest run that succeeded, best first. Here and "
        "below, backfills (see `run_history`) do not count as the latest run."
    ),
    {
        "run_id": (INTEGER, "the run"),
        "dataset": (TEXT, "the dataset"),
        "framework": (TEXT, "the candidate's framework"),
        "kind": (TEXT, "the candidate's kind"),
        "status": (TEXT, "`fitted` or `failed`"),
        "validation_rmse": (
            NUMBER,
            "root mean squared error (RMSE) out of fold: what candidates are ranked by",
        ),
        "validation_se": (NUMBER, "its standard error"),
        "test_rmse": (
            NUMBER,
            "RMSE on the test rows; NULL for candidates that were not scored on them",
        ),
        "rank": (INTEGER, "1 is the best; NULL for a candidate that failed"),
        "chosen": (BOOLEAN, "whether this candidate won"),
        "reason": (TEXT, "why it failed, or why it was chosen or not"),
        "fit_seconds": (NUMBER, "how many seconds its fits took"),
        "scheme": SCHEME,
    },
    f"""
SELECT run.run_id, run.dataset, model.framework, model.kind, model.status,
  validation.rmse AS validation_rmse, validation.rmse_se AS validation_se, test.rmse AS test_rmse,
  model.rank, model.chosen, model.reason, model.fit_seconds, run.scheme
FROM run
JOIN model ON model.run_id = run.run_id
LEFT JOIN score AS validation ON validation.run_id = run.run_id
  AND validation.model_id = model.model_id AND validation.rows = 'validation'
LEFT JOIN score AS test ON test.run_id = run.run_id
  AND test.model_id = model.model_id AND test.rows = 'test'
WHERE {LATEST_GOOD_RUN}
ORDER BY run.dataset, model.rank IS NULL, model.rank, model.framework, model.kind
""",  # noqa: S608
)

NAIVE_SCORE = View(
    "naive_score",
    (
        "One row per naive prediction and set of rows of each dataset's latest run that succeeded: "
        "how wrong it is to predict without any model, beside the errors in `leaderboard`. It is "
        "never chosen."
    ),
    {
        "run_id": (INTEGER, "the run"),
        "dataset": (TEXT, "the dataset"),
        "name": (
            TEXT,
            "`mean`: of the values known, or without a time column of the training rows; `last "
            "value`: the newest one known; `same quarter last year`, or the like for months, "
            "weeks, weekdays and hours, as the times have it",
        ),
        "rows": (TEXT, "`validation` (out of fold) or `test`"),
        "rmse": (NUMBER, "root mean squared error"),
        "mae": (NUMBER, "mean absolute error"),
        "r2": (NUMBER, "share of the variance of these rows explained; NULL where there is none"),
        "n": (INTEGER, "how many of the rows have such a prediction"),
    },
    f"""
SELECT run.run_id, run.dataset, naive.name, naive.rows, naive.rmse, naive.mae, naive.r2, naive.n
FROM run
JOIN naive ON naive.run_id = run.run_id
WHERE {LATEST_GOOD_RUN}
ORDER BY run.dataset, naive.rows, naive.rmse, naive.name
""",  # noqa: S608
)

CURRENT_COEFFICIENT = View(
    "current_coefficient",
    (
        "One row per term of each linear model of each dataset's latest run that succeeded. A "
        "prediction is the sum of estimate times term over all terms of the variant `all rows`, in "
        "the data's own units."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "framework": (TEXT, "the framework that fitted it"),
        "kind": (TEXT, "`least_squares` or `gradient_descent`"),
        "term": (
            TEXT,
            "`intercept`, a column, a level of a category (`education[College Grad]`, 1 for that "
            "level and 0 otherwise; the first level has no term), a missing value (`age[missing]`, "
            "1 where the value was missing, and `a,b[missing]` where both were), or a declared "
            "product of these (`age^2`, `age:education[College Grad]`)",
        ),
        "estimate": (NUMBER, "the coefficient"),
        "standard_error": (
            NUMBER,
            "its standard error, which is the robust one where rows count by their age "
            "(`recency`); this and the next six are NULL for gradient descent, for a term "
            "whose effect the rows cannot tell from those of others (see `variant`), and where "
            "there are as many terms as rows",
        ),
        "t": (
            NUMBER,
            "estimate divided by standard error; this and the next three are NULL for an exact fit",
        ),
        "p": (NUMBER, "two-sided p-value"),
        "low": (NUMBER, "lower end of the confidence interval"),
        "high": (NUMBER, "upper end of the confidence interval"),
        "robust_standard_error": (
            NUMBER,
            "a standard error that also holds where the variance of the errors is not constant "
            "(HC3); NULL where a single row decides a coefficient",
        ),
        "cluster_standard_error": (
            NUMBER,
            "a standard error that also holds where the errors of a group are alike (the sandwich "
            "over groups of Stata and statsmodels, with their correction for few groups); NULL "
            "unless `split.group` is declared",
        ),
        "hac_standard_error": (
            NUMBER,
            "a standard error that also holds where errors that are close in time are alike (Newey "
            "and West, 4 (T / 100)^(2/9) lags for T times, corrected by n / (n - p)); NULL unless "
            "`time` is declared",
        ),
        "variant": (
            TEXT,
            "`all rows` is what predicts; missing values are filled in with the median, and terms "
            "that depend on each other share their effects by minimum norm. Where there are such "
            "terms, `aliases left out` is the same fit without those that depend on earlier ones, "
            "as R's `lm` reports it. Where more than 5% of a column is filled in, `complete cases` "
            "is the same equation fitted on the rows without a missing value",
        ),
        "rows": (INTEGER, "rows that it was fitted on"),
    },
    f"""
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
  WHERE {LATEST_GOOD_RUN}
  UNION ALL
  SELECT run.dataset, model.framework, model.kind, compared.term, compared.estimate,
    compared.standard_error, compared.t, compared.p, compared.low, compared.high,
    compared.robust_standard_error, compared.cluster_standard_error,
    compared.hac_standard_error, compared.position, compared.rows, compared.variant
  FROM run
  JOIN model ON model.run_id = run.run_id
  JOIN coefficient_variant AS compared ON compared.model_id = model.model_id
  WHERE {LATEST_GOOD_RUN}
) AS of_variant
ORDER BY dataset, framework, kind, variant <> 'all rows', variant, position
""",  # noqa: S608
)

CURRENT_FIT = View(
    "current_fit",
    (
        "One row per linear model of each dataset's latest run that succeeded: the fit as a "
        "whole, on all rows with a target."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "framework": (TEXT, "the framework that fitted it"),
        "kind": (TEXT, "`least_squares` or `gradient_descent`"),
        "rows": (INTEGER, "rows it was fitted on"),
        "rank": (
            INTEGER,
            "how many terms are independent; fewer than there are where some depend on each "
            "other. This and the next seven are NULL for gradient descent",
        ),
        "degrees_of_freedom": (INTEGER, "rows minus rank"),
        "residual_sd": (
            NUMBER,
            "standard deviation of the residuals, for a row of weight 1 if rows have weights; "
            "NULL where there are no degrees of freedom",
        ),
        "r2": (
            NUMBER,
            "share of the target's variance explained on the rows it was fitted on; NULL where"
            " the target is constant",
        ),
        "adjusted_r2": (NUMBER, "`r2` minus what as many useless terms would explain by chance"),
        "f": (
            NUMBER,
            "F statistic of all terms except the intercept, as many as `rank` says; NULL for an "
            "exact fit, and where there are as many terms as rows",
        ),
        "f_p": (NUMBER, "its p-value"),
        "condition_number": (
            NUMBER,
            "condition number of the terms, each scaled to length 1; from 1e14 the run warns; NULL "
            "if infinite",
        ),
        "excess_loss": (
            NUMBER,
            "training loss divided by that of least squares, minus 1; rounding can bring it just "
            "below 0; this and the rest are NULL for least squares",
        ),
        "epochs": (INTEGER, "how many epochs gradient descent took"),
        "epochs_to_solution": (
            INTEGER,
            "epochs until its loss was within one millionth of that of least squares; NULL if it "
            "never was",
        ),
    },
    f"""
SELECT run.dataset, model.framework, model.kind, linear_fit.rows, linear_fit.rank,
  linear_fit.degrees_of_freedom, linear_fit.residual_sd, linear_fit.r2, linear_fit.adjusted_r2,
  linear_fit.f, linear_fit.f_p, linear_fit.condition_number, linear_fit.excess_loss,
  linear_fit.epochs, linear_fit.epochs_to_solution
FROM run
JOIN model ON model.run_id = run.run_id
JOIN linear_fit ON linear_fit.model_id = model.model_id
WHERE {LATEST_GOOD_RUN}
ORDER BY run.dataset, model.framework, model.kind
""",  # noqa: S608
)

CURRENT_COLUMN = View(
    "current_column",
    (
        "One row per column of the source of each dataset's latest run that succeeded: what it "
        "was taken for. The next run is compared with it."
    ),
    {
        "dataset": (TEXT, "the dataset"),
        "run_id": (INTEGER, "the run"),
        "name": (TEXT, "the column"),
        "role": (
            TEXT,
            "`key`, `target`, `time`, `weight`, `group`, `interval` (its groups), `feature`, "
            "several of these, `term` for a time that is only in terms, `unused`, or `new` for a "
            "column that is not used before it is accepted or declared",
        ),
        "kind": (
            TEXT,
            "`number`, `category`, `boolean` or `time`; NULL for a column of none of these, which "
            "is left out",
        ),
        "kind_from": (
            TEXT,
            "`declared` in `types`, `remembered` from the run before, or decided by the `values`",
        ),
        "missing": (INTEGER, "rows without a value"),
        "distinct_values": (INTEGER, "how many different values it has"),
        "typical_size": (
            NUMBER,
            "of a number, the median absolute value, zeros aside; a change by a power of ten is "
            "reported",
        ),
        "example": (TEXT, "one of its values"),
        "enters": (TEXT, "how it enters the models, or why it does not"),
    },
    f"""
SELECT run.dataset, run.run_id, source_column.name, source_column.role, source_column.kind,
  source_column.kind_from, source_column.missing, source_column.distinct_values,
  source_column.typical_size, source_column.example, source_column.enters
FROM run
JOIN source_column ON source_column.run_id = run.run_id
WHERE {LATEST_GOOD_RUN}
ORDER BY run.dataset, source_column.position
""",  # noqa: S608
)

AGREEMENT = View(
    "agreement",
    "One row per comparison in each dataset's latest run that succeeded: do the frameworks agree?",
    {
        "dataset": (TEXT, "the dataset"),
        "run_id": (INTEGER, "the run"),
        "framework": (TEXT, "the framework that was compared"),
        "kind": (TEXT, "the kind"),
        "quantity": (
            TEXT,
            "`probe`: a small fixed problem, before the run (a framework that fails it takes no "
            "part); `coefficients`: the largest relative difference between coefficients; "
            "`excess_loss`: as in `current_fit`; `validation_rmse`: the ratio of the out-of-fold "
            "errors, minus 1",
        ),
        "compared_with": (TEXT, "`numpy` (a reference), another framework, or least squares"),
        "figure": (
            NUMBER,
            "how far apart the two are, as a share; for the probe of `least_squares`, in units of "
            "the condition number times the rounding unit; NULL where there was no number",
        ),
        "allowed": (NUMBER, "how far apart they may be"),
        "agreed": (BOOLEAN, "whether `figure` is within `allowed`"),
    },
    f"""
SELECT run.dataset, run.run_id, agreement_check.framework, agreement_check.kind,
  agreement_check.quantity, agreement_check.compared_with, agreement_check.figure,
  agreement_check.allowed, agreement_check.agreed
FROM run
JOIN agreement_check ON agreement_check.run_id = run.run_id
WHERE {LATEST_GOOD_RUN}
ORDER BY run.dataset, agreement_check.position
""",  # noqa: S608
)
