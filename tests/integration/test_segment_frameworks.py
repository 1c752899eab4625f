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


@pytest.fixture(scope="module")
def fitted(workers):
    started = {
        (framework, kind): workers.submit(framework, fitting.validate, job(framework, kind))
        for kind in SEGMENT_KINDS
        for framework in FRAMEWORK_NAMES
    }
    return {candidate: workers.result(future) for candidate, future in started.items()}


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
def test_every_framework_gives_the_same_equations(fitted, kind):
    first, *others = (fitted[framework, kind] for framework in FRAMEWORK_NAMES)
    for other in others:
        if kind == "segment_least_squares":
            inference = ("standard_errors", "robust_standard_errors", "t", "p_values")
            for name in ("estimates", *inference, "residual_sd", "r2"):
                own, same = getattr(other.segments, name), getattr(first.segments, name)
                assert own.tobytes() == same.tobytes(), name
            assert other.out_of_fold.tobytes() == first.out_of_fold.tobytes()
        seen, expected = other.segments.estimates, first.segments.estimates
        np.testing.assert_allclose(seen, expected, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(other.out_of_fold, first.out_of_fold, rtol=1e-6)
        assert np.isfinite(other.model.predict(COLUMNS)).all()


def test_own_lines_are_those_of_the_solver_of_a_line_of_all_rows(fitted):
    segments = fitted["theano", "segment_least_squares"].segments
    for i, shop in enumerate(segments.names):
        rows = shop == SHOP
        kept = ["intercept", "x"] if shop == "s3" else ["intercept", "x", "z"]
        design = np.column_stack([np.ones(rows.sum()), X[rows], Z[rows]])[:, : len(kept)]
        solved = solve(design, TARGET[rows], kept, numpy_products)
        assert segments.estimates[i, : len(kept)].tolist() == solved.estimates.tolist()
        errors = [coefficient.standard_error for coefficient in solved.coefficients]
        np.testing.assert_allclose(segments.standard_errors[i, : len(kept)], errors, rtol=1e-13)


def test_refit_says_what_the_twin_says_of_the_same_rows(workers, fitted):
    twin = fitted["torch", "segment_least_squares"].segments
    again = workers.result(
        workers.submit("torch", fitting.refit, job("torch", "segment_least_squares"))
    )
    assert again.segments.estimates.tobytes() == twin.estimates.tobytes()
    assert again.segments.t.tobytes() == twin.t.tobytes()
