"""Which predictions a run stores, and what it says about those that it does not."""

from datetime import UTC, datetime

import numpy as np
import pytest

from data.declarations.model import Declaration
from data.store.records import RunRecord
from data.store.row_columns import PredictionColumns, Targets
from data.texts import Texts
from tasks.run.predictions import unstored_warning
from tasks.run.trained_rows import without_prediction

MILLION = 1_000_000


def declared(**more: object) -> Declaration:
    base = {"name": "shop", "source": {"path": "/rows.csv"}, "key": "id", "target": "y"}
    return Declaration.model_validate({**base, **more})


@pytest.mark.parametrize(
    ("keys", "labelled", "stores"),
    [
        ({}, MILLION, True),
        ({}, MILLION + 1, False),
        ({"predictions": "all"}, 10 * MILLION, True),
        ({"predictions": "new"}, 20, False),
    ],
)
def test_predictions_of_training_rows_are_stored_up_to_a_million_rows_or_as_declared(
    keys, labelled, stores
):
    assert declared(**keys).stores_training_predictions(labelled) is stores


def test_a_run_says_that_it_stores_no_predictions_of_training_rows_unless_that_is_declared():
    (warning,) = unstored_warning(declared(), labelled=MILLION + 1, training=800_001)
    assert "predictions of the 800,001 training rows are not stored" in warning
    assert "more than 1,000,000 rows have a target" in warning
    few = unstored_warning(declared(), labelled=MILLION, training=800_000)
    meant = unstored_warning(declared(predictions="new"), labelled=MILLION + 1, training=800_001)
    assert [*few, *meant] == []


def test_without_the_rows_of_its_run_a_model_may_have_been_trained_with_every_other_row():
    keys = Texts.of(["a", "b", "c"])
    assert without_prediction(keys, Texts.of(["b"]), None).tolist() == [True, False, True]


def predicted(role: str) -> PredictionColumns:
    one = np.array([1.0])
    columns = {name: one for name in ("actual", "predicted", "lower", "upper")}
    return PredictionColumns(model="torch/ann", key=["a"], role=np.array([role]), **columns)


@pytest.mark.parametrize("predictions", [[], [predicted("train")], [predicted("warmup")]])
def test_targets_without_predictions_are_refused_beside_predictions_of_training_rows(predictions):
    night = datetime(2026, 1, 1, tzinfo=UTC)
    own = Targets(key=["b"], actual=np.array([2.0]))
    run = {"dataset": "wages", "status": "succeeded", "started_at": night, "finished_at": night}
    assert RunRecord(**run, predictions=[predicted("test")], unstored_targets=own)
    with pytest.raises(ValueError, match="targets without predictions"):
        RunRecord(**run, predictions=predictions, unstored_targets=own)
