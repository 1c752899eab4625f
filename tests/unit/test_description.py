"""The description of a model says all that a prediction takes: one is computed from its JSON."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.made_models import made_columns, made_model, odd_rows, together
from helpers.recomputed import recomputed

from regressors.candidate import Candidate
from regressors.description import described, values_of_pair, weights_of
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.groups import paired
from regressors.encoding.matrices import Encoding
from regressors.model import linear_model

COLUMNS = together(made_columns(40, 5), odd_rows(made_columns()))
ROWS = len(COLUMNS["order"])
WEIGHT = np.linspace(0, 4, ROWS)
MODELS = {
    "linear": {},
    "linear without products": {"products": False},
    "linear without intercept, with weights": {"intercept": False, "mean_weight": 2.0},
    "linear with intervals by row": {"by_row": True},
    "ann": {"mean_weight": 2.0},
    "ann with intervals by row": {"by_row": True, "mean_weight": 2.0},
    "ann without hidden layers": {"hidden": ()},
}


def plain(value):
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else value.astype(object)
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    return value


def rows_of(columns):
    count = len(next(iter(columns.values())))
    return [{name: plain(values[i]) for name, values in columns.items()} for i in range(count)]


def json_of(model):
    return json.loads(json.dumps(described(model), allow_nan=False))


@pytest.mark.parametrize("name", MODELS)
def test_prediction_and_interval_can_be_computed_from_the_json_alone(name):
    model = made_model(name.split()[0], **MODELS[name])
    description = json_of(model)
    predicted = model.predicted(COLUMNS, WEIGHT)
    results = [
        recomputed(description, row, weight)
        for row, weight in zip(rows_of(COLUMNS), WEIGHT, strict=True)
    ]
    typical = np.median(np.abs(predicted.value))
    reach = 1e-6 if model.candidate.kind == "ann" else 1e-12
    for (value, lower, upper), ours, low, high in zip(
        results, predicted.value, predicted.lower, predicted.upper, strict=True
    ):
        near = {"rel": reach, "abs": reach * typical}
        assert value == pytest.approx(ours, **near)
        if lower is not None:
            assert (lower, upper) == (pytest.approx(low, **near), pytest.approx(high, **near))


def test_only_rows_whose_doubt_differs_by_row_have_no_interval():
    columns = odd_rows(made_columns())
    without = [
        recomputed(json_of(made_model("linear", products=products)), row)[1]
        for products in (True, False)
        for row in rows_of(columns)
    ]
    assert 0 < without[: len(without) // 2].count(None) < len(without) // 2
    assert None not in without[len(without) // 2 :]


def test_made_models_have_what_encodings_know():
    network = json_of(made_model("ann"))["members"]
    kinds = {next(iter(entry)) for member in network for entry in member["inputs"]}
    assert kinds == {"squashed", "piece", "missing", "category", "word", "effect", "count"}
    assert {len(group["columns"]) for member in network for group in member["groups"]} == {1, 2}
    parts = {part["part"] for part in json_of(made_model("ann"))["parts"]}
    assert parts == {"days", "month", "weekday", "hour"}
    unknown = json_of(made_model("linear"))["interval"]["unknown"]
    assert any(part["more"] is None for part in unknown)


def test_a_model_without_an_interval_has_none():
    assert json_of(replace(made_model("linear"), intervals=None))["interval"] is None


def test_weights_are_those_of_all_layers():
    model = made_model("ann")
    arrays = [array for member in model.members for array in member.layers]
    assert weights_of(described(model)) == sum(array.size for array in arrays)
    assert weights_of(described(made_model("linear"))) == 0


@pytest.mark.parametrize(
    "pair", [("o'k", None), (1.5, float("nan")), (-0.25, 'a"b\\'), (1e-300, "")]
)
def test_a_pair_of_values_is_read_as_it_was_written(pair):
    (text,) = paired(*(np.array([value], dtype=object) for value in pair))
    expected = [None if value != value else value for value in pair]
    assert values_of_pair(text) == expected


def test_a_model_of_version_0_1_0_predicts_with_zeros_for_unknown_levels():
    category = CategoryColumn("c", ("a", "b"), other=False)
    encoding = Encoding(categories=(category,), names=("c",))
    model = linear_model(Candidate("torch", "least_squares"), encoding, np.array([1.0, 2.0]))
    description = json_of(model)
    values = [recomputed(description, {"c": value})[0] for value in ("a", "b", "z", None)]
    columns = {"c": np.array(["a", "b", "z", None], dtype=object)}
    assert values == model.predict(columns).tolist() == [1.0, 3.0, 1.0, 1.0]
