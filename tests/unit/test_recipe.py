"""The training recipe: plans of gradient descent, starts, batches, steps and when to stop."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from regressors.frameworks import parity
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.linear.neuron import NeuronFit, NeuronPlan, neuron_plan
from regressors.network import recipe
from regressors.network.progress import Progress, epoch_of, halves, honest_predictions


def test_seed_differs_by_dataset_kind_and_fold_and_is_the_same_on_every_machine():
    seeds = {
        recipe.seed_of(dataset, kind, fold)
        for dataset in ("wages", "sales")
        for kind in ("ann", "gradient_descent")
        for fold in range(3)
    }
    assert len(seeds) == 12
    assert recipe.seed_of("wages", "ann", 1) == 8118414333801903333


def test_default_neuron_plan_converges_on_badly_conditioned_columns():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 6))
    inputs[:, 5] = inputs[:, 4] + 0.02 * rng.normal(size=300)
    target = inputs @ np.arange(6.0) + rng.normal(size=300)
    inputs = np.column_stack([inputs, np.ones(300)])
    exact = np.linalg.lstsq(inputs, target, rcond=None)[0]
    plan = neuron_plan(inputs, epochs=5000)
    weights = parity.reference_neuron(inputs, target, np.zeros(7), plan)
    losses = [np.mean(np.square(target - inputs @ w)) for w in (weights, exact)]
    assert losses[0] / losses[1] - 1 < 1e-10


@pytest.mark.parametrize("inputs", [np.zeros((5, 2)), np.ones((2, 4)), np.eye(3)[:, :1]])
def test_default_neuron_plan_is_finite_on_degenerate_inputs(inputs):
    plan = neuron_plan(inputs)
    assert 0 < plan.learning_rate < np.inf
    assert 0 <= plan.momentum < 1


def test_declared_learning_rate_means_plain_gradient_descent():
    inputs = np.arange(6.0).reshape(3, 2)
    plan = neuron_plan(inputs, learning_rate=0.01)
    assert plan == NeuronPlan(learning_rate=0.01, momentum=0.0, epochs=10_000)


def test_neuron_stops_when_the_loss_stands_still_is_nothing_or_is_not_finite():
    plan = NeuronPlan(0.1, 0.0, epochs=50, tolerance=1e-6, block=10)
    falling = np.linspace(2, 1, 20).tolist()
    assert plan.next_block([]) == 10
    assert plan.next_block(falling) == 10
    assert plan.next_block([*falling, *[1.0] * 10]) == 0
    assert plan.next_block([*falling, *[1e-30] * 5, *[1e-29] * 5]) == 0
    assert plan.next_block([*falling, np.inf]) == 0
    assert plan.next_block([*falling] * 2 + [3.0, 2.0, 1.0]) == 7


def test_neuron_fit_that_ends_above_its_start_has_diverged():
    plan = NeuronPlan(0.1, 0.0, epochs=3)
    weights = np.zeros(1)
    assert NeuronFit.of(weights, [1.0, 2.0, 4.0, 8.0], plan).diverged
    assert NeuronFit.of(weights, [1.0, np.inf, np.nan], plan).diverged
    assert not NeuronFit.of(weights, [4.0, 2.0, 1.0], plan).diverged


@pytest.mark.parametrize("hidden", [(), (5,), (5, 3, 2)])
def test_network_starts_close_to_zero_at_any_depth(hidden):
    inputs = np.random.default_rng(1).normal(size=(200, 7)).astype(np.float32)
    start = recipe.start_arrays(np.random.default_rng(2), 7, hidden)
    sizes = [7, *hidden, 1]
    assert [a.shape for a in start[::2]] == list(pairwise(sizes))
    assert {a.dtype.name for a in start} == {"float32"}
    output = recipe.forward(start, inputs)
    assert output.shape == (200,)
    assert output.std() < 0.2


@pytest.mark.parametrize(
    ("rows", "size"), [(1, 1), (20, 20), (188, 32), (2000, 64), (5000, 128), (43_000, 256)]
)
def test_batches_cover_every_row_in_even_sizes(rows, size):
    sizes = np.diff(recipe.Program(rows, seed=1).bounds)
    assert sizes.sum() == rows
    assert sizes.max() - sizes.min() <= 1
    assert size / 2 < sizes.max() <= size


def test_order_of_rows_changes_by_epoch_and_repeats_by_seed():
    program = recipe.Program(100, seed=3)
    first, second = program.order(0), program.order(1)
    assert sorted(first) == list(range(100))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, recipe.Program(100, seed=3).order(0))
    assert not np.array_equal(first, recipe.Program(100, seed=4).order(0))


def test_steps_warm_up_correct_the_bias_of_adam_and_lengthen_the_average():
    program = recipe.Program(2000, seed=1)
    steps = np.concatenate([program.steps(epoch, np.float64) for epoch in range(60)])
    rate, first, second, keep, average = steps.T
    warm_up = round(0.03 * len(steps))
    assert np.all(np.diff(rate[:warm_up]) > 0)
    assert np.all(rate[warm_up:] == 0.002)
    assert first[0] == pytest.approx(10)
    assert second[0] == pytest.approx(10)
    assert first[-1] == pytest.approx(1)
    assert keep[-1] == 1 - 0.002 * 0.01
    assert average[0] == pytest.approx(0.1)
    assert average[-1] == pytest.approx(len(steps) / (len(steps) + 9))
    assert recipe.Program(40_000, seed=1).steps(59, np.float64)[-1, 4] == 0.998


def _orders(program, epoch=0):
    return [portion.order for portion in program.portions(epoch, np.float64)]


def test_portions_are_the_epoch_in_its_order_and_no_larger_than_they_may_be():
    program = recipe.Program(10_001, seed=3, portion=1500)
    portions = list(program.portions(1, np.float64))
    assert np.array_equal(np.concatenate(_orders(program, 1)), program.order(1))
    assert 1000 < max(len(portion.order) for portion in portions) <= 1500
    assert all(portion.bounds[0] == 0 for portion in portions)
    assert all(portion.bounds[-1] == len(portion.order) for portion in portions)
    sizes = np.concatenate([np.diff(portion.bounds) for portion in portions])
    assert np.array_equal(sizes, np.diff(program.bounds))
    steps = np.concatenate([portion.steps for portion in portions])
    assert np.array_equal(steps, program.steps(1, np.float64))


def test_portion_has_at_least_one_batch():
    assert len(_orders(recipe.Program(1000, seed=3, portion=10))) == 32


def test_rows_are_predicted_in_slices_that_cover_them():
    for rows in (0, 1, 20_000, 20_001, 50_000):
        pieces = [np.arange(rows)[piece] for piece in recipe.slices(rows)]
        assert np.array_equal(np.concatenate(pieces), np.arange(rows))
        assert max(map(len, pieces)) <= recipe.PREDICTED_ROWS


def test_planned_learning_rate_rises_to_its_peak_and_falls_to_nearly_zero():
    program = recipe.Program(10_000, seed=1, epochs=5)
    rate, _, _, keep, _ = np.concatenate([program.steps(e, np.float64) for e in range(5)]).T
    assert rate.max() == pytest.approx(recipe.PEAK, rel=0.05)
    assert np.argmax(rate) < 0.05 * len(rate)
    assert 0 < rate[-1] < 0.01 * recipe.PEAK
    assert np.all(np.diff(rate[np.argmax(rate) :]) < 0)
    assert np.array_equal(keep, 1 - rate * recipe.RECIPE.decay)


def _progress(held_losses, epochs=None):
    """Return a training whose held-out error takes this course, and its number of epochs."""
    progress = Progress(held_target=np.zeros(2), epochs=epochs)
    for epoch, loss in enumerate(held_losses):
        weights = [np.full((1, 1), float(epoch)), np.zeros(1)]
        if not progress.record(np.full(2, np.sqrt(loss)), weights, 1.0 if epoch else None):
            break
    return progress, len(progress.held_losses) - 1


def test_training_stops_ten_epochs_after_the_best_and_keeps_its_weights():
    progress, ran = _progress([9, 8, 5, 7, *[6] * 90])
    assert (progress.best_epoch, ran) == (2, 12)
    assert progress.best_weights[0][0, 0] == 2
    assert progress.predictions.shape == (13, 2)
    assert len(progress.training_losses) == 12


def test_training_that_never_improves_keeps_the_linear_start():
    progress, ran = _progress([1, *[2] * 90])
    assert (progress.best_epoch, ran) == (0, 10)
    assert progress.best_weights[0][0, 0] == 0


def test_training_ends_after_sixty_epochs_at_most():
    assert _progress(np.linspace(9, 1, 90))[1] == 60


def test_training_without_held_out_rows_takes_the_epochs_it_is_given():
    progress = Progress(held_target=np.zeros(0), epochs=3)
    weights = [np.zeros((1, 1)), np.zeros(1)]
    more = [progress.record(np.zeros(0), [w + e for w in weights], 1.0) for e in range(4)]
    assert more == [True, True, True, False]
    assert (progress.best_epoch, progress.best_weights[1][0]) == (3, 3)
    assert not Progress(np.zeros(0), epochs=0).record(np.zeros(0), weights)


def test_training_whose_loss_is_not_finite_stops_and_keeps_the_best_epoch():
    progress = Progress(held_target=np.zeros(2), half=np.array([True, False]))
    weights = [np.zeros((1, 1)), np.zeros(1)]
    assert progress.record(np.ones(2), weights)
    assert not progress.record(np.full(2, np.nan), [w * np.nan for w in weights], np.nan)
    assert progress.best_epoch == 0
    assert np.isfinite(honest_predictions(progress)).all()


def test_progress_keeps_copies():
    progress = Progress(held_target=np.zeros(1))
    predictions, weights = np.ones(1), [np.ones((1, 1)), np.ones(1)]
    progress.record(predictions, weights)
    predictions[:] = weights[0][:] = 7
    assert progress.predictions[0, 0] == 1
    assert progress.best_weights[0][0, 0] == 1


def _trained(curves, target, half):
    """Return a training with these held-out predictions (epochs, m), until it stops."""
    progress = Progress(held_target=target, half=half)
    for curve in curves:
        if not progress.record(curve, [np.zeros((1, 1)), np.zeros(1)], 1.0):
            break
    return progress


def test_honest_predictions_of_a_half_do_not_depend_on_its_own_targets_not_even_by_the_stop():
    rng = np.random.default_rng(5)
    half = halves(40, seed=9)
    lengths = set()
    for _ in range(30):
        curves, target = rng.normal(size=(61, 40)), rng.normal(size=40)
        before = honest_predictions(_trained(curves, target, half))
        for own in (half, ~half):
            # A target that some epoch hits exactly moves the stop of its half back and forth.
            moved = np.where(own, curves[rng.integers(0, 61)], target)
            progress = _trained(curves, moved, half)
            lengths.add(len(progress.held_losses))
            after = honest_predictions(progress)
            assert np.array_equal(after[own], before[own])
    assert len(lengths) > 5


def test_training_goes_on_until_both_halves_have_stopped_and_serves_what_all_rows_chose():
    half = np.array([True, True, False])
    course = np.sqrt([9, 8, *[8.5] * 12, *[1.0] * 80])
    late = np.sqrt(np.linspace(9, 1, 94))
    progress = _trained(np.column_stack([course, course, late / 10]), np.zeros(3), half)
    assert len(progress.held_losses) == 61  # the late half gains until the end
    assert progress.best_epoch == epoch_of(progress.held_losses)[0] == 1
    honest = honest_predictions(progress)
    assert honest[0] == course[60]
    assert honest[2] == late[1] / 10


def test_halves_are_even_and_keep_groups_together():
    for rows in (1, 2, 3, 40, 41):
        assert halves(rows, seed=1).sum() == rows // 2
    group = np.repeat(np.arange(30), np.arange(30) % 5 + 1)
    half = halves(len(group), seed=1, group=group)
    assert all(len(set(half[group == number])) == 1 for number in range(30))
    assert 0.4 < half.mean() < 0.6
    large = np.array([0] * 8 + [1, 2])
    for seed in range(8):
        assert 0 < halves(10, seed=seed, group=large).sum() < 10


def test_one_held_out_row_is_predicted_by_the_start():
    progress = Progress(held_target=np.zeros(1), half=halves(1, seed=1))
    for value in (3.0, 2.0, 1.0):
        progress.record(np.array([value]), [np.zeros((1, 1)), np.zeros(1)], 1.0)
    assert honest_predictions(progress).tolist() == [3.0]


def test_importing_workers_and_recipe_imports_no_framework():
    code = (
        "import sys, regressors.frameworks.workers; assert 'numpy' not in sys.modules, 'numpy';"
        "import regressors.network.recipe, regressors.frameworks.parity;"
        f"print({{'keras', *{FRAMEWORK_NAMES}}} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
