"""The fast insert of each database and the portable one: the same rows, to the last bit."""

from typing import Any

import numpy as np
import pytest
from helpers.store_nights import counts
from sqlalchemy import Table, select
from sqlalchemy.exc import IntegrityError

from data.store.session import Store
from data.store.tables import paired_error, prediction
from data.store.write import bulk, copy_format

FLOATS = [0.1 + 0.2, -0.0, 5e-324, -1.7976931348623157e308, float("nan"), 2.0**-1022, 1e16]
TEXTS = ["", " ", "z", "é", "🦊", "'; --", '"', "a\tb\\N\n", "\\.", "x" * 5_000, "10", "9"]


def predicted(rows: int) -> dict[str, Any]:
    """Columns of `prediction` with every kind of value, in random order."""
    draw = np.random.default_rng(rows)
    texts = [f"{text}{number // len(TEXTS)}" for number, text in enumerate(TEXTS * rows)][:rows]
    numbers = np.array((FLOATS * rows)[:rows])
    return {
        "model_id": 2_000_000_000,
        "key": [texts[index] for index in draw.permutation(rows)],
        "run_id": 7,
        "dataset": "wägés",
        "actual": numbers,
        "predicted": np.nan_to_num(numbers[::-1], nan=1.0),
        "lower": np.full(rows, np.nan),
        "upper": draw.normal(size=rows),
        "role": np.array((["train", "test", "new", "warmup"] * rows)[:rows], dtype=object),
    }


def compared(unit: Any) -> dict[str, Any]:
    return {
        "run_id": 1,
        "key": ["b", "a", "c"],
        "model_id": 2,
        "other_model_id": 1,
        "error": np.array([1.5, -5e-324, 0.1]),
        "other_error": np.array([1, 2, 3]),
        "unit": unit,
    }


def bits(store: Store, table: Table) -> list[tuple[Any, ...]]:
    """The table's rows, floats by their bits, since -0.0 equals 0.0."""
    with store.reading() as connection:
        rows = connection.execute(select(table).order_by(*table.primary_key)).all()
    return [tuple(v.hex() if isinstance(v, float) else v for v in row) for row in rows]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (prediction, predicted(1)),
        (prediction, predicted(60)),
        (prediction, {**predicted(60), "lower_2": np.arange(60.0), "note": None}),
        (paired_error, compared(None)),
        (paired_error, compared(np.array([-1, 3_000_000_000, 0]))),
    ],
)
def test_the_fast_and_the_portable_insert_write_the_same_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch, table: Table, columns: dict[str, Any]
):
    results = []
    monkeypatch.setattr(bulk, "BATCH_ROWS", 7)
    monkeypatch.setattr(copy_format, "CHUNK_BYTES", 1_000)
    for ways in (bulk.FAST, {}):
        monkeypatch.setattr(bulk, "FAST", ways)
        with store.writing() as connection:
            bulk.insert_columns(connection, table, columns)
        results.append(bits(store, table))
        with store.writing() as connection:
            connection.execute(table.delete())
    assert results[0] == results[1]
    assert len(results[0]) == len(columns["key"])


def test_rows_are_read_back_as_they_were_given(store: Store):
    columns = predicted(60)
    with store.writing() as connection:
        bulk.insert_columns(connection, prediction, columns)
    by_key = {row[1]: row for row in bits(store, prediction)}
    for index, key in enumerate(columns["key"]):
        actual = columns["actual"][index]
        stored_value = by_key[key][4]  # compared by value: SQLite does not keep the sign of a zero
        assert stored_value is None if np.isnan(actual) else float.fromhex(stored_value) == actual
        assert by_key[key][8] == columns["role"][index]
        assert (by_key[key][0], by_key[key][3], by_key[key][6]) == (2_000_000_000, "wägés", None)


def test_inserting_reports_how_many_rows_are_written(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk, "BATCH_ROWS", 30)
    calls: list[tuple[float, str]] = []
    with store.writing() as connection:
        bulk.insert_columns(connection, prediction, predicted(60), lambda *call: calls.append(call))
    assert calls == [(0, "0 of 60 rows written"), (0.5, "30 of 60 rows written")]


def test_a_row_that_is_refused_takes_the_others_with_it(store: Store):
    columns = {**predicted(30), "role": "old"}
    with pytest.raises(IntegrityError, match="ck_prediction_role"), store.writing() as connection:
        bulk.insert_columns(connection, prediction, columns)
    assert not any(counts(store).values())


def test_inserting_no_rows_does_nothing(store: Store):
    with store.writing() as connection:
        bulk.insert_columns(connection, prediction, {**predicted(1), "key": []})
    assert not any(counts(store).values())
