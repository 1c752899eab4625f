"""What may be removed of old runs: never what a view, a rollback or a later night needs."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from helpers.store_nights import (
    NEW,
    answers,
    by_hand,
    candidate,
    change,
    counts,
    everything,
    fill,
    kept,
    night,
    predictions,
    promoted,
    read,
    rows,
    stored,
    trained_keys,
    write,
)
from sqlalchemy import Engine, event

from data.errors import CallError, StoreError
from data.settings import ROOT
from data.store import tables
from data.store.read.champions import champion_model, model_of
from data.store.read.comparisons import latest_comparison
from data.store.read.predictions import twin_training_keys
from data.store.row_columns import PairedErrors
from data.store.session import Store
from data.store.write.prune import Coming, Pruned, prune

KEYS = {"w": 1.0, "a": 2.0, "t": 3.0, "n": NEW}
ROLES = ["warmup", "train", "test", "new"]


def pairs(serving: int) -> PairedErrors:
    errors = np.array([0.5, 0.25])
    return PairedErrors(
        model="theano/least_squares",
        other=serving,
        key=["a", "t"],
        error=errors,
        other_error=errors,
    )


def refused(number: int, serving: int, **facts):
    """A night whose winner was refused, with the predictions of both models."""
    own = predictions("theano/least_squares", KEYS, roles=ROLES)
    serving_rows = predictions(serving, {"n": NEW})
    rows_stored = {"predictions": [serving_rows, own], "paired_errors": pairs(serving)}
    return kept(
        number, serving, {}, **{"snapshot": f"snapshots/wages/{number}", **rows_stored, **facts}
    )


def champion(number: int, name: str, **facts):
    own = predictions(name, KEYS, roles=ROLES)
    stored_facts = {"predictions": [own], "snapshot": f"snapshots/wages/{number}", **facts}
    return promoted(number, {}, name=name, **stored_facts)


def serving(store: Store) -> int:
    return read(store, champion_model, "wages").model_id


@pytest.fixture(scope="module")
def past() -> dict[str, list[dict]]:
    """The rows of `history`, once it has been written."""
    return {}


@pytest.fixture
def history(store: Store, past: dict[str, list[dict]]) -> Store:
    """Two former champions and one that serves, between nights that were refused."""
    if past:
        fill(store, past)
        return store
    write(store, champion(1, "torch/ann"))
    write(store, refused(2, serving(store)))
    write(store, champion(3, "torch/least_squares"))
    write(store, refused(4, serving(store)))
    write(store, champion(5, "theano/ann"))
    for number in range(6, 12):
        write(store, refused(number, serving(store)))
    past.update(everything(store))
    return store


def of_champions(store: Store) -> dict[int, list]:
    """What each former champion predicts after a rollback to it, and what it was trained on."""
    predicted = {}
    for model_id in sorted({row["model_id"] for row in stored(store, tables.promotion)}):
        by_hand(store, "rolled_back", model_id)
        served = read(store, champion_model, "wages")
        predicted[model_id] = [
            sorted(rows(store, "current_prediction"), key=repr),
            sorted(trained_keys(store, model_id)),
            sorted(read(store, twin_training_keys, model_id)),
            served.artifact,
            served.twin,
        ]
    return predicted


def bare(store: Store) -> set[int]:
    """The runs that have a model without bytes."""
    return {row["run_id"] for row in stored(store, tables.model) if row["twin"] is None}


def test_every_view_answers_as_before(history: Store):
    before = answers(history)
    removed = change(history, prune, "wages", keep_runs=2)
    assert removed.predictions > 0
    assert answers(history) == before


def test_what_a_champion_predicted_in_old_runs_goes_and_what_it_was_trained_on_stays(store: Store):
    write(store, champion(1, "torch/ann"))
    model_id = serving(store)
    for number in range(2, 7):
        write(store, kept(number, model_id, {**KEYS, "w": 9.0}))
    shown = answers(store)

    def known() -> list[int]:
        of_champion = (row for row in stored(store, tables.prediction) if row["role"] != "new")
        return sorted({row["run_id"] for row in of_champion if row["model_id"] == model_id})

    assert known() == [1, 2, 3, 4, 5, 6]
    counted = change(store, prune, "wages", keep_runs=2, dry_run=True).predictions
    assert change(store, prune, "wages", keep_runs=2).predictions == counted > 0
    assert known() == [1, 5, 6]
    assert answers(store) == shown
    assert trained_keys(store, model_id) == {"w", "a", "t"}
    assert change(store, prune, "wages", keep_runs=2).predictions == 0


def test_a_rollback_to_any_former_champion_gives_every_row_its_prediction(history: Store):
    before = of_champions(history)
    change(history, prune, "wages", keep_runs=2)
    assert of_champions(history) == before
    assert len(before) == 3
    for shown, *_, artifact, twin in before.values():
        assert {row["key"] for row in shown} == set(KEYS)
        assert artifact and twin


def test_a_dry_run_reports_what_would_be_removed_and_removes_nothing(history: Store):
    whole = counts(history)
    announced = change(history, prune, "wages", keep_runs=2, dry_run=True)
    assert counts(history) == whole
    assert change(history, prune, "wages", keep_runs=2) == announced
    now = counts(history)
    lost = {name: whole[name] - now[name] for name in whole if whole[name] != now[name]}
    assert lost == {"prediction": announced.predictions, "paired_error": announced.paired_errors}
    assert lost == {"prediction": 3 * 6, "paired_error": 2 * 6}
    size = len(b"theano/least_squares model") + len(b"theano/least_squares twin")
    assert (announced.models, announced.model_bytes) == (6, 6 * size)
    assert announced.snapshots == tuple(sorted(f"snapshots/wages/{n}" for n in (2, 4, 6, 7, 8, 9)))


def test_pruning_twice_removes_nothing_more(history: Store):
    first = change(history, prune, "wages", keep_runs=2)
    before = counts(history)
    assert change(history, prune, "wages", keep_runs=2) == Pruned(
        "wages", snapshots=first.snapshots
    )
    assert counts(history) == before


def test_the_last_runs_and_all_predictions_of_new_rows_stay(history: Store):
    change(history, prune, "wages", keep_runs=2)
    models = stored(history, tables.model)
    losers = {row["model_id"]: row["run_id"] for row in models if row["framework"] == "theano"}
    del losers[serving(history)]
    roles: dict[int, set[str]] = {}
    for row in stored(history, tables.prediction):
        if row["model_id"] in losers:
            roles.setdefault(row["run_id"], set()).add(row["role"])
    old = {number: {"new"} for number in (2, 4, 6, 7, 8, 9)}
    assert roles == old | {10: set(ROLES), 11: set(ROLES)}
    marked = {row["run_id"] for row in stored(history, tables.run) if row["pruned_at"]}
    assert marked == {2, 4, 6, 7, 8, 9}


def test_models_that_never_served_keep_their_bytes_for_seven_runs_at_most(history: Store):
    removed = change(history, prune, "wages", keep_runs=30)
    assert (removed.predictions, removed.paired_errors, removed.snapshots) == (0, 0, ())
    assert bare(history) == {2, 4}
    with pytest.raises(CallError, match="no model that could serve"):
        read(history, model_of, "wages", 2)
    change(history, prune, "wages", keep_runs=1)
    assert bare(history) == {2, 4, 6, 7, 8, 9, 10}


def test_refusing_a_pruned_candidate_says_that_it_was_pruned(store: Store):
    both = [candidate("torch/ann", chosen=True, rank=1), candidate("theano/ann", rank=2)]
    write(store, champion(1, "torch/ann", candidates=both))
    write(store, champion(2, "torch/least_squares"))
    change(store, prune, "wages", keep_runs=1)
    with pytest.raises(CallError, match="theano/ann of run 1 never served and has been pruned"):
        read(store, model_of, "wages", 1, "theano/ann")


def test_failed_runs_and_backfills_push_out_no_good_run(store: Store):
    write(store, champion(1, "torch/ann"))
    write(store, refused(2, serving(store)))
    for number in range(3, 9):
        write(store, night(number, status="rejected", snapshot=f"snapshots/wages/{number}"))
        own = predictions("torch/ann", KEYS, roles=ROLES)
        old = {"candidates": [candidate(chosen=True)], "predictions": [own], "backfill": True}
        write(store, night(number + 20, **old))
    removed = change(store, prune, "wages", keep_runs=2)
    assert removed.snapshots == tuple(f"snapshots/wages/{n}" for n in (3, 4, 5, 6))
    assert removed.predictions == 4 * 3
    marked = {row["run_id"] for row in stored(store, tables.run) if row["pruned_at"]}
    assert marked == {4, 6, 8, 10}


def test_the_latest_comparison_stays_however_old_it_is(store: Store):
    write(store, champion(1, "torch/ann"))
    write(store, refused(2, serving(store)))
    for number in range(3, 6):
        write(store, refused(number, serving(store), paired_errors=None))
    assert change(store, prune, "wages", keep_runs=1).paired_errors == 0
    assert list(read(store, latest_comparison, "wages").errors.key) == ["a", "t"]


def test_a_snapshot_that_a_kept_run_names_too_stays(store: Store):
    write(store, champion(1, "torch/ann", snapshot="snapshots/wages/one"))
    names = ("one", "two", "two", "three", "two")
    for number, name in enumerate(names, start=2):
        write(store, refused(number, serving(store), snapshot=f"snapshots/wages/{name}"))
    assert change(store, prune, "wages", keep_runs=1).snapshots == ("snapshots/wages/three",)


def test_an_old_prediction_still_becomes_an_outcome(store: Store):
    write(store, champion(1, "torch/ann"))
    first = serving(store)
    for number in range(2, 6):
        write(store, refused(number, first, predictions=[]))
    change(store, prune, "wages", keep_runs=1)
    write(store, kept(6, first, {"n": 9.0}))
    (outcome,) = stored(store, tables.outcome)
    assert (outcome["key"], outcome["run_id"], outcome["actual"]) == ("n", 1, 9.0)


def test_another_dataset_is_left_alone(history: Store):
    write(history, replace(champion(1, "torch/ann"), dataset="sales"))
    before = counts(history)
    assert change(history, prune, "sales", keep_runs=1) == Pruned("sales")
    assert counts(history) == before


PRUNER = """
import sys, time
from sqlalchemy import Engine, event
from data.store.session import Store
from data.store.write.prune import prune
def stop(_c, _cursor, statement, *_):
    if statement.startswith("UPDATE model"):
        print("all but the commit", flush=True)
        time.sleep(600)
event.listen(Engine, "after_cursor_execute", stop)
with Store(sys.argv[1]).writing() as connection:
    prune(connection, "wages", keep_runs=2)
"""


def test_a_prune_that_is_killed_removes_nothing_and_readers_see_everything_meanwhile(
    history: Store,
):
    before, shown = counts(history), answers(history)
    url = history.url
    process = subprocess.Popen(
        [sys.executable, "-c", PRUNER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "all but the commit"
    assert (counts(history), answers(history)) == (before, shown)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert counts(history) == before
    assert bare(history) == set()
    assert change(history, prune, "wages", keep_runs=2).predictions == 18


def test_a_model_that_is_pruned_while_a_person_decides_does_not_serve(history: Store):
    chosen, champion_before = read(history, model_of, "wages", 2), serving(history)
    pruning = threading.Event()

    @event.listens_for(Engine, "after_cursor_execute")
    def take_time(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE model"):
            pruning.set()
            time.sleep(0.5)

    with ThreadPoolExecutor(1) as pool:
        pruned = pool.submit(change, history, prune, "wages", keep_runs=2)
        assert pruning.wait(30)
        with pytest.raises(StoreError, match=r"theano/least_squares of run 2 .* just been pruned"):
            by_hand(history, "forced", chosen.model_id, artifact=b"fitted again")
        assert pruned.result().models == 6
    assert serving(history) == champion_before
    assert 2 in bare(history)


def test_a_model_that_a_person_has_chosen_is_not_pruned(history: Store):
    chosen = read(history, model_of, "wages", 2)
    by_hand(history, "forced", chosen.model_id)
    assert change(history, prune, "wages", keep_runs=2).models == 5
    assert serving(history) == chosen.model_id
    assert 2 not in bare(history)


@pytest.mark.parametrize("keep_runs", [1, 2, 3])
@pytest.mark.parametrize("ending", ["kept", "promoted", "rejected", "skipped"])
def test_what_a_coming_run_would_let_go_is_what_goes_once_it_is_stored(
    history: Store, ending: str, keep_runs: int
):
    name = "snapshots/wages/1"
    made = {
        "kept": lambda: refused(90, serving(history), snapshot=name),
        "promoted": lambda: replace(
            champion(90, "torch/least_squares", snapshot=name),
            paired_errors=replace(pairs(serving(history)), model="torch/least_squares"),
        ),
        "rejected": lambda: night(90, status="rejected", snapshot=name),
        "skipped": lambda: night(90, status="skipped", snapshot=name),
    }
    record = made[ending]()
    coming = Coming(record.status, name)
    keep = {"keep_runs": keep_runs, "dry_run": True}
    foretold = read(history, prune, "wages", **keep, coming=coming)
    write(history, record)
    assert foretold == read(history, prune, "wages", **keep)
