"""What people decide about single segments, by the commands, and what the store shows then."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.segment_nights import (
    CHAMPION,
    OWN,
    SHOPS,
    moved,
    segmented,
    shop_night,
    write_shops,
)
from helpers.store_nights import NEW, predictions, promoted, read, rows, run_sql, write
from helpers.warm_command import WARM

from data.errors import CallError
from data.store.read.integrity import damage_of_run
from data.store.read.segment_models import segments_waiting
from data.store.read.segments import segment_routes
from data.store.session import Store
from data.store.write.delivery import pending_delivery
from tasks.run.segment_decisions import promote_in_segment, roll_back_in_segment, unpin_segment

ROUTES = {"a": OWN, "b": None, "c": None}
sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def shops(store: Store) -> Store:
    """A store after two nights; own equations serve the shop a, and the network the others."""
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")]))
    write_shops(store, shop_night(2, ROUTES))
    return store


def serves(store: Store, segment: str = "a") -> tuple[str, bool, bool]:
    """Return the kind of what serves a segment, whether it is its own, and whether it is pinned."""
    (row,) = rows(store, "segment_champion", dataset="shops", segment=segment)
    return row["kind"], row["own"], row["pinned"]


def shown(store: Store) -> dict[str, float]:
    """Return the predictions that are shown, by key."""
    return {row["key"]: row["predicted"] for row in rows(store, "current_prediction")}


def is_sound(store: Store) -> bool:
    """Return whether all checksums fit."""
    return all(read(store, damage_of_run, run_id) == () for run_id in (1, 2))


def test_a_segment_rolled_back_is_served_by_the_champion_at_once(shops: Store):
    message = roll_back_in_segment(shops, "shops", "a", reason=None, pin=False)
    assert message == (
        f"shops, segment 'a': the champion, {CHAMPION} of run 2, serves it from now on instead of"
        f" {OWN} of run 2."
    )
    assert serves(shops) == ("ann", False, False)
    assert shown(shops) == {"a1": 0.5, "a2": 1.5, "a3": 10.0, "b1": 2.5, "b2": 10.0, "c1": 3.5}
    assert is_sound(shops)
    with pytest.raises(CallError, match="champion has always served it, so there is nothing"):
        roll_back_in_segment(shops, "shops", "a", reason=None, pin=False)
    newest = rows(shops, "segment_history", dataset="shops")[0]
    assert (newest["decision"], newest["kind"], newest["previous"]) == ("rolled_back", None, OWN)
    write_shops(shops, shop_night(3, {"a": None, "b": None, "c": None}))
    assert serves(shops) == ("ann", False, False)


def test_a_model_whose_predictions_of_the_segment_are_stored_serves_it_at_once(shops: Store):
    roll_back_in_segment(shops, "shops", "a", reason="a test", pin=True)
    assert serves(shops) == ("ann", False, True)
    message = promote_in_segment(shops, "shops", 2, OWN, "a", reason="it is better", pin=False)
    assert message.endswith(f"instead of {CHAMPION} of run 2; its pin is removed.")
    assert serves(shops) == ("segment_least_squares", True, False)
    assert shown(shops)["a1"] == 0.875
    assert is_sound(shops)
    with pytest.raises(CallError, match=f"{OWN} of run 2 already serves it"):
        promote_in_segment(shops, "shops", 2, OWN, "a", reason="again", pin=False)


def test_a_model_without_predictions_of_the_segment_serves_it_from_the_next_night_on(shops: Store):
    message = promote_in_segment(shops, "shops", 2, OWN, "b", reason="we know it", pin=False)
    assert "segment_least_squares serves it from the next night on" in message
    assert f"until then {CHAMPION} of run 2 goes on" in message
    assert "pinned until 'nightfit unpin shops --segment b'" in message
    assert serves(shops, "b") == ("ann", False, True)
    routes = read(shops, segment_routes, "shops")
    standing = dict(zip(routes.segment, zip(routes.kind, routes.pinned, strict=True), strict=True))
    assert standing["b"] == ("segment_least_squares", True)
    assert is_sound(shops)
    write_shops(shops, shop_night(3, {**ROUTES, "b": OWN}))
    assert serves(shops, "b") == ("segment_least_squares", True, True)
    with pytest.raises(ValueError, match="'b' is pinned: no run decides about it"):
        write_shops(shops, shop_night(4, {**ROUTES, "b": None}, decisions=[moved("b", None)]))
    unpin_segment(shops, "shops", "b", reason=None)
    assert serves(shops, "b") == ("segment_least_squares", True, False)
    with pytest.raises(CallError, match="it is not pinned"):
        unpin_segment(shops, "shops", "b", reason=None)


def test_a_decision_that_waits_is_taken_back_by_letting_the_champion_serve(shops: Store):
    promote_in_segment(shops, "shops", 2, OWN, "b", reason="we know it", pin=False)
    assert read(shops, segments_waiting, "shops", 2) == 1
    message = promote_in_segment(shops, "shops", 2, CHAMPION, "b", reason="or not", pin=False)
    assert message == f"shops, segment 'b': {CHAMPION} of run 2 goes on; its pin is removed."
    assert serves(shops, "b") == ("ann", False, False)
    assert read(shops, segments_waiting, "shops", 2) == 0
    routes = read(shops, segment_routes, "shops")
    assert dict(zip(routes.segment, routes.kind, strict=True))["b"] is None
    with pytest.raises(CallError, match="already serves it"):
        promote_in_segment(shops, "shops", 2, CHAMPION, "b", reason="again", pin=False)


def test_rollback_of_a_decision_that_waits_names_what_was_to_serve(shops: Store):
    promote_in_segment(shops, "shops", 2, OWN, "b", reason="we know it", pin=False)
    message = roll_back_in_segment(shops, "shops", "b", reason=None, pin=False)
    assert message == f"shops, segment 'b': {CHAMPION} of run 2 goes on; its pin is removed."
    newest, *_ = rows(shops, "segment_history", segment="b")
    kind = OWN.partition("/")[2]
    assert newest["reason"] == f"rolled back from {kind}, which was to serve from the next night on"


def test_what_comes_true_was_predicted_by_what_a_person_let_serve(store: Store):
    waiting: dict[str, float] = {"a1": NEW, "b1": NEW}
    record = shop_night(1, ROUTES, waiting, [moved("a")])
    everywhere = segmented(predictions(OWN, waiting, by=0.125))
    write_shops(store, replace(record, predictions=[record.predictions[0], everywhere]))
    roll_back_in_segment(store, "shops", "a", reason=None, pin=False)
    promote_in_segment(store, "shops", 1, OWN, "b", reason="we know it", pin=False)
    assert serves(store, "b") == ("segment_least_squares", True, False)
    write_shops(store, shop_night(2, {"a": None, "b": OWN}, {"a1": 1.0, "b1": 2.0}))
    models = dict(run_sql(store.url, "SELECT model_id, kind FROM model WHERE run_id = 1"))
    came_true = run_sql(store.url, "SELECT key, model_id FROM outcome ORDER BY key")
    assert [(key, models[model]) for key, model in came_true] == [
        ("a1", "ann"),
        ("b1", "segment_least_squares"),
    ]


@sqlite_only  # a table of results would stay in the server's database
def test_the_table_of_results_is_replaced_and_given_to_the_output_again(store: Store):
    keys = {"key_columns": [("id", "text")]}
    write_shops(store, shop_night(1, ROUTES, decisions=[moved("a")], **keys))

    def table() -> dict[str, float]:
        return dict(run_sql(store.url, "SELECT id, predicted FROM predicted_shops"))

    def pending() -> Any:
        return read(store, pending_delivery, "shops", "shop.db")

    assert table() == shown(store)
    assert table()["a1"] == 0.875
    given = "INSERT INTO output_delivery (dataset, place, promotion_id) VALUES"
    run_sql(store.url, f"{given} ('shops', 'shop.db', 1)")
    assert pending() is None
    roll_back_in_segment(store, "shops", "a", reason=None, pin=False)
    assert table() == shown(store)
    assert table()["a1"] == 0.5
    assert pending() is not None


def nightfit(store: Store, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a store, in a folder without declarations."""
    own = {"NIGHTFIT_DATABASE_URL": store.url, "NIGHTFIT_HOME": str(folder)}
    own |= {"NIGHTFIT_DATASETS": str(folder)}
    return WARM.run(arguments, {**os.environ, **own}, timeout=60)


@sqlite_only
def test_the_commands_take_a_segment(shops: Store, tmp_path: Path):
    def run(*arguments: str) -> str:
        done = nightfit(shops, tmp_path, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    rolled_back = run("rollback", "shops", "--segment", "a", "--pin", "--reason", "an audit")
    assert rolled_back.startswith(f"shops, segment 'a': the champion, {CHAMPION} of run 2,")
    history = run("history", "shops", "--segment", "a").splitlines()
    assert f"rolled back, pinned: {OWN} -> the champion, by " in history[0]
    assert history[1].strip() == "an audit"
    assert f"promoted: the champion -> {OWN}, by run 1" in history[2]
    assert "goes on" in run("unpin", "shops", "--segment", "a")
    run("promote", "shops", "2", OWN, "--segment", "b", "--reason", "we know it")
    newest = run("history", "shops", "--segment", "b").splitlines()[0]
    assert "the champion -> segment_least_squares from the next night on" in newest
    assert run("history", "shops", "--segment", "c") == (
        "The champion of shops has always served it.\n"
    )
    answer = json.loads(run("query", "segment_champion", "--segment", "b", "--format", "json"))
    assert [(row["segment"], row["kind"], row["pinned"]) for row in answer] == [("b", "ann", True)]
    keys = json.loads(run("query", "current_prediction", "--segment", "a", "--format", "json"))
    assert [row["key"] for row in keys] == ["a1", "a2", "a3"]


@sqlite_only
def test_status_says_how_many_segments_are_served_by_what(shops: Store, tmp_path: Path):
    done = nightfit(shops, tmp_path, "status")
    assert f"shops: 3 segments, served 2 by the champion and 1 by {OWN}." in done.stdout
    as_json = json.loads(nightfit(shops, tmp_path, "status", "--format", "json").stdout)
    assert as_json[0]["segments"] == {"the champion": 2, OWN: 1}
    assert "segments_pinned" not in as_json[0]
    promote_in_segment(shops, "shops", 2, OWN, "b", reason="we know it", pin=False)
    done = nightfit(shops, tmp_path, "status")
    pinned = "; 1 pinned, 1 of these to a kind that serves from the next night on."
    assert f"1 by {OWN}{pinned}" in done.stdout
    as_json = json.loads(nightfit(shops, tmp_path, "status", "--format", "json").stdout)
    assert (as_json[0]["segments_pinned"], as_json[0]["segments_waiting"]) == (1, 1)


@sqlite_only
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("history", "shops", "--segment", "shop a"), "shops has no segment 'shop a'."),
        (("rollback", "shops", "--segment", ""), "shops has no segment ''."),
        (("rollback", "plain", "--segment", "a"), "plain has no segments:"),
        (("rollback", "shops", "--segment", "b"), "the dataset's champion has always served it"),
        (("rollback", "shops", "--segment", "a", "--to", "1"), "--to goes with the dataset's"),
        (("unpin", "shops", "--segment", "a"), "it is not pinned."),
        (
            ("promote", "shops", "2", "torch/lasso", "--segment", "a", "--reason", "x"),
            "no candidate 'torch/lasso'",
        ),
        (("query", "champion", "--segment", "a"), "champion has no column 'segment'."),
        (("query", "segment_history", "--segment", "shop a"), "no segment is named 'shop a'."),
        (("rollback", "shop", "--segment", "a"), "no run of a dataset named 'shop' is stored."),
    ],
)
def test_a_mistake_is_one_sentence(
    shops: Store, tmp_path: Path, arguments: tuple[str, ...], what: str
):
    write(shops, promoted(1, SHOPS, dataset="plain"))
    done = nightfit(shops, tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert what in done.stderr
    assert "Traceback" not in done.stderr
