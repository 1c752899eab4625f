"""Least squares in every framework: exact digits, and the same in each."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.exact import NIST_SETS, PROBLEMS, correct_digits, exact_solution

from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.linear.least_squares import solve

TRUST = (Path(__file__).parents[2] / "docs" / "trust.md").read_text()
TABLE = re.findall(r"^\| ([^|]+) \| \de.\d\d \| \S+ \| (.+) \|$", TRUST, flags=re.MULTILINE)


def solve_in(framework, problem, weight):
    return solve(
        problem.design,
        problem.target,
        problem.names,
        framework.row_products,
        weight=weight,
    )


def solutions(workers, problem, weight=None):
    jobs = [workers.submit(name, solve_in, problem, weight) for name in FRAMEWORK_NAMES]
    return [workers.result(job) for job in jobs]


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "weights"])
def test_every_framework_reaches_the_exact_digits(workers, name, weighted):
    problem = PROBLEMS[name]
    rows = len(problem.target)
    weight = np.random.default_rng(3).uniform(0.2, 5, rows) if weighted else None
    exact = exact_solution(problem.design, problem.target, weight)
    solved = solutions(workers, problem, weight)
    for solution in solved:
        assert correct_digits(solution.estimates, exact) >= 15
        assert solution.estimates.tolist() == solved[0].estimates.tolist()
        assert not solution.warnings


@pytest.mark.parametrize("name", NIST_SETS)
def test_certified_standard_errors_have_nine_digits_in_every_framework(workers, name):
    problem = PROBLEMS[name]
    certified = np.array(problem.certified["standard_errors"], float)
    zero = 1e-9 * np.abs(problem.target).max() * (certified == 0).all()
    for solved in solutions(workers, problem):
        errors = [coefficient.standard_error for coefficient in solved.coefficients]
        np.testing.assert_allclose(errors, certified, rtol=1e-9, atol=zero)
        sd = float(problem.certified["residual_sd"])
        assert solved.overall.residual_sd == pytest.approx(sd, rel=1e-9, abs=zero)


def test_every_framework_warns_of_a_hopeless_design(workers):
    design = 1 / (np.arange(17)[:, None] + np.arange(12) + 1.0)
    problem = PROBLEMS["norris"]
    hopeless = type(problem)(design, np.arange(17.0), [f"x{i}" for i in range(12)], {})
    for solved in solutions(workers, hopeless):
        assert solved.condition_number > 1e14
        assert "condition number" in solved.warnings[0]


def test_documented_digits_are_those_computed(workers):
    """The table has a column for each framework of the registry, or for the first few of them."""
    documented = {name: row.split(" | ") for name, row in TABLE}
    digits = {}
    for name, problem in PROBLEMS.items():
        exact = exact_solution(problem.design, problem.target)
        solved = solutions(workers, problem)[: len(documented[name])]
        digits[name] = [f"{correct_digits(solution.estimates, exact):.1f}" for solution in solved]
    assert digits == documented
