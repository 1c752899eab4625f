"""Columns that depend on one another: what keeps its inference, and what the rest is."""

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from hypothesis import given, settings
from hypothesis import strategies as st

from regressors.linear.least_squares import solve

FIELDS = ("estimate", "standard_error", "robust_standard_error", "t", "p", "low", "high")


def figures(coefficient):
    return [getattr(coefficient, field) for field in FIELDS]


def dummies(levels):
    return (levels[:, None] == np.unique(levels)[1:]).astype(float)


def planted(seed, kind, rows=60):
    """Return a design of full rank, the columns that depend on it, and which terms stay estimable.

    Estimable is what the planted dependences leave alone, by position in the whole design.
    """
    rng = np.random.default_rng(seed)
    free = np.column_stack([np.ones(rows), rng.normal(size=(rows, 2)) * [1e3, 1e-3]])
    x = 15 + 8 * rng.normal(size=rows)
    if kind == "duplicate":
        return np.column_stack([free, x]), x[:, None], {0, 1, 2}
    if kind == "shifted copy":
        return np.column_stack([free, x]), x[:, None] - 2000, {1, 2}
    if kind == "dummy trap":
        levels = np.arange(rows) % 4
        trap = (levels[:, None] == np.arange(4)).astype(float)
        return np.column_stack([free, trap[:, 1:]]), trap[:, :1], {1, 2}
    city = rng.integers(0, 6, rows)
    city[:6] = np.arange(6)
    return np.column_stack([free, dummies(city)]), dummies(city // 2), {0, 1, 2, 3}


KINDS = ["duplicate", "shifted copy", "dummy trap", "city within country"]


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS), weighted=st.booleans())
@settings(max_examples=40, deadline=None)
def test_estimable_terms_have_the_inference_of_an_independent_subset(seed, kind, weighted):
    independent, others, estimable = planted(seed, kind)
    rng = np.random.default_rng(seed + 1)
    target = independent @ rng.normal(size=independent.shape[1]) + rng.normal(size=60)
    weight = rng.uniform(0.5, 2, 60) if weighted else None
    whole = np.column_stack([independent, others])
    terms = [f"x{i}" for i in range(whole.shape[1])]
    solved = solve(whole, target, terms, numpy_products, weight=weight)
    subset = terms[: independent.shape[1]]
    reference = solve(independent, target, subset, numpy_products, weight=weight)

    inferred = {i for i, c in enumerate(solved.coefficients) if c.standard_error is not None}
    assert inferred == estimable
    for i in estimable:
        seen, wanted = figures(solved.coefficients[i]), figures(reference.coefficients[i])
        np.testing.assert_allclose(seen, wanted, rtol=1e-12)
    assert solved.rank == reference.rank
    assert solved.overall == reference.overall
    assert solved.without_aliases == reference.coefficients
    np.testing.assert_allclose(
        whole @ solved.estimates, independent @ reference.estimates, rtol=1e-9, atol=1e-9
    )


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS))
@settings(max_examples=40, deadline=None)
def test_predictions_of_any_row_do_not_depend_on_the_order_of_the_columns(seed, kind):
    independent, others, _ = planted(seed, kind)
    whole = np.column_stack([independent, others])
    rng = np.random.default_rng(seed + 1)
    target = independent @ rng.normal(size=independent.shape[1]) + rng.normal(size=60)
    order = np.append(0, 1 + rng.permutation(whole.shape[1] - 1))
    terms = [f"x{i}" for i in range(whole.shape[1])]
    one = solve(whole, target, terms, numpy_products)
    other = solve(whole[:, order], target, [terms[i] for i in order], numpy_products)
    by_term = {c.term: c.estimate for c in other.coefficients}
    size = np.abs(one.estimates * np.linalg.norm(whole, axis=0)).max()
    apart = one.estimates - [by_term[term] for term in terms]
    assert np.abs(apart * np.linalg.norm(whole, axis=0)).max() < 1e-9 * size


def test_intercept_is_outside_the_norm():
    """Two artists with one medium each: what distinguishes them is shared, their level is not."""
    rng = np.random.default_rng(5)
    artist, medium, x = rng.integers(0, 4, 240), rng.integers(0, 2, 240), rng.normal(size=240)
    medium[artist == 0] = 2
    design = np.column_stack([np.ones(240), dummies(artist), dummies(medium), x])
    year = 2000 + np.array([0, 3, -4, 1])[artist] + 2 * x + 0.1 * rng.normal(size=240)
    solved = solve(design, year, ["intercept", *"BCD", *"mn", "x"], numpy_products)
    unseen = np.array([[1, 0, 0, 0, 0, 0, 0.0], [1, 1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 1, 0]])
    np.testing.assert_allclose(unseen @ solved.estimates, [2000, 2003, 2000], atol=0.5)
    means = design.mean(axis=0)
    moved = design[:, 1:] - means[1:]
    scale = np.linalg.norm(moved, axis=0)
    slopes = np.linalg.lstsq(moved / scale, year - year.mean(), rcond=1e-10)[0] / scale
    np.testing.assert_allclose(solved.estimates[1:], slopes, rtol=1e-9)
    assert solved.estimates[0] == pytest.approx(year.mean() - means[1:] @ slopes, rel=1e-12)


def test_fewer_rows_than_terms_keep_the_level_of_the_target_in_the_intercept():
    rng = np.random.default_rng(6)
    design = np.column_stack([np.ones(5), rng.normal(size=(5, 8))])
    target = 2000 + rng.normal(size=5)
    solved = solve(design, target, [f"x{i}" for i in range(9)], numpy_products)
    assert np.abs(solved.estimates[1:]).max() < 10
    np.testing.assert_allclose(design @ solved.estimates, target, rtol=1e-12)


def test_few_different_rows_have_f_on_the_rank_where_some_repeat():
    rng = np.random.default_rng(6)
    design = np.repeat(np.column_stack([np.ones(8), rng.normal(size=(8, 20))]), 2, axis=0)
    solved = solve(design, rng.normal(size=16), [f"x{i}" for i in range(21)], numpy_products)
    assert (solved.rank, solved.degrees_of_freedom) == (8, 8)
    assert solved.overall.f > 0
    assert solved.overall.adjusted_r2 < solved.overall.r2 < 1


def test_second_constant_column_depends_on_the_intercept_and_is_zero():
    design = np.column_stack([np.ones(9), np.full(9, 3.0), np.arange(9.0)])
    target = 1 + np.arange(9.0) + np.cos(np.arange(9))
    solved = solve(design, target, ["one", "three", "x"], numpy_products)
    assert "three depends on one:" in solved.warnings[0]
    assert solved.estimates[1] == 0
    assert [c.t is None for c in solved.coefficients] == [True, True, False]


def test_without_an_intercept_what_depends_shares_by_plain_minimum_norm():
    rng = np.random.default_rng(7)
    x, z = rng.normal(size=(2, 30))
    design = np.column_stack([x, 3 * x, z])
    target = 2 * x + z + 0.1 * rng.normal(size=30)
    solved = solve(design, target, ["x", "three x", "z"], numpy_products)
    alone = solve(design[:, [0, 2]], target, ["x", "z"], numpy_products)
    assert solved.estimates[0] == pytest.approx(alone.estimates[0] / 2, rel=1e-12)
    assert solved.estimates[1] == pytest.approx(alone.estimates[0] / 6, rel=1e-12)
    assert solved.coefficients[2] == alone.coefficients[1]


def test_shifted_copy_far_from_zero_is_found():
    rng = np.random.default_rng(8)
    time = 1.7e9 + np.arange(200.0) * 60
    x = rng.normal(size=200)
    design = np.column_stack([np.ones(200), time, time + 3600, x])
    target = 1e-6 * (time - 1.7e9) + x + 0.1 * rng.normal(size=200)
    solved = solve(design, target, ["one", "time", "later", "x"], numpy_products)
    assert "later depends on one, time:" in solved.warnings[0]
    wanted = solve(design[:, [0, 1, 3]], target, ["one", "time", "x"], numpy_products)
    assert solved.coefficients[3] == wanted.coefficients[2]
    np.testing.assert_allclose(
        design @ solved.estimates, design[:, [0, 1, 3]] @ wanted.estimates, atol=1e-6
    )


def test_columns_too_close_to_depending_have_the_solution_of_minimum_norm_and_a_warning():
    powers = np.linspace(0, 1, 60)[:, None] ** np.arange(40)
    target = np.sin(7 * np.arange(60.0))
    solved = solve(powers, target, [f"x{i}" for i in range(40)], numpy_products)
    assert "scaled condition number is" in solved.warnings[0]
    assert np.abs(target - powers @ solved.estimates).max() < 2
    assert all(c.standard_error is None for c in solved.coefficients)


def test_duplicate_beside_a_steep_polynomial_blanks_only_itself():
    powers = np.linspace(0, 1, 60)[:, None] ** np.arange(9)
    rng = np.random.default_rng(9)
    x = rng.normal(size=60)
    target = np.sin(7 * np.arange(60.0))
    terms = [*(f"t^{i}" for i in range(9)), "x", "again"]
    solved = solve(np.column_stack([powers, x, x]), target, terms, numpy_products)
    wanted = solve(np.column_stack([powers, x]), target, terms[:-1], numpy_products)
    assert solved.coefficients[:9] == wanted.coefficients[:9]
    assert {c.t for c in solved.coefficients[9:]} == {None}


def test_unseen_combination_is_predicted_better_than_without_the_aliases_or_by_the_mean():
    rng = np.random.default_rng(18)
    kinds = ("all rows", "aliases left out", "mean")
    squares: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(40):
        block, of_medium = rng.permutation(6) < 3, rng.permutation(6) < 3
        artist = rng.integers(0, 6, 200)
        medium = np.array([rng.choice(np.flatnonzero(of_medium == block[a])) for a in artist])
        effects = rng.normal(size=(2, 6))
        target = 100 + effects[0][artist] + effects[1][medium] + 0.3 * rng.normal(size=200)
        terms = ["intercept", *(f"a{i}" for i in range(1, 6)), *(f"m{i}" for i in range(1, 6))]
        solved = solve(two_categories(artist, medium), target, terms, numpy_products)
        left_out = {c.term: c.estimate for c in solved.without_aliases}
        pairs = [(a, m) for a in range(6) for m in range(6) if block[a] != of_medium[m]]
        unseen = np.array(pairs).T
        truth = 100 + effects[0][unseen[0]] + effects[1][unseen[1]]
        design = two_categories(*unseen)
        predicted = (
            design @ solved.estimates,
            design @ [left_out.get(term, 0.0) for term in terms],
            np.full(len(truth), target.mean()),
        )
        for kind, values in zip(kinds, predicted, strict=True):
            squares[kind].append(np.square(values - truth).mean())
    rmse = {kind: np.sqrt(np.mean(values)) for kind, values in squares.items()}
    assert rmse["all rows"] < 0.9 * rmse["aliases left out"]
    assert rmse["all rows"] < 0.9 * rmse["mean"]


def two_categories(artist, medium):
    levels = np.arange(1, 6)
    return np.column_stack(
        [np.ones(len(artist)), artist[:, None] == levels, medium[:, None] == levels]
    ).astype(float)
