"""Models predict the same bits once stored and loaded, and the ridge regression is exact."""

import numpy as np
import pytest

from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.intervals.intervals import Intervals
from regressors.model import Model, NetworkMember, linear_model
from regressors.network import ridge
from regressors.network.recipe import start_arrays
from regressors.network.ridge import PENALTIES, fit_ridge

RNG = np.random.default_rng(5)
ANN = Candidate("torch", "ann")
COLUMNS = {
    "x": RNG.normal(size=300),
    "c": RNG.choice(["a", "b", "c"], 300).astype(object),
}


def network_member():
    encoding = Encoding.fit(COLUMNS)
    layers = start_arrays(RNG, encoding.network(COLUMNS).shape[1], (16, 8))
    ridge = RNG.normal(size=encoding.standardised(COLUMNS).shape[1])
    return NetworkMember(encoding, np.array([10.0, 2.0, 0.1]), ridge, tuple(layers))


def test_loaded_network_predicts_the_same_bits():
    model = Model(ANN, (network_member(), network_member()), intervals=Intervals.constant(1.5, 0.9))
    again = Model.from_bytes(model.to_bytes())
    assert again.intervals == model.intervals
    assert np.array_equal(again.predict(COLUMNS), model.predict(COLUMNS))


def test_loaded_line_predicts_the_same_bits_and_has_its_equation():
    encoding = Encoding.fit(COLUMNS)
    model = linear_model(
        Candidate("theano", "least_squares"), encoding, np.array([1.0, 2.0, 3.0, 4.0])
    )
    again = Model.from_bytes(model.to_bytes())
    assert np.array_equal(again.predict(COLUMNS), model.predict(COLUMNS))
    (member,) = again.members
    assert member.encoding.term_names() == ("intercept", "x", "c[b]", "c[c]")
    assert member.estimates.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_model_predicts_the_mean_of_its_members():
    members = (network_member(), network_member())
    both = Model(ANN, members).predict(COLUMNS)
    apart = [Model(ANN, (member,)).predict(COLUMNS) for member in members]
    np.testing.assert_allclose(both, np.mean(apart, axis=0), rtol=1e-15)


def test_intervals_are_as_wide_as_the_root_of_the_weight_says():
    model = Model(ANN, (network_member(),), intervals=Intervals.constant(2.0, 0.9, 50.0))
    weight = np.full(300, 50.0)
    weight[:4] = [1.0, 100.0, np.nan, 0.0]
    predicted = model.predicted(COLUMNS, weight)
    reach = (predicted.upper - predicted.lower) / 2
    np.testing.assert_allclose(reach[:5], [2 * 50**0.5, 2 / 2**0.5, 2, 2, 2])
    assert [note is None for note in predicted.note[:5]] == [True, True, False, False, True]
    assert "mean weight" in predicted.note[2]
    assert set(model.predicted(COLUMNS).note) == {predicted.note[2]}


def test_models_without_weights_have_intervals_of_one_width():
    model = Model(ANN, (network_member(),), intervals=Intervals.constant(2.0, 0.9))
    predicted = model.predicted(COLUMNS, np.arange(300.0))
    np.testing.assert_allclose(predicted.upper - predicted.lower, 4)
    assert set(predicted.note) == {None}
    assert np.isnan(Model(ANN, model.members).predicted(COLUMNS).lower).all()


def test_refit_takes_the_interval_of_its_twin_into_the_store():
    twin = Model(ANN, (network_member(),), intervals=Intervals.constant(2.0, 0.9, 50.0))
    again = Model.from_bytes(Model(ANN, twin.members).with_interval_of(twin).to_bytes())
    assert again.intervals == twin.intervals


def test_column_types_are_those_that_columns_must_have():
    assert network_member().encoding.column_types == {"x": "number", "c": "category"}


@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_of_many_rows_is_that_of_a_decomposition_of_all_rows(monkeypatch, weighted):
    rng = np.random.default_rng(11)
    inputs = rng.normal(size=(20_000, 6))
    inputs[:, 5] = inputs[:, 4]
    target = inputs @ np.arange(6.0) + 30 * rng.normal(size=20_000) + 1e3
    weight = rng.uniform(0.2, 3, 20_000) if weighted else None
    weight = None if weight is None else weight / weight.mean()
    whole = fit_ridge(inputs.__getitem__, target, weight)
    monkeypatch.setattr(ridge, "DECOMPOSED_ROWS", 100)
    blocks = fit_ridge(inputs.__getitem__, target, weight)
    assert blocks.penalty == whole.penalty
    assert blocks.intercept == pytest.approx(whole.intercept, rel=1e-12)
    np.testing.assert_allclose(blocks.weights, whole.weights, rtol=0, atol=1e-10)
    np.testing.assert_allclose(blocks.left_out, whole.left_out, rtol=0, atol=1e-9)


def test_ridge_chooses_the_penalty_that_leaving_out_each_row_chooses():
    inputs, target = RNG.normal(size=(30, 4)), RNG.normal(size=30)

    def left_out(penalty):
        errors = []
        for i in range(30):
            rest = np.arange(30) != i
            centre, level = inputs[rest].mean(axis=0), target[rest].mean()
            z = inputs[rest] - centre
            w = np.linalg.solve(z.T @ z + penalty * np.eye(4), z.T @ (target[rest] - level))
            errors.append(target[i] - level - (inputs[i] - centre) @ w)
        return np.mean(np.square(errors))

    brute = PENALTIES[int(np.argmin([left_out(penalty) for penalty in PENALTIES]))]
    assert fit_ridge(inputs.__getitem__, target).penalty == brute


def test_ridge_without_columns_is_the_mean():
    ridge = fit_ridge(np.empty((5, 0)).__getitem__, np.arange(5.0))
    assert ridge.intercept == pytest.approx(2.0)
