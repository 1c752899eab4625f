"""The linear kinds of a job, with NumPy in place of a framework: weights, intercepts, starts."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products

from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks import parity
from regressors.intervals.rules import Rules
from regressors.job import CannotFit, Job, Start
from regressors.linear.neuron import NeuronFit, NeuronPlan


def descend(inputs, target, start, plan):
    """Take the steps of the reference and record the losses, as a framework does."""
    losses: list[float] = []
    weights = start
    speed = np.zeros_like(start)
    while epochs := plan.next_block(losses):
        for _ in range(epochs):
            left = inputs @ weights - target
            losses.append(float(np.mean(left**2)))
            gradient = 2 / len(target) * inputs.T @ left
            speed = plan.momentum * speed - plan.learning_rate * gradient
            weights = weights + plan.momentum * speed - plan.learning_rate * gradient
    losses.append(float(np.mean((inputs @ weights - target) ** 2)))
    return NeuronFit.of(weights, losses, plan)


NUMPY = SimpleNamespace(row_products=numpy_products, inverses=np.linalg.inv, descend=descend)
RNG = np.random.default_rng(11)
ROWS = 90
AGE = RNG.uniform(20, 60, ROWS)
EDUCATION = np.array(["BA", "HS", "PhD"], dtype=object)[np.arange(ROWS) % 3]
WAGE = 10 + 2 * AGE - 0.02 * AGE**2 + 5 * (EDUCATION == "PhD") + RNG.normal(size=ROWS)


def job(kind="least_squares", **changes):
    made = Job(
        dataset="wages",
        candidate=Candidate("torch", kind),
        columns={"age": AGE, "education": EDUCATION},
        target=WAGE,
        fold=1 + np.arange(ROWS) % 5,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
        split_rules="as always",
    )
    return replace(made, **changes)


def test_reference_descent_of_these_tests_is_that_of_the_probe():
    inputs, start = RNG.normal(size=(30, 3)), np.zeros(3)
    plan = NeuronPlan(learning_rate=0.1, momentum=0.5, epochs=20)
    fit = descend(inputs, inputs[:, 0], start, plan)
    reference = parity.reference_neuron(inputs, inputs[:, 0], start, plan)
    np.testing.assert_allclose(fit.weights, reference, rtol=0, atol=1e-15)


@pytest.mark.parametrize("broken", ["rows", "columns"])
def test_probe_covers_sums_with_weights(broken):
    """Only with weights are the two matrices of a product different ones."""

    def products(left, right):
        made = numpy_products(left, right)
        same = left.shape == right.shape and (left == right).all()
        return made if same else made + np.eye(*made.shape[-2:])[:: 1 if broken == "rows" else -1]

    framework = SimpleNamespace(row_products=products, inverses=np.linalg.inv)
    assert parity._least_squares(NUMPY) == (0.0, "float64")
    assert parity._least_squares(framework)[0] > 0


def test_declared_terms_are_fitted_and_named():
    products = ((("age", 2),), (("age", 1), ("education", 1)))
    fitted = fitting.refit(NUMPY, job(products=products))
    names = [c.term for c in fitted.coefficients]
    expected = ["age", "education[HS]", "education[PhD]", "age^2"]
    assert names == ["intercept", *expected, "age:education[HS]", "age:education[PhD]"]
    dummies = np.column_stack([EDUCATION == "HS", EDUCATION == "PhD"])
    design = np.column_stack([np.ones(ROWS), AGE, dummies, AGE**2, AGE[:, None] * dummies])
    by_hand = np.linalg.lstsq(design, WAGE, rcond=None)[0]
    np.testing.assert_allclose([c.estimate for c in fitted.coefficients], by_hand, rtol=1e-7)
    np.testing.assert_allclose(
        fitted.model.predict({"age": AGE, "education": EDUCATION}), design @ by_hand, rtol=1e-9
    )


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weight", [None, 1.0 + np.arange(ROWS) % 4], ids=["equal", "weights"])
def test_descent_reaches_least_squares(intercept, weight):
    changes = {"intercept": intercept, "weight": weight, "products": ((("age", 2),),)}
    solved = fitting.refit(NUMPY, job(**changes))
    descended = fitting.refit(NUMPY, job("gradient_descent", **changes))
    assert abs(descended.descended.excess_loss) < 1e-9
    assert descended.descended.epochs_to_solution <= descended.descended.epochs
    seen, wanted = ([c.estimate for c in fit.coefficients] for fit in (descended, solved))
    np.testing.assert_allclose(seen, wanted, rtol=1e-3)
    assert ("intercept" in [c.term for c in solved.coefficients]) == intercept


def test_descent_that_stops_short_warns_how_far_it_is():
    slow = job("gradient_descent", learning_rate=0.01, epochs=20)
    fitted = fitting.refit(NUMPY, slow)
    assert fitted.descended.excess_loss > 0.1
    assert fitted.descended.epochs_to_solution is None
    assert "after 20 epochs" in fitted.warnings[0]
    assert len(fitted.details["loss"]) == 21


def test_too_fast_a_descent_fails_and_names_its_rate():
    hasty = job("gradient_descent", learning_rate=3.0)
    with np.errstate(over="ignore"), pytest.raises(CannotFit, match="learning rate of 3;"):
        fitting.refit(NUMPY, hasty)


def starts_of(details):
    return {
        name: Start(part["end"], part["split_rules"], part["until"])
        for name, part in details.items()
    }


def test_each_part_starts_where_the_same_part_ended_last_night():
    slow = job("gradient_descent", learning_rate=0.01, epochs=50)
    first = fitting.validate(NUMPY, slow)
    second = fitting.validate(NUMPY, replace(slow, starts=starts_of(first.details)))
    whole = fitting.validate(NUMPY, replace(slow, epochs=100))
    assert set(first.details) == {"twin", *(f"fold {i}" for i in range(1, 6))}
    for name, part in second.details.items():
        assert part["start"] == pytest.approx(first.details[name]["end"], rel=1e-12)
        assert part["end"] == pytest.approx(whole.details[name]["end"], rel=1e-9)
    ends = [tuple(part["end"].values()) for part in first.details.values()]
    assert len(set(ends)) == 6


def test_start_of_a_night_with_other_split_rules_is_not_used():
    slow = job("gradient_descent", learning_rate=0.01, epochs=5)
    first = fitting.validate(NUMPY, slow)
    other = replace(slow, split_rules="otherwise", starts=starts_of(first.details))
    second = fitting.validate(NUMPY, other)
    assert second.details["fold 1"]["start"] == first.details["fold 1"]["start"]
    assert second.details["fold 1"]["end"] == first.details["fold 1"]["end"]


def test_start_that_saw_newer_rows_than_a_fold_trains_on_is_not_used():
    time = np.arange(ROWS, dtype=float)
    fold = np.repeat(np.arange(6), 15)
    slow = job("gradient_descent", learning_rate=0.01, epochs=5, time=time, fold=fold, chained=True)
    first = fitting.validate(NUMPY, slow)
    earlier = replace(slow, time=time + 30, starts=starts_of(first.details))
    assert fitting.validate(NUMPY, earlier).details["fold 2"]["start"] == pytest.approx(
        first.details["fold 2"]["end"]
    )
    newer = replace(slow, time=time - 30, starts=starts_of(first.details))
    again = fitting.validate(NUMPY, newer)
    assert again.details["fold 2"]["end"] == first.details["fold 2"]["end"]


def test_term_that_is_new_tonight_starts_at_zero():
    slow = job("gradient_descent", learning_rate=0.01, epochs=5)
    starts = starts_of({"refit": fitting.refit(NUMPY, slow).details})
    more = replace(slow, products=((("age", 2),),), starts=starts)
    start = fitting.refit(NUMPY, more).details["start"]
    assert start["age^2"] == 0
    assert start["age"] == pytest.approx(starts["refit"].estimates["age"])


def test_a_fit_has_the_parts_of_a_time_that_its_job_names():
    day = np.datetime64("2024-01-01", "us") + np.arange(len(AGE)) * np.timedelta64(1, "D")
    columns = {"age": AGE, "day": day}
    fitted = fitting.validate(NUMPY, job(columns=columns, time_parts={"day": ("days",)}))
    assert [c.term for c in fitted.coefficients] == ["intercept", "age", "day[days]"]


def test_intervals_of_weighted_rows_cover_what_they_should_at_each_weight():
    """A weight is one over the variance of an error: at 100, errors are a tenth of those at 1."""
    rng = np.random.default_rng(31)
    weight = np.where(np.arange(2000) % 2, 100.0, 1.0)
    x = rng.normal(size=2000)
    target = x + rng.normal(size=2000) / np.sqrt(weight)
    rows = {"columns": {"x": x}, "target": target, "fold": 1 + np.arange(2000) // 2 % 5}
    model = fitting.validate(NUMPY, job(**rows, weight=weight)).model
    new = rng.normal(size=2000)
    actual = new + rng.normal(size=2000) / np.sqrt(weight)
    predicted = model.predicted({"x": new}, weight)
    inside = (predicted.lower <= actual) & (actual <= predicted.upper)
    for each in (1.0, 100.0):
        assert 0.87 < inside[weight == each].mean() < 0.93
        half_widths = (predicted.upper - predicted.lower)[weight == each] / 2
        np.testing.assert_allclose(half_widths, 1.645 / np.sqrt(each), rtol=0.06)
