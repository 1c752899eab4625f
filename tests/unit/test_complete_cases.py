"""The fit on the rows without a missing value, beside the one that fills them in."""

from dataclasses import replace

import numpy as np
import pytest
from test_linear import NUMPY, job

from regressors import fitting

ROWS = 2000
RNG = np.random.default_rng(34)
X1 = RNG.normal(size=ROWS)
X2 = 0.8 * X1 + 0.6 * RNG.normal(size=ROWS)
Y = 1 + X1 + X2 + RNG.normal(size=ROWS)
GAPS = RNG.random(ROWS) < 0.4


def refit(columns, target=Y, **changes):
    made = job(columns=columns, target=target, fold=1 + np.arange(len(target)) % 5)
    return fitting.refit(NUMPY, replace(made, **changes))


def by_term(coefficients):
    return {c.term: c for c in coefficients}


def test_complete_rows_are_fitted_beside_where_filling_in_biases_slopes():
    fitted = refit({"x1": X1, "x2": np.where(GAPS, np.nan, X2)})
    filled, complete = by_term(fitted.coefficients), by_term(fitted.complete_cases.coefficients)
    assert filled["x1"].low > 1.2
    assert list(complete) == ["intercept", "x1", "x2"]
    assert complete["x1"].low < 1 < complete["x1"].high
    assert fitted.complete_cases.rows == (~GAPS).sum()
    design = np.column_stack([np.ones(ROWS), X1, X2])[~GAPS]
    by_hand = np.linalg.lstsq(design, Y[~GAPS], rcond=None)[0]
    np.testing.assert_allclose([c.estimate for c in complete.values()], by_hand, rtol=1e-9)
    (sentence,) = fitted.warnings
    assert f"{GAPS.mean():.0%} of x2 is missing" in sentence
    assert f"on the {(~GAPS).sum():,} complete rows x1 is {complete['x1'].estimate:.3g}" in sentence
    assert f"not {filled['x1'].estimate:.3g}" in sentence


def test_few_gaps_and_parts_that_do_not_serve_have_no_fit_on_complete_rows():
    few = np.where(np.arange(ROWS) < 90, np.nan, X2)
    fitted = refit({"x1": X1, "x2": few})
    assert fitted.complete_cases is None
    assert fitted.warnings == ()
    twin = fitting.validate(
        NUMPY,
        job(
            columns={"x1": X1, "x2": np.where(GAPS, np.nan, X2)},
            target=Y,
            fold=1 + np.arange(ROWS) % 5,
        ),
    )
    assert twin.complete_cases is None


def test_row_without_a_category_is_not_complete_but_a_category_alone_is_not_filled_in():
    color = np.array(["red", "blue", None], dtype=object)[np.arange(ROWS) % 3]
    assert refit({"x1": X1, "color": color}).complete_cases is None
    fitted = refit({"x2": np.where(GAPS, np.nan, X2), "color": color})
    assert fitted.complete_cases.rows == (~GAPS & (np.arange(ROWS) % 3 < 2)).sum()
    assert "color[missing]" not in by_term(fitted.complete_cases.coefficients)


def test_too_few_complete_rows_are_a_warning_of_their_own():
    gaps = np.arange(ROWS) >= 20
    fitted = refit({"x1": X1, "x2": np.where(gaps, np.nan, X2)})
    assert fitted.complete_cases is None
    assert fitted.warnings == (
        "99% of x2 is missing, and filling in the median can bias slopes; "
        "20 complete rows are too few to compare with.",
    )


def test_weights_and_groups_of_the_complete_rows_are_used():
    groups = np.arange(ROWS) % 40
    weight = 0.5 + np.arange(ROWS) % 3
    columns = {"x1": X1, "x2": np.where(GAPS, np.nan, X2)}
    fitted = refit(columns, weight=weight, group_numbers=groups)
    there = {name: values[~GAPS] for name, values in columns.items()}
    alone = refit(there, Y[~GAPS], weight=weight[~GAPS], group_numbers=groups[~GAPS])
    for seen, wanted in zip(fitted.complete_cases.coefficients, alone.coefficients, strict=True):
        assert seen.cluster_standard_error == pytest.approx(wanted.cluster_standard_error)
        assert seen.estimate == pytest.approx(wanted.estimate)


def test_columns_that_are_missing_are_named_most_first():
    others = {f"x{i}": np.where(RNG.random(ROWS) < 0.07 + i / 100, np.nan, X2) for i in range(2)}
    (sentence,) = [w for w in refit({"a": X1, **others}).warnings if "median" in w]
    assert " of x1 and " in sentence
    assert " of x0 are missing" in sentence
