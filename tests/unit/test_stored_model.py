"""What a model of an earlier run predicts for the rows of tonight."""

import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import data.store.checksums
import tasks.run.stored_model
from data.declarations.model import Declaration
from data.sources.read import read
from data.store.checksums import in_key_order
from data.store.row_columns import NUMBERS, PredictionColumns
from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.intervals.intervals import Intervals
from regressors.model import linear_model
from tasks.run.rows import SnapshotRows
from tasks.run.stored_model import StoredModel, predictions_of

CANDIDATE = Candidate("torch", "least_squares")
HEADER = "id,a,y\n"
THEN = {"k1": ("1", "10"), "k2": ("2", "20"), "k3": ("3", "30"), "k4": ("4", "")}
OWN = PredictionColumns(
    model=7,
    key=[*THEN],
    actual=np.array([10.0, 20.0, 30.0, np.nan]),
    predicted=np.array([11.0, 21.0, 31.0, 41.0]),
    lower=np.array([10.0, 20.0, 30.0, 40.0]),
    upper=np.array([12.0, 22.0, 32.0, 42.0]),
    role=np.array(["train", "train", "test", "new"]),
    note=[None, "a is missing", None, None],
)


OF_OTHERS = PredictionColumns(
    model=7,
    key=["k3", "k4"],
    actual=np.array([30.0, np.nan]),
    predicted=np.array([31.0, 41.0]),
    lower=np.array([30.0, 40.0]),
    upper=np.array([32.0, 42.0]),
    role=np.array(["test", "new"]),
)
"""What its own run stored of the same rows, where it stored no predictions of training rows."""


def line(slope):
    encoding = Encoding.fit({"a": np.arange(1.0, 30.0)})
    return replace(
        linear_model(CANDIDATE, encoding, np.array([0.0, slope])),
        intervals=Intervals.constant(1.0, 0.9),
    )


@pytest.fixture(params=[1, 3, 2**16], autouse=True)
def rows_at_once(request, monkeypatch):
    """Rows that are read and predicted at once: the result does not depend on it."""
    monkeypatch.setattr(data.store.checksums, "BATCH_ROWS", request.param)
    monkeypatch.setattr(tasks.run.stored_model, "ROWS_AT_ONCE", request.param + request.param // 3)


@pytest.fixture
def tonight(tmp_path):
    def rows(values):
        lines = [f"{key},{a},{y}" for key, (a, y) in values.items()]
        source = tmp_path / "rows.csv"
        source.write_text(HEADER + "\n".join([*lines, ""]), encoding="utf-8")
        keys = {"name": "shop", "source": {"path": source}, "key": "id", "target": "y"}
        declaration = Declaration.model_validate(keys)
        snapshot = read(declaration, folder=tmp_path / "snapshots")
        return SnapshotRows(declaration, snapshot, np.ones(snapshot.rows, dtype=bool), ())

    return rows


@pytest.fixture
def model(tonight):
    name = "torch/least_squares of run 1"
    return StoredModel(
        name, 7, line(100.0), line(1000.0), partial(in_key_order, OWN), tonight(THEN)
    )


@pytest.fixture
def model_of_others(model):
    return replace(model, own=partial(in_key_order, OF_OTHERS))


def shown(columns):
    note = columns.note or [None] * len(columns.key)
    values = zip(columns.actual, columns.predicted, columns.role, note, strict=True)
    return dict(zip(columns.key, ((str(a), p, r, n) for a, p, r, n in values), strict=True))


def test_rows_that_it_was_trained_with_keep_the_prediction_of_its_own_run(model, tonight):
    columns, warnings = predictions_of(model, tonight(THEN), with_training=True)
    assert shown(columns) == {
        "k1": ("10.0", 11.0, "train", None),
        "k2": ("20.0", 21.0, "train", "a is missing"),
        "k3": ("30.0", 31.0, "test", None),
        "k4": ("nan", 400.0, "new", None),
    }
    assert columns.lower.tolist() == [10, 20, 30, 399]
    assert warnings == ()


def test_deleted_rows_go_and_a_corrected_target_stands_beside_the_same_prediction(model, tonight):
    columns, warnings = predictions_of(
        model, tonight({"k1": ("1", "99"), "k3": ("3", "")}), with_training=True
    )
    assert shown(columns) == {
        "k1": ("99.0", 11.0, "train", None),
        "k3": ("nan", 31.0, "test", None),
    }
    assert warnings == ()


def test_rows_whose_feature_has_changed_are_predicted_again_with_a_note(model, tonight):
    changed = {**THEN, "k1": ("1.5", "10"), "k3": ("", "30"), "k5": ("5", "50")}
    columns, (warning,) = predictions_of(model, tonight(changed), with_training=True)
    rows = shown(columns)
    assert rows["k1"] == ("10.0", 150.0, "train", "a changed since the model was trained")
    assert rows["k3"][1] == pytest.approx(1000 * 15)  # the twin, with the median for the gap
    assert "a changed since the model was trained" in rows["k3"][3]
    assert rows["k2"] == ("20.0", 21.0, "train", "a is missing")
    assert rows["k5"] == ("50.0", 500.0, "new", None)
    assert warning.startswith("2 rows have changed since torch/least_squares of run 1 was trained")
    assert "the first has key k1" in warning


def test_without_the_rows_of_its_own_run_the_stored_predictions_stay_and_a_warning_says_so(
    model, tonight
):
    blind = replace(model, trained_on=None)
    columns, (warning,) = predictions_of(
        blind, tonight({**THEN, "k1": ("1.5", "10")}), with_training=True
    )
    assert shown(columns)["k1"] == ("10.0", 11.0, "train", None)
    assert "it is not known whether their features have changed" in warning


def test_a_night_that_stores_no_training_rows_leaves_those_of_the_model_out(model, tonight):
    changed = {**THEN, "k1": ("1.5", "10"), "k5": ("5", "50")}
    columns, warnings = predictions_of(model, tonight(changed), with_training=False)
    assert shown(columns) == {
        "k3": ("30.0", 31.0, "test", None),
        "k4": ("nan", 400.0, "new", None),
        "k5": ("50.0", 500.0, "new", None),
    }
    assert columns.lower.tolist() == [30, 399, 499]
    assert warnings == ()


def test_a_model_never_predicts_a_row_again_that_it_was_trained_with(model_of_others, tonight):
    rows = {**THEN, "k1": ("1.5", "10"), "k2": ("2", ""), "k5": ("5", "50")}
    columns, warnings = predictions_of(model_of_others, tonight(rows), with_training=False)
    assert shown(columns) == {
        "k3": ("30.0", 31.0, "test", None),
        "k4": ("nan", 400.0, "new", None),
        "k5": ("50.0", 500.0, "new", None),
    }
    assert warnings == ()


def test_where_all_predictions_are_wanted_a_warning_counts_those_that_its_run_did_not_store(
    model_of_others, tonight
):
    columns, (warning,) = predictions_of(model_of_others, tonight(THEN), with_training=True)
    assert columns.key == ["k3", "k4"]
    assert warning == (
        "2 rows that torch/least_squares of run 1 was trained with have no prediction, since its"
        " run stored those of new rows and test rows alone. They get one from the next model that"
        " serves."
    )


@pytest.mark.parametrize("with_training", [True, False])
def test_without_the_rows_of_its_run_only_rows_that_it_surely_did_not_see_are_predicted(
    model_of_others, tonight, with_training
):
    blind = replace(model_of_others, trained_on=None)
    rows = tonight({**THEN, "k5": ("5", "50"), "k6": ("6", "")})
    columns, warnings = predictions_of(blind, rows, with_training=with_training)
    assert shown(columns) == {
        "k3": ("30.0", 31.0, "test", None),
        "k4": ("nan", 400.0, "new", None),
        "k6": ("nan", 600.0, "new", None),
    }
    assert warnings[0].startswith(
        "3 rows that torch/least_squares of run 1 may have been trained with have no prediction"
    )
    assert "no longer exist" in warnings[1]


@pytest.mark.parametrize("rows_at_once", [200], indirect=True)
def test_of_many_rows_little_more_than_the_result_is_in_memory(tonight):
    many = {f"k{number:05d}": ("1", "10") for number in range(10_000)}
    then, now = tonight(many), tonight(many)
    numbers = {name: np.ones(len(many)) for name in NUMBERS}
    role = np.full(len(many), "train", dtype=object)
    own = PredictionColumns(model=7, key=then.rows.keys, role=role, **numbers)
    model = StoredModel("m", 7, line(100.0), line(1000.0), partial(in_key_order, own), then)
    assert (then.coded("a"), now.coded("a")) != (None, None)  # both are read before
    tracemalloc.start()
    try:
        columns, warnings = predictions_of(model, now, with_training=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(columns.key), warnings) == (len(many), ())
    assert peak < 75 * len(many)  # three numbers and a role take 32 bytes of each row
