"""Linear fits of encoded columns are those that statsmodels makes of the same columns by hand."""

import numpy as np
import pytest
from helpers.numpy_products import numpy_products

from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.fitting import validate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.linear.least_squares import solve

RNG = np.random.default_rng(1914)


class Framework:
    """What the linear kinds need of a framework."""

    row_products = staticmethod(numpy_products)


def fit(columns, target, **fitted):
    encoding = Encoding.fit(columns, **fitted)
    return solve(encoding.design(columns), target, encoding.term_names(), numpy_products)


def ols(target, **columns):
    """Return statsmodels' fit, with a constant first."""
    from statsmodels.regression.linear_model import OLS

    design = np.column_stack([np.ones(len(target)), *columns.values()])
    return OLS(target, design).fit()


def job(columns, target, fold, *, chained=False):
    return Job(
        dataset="made",
        candidate=Candidate("torch", "least_squares"),
        columns=columns,
        target=target,
        fold=fold,
        chained=chained,
        hidden=(),
        interval=Rules((0.9,)),
    )


def test_an_experiment_of_eight_treatments_and_six_plots_is_explained():
    treatment = np.repeat(list("ABCDEFGH"), 6).astype(object)
    moisture = RNG.normal(20, 1, 48)
    effect = 5.0 * np.arange(8)[np.repeat(np.arange(8), 6)]
    target = 40 + effect + 0.5 * moisture + RNG.normal(size=48)
    columns = {"treatment": treatment, "moisture": moisture}
    solved = fit(columns, target)
    dummies = {level: treatment == level for level in "BCDEFGH"}
    reference = ols(target, moisture=moisture, **dummies)
    assert solved.overall.r2 == pytest.approx(reference.rsquared, rel=1e-12)
    assert solved.overall.r2 > 0.95
    assert solved.overall.f_p == pytest.approx(reference.f_pvalue, rel=1e-6)
    errors = [coefficient.standard_error for coefficient in solved.coefficients]
    assert errors == pytest.approx(reference.bse.tolist(), rel=1e-9)
    folds = validate(Framework, job(columns, target, np.tile(np.arange(1, 6), 10)[:48]))
    assert 1 - np.var(target - folds.out_of_fold) / np.var(target) > 0.95


def test_columns_blank_in_the_same_rows_have_the_errors_of_a_fit_with_one_indicator():
    a, b, c = RNG.normal(size=(3, 500))
    target = 1 + 2 * a - b + 0.5 * c + RNG.normal(size=500)
    blank = RNG.random(500) < 0.08
    columns = {"a": np.where(blank, np.nan, a), "b": np.where(blank, np.nan, b), "c": c}
    solved = fit(columns, target)
    filled = {name: np.where(blank, np.nanmedian(columns[name]), columns[name]) for name in "ab"}
    reference = ols(target, a=filled["a"], missing=blank, b=filled["b"], c=c)
    assert [x.term for x in solved.coefficients] == ["intercept", "a", "a,b[missing]", "b", "c"]
    for field, wanted in (
        ("estimate", reference.params),
        ("standard_error", reference.bse),
        ("t", reference.tvalues),
        ("p", reference.pvalues),
    ):
        values = [getattr(coefficient, field) for coefficient in solved.coefficients]
        assert values == pytest.approx(wanted.tolist(), rel=1e-9)
    assert solved.overall.f == pytest.approx(reference.fvalue, rel=1e-9)
    assert solved.warnings == ()


def test_a_line_over_ten_months_is_extrapolated_as_a_line():
    days = np.arange(300)
    time = np.datetime64("2024-01-01", "us") + days * np.timedelta64(1, "D")
    target = 50 + 0.2 * days + RNG.normal(size=300)
    old, new = days < 240, days >= 240
    blocks = np.minimum(days[old] // 40, 5)
    fitted = validate(Framework, job({"day": time[old]}, target[old], blocks, chained=True))
    predicted = fitted.model.predicted({"day": time[new]})
    line = np.polyval(np.polyfit(days[old], target[old], 1), days[new])
    rmse, best = (np.sqrt(np.mean(np.square(target[new] - p))) for p in (predicted.value, line))
    assert rmse < 1.06 * best
    inside = (predicted.lower <= target[new]) & (target[new] <= predicted.upper)
    assert inside.mean() > 0.8
    assert not predicted.note.any()


def test_weekdays_explain_a_year_of_sales_and_months_do_no_harm():
    days = np.repeat(np.arange(365), 2)
    time = np.datetime64("2015-01-01", "us") + days * np.timedelta64(1, "D")
    weekly = np.array([0, 60, 90, -90, -60, 0, 10.0])[days % 7]
    target = 400 + weekly + RNG.normal(0, 40, 730)
    old, new = days < 292, days >= 292
    blocks = np.minimum(days[old] * 6 // 292, 5)
    fitted = validate(Framework, job({"date": time[old]}, target[old], blocks, chained=True))
    errors = target[new] - fitted.model.predict({"date": time[new]})
    assert 1 - np.mean(np.square(errors)) / np.var(target[new]) > 0.6


def test_folds_whose_rows_show_no_season_yet_are_told_of():
    rows = 60
    days = np.datetime64("2020-01-15") + 30 * np.arange(rows)
    fold = np.arange(rows) * 6 // rows  # ten months are known to the first fold, fifty to the last
    season = np.sin(2 * np.pi * np.arange(rows) / 12.17)
    fit = validate(Framework, job({"day": days}, season, fold, chained=True))
    (sentence,) = fit.fold_warnings
    assert sentence == (
        "the fits of 2 of 5 folds do without day[month], of which their rows have seen too little;"
        " the model that serves has it"
    )
    assert fit.warnings == ()
    late = validate(
        Framework, job({"day": days[-9:]}, season[-9:], np.arange(9) // 3, chained=True)
    )
    assert late.fold_warnings == ()
