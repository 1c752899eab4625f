"""Standard errors by group and by time against statsmodels, and what they lead to."""

import numpy as np
import pytest
from helpers.numpy_products import numpy_products

from regressors.linear.least_squares import solve
from regressors.linear.related_rows import groups_warning, times_warning
from regressors.linear.sandwich import hac_lags

DIGITS = 1e-9
ROWS = 300
TERMS = ["intercept", "size", "x"]


def statsmodels():
    """Return statsmodels, which takes seconds to import and which other tests do not need."""
    import statsmodels.api as sm

    return sm


def problem(seed=1):
    """Return a design whose errors are alike in 25 groups of unequal size, and the groups."""
    rng = np.random.default_rng(seed)
    groups = np.minimum(rng.geometric(0.08, ROWS) - 1, 24)
    groups[:25] = np.arange(25)
    size = rng.normal(size=25)[groups]
    design = np.column_stack([np.ones(ROWS), size, rng.normal(size=ROWS) * 1e3])
    target = 50 + 2 * rng.normal(size=25)[groups] + rng.normal(size=ROWS)
    return design, target, groups


def errors(solved, kind):
    return [getattr(c, f"{kind}_standard_error") for c in solved.coefficients]


@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "weights"])
def test_errors_by_group_equal_statsmodels(weighted):
    design, target, groups = problem()
    weight = 0.5 + np.arange(ROWS) % 5 if weighted else np.ones(ROWS)
    solved = solve(design, target, TERMS, numpy_products, weight=weight, groups=groups)
    reference = statsmodels().WLS(target, design, weights=weight).fit()
    robust = reference.get_robustcov_results("cluster", groups=groups)
    np.testing.assert_allclose(errors(solved, "cluster"), robust.bse, rtol=DIGITS)
    np.testing.assert_allclose(errors(solved, "robust"), reference.HC3_se, rtol=DIGITS)
    assert errors(solved, "hac") == [None, None, None]
    (sentence,) = groups_warning(solved, "school", 25)
    assert f"{robust.bse[1]:.3g}, not {reference.bse[1]:.3g}" in sentence
    assert f"its p is {robust.pvalues[1]:.2g}, not {reference.pvalues[1]:.2g}" in sentence
    assert "by school the standard error of size" in sentence


@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "weights"])
def test_errors_by_time_equal_statsmodels_whatever_the_order_of_the_rows(weighted):
    rng = np.random.default_rng(2)
    steps = rng.normal(size=(3, ROWS)).cumsum(axis=1)
    design = np.column_stack([np.ones(ROWS), steps[:2].T])
    target = steps[2]
    weight = 0.5 + np.arange(ROWS) % 5 if weighted else np.ones(ROWS)
    times = np.sort(rng.uniform(0, 1e15, ROWS))
    mixed = rng.permutation(ROWS)
    solved = solve(
        design[mixed],
        target[mixed],
        TERMS,
        numpy_products,
        weight=weight[mixed],
        times=times[mixed],
    )
    reference = statsmodels().WLS(target, design, weights=weight).fit()
    assert hac_lags(ROWS) == 5
    robust = reference.get_robustcov_results("HAC", maxlags=5, use_correction=True)
    np.testing.assert_allclose(errors(solved, "hac"), robust.bse, rtol=DIGITS)
    assert errors(solved, "cluster") == [None, None, None]
    (sentence,) = times_warning(solved, "day")
    assert "in the order of day the standard error of" in sentence


def test_scores_of_one_time_are_summed_as_driscoll_and_kraay_do():
    design, target, _ = problem()
    times = np.repeat(np.arange(60.0), 5)
    solved = solve(design, target, TERMS, numpy_products, times=times)
    reference = statsmodels().OLS(target, design).fit()
    robust = reference.get_robustcov_results(
        "hac-groupsum", time=times.astype(int), maxlags=hac_lags(60), use_correction="hac"
    )
    np.testing.assert_allclose(errors(solved, "hac"), robust.bse, rtol=DIGITS)


def test_one_group_or_one_time_has_no_errors_by_it():
    design, target, _ = problem()
    same = np.zeros(ROWS)
    solved = solve(design, target, TERMS, numpy_products, groups=same.astype(int), times=same)
    assert errors(solved, "cluster") == errors(solved, "hac") == [None, None, None]
    assert groups_warning(solved, "school", 1) == ()


def test_means_of_the_groups_themselves_have_no_error_by_group():
    """Every group's residuals sum to zero then, so what would be computed is rounding."""
    _, target, groups = problem()
    means = (groups[:, None] == np.arange(25)).astype(float)
    solved = solve(
        means, target, [f"school[{i}]" for i in range(25)], numpy_products, groups=groups
    )
    assert errors(solved, "cluster") == [None] * 25
    assert all(c.standard_error > 0 for c in solved.coefficients)


def test_errors_that_are_no_larger_are_no_warning():
    design, target, _ = problem()
    alone = np.arange(ROWS)
    solved = solve(design, target, TERMS, numpy_products, groups=alone, times=alone * 1.0)
    assert groups_warning(solved, "school", ROWS) == ()
    assert times_warning(solved, "day") == ()


def test_few_groups_are_part_of_the_warning():
    design, target, groups = problem()
    solved = solve(design, target, TERMS, numpy_products, groups=groups)
    assert groups_warning(solved, "school", 25)[0].endswith(".")
    assert "with 8 groups even that may be too small" in groups_warning(solved, "school", 8)[0]


def test_terms_that_depend_on_each_other_leave_the_others_their_errors_by_group():
    design, target, groups = problem()
    solved = solve(
        np.column_stack([design, design[:, 1] * 2 + 5]),
        target,
        [*TERMS, "twice"],
        numpy_products,
        groups=groups,
    )
    without = solve(design, target, TERMS, numpy_products, groups=groups)
    assert solved.coefficients[2] == without.coefficients[2]
    assert errors(solved, "cluster")[1] is None
