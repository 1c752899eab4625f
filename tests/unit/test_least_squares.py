"""Least squares against exact rational solutions, with NumPy's QR in place of a framework."""

import numpy as np
import pytest
import scipy.linalg
from helpers.exact import PROBLEMS, correct_digits, exact_solution
from helpers.numpy_products import numpy_products

from regressors.linear.least_squares import solve

RNG = np.random.default_rng(20240229)
LAST_DIGIT = 15.6
"""Half a unit in the last place of a double is 15.65 to 15.95 digits."""


def names(design):
    return [f"x{i}" for i in range(design.shape[1])]


@pytest.mark.parametrize("name", PROBLEMS)
def test_solution_is_the_exact_one_rounded(name):
    problem = PROBLEMS[name]
    solved = solve(problem.design, problem.target, problem.names, numpy_products)
    exact = exact_solution(problem.design, problem.target)
    assert correct_digits(solved.estimates, exact) > LAST_DIGIT
    assert not solved.warnings


@pytest.mark.parametrize("name", ["longley", "polynomial of degree 11", "Hilbert-like, 8 columns"])
def test_weighted_solution_is_the_exact_one_rounded(name):
    problem = PROBLEMS[name]
    weight = np.random.default_rng(1).uniform(0.1, 3, len(problem.target)) ** 3
    args = problem.design, problem.target
    solved = solve(*args, problem.names, numpy_products, weight=weight)
    assert correct_digits(solved.estimates, exact_solution(*args, weight)) > LAST_DIGIT


def test_weight_of_two_is_the_row_twice():
    design = np.column_stack([np.ones(20), RNG.normal(size=20)])
    target, weight = RNG.normal(size=20), np.repeat([1.0, 2.0], 10)
    twice = np.repeat(np.arange(20), weight.astype(int))
    weighted = solve(design, target, names(design), numpy_products, weight=weight)
    repeated = solve(design[twice], target[twice], names(design), numpy_products)
    np.testing.assert_allclose(weighted.estimates, repeated.estimates, rtol=1e-14)
    assert weighted.overall.r2 == pytest.approx(repeated.overall.r2, rel=1e-14)
    assert weighted.degrees_of_freedom == 18


def test_duplicate_columns_are_named_and_share_their_weight():
    design = np.column_stack([np.ones(40), RNG.normal(size=(40, 2))])
    design = np.column_stack([design, design[:, 1]])
    solved = solve(design, RNG.normal(size=40), ["one", "a", "b", "c"], numpy_products)
    assert solved.rank == 3
    assert "c depends on a:" in solved.warnings[0]
    assert solved.estimates[1] == pytest.approx(solved.estimates[3], rel=1e-12)
    assert [c.standard_error is None for c in solved.coefficients] == [False, True, False, True]


def test_one_hot_trap_names_every_column_of_it():
    level = np.arange(30) % 3
    design = np.column_stack([np.ones(30), level[:, None] == [0, 1, 2], RNG.normal(size=30)])
    solved = solve(design, RNG.normal(size=30), ["one", "a", "b", "c", "x"], numpy_products)
    assert "c depends on one, a, b:" in solved.warnings[0]
    assert [c.t is None for c in solved.coefficients] == [True, True, True, True, False]
    assert np.abs(solved.estimates).max() < 10


def test_column_of_zeros_is_named():
    design = np.column_stack([np.ones(9), np.zeros(9)])
    solved = solve(design, np.arange(9.0), ["one", "nothing"], numpy_products)
    assert "nothing is zero" in solved.warnings[0]
    assert solved.estimates.tolist() == pytest.approx([4, 0])


def test_coefficient_that_is_zero_is_zero_and_not_rounding():
    values = RNG.integers(-50, 50, (60, 4)) * np.array([1, 1e3, 1, 1e6])
    design = np.column_stack([np.ones(60), values])
    solved = solve(design, design @ [3, 2, 0, -7, 0], names(design), numpy_products)
    assert solved.estimates.tolist() == [3, 2, 0, -7, 0]


def test_more_columns_than_rows_fits_the_rows_with_a_warning():
    design, target = RNG.normal(size=(4, 7)), RNG.normal(size=4)
    solved = solve(design, target, names(design), numpy_products)
    assert "4 rows cannot distinguish 7 terms" in solved.warnings[0]
    np.testing.assert_allclose(design @ solved.estimates, target, atol=1e-12)
    norms = np.linalg.norm(design, axis=0)
    free = scipy.linalg.null_space(design / norms)
    assert free.shape == (7, 3)
    np.testing.assert_allclose(free.T @ (solved.estimates * norms), 0, atol=1e-12)


def test_hopeless_conditioning_has_a_warning():
    design = 1 / (np.arange(17)[:, None] + np.arange(12) + 1.0)
    solved = solve(design, RNG.normal(size=17), names(design), numpy_products)
    assert solved.condition_number > 1e14
    assert "condition number" in solved.warnings[0]


def test_inputs_are_left_as_they_were():
    design, target, weight = RNG.normal(size=(20, 3)), RNG.normal(size=20), RNG.uniform(1, 2, 20)
    before = design.copy(), target.copy(), weight.copy()
    solved = solve(design, target, names(design), numpy_products, weight=weight)
    assert solved.rows == 20
    for now, then in zip((design, target, weight), before, strict=True):
        assert np.array_equal(now, then)
