"""The frameworks compared with NumPy and one another. Functions without `test_` run in workers."""

import sys
from dataclasses import replace
from inspect import isfunction, signature
from types import SimpleNamespace

import numpy as np
import pytest

from regressors.frameworks import parity
from regressors.frameworks.contract import FrameworkModule
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.linear.neuron import NeuronPlan, neuron_plan
from regressors.network import recipe
from regressors.network.input_rows import input_rows
from regressors.network.progress import Progress
from regressors.progress import reporting_to

every_framework = pytest.mark.parametrize("framework", FRAMEWORK_NAMES)


def _problem(rows=300, columns=6, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, columns))
    return inputs, np.sin(2 * inputs[:, 0]) + inputs[:, 1] * inputs[:, 2] + rng.normal(size=rows)


# The contract


def parameters_of(framework, names):
    return {name: list(signature(getattr(framework, name)).parameters) for name in names}


@every_framework
def test_framework_keeps_the_contract(workers, framework):
    contract = {
        name: list(signature(function).parameters)[1:]
        for name, function in vars(FrameworkModule).items()
        if isfunction(function) and not name.startswith("_")
    }
    assert set(contract) == {"row_products", "inverses", "descend", "descend_stack", "train"}
    assert workers.result(workers.submit(framework, parameters_of, contract)) == contract


# Least squares


def products(framework, left, right):
    before = left.copy(), right.copy()
    seen = framework.row_products(left, right)
    assert np.array_equal(left, before[0])
    assert np.array_equal(right, before[1])
    return seen


@every_framework
def test_products_of_slices_at_their_bound_have_no_error(workers, framework):
    digits = np.random.default_rng(1).integers(-(2**20), 2**20, (40, 8192), endpoint=True)
    digits[0] = 2**20
    left, right = digits.astype(float), digits[:7].astype(float)
    seen = workers.result(workers.submit(framework, products, left, right))
    assert seen.dtype == np.float64
    assert np.array_equal(seen, digits @ digits[:7].T)
    assert seen[0, 0] == 2.0**53


@every_framework
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (5, 300)])
def test_products_are_the_sums_over_the_columns(workers, framework, shape):
    rng = np.random.default_rng(2)
    left, right = rng.normal(size=shape), rng.normal(size=(2, shape[1]))
    seen = workers.result(workers.submit(framework, products, left, right))
    np.testing.assert_allclose(seen, left @ right.T, rtol=0, atol=1e-13)


# The neuron


def descend(framework, inputs, target, plan):
    before = inputs.copy(), target.copy()
    start = np.zeros(inputs.shape[1])
    fit = framework.descend(inputs, target, start, plan)
    assert np.array_equal(inputs, before[0])
    assert np.array_equal(target, before[1])
    assert not start.any()
    return fit


@every_framework
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_neuron_takes_the_same_fifty_steps_in_every_framework(workers, framework, momentum):
    inputs, target = _problem()
    plan = NeuronPlan(learning_rate=0.01, momentum=momentum, epochs=50)
    fit = workers.result(workers.submit(framework, descend, inputs, target, plan))
    reference = parity.reference_neuron(inputs, target, np.zeros(6), plan)
    np.testing.assert_allclose(fit.weights, reference, rtol=0, atol=1e-12)
    assert len(fit.losses) == 51
    assert fit.losses[0] == pytest.approx(np.mean(np.square(target)), rel=1e-12)
    left = target - inputs @ fit.weights
    assert fit.losses[-1] == pytest.approx(np.mean(np.square(left)), rel=1e-12)


@every_framework
def test_default_plan_reaches_least_squares_and_stops(workers, framework):
    inputs, target = _problem(columns=5)
    inputs[:, 4] = inputs[:, 3] + 0.05 * inputs[:, 4]
    inputs = np.column_stack([inputs, np.ones(len(target))])
    fit = workers.result(workers.submit(framework, descend, inputs, target, neuron_plan(inputs)))
    exact = np.linalg.lstsq(inputs, target, rcond=None)[0]
    best = np.mean(np.square(target - inputs @ exact))
    assert fit.converged
    assert not fit.diverged
    assert len(fit.losses) - 1 < 10_000
    assert fit.losses[-1] / best - 1 < 1e-10


@every_framework
def test_neuron_of_the_article_runs_its_ten_thousand_epochs(workers, framework):
    inputs, target = np.array([[1.0, 1], [2, 1], [3, 1]]), np.array([2.0, 4.0, 6.0])
    plan = neuron_plan(inputs, learning_rate=0.01)
    fit = workers.result(workers.submit(framework, descend, inputs, target, plan))
    assert fit.weights @ [4, 1] == pytest.approx(8, abs=1e-6)


@every_framework
def test_too_fast_a_neuron_diverges_and_stops(workers, framework):
    inputs, target = _problem()
    plan = neuron_plan(inputs, learning_rate=3.0)
    fit = workers.result(workers.submit(framework, descend, inputs, target, plan))
    assert fit.diverged
    assert not fit.converged
    assert len(fit.losses) - 1 < 10_000


# The network


def train(framework, start, data, program, progress):
    before = [array.copy() for array in [*start, *data]]
    framework.train(start, *data, program, progress)
    assert all(np.array_equal(a, b) for a, b in zip(before, [*start, *data], strict=True))
    return progress


@every_framework
@pytest.mark.parametrize("hidden", [(), (7,), (7, 5), (4, 4, 4)])
@pytest.mark.parametrize("average", [0.998, 0.0], ids=["averaged", "last weights"])
def test_network_takes_the_same_fifty_steps_in_every_framework(workers, framework, hidden, average):
    inputs, target = _problem()
    settings = replace(recipe.RECIPE, average=average)
    program = recipe.Program(300, seed=3, settings=settings)
    assert len(program.bounds) == 11
    start = recipe.start_arrays(np.random.default_rng(4), 6, hidden, np.float64)
    progress = Progress(held_target=target[:20], epochs=5)
    weight = np.random.default_rng(5).uniform(0.5, 1.5, 300)
    data = inputs, target, weight, inputs[:20]
    seen = workers.result(workers.submit(framework, train, start, data, program, progress))
    reference = parity.reference_network(start, inputs, target, weight, program, epochs=5)
    for array, wanted in zip(seen.best_weights, reference, strict=True):
        assert array.dtype == np.float64
        np.testing.assert_allclose(array, wanted, rtol=0, atol=1e-12)
    for epoch, weights in ((5, reference), (0, start)):
        forward = recipe.forward(weights, inputs[:20])
        np.testing.assert_allclose(seen.predictions[epoch], forward, rtol=0, atol=1e-12)


def _float32_training():
    inputs, target = _problem(rows=1200)
    start = recipe.start_arrays(np.random.default_rng(6), 6, (32, 32))
    whole = inputs[200:], target[200:], np.ones(1000), inputs[:200]
    data = [array.astype(np.float32) for array in whole]
    progress = Progress(held_target=target[:200].astype(np.float32))
    return start, data, recipe.Program(1000, seed=5), progress


@every_framework
def test_training_stops_by_the_held_out_rows_and_keeps_its_best_epoch(workers, framework):
    start, data, program, progress = _float32_training()
    fit = workers.result(workers.submit(framework, train, start, data, program, progress))
    ran = len(fit.held_losses) - 1
    assert 0 < fit.best_epoch == int(np.argmin(fit.held_losses))
    assert ran == min(60, fit.best_epoch + 10)
    assert fit.held_losses[fit.best_epoch] < 0.9 * fit.held_losses[0]
    assert fit.training_losses[-1] < fit.training_losses[0]
    assert {array.dtype.name for array in fit.best_weights} == {"float32"}
    served = recipe.forward(fit.best_weights, data[3])
    np.testing.assert_allclose(served, fit.predictions[fit.best_epoch], rtol=0, atol=1e-5)


@every_framework
def test_same_seed_gives_the_same_digits(workers, framework):
    start, data, program, _ = _float32_training()
    fits = [
        workers.result(
            workers.submit(
                framework, train, start, data, program, Progress(data[1][:200], epochs=2)
            )
        )
        for _ in range(2)
    ]
    assert np.array_equal(fits[0].predictions, fits[1].predictions)
    assert fits[0].training_losses == fits[1].training_losses


def train_looked_up(framework, start, data, program, progress):
    def kept(rows):
        return input_rows(lambda columns: [columns["x"]], {"x": rows}, rows[:, :0], in_memory=0)

    inputs, target, weight, held = data
    framework.train(start, kept(inputs), target, weight, kept(held), program, progress)
    return progress


@every_framework
def test_rows_in_portions_from_a_file_give_the_digits_of_a_matrix(workers, framework):
    start, data, program, _ = _float32_training()
    in_portions = replace(program, portion=300)
    fits = [
        workers.result(
            workers.submit(framework, how, start, data, by, Progress(data[1][:200], epochs=2))
        )
        for how, by in ((train, program), (train_looked_up, in_portions))
    ]
    assert np.array_equal(fits[0].predictions, fits[1].predictions)
    assert fits[0].training_losses == fits[1].training_losses


def test_whole_trainings_in_float32_reach_the_same_error(workers):
    start, data, program, progress = _float32_training()
    submitted = [
        workers.submit(framework, train, start, data, program, progress)
        for framework in FRAMEWORK_NAMES
    ]
    errors = [min(workers.result(future).held_losses) for future in submitted]
    assert max(errors) / min(errors) - 1 < 0.005


# The parity probe


def imports_a_compiler(framework):
    parity.probe(framework)
    return "torch._dynamo" in sys.modules


def test_pytorch_fits_without_the_compiler_that_takes_as_long_to_import_as_itself(workers):
    assert not workers.result(workers.submit("torch", imports_a_compiler))


@every_framework
def test_every_framework_passes_the_parity_probe(workers, framework):
    result = workers.result(workers.submit(framework, parity.probe))
    assert result.passed, result.reason
    assert result.reason is None
    assert result.figures["gradient_descent"] < 1e-13
    assert result.figures["ann"] < 1e-13


def reports_of_the_probe(framework):
    heard = []
    with reporting_to(lambda *report: heard.append(report)):
        parity.probe(framework)
    return heard


def test_parity_probe_does_not_report_its_epochs_as_those_of_a_fit(workers):
    assert workers.result(workers.submit("torch", reports_of_the_probe)) == []


def probe_of_float32_network(framework):
    def leaky(start, *others):
        framework.train([array.astype(np.float32) for array in start], *others)

    return parity.probe(SimpleNamespace(**{**vars(framework), "train": leaky}))


def probe_of_hidden_float32(framework):
    """Round the start alone: the result is float64, and wrong from the eighth digit."""

    def leaky(start, *others):
        framework.train([a.astype(np.float32).astype(np.float64) for a in start], *others)

    return parity.probe(SimpleNamespace(**{**vars(framework), "train": leaky}))


def probe_of_other_learning_rate(framework):
    def hasty(inputs, target, start, plan):
        plan = replace(plan, learning_rate=plan.learning_rate * (1 + 1e-6))
        return framework.descend(inputs, target, start, plan)

    return parity.probe(SimpleNamespace(**{**vars(framework), "descend": hasty}))


def probe_of_other_network_learning_rate(framework):
    def hasty(start, inputs, target, weight, held_inputs, program, progress):
        rate = program.settings.learning_rate * (1 + 1e-6)
        program = replace(program, settings=replace(program.settings, learning_rate=rate))
        framework.train(start, inputs, target, weight, held_inputs, program, progress)

    return parity.probe(SimpleNamespace(**{**vars(framework), "train": hasty}))


def probe_of_float32_products(framework):
    """Every slice fits into float32, but their products do not."""

    def short(left, right):
        return framework.row_products(left, right).astype(np.float32).astype(np.float64)

    return parity.probe(SimpleNamespace(**{**vars(framework), "row_products": short}))


@every_framework
@pytest.mark.parametrize(
    ("broken", "part"),
    [
        (probe_of_float32_network, "the ANN gave float32"),
        (probe_of_hidden_float32, "the ANN is off by"),
        (probe_of_other_learning_rate, "gradient descent is off by"),
        (probe_of_float32_products, "least squares is off by"),
    ],
)
def test_probe_notices_a_broken_framework(workers, framework, broken, part):
    result = workers.result(workers.submit(framework, broken))
    assert not result.passed
    assert part in result.reason


def test_probe_notices_a_learning_rate_that_is_off_in_the_seventh_digit(workers):
    result = workers.result(workers.submit("torch", probe_of_other_network_learning_rate))
    assert "the ANN is off by" in result.reason


def probe_of_wrong_gradient(framework):
    """Change the derivative of PyTorch's GELU by a millionth, and leave its value as it is.

    The factor differs from row to row, since Adam cancels one that is the same for all.
    """
    functional = framework.nn.functional
    gelu = functional.gelu

    def wrong(inputs, approximate):
        value = gelu(inputs, approximate=approximate)
        return value + 1e-6 * inputs.detach() * (value - value.detach())

    functional.gelu = wrong
    try:
        return parity.probe(framework)
    finally:
        functional.gelu = gelu


def test_probe_notices_a_wrong_gradient(workers):
    result = workers.result(workers.submit("torch", probe_of_wrong_gradient))
    assert not result.passed
    assert "the ANN is off by" in result.reason
    assert workers.result(workers.submit("torch", parity.probe)).passed
