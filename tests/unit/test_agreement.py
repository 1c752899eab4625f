"""What is compared between frameworks, and what is reported if they differ."""

from types import SimpleNamespace

import numpy as np
import pytest

from regressors.candidate import Candidate
from regressors.frameworks.parity import ProbeResult
from regressors.job import Descended, Fitted
from regressors.judging.agreement import compare, disagreements
from regressors.linear.inference import Coefficient

NAMES = ("first", "second", "third")


def linear(*estimates, excess=None):
    coefficients = tuple(Coefficient(f"x{i}", estimate) for i, estimate in enumerate(estimates))
    descended = None if excess is None else Descended(100, 50, excess, None)
    return Fitted(SimpleNamespace(), None, coefficients, {}, descended=descended)


def ann(rows):
    return Fitted(SimpleNamespace(), np.zeros(rows), (), {})


def of_kind(kind, fits):
    return {Candidate(name, kind): fit for name, fit in zip(NAMES, fits, strict=True)}


def test_least_squares_of_each_framework_is_compared_with_the_first():
    fits = of_kind("least_squares", [linear(1.0, 0.0), linear(1.0, 0.0), linear(1.0, 1e-12)])
    same, other = compare({}, fits, fits, {})
    assert (same.framework, same.compared_with, same.figure) == ("second", "first", 0.0)
    assert same.agreed
    assert other.figure == 1.0
    assert not other.agreed
    assert disagreements((same, other))[0].startswith("least squares of third and first")


def test_difference_in_the_last_bit_is_a_tie_and_a_larger_one_is_not():
    near, far = 1.0 + 2**-52, 1.0 + 2**-50
    fits = of_kind("least_squares", [linear(1.0), linear(near), linear(far)])
    assert [comparison.agreed for comparison in compare({}, fits, fits, {})] == [True, False]


@pytest.mark.parametrize(("excess", "agreed"), [(-1e-16, True), (9e-7, True), (0.5, False)])
def test_gradient_descent_is_compared_with_the_least_loss(excess, agreed):
    fits = of_kind("gradient_descent", [linear(1.0, excess=excess)] * 3)
    comparisons = compare({}, fits, fits, {})
    assert [comparison.agreed for comparison in comparisons] == [agreed] * 3
    assert disagreements(comparisons) == ()


@pytest.mark.parametrize(
    ("rows", "error", "agreed"),
    [(2000, 1.004, True), (2000, 1.006, False), (20_000, 1.006, False), (500, 1.009, True)],
)
def test_errors_of_anns_may_differ_by_half_a_percent_or_by_chance(rows, error, agreed):
    fits = of_kind("ann", [ann(rows)] * 3)
    rmse = of_kind("ann", [1.0, 1.0, error])
    second, third = compare({}, fits, {}, rmse)
    assert second.agreed
    assert third.agreed == agreed
    assert len(disagreements((second, third))) == (not agreed)


def test_failed_fits_are_not_compared_and_the_next_framework_is_the_reference():
    fits = of_kind("least_squares", ["it crashed", linear(2.0), linear(2.0)])
    (only,) = compare({}, fits, fits, {})
    assert (only.framework, only.compared_with) == ("third", "second")


def test_probe_is_recorded_for_the_kinds_that_took_part():
    probe = ProbeResult(False, {"least_squares": 0.1, "ann": float("nan")}, "it failed")
    fits = {
        Candidate("torch", "ann"): "it failed",
        Candidate("theano", "least_squares"): linear(1.0),
    }
    (only,) = compare({"torch": probe}, fits, {}, {})
    assert (only.framework, only.kind, only.quantity) == ("torch", "ann", "probe")
    assert not only.agreed
