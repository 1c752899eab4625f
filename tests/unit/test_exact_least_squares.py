"""What only an exact Gram matrix gives: the same bits in any order, whatever the conditioning."""

import numpy as np
import pytest
from helpers.exact import PROBLEMS, STEEP_PROBLEMS, exact_solution
from helpers.numpy_products import numpy_products
from hypothesis import given, settings
from hypothesis import strategies as st

from regressors.linear.gram_sums import gram_of
from regressors.linear.least_squares import solve, solve_rows
from regressors.linear.rows import Rows

CLASSICAL = ("estimate", "standard_error", "t", "p", "low", "high")


def names(design):
    return [f"x{i}" for i in range(design.shape[1])]


def fit(design, target, weight=None):
    return solve(design, target, names(design), numpy_products, weight=weight)


def rounded(design, target, weight=None):
    return [float(value) for value in exact_solution(design, target, weight)]


def classical(solved):
    """Return every figure that comes from the Gram matrix alone."""
    of_terms = [[getattr(c, field) for field in CLASSICAL] for c in solved.coefficients]
    return of_terms, solved.overall, solved.condition_number, solved.rank, solved.warnings


def wide_table(seed, rows=50):
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.integers(-9, 9, 4)
    design = np.column_stack([np.ones(rows), rng.normal(size=(rows, 4)) * scales])
    target = design @ (rng.normal(size=5) / np.append(1, scales)) + rng.normal(size=rows)
    return design, target, rng.uniform(0.1, 3, rows)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "weights"])
def test_every_coefficient_is_the_double_that_is_closest_to_the_exact_one(name, weighted):
    problem = PROBLEMS[name]
    weight = np.random.default_rng(3).uniform(0.2, 5, len(problem.target)) if weighted else None
    args = problem.design, problem.target, weight
    assert fit(*args).estimates.tolist() == rounded(*args)


@pytest.mark.parametrize("name", STEEP_PROBLEMS)
def test_condition_numbers_up_to_1e15_cost_no_digit_but_have_a_warning(name):
    problem = STEEP_PROBLEMS[name]
    solved = fit(problem.design, problem.target)
    assert 1e14 < solved.condition_number < 1.2e15
    assert solved.estimates.tolist() == rounded(problem.design, problem.target)
    assert "close to having no unique solution" in solved.warnings[0]


@given(seed=st.integers(0, 10**6), weighted=st.booleans())
@settings(max_examples=20, deadline=None)
def test_order_of_rows_changes_no_bit(seed, weighted):
    design, target, weight = wide_table(seed)
    mixed = np.random.default_rng(seed + 1).permutation(len(target))
    plain = fit(design, target, weight if weighted else None)
    other = fit(design[mixed], target[mixed], weight[mixed] if weighted else None)
    assert classical(other) == classical(plain)
    seen, wanted = ([c.robust_standard_error for c in s.coefficients] for s in (other, plain))
    np.testing.assert_allclose(seen, wanted, rtol=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("rows", [80, 6], ids=["nearly dependent", "too few rows"])
def test_order_of_rows_changes_no_bit_of_a_solution_of_minimum_norm(rows, intercept):
    rng = np.random.default_rng(5)
    x = 1000 + rng.random(rows)
    design = x[:, None] ** np.arange(0 if intercept else 1, 10)
    target, weight = np.sin(x * 7), rng.uniform(0.1, 3, rows)
    mixed = rng.permutation(rows)
    plain, other = fit(design, target, weight), fit(design[mixed], target[mixed], weight[mixed])
    assert "those of minimum norm" in plain.warnings[0]
    assert classical(other) == classical(plain)


@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(0, 50), max_size=5))
@settings(max_examples=20, deadline=None)
def test_parts_in_which_rows_come_change_no_bit(seed, cuts):
    design, target, weight = wide_table(seed)
    matrix = np.column_stack([design, np.ones(50), target])
    parts = np.split(np.arange(50), sorted(cuts))
    gram = gram_of([(matrix[rows], weight[rows]) for rows in parts], 7, numpy_products)
    solved = solve_rows(Rows.of(design, target, weight), gram, names(design))
    assert solved == fit(design, target, weight)


def test_columns_that_differ_in_one_row_by_a_trillionth_are_told_apart():
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    again = x.copy()
    again[7] += 1e-12
    design, target = np.column_stack([np.ones(40), x, again]), rng.normal(size=40)
    solved = fit(design, target)
    assert solved.rank == 3
    assert 1e12 < solved.condition_number < 1e14
    assert solved.estimates.tolist() == rounded(design, target)
    assert not solved.warnings


def test_columns_that_are_equal_but_for_rounding_depend_on_each_other():
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    design = np.column_stack([np.ones(40), x, x * 1.1 / 1.1])
    assert (design[:, 1] != design[:, 2]).any()
    solved = fit(design, rng.normal(size=40))
    assert "x2 depends on x1:" in solved.warnings[0]
    assert 1e15 < solved.condition_number < np.inf


def test_exact_dependence_is_named_beside_a_polynomial_that_is_nearly_dependent():
    problem = PROBLEMS["polynomial of degree 12, 1 to 2"]
    x = np.random.default_rng(2).integers(-99, 99, 30).astype(float)
    design = np.column_stack([problem.design, x, x + 1024 * problem.design[:, 0]])
    solved = solve(design, problem.target, [*problem.names, "x", "moved"], numpy_products)
    independent = fit(design[:, :-1], problem.target)
    assert solved.rank == 14
    assert "moved depends on x0, x:" in solved.warnings[0]
    assert solved.condition_number > 1e15
    assert solved.without_aliases[1].estimate == independent.coefficients[1].estimate
    assert solved.coefficients[1] == independent.coefficients[1]


@pytest.mark.parametrize("size", [1e-300, 5e-324, 1e-160, 1e150, 1e300])
@pytest.mark.parametrize("part", ["column", "target"])
@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "weights"])
def test_values_of_any_size_are_fitted_exactly(size, part, weighted):
    rng = np.random.default_rng(4)
    steps = np.round(rng.normal(size=30) * 2**20)
    x = steps * size if size < 1e-300 else rng.normal(size=30) * size
    design = np.column_stack([np.ones(30), x if part == "column" else rng.normal(size=30)])
    target = rng.normal(size=30) if part == "column" else x
    weight = 10.0 ** rng.uniform(-200, 100, 30) if weighted else None
    solved = fit(design, target, weight)
    with np.errstate(over="ignore"):
        exact = exact_solution(design, target, weight)
    for seen, wanted in zip(solved.estimates.tolist(), exact, strict=True):
        assert seen == (float(wanted) if abs(wanted) < 2**1024 else np.inf * np.sign(wanted))


def test_values_of_very_different_sizes_in_one_column_are_fitted_exactly():
    rng = np.random.default_rng(5)
    design = rng.normal(size=(20, 3)) * 10.0 ** rng.integers(-250, 250, (20, 3))
    target = rng.normal(size=20) * 10.0 ** rng.integers(-10, 10, 20)
    assert fit(design, target).estimates.tolist() == rounded(design, target)


def test_coefficient_half_way_between_two_doubles_is_rounded_to_even():
    ones = np.ones((2, 1))
    assert fit(ones, np.array([1.0, 1 + 2.0**-52])).estimates.tolist() == [1.0]
    assert fit(ones, np.array([1 + 2.0**-52, 1 + 2.0**-51])).estimates.tolist() == [1 + 2.0**-51]


def test_coefficient_that_is_zero_beside_one_that_no_double_holds_is_zero():
    design = np.column_stack([np.tile([3.0, 3, 3, 3], 3), np.tile([1.0, -1, 1, -1], 3)])
    assert fit(design, np.ones(12)).estimates.tolist() == [1 / 3, 0]


def test_level_of_the_target_costs_no_digit_of_r2_f_and_errors():
    rng = np.random.default_rng(6)
    design = np.column_stack([np.ones(60), rng.normal(size=(60, 3))])
    around_zero = np.round(rng.normal(size=60) * 2**20) / 2**20
    low, high = fit(design, around_zero), fit(design, around_zero + 2.0**30)
    assert high.overall == low.overall
    for field in ("standard_error", "robust_standard_error"):
        seen, wanted = ([getattr(c, field) for c in s.coefficients] for s in (high, low))
        np.testing.assert_allclose(seen, wanted, rtol=1e-9)


def test_constant_target_has_no_r2_and_is_fitted_exactly():
    rng = np.random.default_rng(7)
    design = np.column_stack([np.ones(30), rng.normal(size=(30, 2)) + 1e6])
    solved = fit(design, np.full(30, 7.3), rng.uniform(0.1, 3, 30))
    assert solved.estimates.tolist() == [7.3, 0, 0]
    assert (solved.overall.residual_sd, solved.overall.r2) == (0, None)
    assert "the fit is exact" in solved.notes[0]


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_columns_of_zeros_explain_nothing(columns):
    solved = fit(np.zeros((3, columns)), np.array([1.0, 2, 2]))
    assert solved.rank == 0
    assert solved.overall.f is None
    assert solved.overall.r2 == pytest.approx(0, abs=1e-15)
    assert "zero in every row" in solved.warnings[0]


def test_no_rows_have_no_fit_and_no_error():
    solved = fit(np.zeros((0, 2)), np.zeros(0))
    assert solved.rank == 0
    assert solved.estimates.tolist() == [0, 0]
