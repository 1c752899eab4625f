"""Silenced cells: what a network still predicts with the rest, or with none."""

from dataclasses import replace

import numpy as np
import pytest

from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.intervals.intervals import Intervals
from regressors.judging.scoring import score
from regressors.model import Model, NetworkMember, linear_model
from regressors.network.recipe import start_arrays
from regressors.network.resilience import resilience, silence
from regressors.progress import reporting_to

ROWS = 200
RNG = np.random.default_rng(11)
COLUMNS = {"x": RNG.normal(size=ROWS), "c": RNG.choice(["a", "b", "c"], ROWS).astype(object)}
TARGET = RNG.normal(20.0, 4.0, ROWS)
WEIGHT = RNG.uniform(0.5, 3.0, ROWS)


def member(hidden=(10, 6)):
    """Return a small network whose output is not close to zero."""
    encoding = Encoding.fit(COLUMNS)
    layers = start_arrays(RNG, encoding.network(COLUMNS).shape[1], hidden)
    layers[-2] = RNG.normal(size=layers[-2].shape).astype(np.float32)
    ridge = RNG.normal(size=encoding.standardised(COLUMNS).shape[1])
    return NetworkMember(encoding, np.array([20.0, 3.7, 0.1]), ridge, tuple(layers))


MODEL = Model(
    Candidate("torch", "ann"), (member(), member((7,))), intervals=Intervals.constant(1.5, 0.9)
)


def silenced(model=MODEL, **how):
    return resilience(model, COLUMNS, TARGET, **{"dataset": "wages", **how})


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_error_with_no_cell_silenced_is_the_models_own_to_the_last_bit(weight):
    (whole,) = silenced(weight=weight, percents=(0,))
    itself = score(TARGET, MODEL.predict(COLUMNS), weight=weight)
    assert (whole.share, whole.draws) == (0.0, 1)
    assert whole.rmse == whole.rmse_low == whole.rmse_high == itself.rmse
    of_itself = resilience(MODEL, COLUMNS, MODEL.predict(COLUMNS), dataset="wages", weight=weight)
    assert of_itself[0].rmse == 0.0 < of_itself[1].rmse_low


def test_measuring_reports_which_share_is_silenced():
    calls = []
    with reporting_to(lambda *call: calls.append(call)):
        silenced(percents=(0, 50), draws=2)
    assert calls == [
        (0, "0% of the cells silenced"),
        (0.5, "50% of the cells silenced"),
        (0.75, "50% of the cells silenced"),
    ]


def test_silencing_every_cell_leaves_the_linear_start():
    start = np.mean(
        [20.0 + 3.7 * (0.1 + m.encoding.standardised(COLUMNS) @ m.ridge) for m in MODEL.members],
        axis=0,
    )
    (none,) = silenced(percents=(100,))
    assert none.draws == 20
    expected = np.sqrt(np.square(TARGET - start).mean())
    assert [none.rmse_low, none.rmse_high] == pytest.approx([expected] * 2, rel=1e-14)


def test_each_hidden_layer_loses_its_share_of_cells_and_nothing_else():
    layers = member((10, 6)).layers
    half = silence(layers, 0.5, np.random.default_rng(1))
    for number in (0, 1, 3, 5):
        assert half[number] is layers[number]
    for number, silent in ((2, 5), (4, 3)):
        cut = (half[number] == 0).all(axis=1)
        assert cut.sum() == silent
        assert np.array_equal(half[number][~cut], layers[number][~cut])


def test_range_and_mean_are_those_of_the_draws():
    (half,) = silenced(percents=(50,))
    alone = [silenced(percents=(50,), draws=n)[0] for n in range(1, 21)]
    totals = np.array([figure.rmse * n for n, figure in enumerate(alone, start=1)])
    errors = np.diff(totals, prepend=0)
    assert half.draws == 20
    assert half.rmse == pytest.approx(errors.mean())
    assert half.rmse_low == pytest.approx(errors.min())
    assert half.rmse_high == pytest.approx(errors.max())
    assert half.rmse_low < half.rmse < half.rmse_high


def test_shares_go_from_none_to_half_in_steps_of_a_tenth():
    assert [figure.share for figure in silenced()] == pytest.approx(
        np.linspace(0, 0.5, 6), abs=1e-15
    )


def test_same_dataset_gives_the_same_figures_and_another_dataset_others():
    assert silenced() == silenced()
    here, there = silenced(), silenced(dataset="sales")
    assert here[0] == there[0]
    assert all(first.rmse != second.rmse for first, second in zip(here[1:], there[1:], strict=True))


def test_draws_of_one_share_do_not_depend_on_the_other_shares():
    assert silenced(percents=(30,)) == silenced(percents=(10, 20, 30))[2:]


def test_row_of_weight_two_counts_as_two_rows():
    once = np.arange(ROWS) % 2 == 0
    rows = np.repeat(np.arange(ROWS), np.where(once, 1, 2))
    twice = {name: values[rows] for name, values in COLUMNS.items()}
    weighted = silenced(weight=np.where(once, 1.0, 2.0))
    repeated = resilience(MODEL, twice, TARGET[rows], dataset="wages")
    assert [figure.rmse for figure in weighted] == pytest.approx(
        [figure.rmse for figure in repeated], rel=1e-6
    )


def test_inputs_stay_as_they_were():
    before = MODEL.to_bytes()
    columns = {name: values.copy() for name, values in COLUMNS.items()}
    target, weight = TARGET.copy(), WEIGHT.copy()
    resilience(MODEL, columns, target, dataset="wages", weight=weight)
    assert MODEL.to_bytes() == before
    assert all(np.array_equal(columns[name], COLUMNS[name]) for name in COLUMNS)
    assert np.array_equal(target, TARGET)
    assert np.array_equal(weight, WEIGHT)


def test_model_without_hidden_cells_has_nothing_to_silence():
    line = linear_model(Candidate("torch", "least_squares"), Encoding.fit(COLUMNS), np.ones(4))
    flat = replace(MODEL, members=(member(()),))
    assert silenced(line) == silenced(flat) == ()
