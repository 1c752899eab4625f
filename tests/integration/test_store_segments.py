"""Segments in the store: what serves each, its predictions and equations, and its decisions."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.segment_nights import (
    CHAMPION,
    OWN,
    SHOPS,
    equations,
    moved,
    segmented,
    served,
    shop_night,
    write_shops,
)
from helpers.store_nights import (
    NEW,
    by_hand,
    candidate,
    counts,
    night,
    predictions,
    read,
    rows,
    run_sql,
    stored,
    write,
)
from sqlalchemy import Connection, Double
from sqlalchemy.exc import DBAPIError

from data.errors import ChampionChanged
from data.store import tables
from data.store.read.integrity import damage_of_run
from data.store.read.predictions import has_predictions
from data.store.read.segments import segment_routes, served_segments
from data.store.records import PromotionRecord
from data.store.session import Store
from data.store.write.prune import prune
from data.store.write.segments import FIGURES

ROUTES = {"a": OWN, "b": None, "c": None}


def test_each_row_has_the_prediction_of_what_serves_its_segment(store: Store):
    more = {**SHOPS, "x1": 5.0}  # a row without a segment
    write_shops(store, shop_night(1, ROUTES, more, [moved("a")]))
    shown = rows(store, "current_prediction", dataset="shops")
    assert {row["key"]: (row["segment"], row["actual"], row["predicted"]) for row in shown} == {
        "a1": ("a", 1.0, 0.875),
        "a2": ("a", 2.0, 1.875),
        "a3": ("a", None, 10.0),
        "b1": ("b", 3.0, 2.5),
        "b2": ("b", None, 10.0),
        "c1": ("c", 4.0, 3.5),
        "x1": (None, 5.0, 4.5),
    }
    names = {row["model_id"]: (row["framework"], row["kind"]) for row in champions(store)}
    assert {row["key"][0]: names[row["model_id"]][1] for row in shown if row["segment"]} == {
        "a": "segment_least_squares",
        "b": "ann",
        "c": "ann",
    }
    assert len(shown) == len(more)
    assert read(store, served_segments) == {"shops": {"the champion": 2, OWN: 1}}


def test_table_of_results_has_the_segment_of_each_row_where_segments_are_declared(store: Store):
    columns = {"key_columns": [("segment", "text")]}  # a key of this name gives way
    declared = {**columns, "declaration": '{"segment": ["shop"]}'}
    write_shops(store, shop_night(1, ROUTES, {**SHOPS, "x1": 5.0}, [moved("a")], **declared))
    names = "segment, predicted, model_id"
    ours = run_sql(store.url, f"SELECT key_segment, {names} FROM predicted_shops")
    shown = f"SELECT key, {names} FROM current_prediction WHERE dataset = 'shops'"
    assert sorted(ours) == sorted(run_sql(store.url, shown))
    assert {row[1] for row in ours} == {"a", "b", "c", None}
    write_shops(store, shop_night(2, ROUTES, segments=None, **columns))
    assert len(run_sql(store.url, "SELECT segment, predicted FROM predicted_shops")) == len(SHOPS)
    with pytest.raises(DBAPIError):
        run_sql(store.url, "SELECT key_segment FROM predicted_shops")


def champions(store: Store) -> list[dict]:
    """Return the rows of `segment_champion`."""
    return rows(store, "segment_champion", dataset="shops")


def test_a_night_replaces_what_serves_each_segment_and_keeps_since_when(store: Store):
    first, second = (
        shop_night(1, ROUTES, decisions=[moved("a")]),
        shop_night(2, {**ROUTES, "d": None}),
    )
    write_shops(store, first)
    (before, *_) = champions(store)
    last = write_shops(store, replace(second, segment_decisions=[]))
    served = {row["segment"]: row for row in champions(store)}
    assert served["a"]["model_id"] != before["model_id"]
    assert {name: (row["own"], row["since"]) for name, row in served.items()} == {
        "a": (True, first.finished_at),
        "b": (False, first.finished_at),
        "c": (False, first.finished_at),
        "d": (False, second.finished_at),
    }
    assert {row["run_id"] for row in served.values()} == {last}
    assert (served["a"]["validation_rmse"], served["a"]["test_rmse"]) == (1.5, None)
    assert served["a"]["champion_test_rmse"] is None
    third = shop_night(3, {"a": None, "b": None}, decisions=[moved("a", None)])
    write_shops(store, third)
    assert [(row["segment"], row["own"], row["since"]) for row in champions(store)] == [
        ("a", False, third.finished_at),
        ("b", False, first.finished_at),
    ]


def test_each_decision_about_a_segment_is_kept_with_what_served_before(store: Store):
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a", gain=0.5, rows=3)]))
    write_shops(store, shop_night(2, {"a": None, "b": None}, decisions=[moved("a", None)]))
    assert [
        (row["decision"], row["kind"], row["model"], row["previous"], row["gain"], row["pinned"])
        for row in rows(store, "segment_history", dataset="shops")
    ] == [
        ("returned", None, None, OWN, None, False),
        ("promoted", "segment_least_squares", OWN, None, 0.5, False),
    ]
    routes = read(store, segment_routes, "shops")
    assert (routes.segment, routes.kind, routes.latest_decision) == (["a"], [None], 2)

    def earlier(connection: Connection) -> list[str | None]:
        return [*segment_routes(connection, "shops", before_run=2).kind]

    assert read(store, earlier) == ["segment_least_squares"]


def test_the_equations_of_the_latest_run_are_kept_without_terms_that_are_left_out(store: Store):
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")]))
    write_shops(store, shop_night(2, ROUTES))
    shown = rows(store, "segment_coefficient", dataset="shops")
    assert [(row["segment"], row["term"], row["estimate"], row["low"]) for row in shown] == [
        ("a", "intercept", 0.0, -1.0),
        ("a", "size", 1.0, 0.0),
        ("b", "intercept", 2.0, 1.0),
        ("b", "size", 3.0, 2.0),
        ("c", "intercept", 4.0, 3.0),
    ]
    assert [row["r2"] for row in shown] == [0.75] * 4 + [None]
    assert run_sql(store.url, "SELECT count(*) FROM segment_coefficient_value") == [(5,)]


def test_what_came_true_was_predicted_by_what_served_the_segment_then(store: Store):
    write_shops(store, shop_night(1, ROUTES, {"a1": NEW, "b1": NEW, "a2": NEW}, [moved("a")]))
    write_shops(store, shop_night(2, ROUTES, {"a1": 7.0, "b1": 8.0}))
    write_shops(store, shop_night(3, {"a": None, "b": None}, {"a2": 9.0}, [moved("a", None)]))
    models = dict(run_sql(store.url, "SELECT model_id, kind FROM model WHERE run_id = 1"))
    came_true = run_sql(
        store.url, "SELECT key, segment, model_id, run_id FROM outcome ORDER BY key"
    )
    assert [(key, segment, models[model], run) for key, segment, model, run in came_true] == [
        ("a1", "a", "segment_least_squares", 1),
        ("a2", "a", "segment_least_squares", 1),
        ("b1", "b", "ann", 1),
    ]
    assert {row["key"]: row["segment"] for row in rows(store, "prediction_outcome")} == {
        "a1": "a",
        "a2": "a",
        "b1": "b",
    }


def test_a_model_that_was_beaten_serves_no_segment_because_it_predicts_all_rows(store: Store):
    beaten = segmented(predictions(OWN, {**SHOPS, "a1": NEW}, by=0.125))
    record = shop_night(1, {"a": None, "b": OWN, "c": None}, {**SHOPS, "a1": NEW}, [moved("b")])
    write_shops(store, replace(record, predictions=[record.predictions[0], beaten]))
    write_shops(store, shop_night(2, {"a": None}, {"a1": 7.0}))
    models = dict(run_sql(store.url, "SELECT model_id, kind FROM model WHERE run_id = 1"))
    (model,) = run_sql(store.url, "SELECT model_id FROM outcome WHERE key = 'a1'")
    assert models[model[0]] == "ann"


def test_a_route_without_the_predictions_of_its_rows_is_refused(store: Store):
    record = shop_night(1, ROUTES, decisions=[moved("a")])
    few = segmented(predictions(OWN, {"a1": 1.0}), "a")
    with pytest.raises(
        ValueError, match=r"serve the segment 'a' of 3 rows, but predicts 1 of them"
    ):
        write_shops(store, replace(record, predictions=[record.predictions[0], few]))
    with pytest.raises(ValueError, match=r"serve the segment 'a' of 3 rows, but predicts 0 of"):
        write_shops(store, replace(record, predictions=record.predictions[:1]))
    assert rows(store, "run_history") == []


def test_segments_wait_with_a_champion_that_cannot_predict_tonights_rows(store: Store):
    write_shops(store, shop_night(1, ROUTES, {"a1": 1.0, "b1": 2.0}, [moved("a")]))
    (serving,) = {row["model_id"] for row in champions(store) if not row["own"]}
    stays = PromotionRecord(decision="kept", model=serving, reason="it cannot be compared")
    record = shop_night(2, {"a": OWN, "b": OWN}, decisions=[moved("b")], promotions=[stays])
    write_shops(store, replace(record, predictions=record.predictions[1:]))
    assert {row["key"]: row["predicted"] for row in rows(store, "current_prediction")} == {
        "a1": 0.5,
        "b1": 1.5,
    }
    assert [(row["segment"], row["own"]) for row in champions(store)] == [
        ("a", False),
        ("b", False),
    ]


def test_a_champion_by_hand_gets_the_segments_of_the_rows_that_are_shown(store: Store):
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")]))
    write_shops(store, shop_night(2, ROUTES))
    (first,) = run_sql(store.url, "SELECT model_id FROM promotion WHERE run_id = 1")
    own = "SELECT model_id FROM model WHERE run_id = 1 AND kind = 'segment_least_squares'"
    assert read(store, has_predictions, first[0])
    assert not read(store, has_predictions, *run_sql(store.url, own)[0])  # of its segments alone
    again = predictions(first[0], SHOPS, by=0.25)
    made = {"dataset": "shops", "predictions": {2: again}, "predictions_run_id": 2}
    by_hand(store, "rolled_back", first[0], **made)
    shown = {row["key"]: row for row in rows(store, "current_prediction")}
    assert {key: row["predicted"] for key, row in shown.items()} == {
        "a1": 0.875,
        "a2": 1.875,
        "a3": 10.0,
        "b1": 2.75,
        "b2": 10.0,
        "c1": 3.75,
    }
    assert {key: row["segment"] for key, row in shown.items()} == {key: key[0] for key in SHOPS}
    assert read(store, damage_of_run, 2) == ()


def test_a_decision_about_a_segment_while_a_run_works_keeps_the_run_from_being_stored(
    store: Store,
):
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")]))
    late = replace(shop_night(2, ROUTES), against=1, segments_against=None)
    with pytest.raises(ChampionChanged, match=r"decided about the segment 'a' \(promoted:"):
        write(store, late)


def test_damage_of_segments_is_found(store: Store):
    first = write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")]))
    last = write_shops(store, shop_night(2, ROUTES))
    assert read(store, damage_of_run, first) == read(store, damage_of_run, last) == ()
    for change, run_id, what in (
        ("UPDATE segment_serving SET rows = 9 WHERE segment = 'b'", last, "segment_serving"),
        ("UPDATE segment_decision SET gain = 9", first, "segment_decision"),
        ("UPDATE segment_fit SET r2 = 0.8 WHERE segment = 'a'", last, "segment_fit"),
        (
            "UPDATE segment_coefficient_value SET low = 9 WHERE segment = 'a'",
            last,
            "segment_coefficient_value",
        ),
    ):
        run_sql(store.url, change)
        assert any(what in clause for clause in read(store, damage_of_run, run_id)), what
    for column, value in (("segment", "'b'"), ("routed", "NULL")):
        run_sql(
            store.url, f"UPDATE prediction SET {column} = {value} WHERE key = 'a1' AND run_id = 1"
        )
        assert f"the predictions of {OWN}" in read(store, damage_of_run, first), column


def test_a_dataset_that_declares_segments_no_more_has_none(store: Store):
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")]))
    plain = predictions(CHAMPION, SHOPS)
    without = shop_night(2, {"a": None}, segments=None, predictions=[plain])
    write_shops(store, replace(without, candidates=[candidate(CHAMPION, chosen=True, rank=1)]))
    assert champions(store) == rows(store, "segment_coefficient") == []
    assert {row["segment"] for row in rows(store, "current_prediction")} == {None}


def test_what_serves_segments_is_not_pruned_but_what_did_is(store: Store):
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")]))
    for number in (2, 3):
        write_shops(store, shop_night(number, ROUTES))
    write(store, night(4, dataset="shops", status="failed", reason="no memory"))
    with store.writing() as connection:
        pruned = prune(connection, "shops", keep_runs=1)
    assert (pruned.models, pruned.predictions) == (2, 4)
    kept = "SELECT run_id FROM model WHERE artifact IS NOT NULL AND kind = 'segment_least_squares'"
    assert run_sql(store.url, kept) == [(3,)]
    assert {row["key"] for row in rows(store, "current_prediction")} == {*SHOPS}
    assert all(read(store, damage_of_run, run_id) == () for run_id in (1, 2, 3))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_of_a_segment_that_is_no_number_is_null(store: Store, value: float):
    numbers = ("standard_errors", "robust_standard_errors", "t", "p_values", "low", "high")
    own = equations(*"abc")
    none = {name: np.full_like(own.estimates, value) for name in numbers}
    none |= {name: np.full(3, value) for name in ("residual_sd", "r2")}
    columns = served(ROUTES)
    errors = [field for field in FIGURES if field.endswith("rmse")]
    record = shop_night(
        1,
        ROUTES,
        decisions=[moved("a", gain=value, gain_low=value, gain_high=value, confidence=value)],
        candidates=[
            candidate(CHAMPION, chosen=True, rank=1),
            candidate(OWN, rank=2, segment_coefficients=replace(own, **none)),
        ],
        segments=replace(columns, **{name: np.full(3, value) for name in errors}),
    )
    write_shops(store, record)
    tables_of_segments = [t for t in tables.metadata.sorted_tables if t.name.startswith("segment_")]
    assert len(tables_of_segments) == 4
    for table in tables_of_segments:
        columns_of_numbers = [c.name for c in table.c if isinstance(c.type, Double) and c.nullable]
        for row in stored(store, table):
            assert [row[name] for name in columns_of_numbers] == [None] * len(columns_of_numbers)


def test_an_infinite_estimate_of_a_segment_is_refused(store: Store):
    own = equations(*"abc")
    estimates = own.estimates.copy()
    estimates[1, 0] = np.inf
    record = shop_night(
        1,
        ROUTES,
        candidates=[
            candidate(CHAMPION, chosen=True, rank=1),
            candidate(OWN, rank=2, segment_coefficients=replace(own, estimates=estimates)),
        ],
    )
    with pytest.raises(
        ValueError, match=r"segment_coefficient_value\.estimate cannot be inf .*'b'"
    ):
        write_shops(store, record)
    assert not any(counts(store).values())
