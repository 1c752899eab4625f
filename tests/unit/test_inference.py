"""Inference against NIST's certified values, and against statsmodels on real data."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.exact import NIST_SETS, nist
from helpers.numpy_products import numpy_products

from regressors.encoding.matrices import Encoding
from regressors.linear.least_squares import solve

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
DIGITS = 1e-9


def statsmodels():
    """Return statsmodels, which takes seconds to import and which other tests do not need."""
    import statsmodels.api as sm

    return sm


@pytest.mark.parametrize("name", NIST_SETS)
def test_inference_has_nine_certified_digits(name):
    problem = nist(name)
    solved = solve(problem.design, problem.target, problem.names, numpy_products)
    zero = DIGITS * np.abs(problem.target).max()
    seen = [c.standard_error for c in solved.coefficients]
    certified = np.array(problem.certified["standard_errors"], float)
    np.testing.assert_allclose(seen, certified, rtol=DIGITS, atol=zero * (certified == 0).all())
    whole = solved.overall
    sd = float(problem.certified["residual_sd"])
    assert whole.residual_sd == pytest.approx(sd, rel=DIGITS, abs=0 if sd else zero)
    assert whole.r2 == pytest.approx(float(problem.certified["r_squared"]), rel=DIGITS)


def _wages():
    return pd.read_csv(SAMPLES / "age_income.csv"), "wage", "worker"


def _households():
    frame = pd.read_csv(SAMPLES / "income_expenses.csv")
    return frame, frame.columns[-1], frame.columns[0]


def _affairs():
    frame = statsmodels().datasets.fair.load_pandas().data
    for name in ("occupation", "occupation_husb", "religious"):
        frame[name] = "level " + frame[name].astype(int).astype(str)
    return frame, "affairs", None


def _fertility():
    """Births per woman in 1990 by those in 1962, often missing, and the country's initial."""
    frame = statsmodels().datasets.fertility.load_pandas().data.dropna(subset="1990")
    initial = frame["Country Name"].str[0]
    frame["initial"] = initial.where(initial.isin([*"BCMST"]), "another")
    return frame[["1962", "initial", "1990"]], "1990", None


def _cards():
    """Spending of credit card holders, with some incomes removed."""
    frame = statsmodels().datasets.ccard.load_pandas().data
    frame["OWNRENT"] = np.where(frame["OWNRENT"] == 1, "own", "rent")
    frame.loc[frame.index % 9 == 4, "INCOME"] = np.nan
    return frame.drop(columns="INCOMESQ"), "AVGEXP", None


REAL_SETS = {
    "wages": _wages,
    "households": _households,
    "affairs": _affairs,
    "fertility": _fertility,
    "credit cards": _cards,
}


@cache
def real_set(name):
    """Return the features as the regressors get them, the target, and the design by pandas.

    That design is made by the rules of the documentation, with none of the code under test: median
    and indicator for a missing number, dummies for a category without its first level.
    """
    frame, target, key = REAL_SETS[name]()
    features = frame.drop(columns=[target, *([key] if key else [])])
    columns, blocks = {}, {"intercept": np.ones(len(frame))}
    for label in sorted(map(str, features.columns)):
        values = features[label]
        if values.dtype.kind in "biuf":
            values = values.astype(float)
            columns[label] = values.to_numpy()
            blocks[label] = values.fillna(values.median())
            if values.isna().sum() >= 5:
                blocks[f"{label}[missing]"] = values.isna().astype(float)
        else:
            columns[label] = values.to_numpy(dtype=object)
    for label, values in columns.items():
        if values.dtype == object:
            dummies = pd.get_dummies(pd.Series(values), dtype=float).iloc[:, 1:]
            blocks |= {f"{label}[{level}]": dummies[level].to_numpy() for level in dummies}
    design = pd.DataFrame({k: np.asarray(v, float) for k, v in blocks.items()})
    return columns, frame[target].to_numpy(float), design


def assert_equals_statsmodels(solved, reference):
    """Compare every figure of the fit with that of statsmodels, to nine digits."""
    fields = ("estimate", "standard_error", "t", "p", "low", "high", "robust_standard_error")
    seen = np.array([[getattr(c, field) for field in fields] for c in solved.coefficients])
    columns = [reference.params, reference.bse, reference.tvalues, reference.pvalues]
    robust = reference.get_robustcov_results("HC3").bse
    expected = np.column_stack([*columns, *np.asarray(reference.conf_int()).T, robust])
    np.testing.assert_allclose(seen, expected, rtol=DIGITS, atol=1e-300)
    whole = solved.overall
    figures = [whole.residual_sd, whole.r2, whole.adjusted_r2, whole.f, whole.f_p]
    wanted = [
        np.sqrt(reference.scale),
        reference.rsquared,
        reference.rsquared_adj,
        reference.fvalue,
        reference.f_pvalue,
    ]
    np.testing.assert_allclose(figures, wanted, rtol=DIGITS, atol=1e-300)
    assert solved.rows == reference.nobs
    assert solved.degrees_of_freedom == reference.df_resid


@pytest.mark.parametrize("name", REAL_SETS)
@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "weights"])
def test_inference_equals_statsmodels_on_real_data(name, weighted):
    columns, target, frame = real_set(name)
    encoding = Encoding.fit(columns)
    weight = 0.5 + np.arange(len(target)) % 7 if weighted else np.ones(len(target))
    solved = solve(
        encoding.design(columns),
        target,
        encoding.term_names(),
        numpy_products,
        weight=weight if weighted else None,
    )
    assert sorted(encoding.term_names()) == sorted(frame.columns)
    reference = statsmodels().WLS(target, frame[list(encoding.term_names())], weights=weight).fit()
    assert_equals_statsmodels(solved, reference)


def test_without_an_intercept_inference_equals_statsmodels():
    columns, target, _ = real_set("households")
    encoding = Encoding.fit(columns, intercept=False)
    design = encoding.design(columns)
    assert encoding.term_names() == tuple(columns)
    solved = solve(design, target, encoding.term_names(), numpy_products)
    assert_equals_statsmodels(solved, statsmodels().OLS(target, design).fit())


def test_without_an_intercept_a_category_spans_the_constant():
    columns, target, _ = real_set("wages")
    encoding = Encoding.fit(columns, intercept=False)
    design = encoding.design(columns)
    first = [term for term in encoding.term_names() if term.startswith("education[")]
    assert len(first) == len(set(columns["education"]))
    solved = solve(design, target, encoding.term_names(), numpy_products)
    reference = statsmodels().OLS(target, design).fit()
    assert reference.k_constant == 1
    assert_equals_statsmodels(solved, reference)


def test_exact_fit_has_estimates_and_a_note_in_place_of_t_and_p():
    design = np.column_stack([np.ones(10), np.arange(10.0)])
    solved = solve(design, design @ [1.0, 2.0], ["one", "x"], numpy_products)
    assert solved.estimates.tolist() == [1.0, 2.0]
    assert {(c.t, c.p, c.low) for c in solved.coefficients} == {(None, None, None)}
    assert solved.overall.f is None
    assert "exact" in solved.notes[0]


def test_row_that_alone_determines_a_term_blanks_the_robust_error_of_that_term():
    design = np.column_stack([np.ones(12), np.arange(12.0), np.arange(12) == 3])
    target = np.sin(np.arange(12.0))
    solved = solve(design, target, ["one", "x", "third"], numpy_products)
    others = np.arange(12) != 3
    without = solve(design[others, :2], target[others], ["one", "x"], numpy_products)
    *seen, third = [c.robust_standard_error for c in solved.coefficients]
    wanted = [c.robust_standard_error for c in without.coefficients]
    np.testing.assert_allclose(seen, wanted, rtol=DIGITS)
    assert third is None
    assert all(c.standard_error > 0 for c in solved.coefficients)
    assert "leverage of 1" in solved.notes[0]


def test_as_many_terms_as_rows_have_no_inference_and_a_note():
    solved = solve(np.array([[1.0, 1], [1, 2]]), np.array([3.0, 5]), ["one", "x"], numpy_products)
    assert solved.estimates.tolist() == [1, 2]
    assert solved.overall.residual_sd is None
    assert {c.standard_error for c in solved.coefficients} == {None}
    assert "as many terms as rows" in solved.notes[0]
