"""The three tutorials of the article that nightfit began with, each in its own framework.

Each is compared with the least-squares solution for the same rows, not with a typed number.
"""

import numpy as np
import pytest

from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.intervals.rules import Rules
from regressors.job import Job
from tasks.tutorial.lessons import learn, lessons


@pytest.fixture(params=lessons(), ids=lambda lesson: lesson.framework)
def learnt(request, workers):
    """A tutorial, and what its framework has learnt."""
    lesson = request.param
    return lesson, workers.result(workers.submit(lesson.framework, learn, lesson))


def test_each_tutorial_finds_the_line_of_least_squares_to_its_last_epoch(learnt):
    lesson, fit = learnt
    tolerance = {"tensorflow": 1e-6, "torch": 0.05, "theano": 1e-5}[lesson.framework]
    assert fit.weights == pytest.approx(lesson.least_squares, rel=tolerance, abs=tolerance)
    assert fit.converged or len(fit.losses) == lesson.epochs + 1
    assert fit.losses[-1] < fit.losses[0]
    assert np.all(np.diff(fit.losses[:1000]) <= 0)


def test_the_tutorials_are_those_of_the_article():
    tensorflow, torch, theano = lessons()
    assert (len(tensorflow.x), len(torch.x), len(theano.x)) == (50, 3, 101)
    assert tensorflow.least_squares == pytest.approx((2, 1), abs=0.2)
    assert torch.least_squares == pytest.approx((2, 0), abs=1e-9)
    assert theano.least_squares == pytest.approx((3, 0.5), abs=0.3)
    assert {(lesson.plan.learning_rate, lesson.plan.momentum) for lesson in lessons()} == {
        (0.01, 0)
    }


def test_torch_learns_that_twice_four_is_eight(workers):
    lesson = lessons()[1]
    fit = workers.result(workers.submit("torch", learn, lesson))
    assert fit.weights @ [lesson.asked, 1] == pytest.approx(8, abs=0.05)


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
            interval=Rules((0.9,)),
        )
        fitted = workers.result(workers.submit(framework, fitting.validate, job))
        predicted = fitted.model.predict({"age": age[is_test]})
        errors[kind] = np.sqrt(np.mean((income[is_test] - predicted) ** 2))
    assert errors["ann"] < 0.6 * errors["least_squares"]
    assert errors["ann"] < 7.5  # the noise alone is 6
