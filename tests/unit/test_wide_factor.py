"""Factors in double-double against those in fixed point."""

import numpy as np
import pytest
from helpers.numpy_products import numpy_products

from regressors.linear import wide_factor
from regressors.linear.factor import FixedFactor
from regressors.linear.least_squares import solve
from regressors.linear.rows import Rows
from regressors.linear.system import System
from regressors.linear.wide_factor import DEPENDENT, WideFactor, factored

COLUMNS = 24


def system(steepness, rows=60):
    """Return the system of columns that are the more alike, the smaller the steepness."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(rows, 1)) + steepness * rng.normal(size=(rows, COLUMNS - 1))
    x *= 10.0 ** rng.integers(-5, 5, COLUMNS - 1)
    design, target = np.column_stack([np.ones(rows), x]), rng.normal(size=rows)
    return System.of(Rows.of(design, target, None).gram(numpy_products))


@pytest.mark.parametrize("steepness", [1.0, 1e-4, 1e-7])
def test_both_kinds_of_factors_solve_to_the_same_bits(steepness):
    of = system(steepness)
    wide, fixed = WideFactor.of(of, COLUMNS), FixedFactor.of(of, range(COLUMNS), DEPENDENT)
    assert wide is not None
    seen, wanted = wide.solution(COLUMNS + 1), fixed.solution(COLUMNS + 1)
    assert seen.estimates.tolist() == wanted.estimates.tolist()
    assert float(seen.residual) == float(wanted.residual)
    assert wide.condition_number == pytest.approx(fixed.condition_number, rel=1e-10)
    size = np.abs(fixed.inverse_root).max(axis=0)
    np.testing.assert_allclose(wide.inverse_root / size, fixed.inverse_root / size, atol=1e-10)


def test_wider_systems_are_factored_in_double_where_that_is_enough(monkeypatch):
    monkeypatch.setattr(wide_factor, "MAX_WIDE", 10)
    fixed = FixedFactor.of(system(1.0), range(COLUMNS), DEPENDENT)
    plain = WideFactor.of(fixed.system, COLUMNS)
    assert not plain.inverse.low.any()
    estimates = [factor.solution(COLUMNS + 1).estimates.tolist() for factor in (plain, fixed)]
    assert estimates[0] == estimates[1]
    seen, wanted = (np.square(f.inverse_root).sum(axis=0) for f in (plain, fixed))
    np.testing.assert_allclose(seen, wanted, rtol=1e-9)
    steep = WideFactor.of(system(1e-6), COLUMNS)
    assert steep.inverse.low.any()


def test_columns_that_double_double_cannot_tell_apart_are_factored_in_fixed_point():
    rng = np.random.default_rng(8)
    design = rng.normal(size=(90, 45))
    design[:, 30] = design[:, 29] + 1e-11 * design[:, 30]
    terms = [f"x{i}" for i in range(45)]
    rows = Rows.of(design, rng.normal(size=90), None)
    assert isinstance(factored(System.of(rows.gram(numpy_products)), 45), FixedFactor)
    design[:, 30] = design[:, 28]
    solved = solve(design, rows.target, terms, numpy_products)
    assert "x30 depends on x28:" in solved.warnings[0]
    assert solved.rank == 44
