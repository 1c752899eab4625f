"""No column of numbers takes NaN or infinity: NULL where it may be empty, refused where not."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from helpers.store_nights import (
    NEW,
    by_hand,
    candidate,
    counts,
    everything,
    predictions,
    probe,
    promoted,
    silenced,
    stored,
    write,
)
from sqlalchemy import Double

from data.store import tables
from data.store.records import (
    CoefficientRecord,
    LinearFitRecord,
    NaiveRecord,
    PromotionRecord,
    RunRecord,
    ScoreRecord,
    SourceColumnRecord,
)
from data.store.row_columns import PairedErrors
from data.store.session import Store

NO_NUMBER = [float("nan"), float("inf"), float("-inf")]
ALL = [
    (t.name, c.name, c.nullable)
    for t in tables.metadata.sorted_tables
    for c in t.columns
    if isinstance(c.type, Double) and not t.name.startswith("segment_")
]
"""Those of the tables of segments are in test_store_segments.py."""
COPIED = "outcome"
"""Its numbers are copied from `prediction`."""
ROWS = {"a": 1.0, "b": NEW}
KNOWN = ("actual", "predicted")


def with_number(table: str, columns: Sequence[str], value: float) -> RunRecord:
    """A night in which numbers of one table, or those of its first row, are `value`."""
    number = dict.fromkeys(columns, value)
    linear, ann = candidate("torch/least_squares"), candidate(resilience=[silenced(0.1, 2.0)])
    compared = PairedErrors(
        model="torch/ann",
        other="torch/least_squares",
        key=["a"],
        error=np.array([1.0]),
        other_error=np.array([2.0]),
    )
    predicted, checked = predictions("torch/ann", ROWS), probe("torch", 0.5)
    more: dict[str, Any] = {}
    decided = PromotionRecord(decision="promoted", model="torch/ann", reason="it is better")
    if table == "model":
        ann = replace(ann, **number)
    elif table == "score":
        fields = {"rows": "test", "rmse": 1.0, "mae": 1.0, "n": 3, **number}
        ann = replace(ann, scores=[ScoreRecord(**fields)])
    elif table == "naive":
        fields = {"name": "mean", "rows": "test", "rmse": 1.0, "mae": 1.0, "n": 3, **number}
        more["naive"] = [NaiveRecord(**fields)]
    elif table == "resilience":
        ann = replace(ann, resilience=[replace(silenced(0.1, 2.0), **number)])
    elif table == "coefficient":
        fields = {"term": "age", "estimate": 1.0, **number}
        linear = replace(linear, coefficients=[CoefficientRecord(**fields)])
    elif table == "coefficient_variant":
        fields = {"term": "age", "estimate": 1.0, "variant": "complete cases", "rows": 3, **number}
        linear = replace(linear, variants=[CoefficientRecord(**fields)])
    elif table == "source_column":
        more["columns"] = [SourceColumnRecord(name="age", role="feature", **number)]
    elif table == "linear_fit":
        linear = replace(linear, linear_fit=LinearFitRecord(rows=3, **number))
    elif table == "agreement_check":
        checked = replace(checked, **number)
    elif table == "prediction":
        second = {column: predicted.numbers.get(column, predicted.lower)[1] for column in columns}
        changed = {column: np.array([value, second[column]]) for column in columns}
        predicted = replace(predicted, **changed)
    elif table == "promotion":
        decided = replace(decided, **number)
    elif table == "paired_error":
        compared = replace(compared, **{column: np.array([value]) for column in columns})
    else:
        assert table == "run"
        if number.pop("interval_level", None) is not None:
            more["declaration"] = json.dumps({"interval": value})  # Python's JSON has NaN
        more |= number
    return promoted(
        1,
        ROWS,
        candidates=[ann, linear],
        predictions=[predicted],
        promotions=[decided],
        agreement=[checked],
        paired_errors=compared,
        **more,
    )


def taken(may_be_empty: bool) -> list[tuple[str, str]]:
    """The columns of numbers that may be empty, or that may not, as the writer sees them."""
    return [
        (table, column)
        for table, column, nullable in ALL
        if table != COPIED
        and may_be_empty == (nullable and (table, column) not in [("prediction", k) for k in KNOWN])
    ]


def test_every_column_of_numbers_is_covered_here():
    assert len(taken(True)) + len(taken(False)) == len(
        [column for column in ALL if column[0] != COPIED]
    )
    assert {table for table, _ in taken(True)} >= {"run", "model", "score", "coefficient"}
    assert {column for table, column in taken(False) if table == "prediction"} == set(KNOWN)


@pytest.mark.parametrize("value", NO_NUMBER)
def test_nan_and_infinity_become_null_where_a_number_may_be_absent(store: Store, value: float):
    for table, together in groupby(taken(True), key=itemgetter(0)):
        columns = [column for _, column in together]
        write(store, replace(with_number(table, columns, value), dataset=f"night of {table}"))
        rows = stored(store, tables.metadata.tables[table])
        assert [c for c in columns if all(row[c] is not None for row in rows)] == []
    for name, written in everything(store).items():
        for row in written:
            numbers = [number for number in row.values() if isinstance(number, float)]
            assert np.isfinite(numbers).all(), name


@pytest.mark.parametrize(("table", "column"), taken(False))
def test_nan_and_infinity_are_refused_where_a_number_is_required(
    store: Store, table: str, column: str
):
    for value in NO_NUMBER:
        with pytest.raises(ValueError, match=rf"{table}\.{column} cannot be {value}"):
            write(store, with_number(table, [column], value))
    assert not any(counts(store).values())


def test_an_outcome_has_no_interval_where_its_prediction_had_none(store: Store):
    columns = replace(predictions("torch/ann", {"a": NEW}), lower=np.array([float("-inf")]))
    write(store, promoted(1, {}, predictions=[columns]))
    write(store, promoted(2, {"a": 1.0}))
    (outcome,) = stored(store, tables.outcome)
    assert (outcome["lower"], outcome["upper"]) == (None, 11.0)


@pytest.mark.parametrize("value", NO_NUMBER)
def test_a_manual_decision_stores_no_prediction_that_is_not_a_number(store: Store, value: float):
    run_id = write(store, promoted(1, {"a": 1.0}))
    before = counts(store)
    columns: Any = replace(predictions(1, {"z": 1.0}), predicted=np.array([value]))
    with pytest.raises(ValueError, match=r"prediction\.predicted cannot be"):
        by_hand(store, "forced", 1, predictions={run_id: columns})
    assert counts(store) == before
