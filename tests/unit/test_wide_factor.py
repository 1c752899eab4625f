"""Factors by products of matrices against those of Python's integers."""

import numpy as np
import pytest
from helpers.numpy_products import numpy_products

from regressors.linear import gram, gram_sums, wide_factor
from regressors.linear.digits import digits_of, product
from regressors.linear.factor import FixedFactor
from regressors.linear.least_squares import solve
from regressors.linear.rows import Rows
from regressors.linear.system import DigitSystem, System
from regressors.linear.wide_factor import DEPENDENT, PlainFactor, WideFactor, factored, precise

COLUMNS = 24


@pytest.fixture(autouse=True)
def _small_panels(monkeypatch):
    monkeypatch.setattr(wide_factor, "PANEL", 7)
    monkeypatch.setattr(wide_factor, "STRIP", 9)


@pytest.fixture(params=["integers", "digits"])
def system_of(request, monkeypatch):
    """Return what makes systems of integers, as those of few columns are, or of digits."""
    for module in (gram, gram_sums):
        monkeypatch.setattr(module, "MIN_WIDE", 1 if request.param == "digits" else 1000)

    def system(design, target):
        of = System.of(Rows.of(design, target, None).gram(numpy_products))
        assert isinstance(of, DigitSystem) == (request.param == "digits")
        return of

    return system


def steep_design(steepness, rows=60):
    """Return columns that are the more alike, the smaller the steepness."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(rows, 1)) + steepness * rng.normal(size=(rows, COLUMNS - 1))
    x *= 10.0 ** rng.integers(-5, 5, COLUMNS - 1)
    return np.column_stack([np.ones(rows), x]), rng.normal(size=rows)


def same(wide, fixed, target):
    """Assert that two factors are the same, but for the rounding of doubles."""
    assert wide.kept.tolist() == fixed.kept.tolist()
    seen, wanted = wide.solution(target), fixed.solution(target)
    assert seen.estimates.tolist() == wanted.estimates.tolist()
    assert float(seen.residual) == float(wanted.residual)
    assert wide.condition_number == pytest.approx(fixed.condition_number, rel=1e-12)
    assert wide.least_left == pytest.approx(fixed.least_left, rel=1e-12)
    size = np.abs(fixed.inverse_root).max(axis=0)
    np.testing.assert_allclose(wide.inverse_root / size, fixed.inverse_root / size, atol=1e-14)
    (pair, ones), (other, roots) = wide.inverse_pair(), fixed.inverse_pair()
    seen, wanted = ((each.high + each.low) / size for each in (pair, other))
    np.testing.assert_allclose(seen / ones[:, None], wanted / roots[:, None], atol=1e-14)


@pytest.mark.parametrize("steepness", [1.0, 1e-4, 1e-8, 1e-13])
def test_both_kinds_of_factors_solve_to_the_same_bits(steepness, system_of):
    of = system_of(*steep_design(steepness))
    wide, fixed = (kind.of(of, range(COLUMNS), DEPENDENT) for kind in (WideFactor, FixedFactor))
    same(wide, fixed, COLUMNS + 1)
    size = np.abs(fixed.triangle).max()
    np.testing.assert_allclose(wide.triangle, fixed.triangle, atol=1e-14 * size)


@pytest.mark.parametrize("steepness", [1.0, 1e-6, 1e-11])
def test_both_kinds_of_factors_leave_out_the_same_columns(steepness, system_of):
    design, target = steep_design(steepness)
    design[:, 5] = 0
    design[:, 9] = design[:, 3] * 4 - design[:, 2]
    design[:, 21] = design[:, 20]
    of = system_of(design, target)
    wide, fixed = (kind.of(of, range(COLUMNS), DEPENDENT) for kind in (WideFactor, FixedFactor))
    assert set(range(COLUMNS)) - set(wide.kept.tolist()) >= {5, 21}
    same(wide, fixed, COLUMNS + 1)
    others = np.setdiff1d(np.arange(COLUMNS), fixed.kept)
    shares = fixed.shares(others)
    np.testing.assert_allclose(wide.shares(others), shares, atol=1e-15 * np.abs(shares).max())
    assert wide.shares(others)[:, -1] == pytest.approx(np.eye(len(fixed.kept))[wide.kept == 20][0])


def test_columns_that_nearly_depend_on_others_are_left_out_at_the_same_tolerance(system_of):
    design, target = steep_design(1.0)
    design[:, 9] = design[:, 3] * (1 + 1e-12 * np.random.default_rng(1).normal(size=60))
    of = system_of(design, target)
    for tolerance in (1e-15, 1e-8):
        wide, fixed = (kind.of(of, range(COLUMNS), tolerance) for kind in (WideFactor, FixedFactor))
        assert (9 in wide.kept) == (tolerance == 1e-15)
        same(wide, fixed, COLUMNS + 1)


def test_digits_are_added_until_the_factors_are_right(monkeypatch, system_of):
    of = system_of(*steep_design(1e-8))
    fixed = FixedFactor.of(of, range(COLUMNS), DEPENDENT)
    for lost in (0.55, 10):  # seen at a pivot, or at the end
        monkeypatch.setattr(wide_factor, "MAX_LOST", lost)
        monkeypatch.setattr(wide_factor, "LAST_DIGITS", (4, 5, 9))
        wide = WideFactor.of(of, range(COLUMNS), DEPENDENT)
        assert wide.inverse.last == 9
        same(wide, fixed, COLUMNS + 1)


def test_an_exact_dependence_is_not_decided_with_few_digits(system_of):
    design, target = steep_design(1.0)
    design[:, 20] = design[:, 19]
    factor = WideFactor.of(system_of(design, target), range(COLUMNS), DEPENDENT)
    assert factor.inverse.last == 15
    assert 20 not in factor.kept


def test_wider_systems_are_factored_in_double_where_that_is_enough(monkeypatch, system_of):
    monkeypatch.setattr(wide_factor, "MAX_PRECISE", 10)
    of = system_of(*steep_design(1.0))
    fixed = FixedFactor.of(of, range(COLUMNS), DEPENDENT)
    plain = factored(of, COLUMNS)
    assert isinstance(plain, PlainFactor)
    estimates = [factor.solution(COLUMNS + 1).estimates.tolist() for factor in (plain, fixed)]
    assert estimates[0] == estimates[1]
    seen, wanted = (np.square(f.inverse_root).sum(axis=0) for f in (plain, fixed))
    np.testing.assert_allclose(seen, wanted, rtol=1e-9)
    assert plain.least_left == pytest.approx(fixed.least_left, rel=1e-10)
    steep = system_of(*steep_design(1e-6))
    assert not isinstance(factored(steep, COLUMNS), PlainFactor)


def test_wide_fits_name_the_columns_at_fault(system_of):
    rng = np.random.default_rng(8)
    columns = wide_factor.MIN_COLUMNS + 5
    design = rng.normal(size=(columns + 40, columns))
    design[:, 30] = design[:, 28]
    terms = [f"x{i}" for i in range(columns)]
    solved = solve(design, rng.normal(size=len(design)), terms, numpy_products)
    assert "x30 depends on x28:" in solved.warnings[0]
    assert solved.rank == columns - 1
    assert isinstance(precise(system_of(design, design[:, 0]), range(columns)), WideFactor)


@pytest.mark.parametrize("inner", [1, 30, 700])
def test_products_of_digits_are_those_of_integers(inner):
    rng = np.random.default_rng(inner)

    def numbers(*shape):
        # Also the largest digits there are, of one sign, whose sums are the largest.
        digit = rng.choice([2**21, -(2**21) + 1, 3, 0], size=(*shape, 12), p=[0.7, 0.1, 0.1, 0.1])
        return (digit.astype(object) * [2 ** (22 * i) for i in range(12)]).sum(axis=-1)

    left, right = numbers(3, inner), numbers(inner, 2)
    seen = product(digits_of(left, 88, 8), digits_of(right, 110, 8), 20).integers(20)
    assert (seen == (left @ right) << 22 * 20 - 198).all()


def test_an_exact_fit_of_many_columns_leaves_nothing_though_its_solution_has_no_last_digit(
    system_of,
):
    """The last bits of such a solution are not certain, and must not look like residuals."""
    rng = np.random.default_rng(0)
    columns = 60
    design = rng.integers(-4, 5, size=(80, columns)).astype(float)
    slopes = rng.integers(-3, 4, size=columns) * (np.arange(columns) % 2.0)
    target = design @ slopes
    design[:, 1::2] *= 3
    solution = factored(system_of(design, target), columns).solution(columns + 1)
    assert not solution.exact
    assert solution.residual == 0
    assert solution.estimates.tolist() == (slopes / 3).tolist()
