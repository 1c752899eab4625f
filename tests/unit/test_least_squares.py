"""Least squares against the exact rational solution of the doubles given, with NumPy's QR."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
import statsmodels.api as sm

from regressors.least_squares import solve


def numpy_solver(design):
    """Solve as a framework does, in plain double."""
    q, r = np.linalg.qr(design)

    def correction(f, g):
        z = scipy.linalg.solve_triangular(r, g, trans="T")
        h = q.T @ f - z
        return f - q @ h, scipy.linalg.solve_triangular(r, h)

    return correction


def exact_solution(design, target):
    """Solve the normal equations in rational arithmetic, Gauss and Jordan."""
    a = [[Fraction(float(v)) for v in row] for row in design]
    b = [Fraction(float(v)) for v in target]
    p = len(a[0])
    m = [
        [sum(row[i] * row[j] for row in a) for j in range(p)]
        + [sum(row[i] * y for row, y in zip(a, b, strict=True))]
        for i in range(p)
    ]
    for i in range(p):
        pivot = max(range(i, p), key=lambda k: abs(m[k][i]))
        m[i], m[pivot] = m[pivot], m[i]
        for k in range(p):
            if k != i and m[k][i]:
                factor = m[k][i] / m[i][i]
                m[k] = [x - factor * y for x, y in zip(m[k], m[i], strict=True)]
    return [m[i][p] / m[i][i] for i in range(p)]


def relative_errors(estimates, exact):
    return [abs(float((Fraction(float(e)) - x) / x)) for e, x in zip(estimates, exact, strict=True)]


def names(design):
    return [f"x{i}" for i in range(design.shape[1])]


RNG = np.random.default_rng(20240229)
GRID = np.linspace(0, 1, 30)
DESIGNS = {
    "polynomial of degree 4": GRID[:, None] ** np.arange(5),
    "polynomial of degree 11": GRID[:, None] ** np.arange(12),
    "Hilbert-like, 8 columns": 1 / (np.arange(12)[:, None] + np.arange(8) + 1.0),
    "Hilbert-like, 11 columns": 1 / (np.arange(16)[:, None] + np.arange(11) + 1.0),
    "scales that differ by 1e12": RNG.normal(size=(40, 4)) * np.array([1e-6, 1, 1e3, 1e6]),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_solution_is_the_exact_one_rounded(name):
    design = DESIGNS[name]
    target = RNG.normal(size=len(design))
    solved = solve(design, target, names(design), numpy_solver)
    assert max(relative_errors(solved.estimates, exact_solution(design, target))) < 2.3e-16
    assert not solved.warnings


def test_target_far_from_zero_loses_no_digit():
    design = np.column_stack([np.ones(40), RNG.normal(size=(40, 3))])
    target = 1e9 + RNG.normal(size=40)
    solved = solve(design, target, names(design), numpy_solver)
    assert max(relative_errors(solved.estimates, exact_solution(design, target))) < 2.3e-16


def test_inference_equals_statsmodels():
    design = np.column_stack([np.ones(60), RNG.normal(size=(60, 3)) * [1, 100, 1e-3]])
    target = design @ [1, 2, 0.03, 400] + RNG.normal(size=60)
    solved = solve(design, target, names(design), numpy_solver)
    reference = sm.OLS(target, design).fit()
    found = np.array(
        [[t.estimate, t.standard_error, t.t, t.p, t.low, t.high] for t in solved.terms]
    )
    conf_int = reference.conf_int()
    expected = np.column_stack(
        [reference.params, reference.bse, reference.tvalues, reference.pvalues, *conf_int.T]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert solved.r2 == pytest.approx(reference.rsquared, rel=1e-12)
    assert solved.residual_sd == pytest.approx(np.sqrt(reference.scale), rel=1e-12)


def test_duplicate_column_is_named_and_its_weight_is_shared():
    design = np.column_stack([np.ones(40), RNG.normal(size=(40, 2))])
    design = np.column_stack([design, design[:, 1]])
    solved = solve(design, RNG.normal(size=40), ["one", "a", "b", "a again"], numpy_solver)
    assert solved.rank == 3
    assert "a" in solved.warnings[0]
    estimates = solved.estimates
    assert estimates[1] == pytest.approx(estimates[3], rel=1e-12)
    assert all(term.standard_error is None for term in solved.terms)


def test_more_columns_than_rows_is_said_and_fits_the_rows():
    design, target = RNG.normal(size=(4, 7)), RNG.normal(size=4)
    solved = solve(design, target, names(design), numpy_solver)
    assert "4 rows cannot tell 7 terms apart" in solved.warnings[0]
    np.testing.assert_allclose(design @ solved.estimates, target, atol=1e-12)


def test_hopeless_conditioning_is_said():
    design = 1 / (np.arange(17)[:, None] + np.arange(12) + 1.0)
    solved = solve(design, RNG.normal(size=17), names(design), numpy_solver)
    assert solved.condition_number > 1e14
    assert "condition number" in solved.warnings[0]


def test_exact_fit_has_no_t_and_no_p():
    design = np.column_stack([np.ones(10), np.arange(10.0)])
    solved = solve(design, design @ [1.0, 2.0], ["one", "x"], numpy_solver)
    assert solved.estimates.tolist() == [1.0, 2.0]
    assert [(term.t, term.p) for term in solved.terms] == [(None, None), (None, None)]


def test_inputs_are_left_as_they_were():
    design, target = RNG.normal(size=(20, 3)), RNG.normal(size=20)
    before = design.copy(), target.copy()
    solved = solve(design, target, names(design), numpy_solver)
    assert solved.rows == 20
    assert np.array_equal(design, before[0])
    assert np.array_equal(target, before[1])
