"""The equations of segments, by every framework."""

import numpy as np
import pytest
from helpers.numpy_products import numpy_products

from regressors import fitting
from regressors.candidate import SEGMENT_KINDS, Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.linear.least_squares import solve

RNG = np.random.default_rng(20)
ROWS = 600
SHOP = np.array([f"s{i}" for i in range(12)], dtype=object)[RNG.integers(0, 12, ROWS)]
X, Z, NOISE = RNG.normal(size=(3, ROWS))
TARGET = X * RNG.normal(size=13)[RNG.integers(0, 12, ROWS)] + Z + NOISE
COLUMNS = {"shop": SHOP, "x": X, "z": np.where(SHOP == "s3", 1.5, Z)}


def job(framework, kind):
    return Job(
        dataset="shops",
        candidate=Candidate(framework, kind),
        columns=COLUMNS,
        target=TARGET,
        fold=1 + np.arange(ROWS) % 3,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
        segment=("shop",),
    )


@pytest.fixture(scope="module", params=SEGMENT_KINDS)
def fits(request, workers):
    started = {
        framework: workers.submit(framework, fitting.validate, job(framework, request.param))
        for framework in FRAMEWORK_NAMES
    }
    return request.param, {name: workers.result(future) for name, future in started.items()}


def test_every_framework_gives_the_same_equations(fits):
    kind, fitted = fits
    first, *others = fitted.values()
    for other in others:
        if kind == "segment_least_squares":
            assert other.segments.estimates.tobytes() == first.segments.estimates.tobytes()
            assert other.out_of_fold.tobytes() == first.out_of_fold.tobytes()
        np.testing.assert_allclose(
            other.segments.estimates, first.segments.estimates, rtol=1e-6, atol=1e-8
        )
        np.testing.assert_allclose(other.out_of_fold, first.out_of_fold, rtol=1e-6)
        assert other.model.predict(COLUMNS).shape == (ROWS,)


def test_own_lines_are_those_of_the_solver_of_a_line_of_all_rows(fits):
    kind, fitted = fits
    if kind != "segment_least_squares":
        pytest.skip("the others are no least squares")
    segments = fitted["theano"].segments
    for i, shop in enumerate(segments.names):
        rows = shop == SHOP
        kept = ["intercept", "x"] if shop == "s3" else ["intercept", "x", "z"]
        design = np.column_stack([np.ones(rows.sum()), X[rows], Z[rows]])[:, : len(kept)]
        solved = solve(design, TARGET[rows], kept, numpy_products)
        assert segments.estimates[i, : len(kept)].tolist() == solved.estimates.tolist()
        errors = [coefficient.standard_error for coefficient in solved.coefficients]
        np.testing.assert_allclose(segments.standard_errors[i, : len(kept)], errors, rtol=1e-13)


def test_refit_says_what_the_twin_says_of_the_same_rows(workers):
    made = job("torch", "segment_least_squares")
    seen = workers.result(workers.submit("torch", fitting.validate, made))
    again = workers.result(workers.submit("torch", fitting.refit, made))
    assert again.segments.estimates.tobytes() == seen.segments.estimates.tobytes()
    assert again.segments.t.tobytes() == seen.segments.t.tobytes()
