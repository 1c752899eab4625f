"""The three tutorials of the article that nightfit began with, each in its own framework.

Each is compared with the least-squares solution for the same rows, not with a typed number.
"""

import numpy as np
import pytest

from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.job import Job
from regressors.linear.neuron import NeuronPlan


def descend(framework, inputs, target, start, plan):
    """Run the framework's neuron; runs in a worker."""
    return framework.descend(inputs, target, start, plan)


def article_plan(epochs):
    """Return the article's recipe: plain gradient descent at a learning rate of 0.01."""
    return NeuronPlan(learning_rate=0.01, momentum=0.0, epochs=epochs, tolerance=0.0)


def with_bias(x):
    """Return a neuron's inputs: x, and ones, whose weight is the bias."""
    return np.column_stack([x, np.ones(len(x))])


def least_squares(x, y):
    slope, intercept = np.polyfit(x, y, 1)
    return slope, intercept


def test_tensorflow_recovers_slope_and_bias_of_random_points(workers):
    rng = np.random.default_rng(101)
    x = np.linspace(0, 5, 50) + rng.uniform(-0.4, 0.4, 50)
    y = 2 * x + 1 + rng.uniform(-0.4, 0.4, 50)
    start = rng.normal(size=2)
    fit = workers.result(
        workers.submit("tensorflow", descend, with_bias(x), y, start, article_plan(10_000))
    )
    assert fit.weights == pytest.approx(least_squares(x, y), rel=1e-6)
    assert fit.losses[-1] < fit.losses[0]
    assert np.all(np.diff(fit.losses[:1000]) <= 0)


def test_torch_learns_that_twice_four_is_eight(workers):
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    start = np.array([0.5, 0.1])
    fit = workers.result(
        workers.submit("torch", descend, with_bias(x), y, start, article_plan(2_000))
    )
    slope, intercept = least_squares(x, y)
    assert fit.weights @ [4, 1] == pytest.approx(slope * 4.0 + intercept, abs=0.05)
    assert fit.losses[-1] < fit.losses[0] / 1000


def test_theano_finds_slope_and_intercept_in_ten_thousand_iterations(workers):
    rng = np.random.default_rng(42)
    x = np.linspace(0, 1, 101)
    y = 3 * x + 0.5 + rng.normal(size=101) * 0.33
    fit = workers.result(
        workers.submit("theano", descend, with_bias(x), y, np.zeros(2), article_plan(10_000))
    )
    assert fit.weights == pytest.approx(least_squares(x, y), abs=1e-5)
    assert len(fit.losses) == 10_001


@pytest.mark.parametrize("framework", FRAMEWORK_NAMES)
def test_ann_beats_the_line_if_income_is_curved_in_age(workers, framework):
    rng = np.random.default_rng(7)
    age = rng.uniform(18, 80, 600)
    income = 90 - 0.06 * (age - 50) ** 2 + rng.normal(0, 6, 600)
    is_test = np.arange(600) >= 480
    errors = {}
    for kind in ("least_squares", "ann"):
        job = Job(
            dataset="curve",
            candidate=Candidate(framework, kind),
            columns={"age": age[~is_test]},
            target=income[~is_test],
            fold=np.arange(480) % 5 + 1,
            chained=False,
            hidden=(32, 32),
            interval_coverage=0.9,
        )
        fitted = workers.result(workers.submit(framework, fitting.validate, job))
        predicted = fitted.model.predict({"age": age[is_test]})
        errors[kind] = np.sqrt(np.mean((income[is_test] - predicted) ** 2))
    assert errors["ann"] < 0.6 * errors["least_squares"]
    assert errors["ann"] < 7.5  # the noise alone is 6
