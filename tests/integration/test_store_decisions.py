"""Who serves: decisions of nights and of people, and what they need from earlier nights."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from helpers.store_nights import (
    NEW,
    by_hand,
    candidate,
    change,
    counts,
    kept,
    night,
    predictions,
    promoted,
    read,
    rows,
    run_sql,
    serving,
    stored,
    two_champions,
    write,
)
from sqlalchemy import text

from data.errors import CallError, ChampionChanged
from data.store import tables
from data.store.read.champions import champion_model, model_of, previous_champion
from data.store.read.datasets import dataset_statuses
from data.store.read.earlier_runs import last_details, last_good
from data.store.records import PromotionRecord
from data.store.session import Store
from data.store.write.run import write_run
from data.vocabulary import Candidate


def test_the_second_of_two_decisions_of_a_run_holds(store: Store):
    first, _ = two_champions(store)
    winner, own = candidate("theano/ann", chosen=True, rank=1), candidate(rank=2)
    refused = PromotionRecord(
        decision="kept",
        model=first,
        incumbent=first,
        challenger="theano/ann",
        gain=0.01,
        gain_low=-0.1,
        confidence=0.95,
        rows=300,
        units=40,
        smallest_gain=0.08,
        rule="switch",
        reason="not shown to be better",
    )
    refreshed = replace(
        refused, decision="promoted", model="torch/ann", challenger="torch/ann", rule="refresh"
    )
    run_id = write(
        store, night(3, candidates=[winner, own], promotions=[refused, refreshed], change="refresh")
    )
    (champion,) = rows(store, "champion")
    assert (champion["run_id"], champion["framework"]) == (run_id, "torch")
    newest, before = rows(store, "champion_history")[:2]
    assert (newest["rule"], newest["champion_run_id"]) == ("refresh", run_id)
    assert (before["rule"], before["challenger"], before["champion"]) == (
        "switch",
        "theano/ann",
        "torch/ann",
    )
    assert (before["rows"], before["confidence"], before["smallest_gain"]) == (300, 0.95, 0.08)
    assert (before["decided_by"], before["pinned"]) == (None, False)
    assert stored(store, tables.promotion)[-1]["units"] == 40


def test_a_person_decides_and_the_views_follow(store: Store):
    first, second = two_champions(store)
    by_hand(store, "rolled_back", first, reason="the new one is odd", pinned=True)
    champion = serving(store)
    assert (champion.model_id, champion.promotion_id) == (first, 3)
    assert (champion.pinned, champion.pinned_by) == (True, "ann")
    assert champion.pinned_reason == "the new one is odd"
    assert champion.since == champion.pinned_at
    (shown,) = rows(store, "champion")
    assert (shown["model_id"], shown["since"], shown["pinned"]) == (first, champion.since, True)
    newest = rows(store, "champion_history")[0]
    assert newest == newest | {
        "run_id": None,
        "decision": "rolled_back",
        "champion": "torch/ann",
        "previous": "torch/least_squares",
        "challenger": None,
        "decided_by": "ann",
        "pinned": True,
    }
    assert {row["model_id"] for row in rows(store, "current_prediction")} == {first}
    assert [row["champion"] for row in rows(store, "run_history")] == [
        "torch/least_squares",  # of nights that were over when Ann decided
        "torch/ann",
    ]
    write(store, kept(20_000, first, {"a": 1.0}))
    assert rows(store, "run_history")[0]["champion"] == "torch/ann"
    assert second != first


def test_a_failed_run_after_a_manual_decision_shows_the_model_that_the_person_chose(store: Store):
    first, _ = two_champions(store)
    by_hand(store, "rolled_back", first)
    write(store, night(20_000, status="failed", reason="all fits failed"))
    newest = rows(store, "run_history")[0]
    assert (newest["status"], newest["champion"]) == ("failed", "torch/ann")


def test_a_champion_stays_pinned_until_a_person_decides(store: Store):
    first, _ = two_champions(store)
    by_hand(store, "forced", first, reason="an audit", pinned=True)
    pinned_at = serving(store).pinned_at
    for number in (20_003, 20_004):  # nights after the decision, which is made now
        write(store, kept(number, first, {"a": 1.0}))
        champion = serving(store)
        assert (champion.pinned, champion.pinned_reason) == (True, "an audit")
        assert champion.pinned_at == pinned_at
    with pytest.raises(ValueError, match="the champion of wages is pinned"):
        write(store, promoted(20_005, {"a": 1.0}))
    by_hand(store, "unpinned", first, reason="the audit is over")
    champion = serving(store)
    assert (champion.model_id, champion.pinned) == (first, False)
    assert (champion.pinned_by, champion.pinned_at, champion.pinned_reason) == (None, None, None)
    assert champion.since == pinned_at
    write(store, promoted(20_006, {"a": 1.0}))
    assert rows(store, "champion")[0]["pinned"] is False
    assert [row["pinned"] for row in rows(store, "champion_history")] == [
        False,
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_run_that_decided_against_another_champion_is_refused_and_leaves_nothing(store: Store):
    first, _ = two_champions(store)
    standing = serving(store).promotion_id
    by_hand(store, "rolled_back", first, reason="it is odd")
    before = counts(store)
    tonight = promoted(3, {"a": 1.0}, against=standing)
    with pytest.raises(ChampionChanged) as caught:
        change(store, write_run, tonight)
    assert str(caught.value) == (
        "wages: while this run was working, ann decided about the champion (rolled_back: it is"
        " odd), so nothing from this run is stored. Run it again."
    )
    assert counts(store) == before
    with pytest.raises(ChampionChanged, match="ann decided"):
        change(store, write_run, replace(tonight, against=None))
    change(store, write_run, night(3, status="failed", against=standing))
    assert rows(store, "run_history")[0]["status"] == "failed"


def test_two_first_runs_make_one_champion(store: Store):
    change(store, write_run, promoted(1, {"a": 1.0}))
    with pytest.raises(
        ChampionChanged, match=r"run 1 decided about the champion \(promoted: it is"
    ):
        change(store, write_run, promoted(2, {"a": 1.0}))
    change(store, write_run, promoted(2, {"a": 1.0}, dataset="sales"))
    assert len(rows(store, "champion")) == 2


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_two_first_runs_stored_at_the_same_moment_make_one_champion(store: Store):
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(2) as pool, store.reading() as holder:
        holder.execute(text("LOCK TABLE run IN EXCLUSIVE MODE"))
        nights = [pool.submit(change, store, write_run, promoted(n, {"a": 1.0})) for n in (1, 2)]
        while run_sql(store.url, waiting) != [(2,)]:
            time.sleep(0.01)
        holder.rollback()
        refused = [future.exception() for future in nights]
    assert [type(error) for error in refused if error is not None] == [ChampionChanged]
    assert len(rows(store, "champion_history")) == 1


def test_a_manual_decision_adds_predictions_and_keeps_stored_ones(store: Store):
    first, _ = two_champions(store)
    last = rows(store, "run_history")[0]["run_id"]
    added = predictions(first, {"c": NEW, "d": NEW})
    by_hand(store, "rolled_back", first, predictions={last: added})
    shown = {row["key"]: row for row in rows(store, "current_prediction")}
    assert sorted(shown) == ["a", "c", "d"]
    assert shown["d"]["predicted_at"] == night(2).finished_at
    again = replace(added, predicted=added.predicted + 5)
    by_hand(store, "forced", first, predictions={last: again})
    assert {row["key"]: row["predicted"] for row in rows(store, "current_prediction")} == {
        "a": 0.5,
        "c": 10.0,
        "d": 10.0,
    }


def test_a_manual_decision_names_the_run_whose_rows_are_shown(store: Store):
    first, second = two_champions(store)
    last = rows(store, "run_history")[0]["run_id"]
    all_rows = predictions(first, {"a": 1.5, "e": NEW})
    by_hand(store, "forced", first, predictions={last: all_rows}, predictions_run_id=last)
    shown = {row["key"]: row["actual"] for row in rows(store, "current_prediction")}
    assert shown == {"a": 1.5, "e": None}
    by_hand(store, "unpinned", first)
    assert {row["key"] for row in rows(store, "current_prediction")} == {"a", "e"}
    assert second != first


def test_a_manual_decision_adds_the_bytes_of_a_model_that_had_none(store: Store):
    weak = candidate("theano/ann", artifact=None, rank=2)
    write(store, promoted(1, {"a": 1.0}, candidates=[candidate(chosen=True), weak]))
    loser = read(store, model_of, "wages", 1, "theano/ann")
    by_hand(
        store,
        "forced",
        loser.model_id,
        predictions={1: predictions(loser.model_id, {"a": 1.0})},
        artifact=b"refitted",
    )
    assert serving(store).artifact == b"refitted"
    assert [row["model_id"] for row in rows(store, "current_prediction")] == [loser.model_id]
    winner = read(store, model_of, "wages", 1)
    by_hand(store, "forced", winner.model_id, artifact=b"another")
    assert serving(store).artifact == winner.artifact


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"decision": "promoted"},
            "'promoted' is not something a person decides: rolled_back",
        ),
        ({"model_id": 99}, "model 99 is not a model of wages"),
        ({"dataset": "sales"}, "model 1 is not a model of sales"),
        ({"predictions": {1: predictions(2, {"d": NEW})}}, "not those of the model that serves"),
    ],
)
def test_an_invalid_decision_leaves_nothing(store: Store, wrong: dict, message: str):
    two_champions(store)
    before = counts(store)
    with pytest.raises(ValueError, match=message):
        by_hand(store, **{"decision": "forced", "model_id": 1, **wrong})
    assert counts(store) == before


def test_rolling_back_again_goes_further_back(store: Store):
    assert read(store, previous_champion, "wages") is None
    write(store, promoted(1, {"a": 1.0}))
    assert read(store, previous_champion, "wages") is None
    write(store, promoted(2, {"a": 1.0}, name="torch/least_squares"))
    write(store, promoted(3, {"a": 1.0}, name="theano/ann"))
    write(store, kept(4, serving(store).model_id, {"a": 1.0}))
    names = []
    while (before := read(store, previous_champion, "wages")) is not None:
        names.append(before.name)
        by_hand(store, "rolled_back", before.model_id)
    assert names == ["torch/least_squares", "torch/ann"]
    assert before is None
    assert serving(store).name == "torch/ann"


def test_the_incumbent_of_an_earlier_run_is_found_again(store: Store):
    first, second = two_champions(store)
    failed = write(store, night(3, status="failed"))
    by_hand(store, "rolled_back", first, pinned=True)
    write(store, kept(20_000, first, {"a": 1.0}))
    assert read(store, champion_model, "wages", before_run=1) is None
    incumbent = read(store, champion_model, "wages", before_run=failed)
    assert incumbent is not None
    assert incumbent.model_id == second
    incumbent = read(store, champion_model, "wages", before_run=2)
    assert incumbent is not None
    assert (incumbent.model_id, incumbent.promotion_id, incumbent.pinned) == (first, 1, False)
    assert incumbent.since == night(1).finished_at
    incumbent = read(store, champion_model, "wages", before_run=failed + 1)
    assert incumbent is not None
    assert (incumbent.model_id, incumbent.promotion_id, incumbent.pinned) == (first, 3, True)
    assert read(store, champion_model, "wages", before_run=99) == serving(store)


def test_a_candidate_of_any_run_is_found_by_its_name(store: Store):
    weak = candidate("theano/ann", artifact=None, rank=2)  # it did not win, and may serve
    good = candidate("torch/least_squares", chosen=True, rank=1)
    failed = candidate("tensorflow/ann", status="failed", scores=[], artifact=None, twin=None)
    write(store, night(1, candidates=[weak, good, failed], train_until=3.0, data_until=5.0))
    winner = read(store, model_of, "wages", 1)
    assert (winner.name, winner.artifact) == (good.name, good.artifact)
    assert (winner.train_until, winner.data_until, winner.test_rmse) == (3.0, 5.0, 2.5)
    assert (winner.promotion_id, winner.since, winner.pinned) == (None, None, False)
    assert read(store, model_of, "wages", 1, "torch/least_squares") == winner
    assert read(store, model_of, "wages", 1, "theano/ann").artifact is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("wages", 1, "torch/lest_squares"),
            r"no candidate .* Did you mean 'torch/least_squares'\?",
        ),
        (("wages", 1, "theano/ann"), "failed, .* Those that can: torch/least_squares."),
        (("wages", 2, None), "run 2 of wages has no model that could serve. The latest .*: 1."),
        (("wages", 3, None), "wages has no run 3. The latest runs with one: 1."),
        (("wage", 1, None), r"no run of a dataset named 'wage' is stored. Did you mean 'wages'\?"),
    ],
)
def test_refusing_a_candidate_that_cannot_serve_lists_those_that_can(
    store: Store, arguments: tuple[str, int, str | None], message: str
):
    pair = [
        candidate("theano/ann", status="failed", scores=[], artifact=None, twin=None),
        candidate("torch/least_squares", chosen=True, rank=1),
    ]
    write(store, night(1, candidates=pair))
    write(store, night(2, status="failed"))
    write(store, promoted(1, {"a": 1.0}, dataset="sales"))
    with pytest.raises(CallError, match=message):
        read(store, model_of, *arguments)


def test_a_backfill_is_stored_but_does_not_count_as_the_latest_run(store: Store):
    assert read(store, last_good, "wages") is None
    of = {"twin": {"age": 0.5}}
    linear = "torch/least_squares"
    good = write(
        store,
        promoted(
            1,
            {"a": 1.0},
            name=linear,
            candidates=[candidate(linear, chosen=True, rank=1, details=of)],
            fingerprint="f1",
            setup_fingerprint="s1",
            snapshot="snapshots/1",
        ),
    )
    before = {name: rows(store, name) for name in ("leaderboard", "current_coefficient")}
    before |= {name: rows(store, name) for name in ("current_fit", "agreement", "champion")}
    (status,) = read(store, dataset_statuses)
    backfill = kept(
        2, 1, {}, as_of="2025-12-01", backfill=True, predictions=[], fingerprint="f0", rows_read=3
    )
    winner = candidate("theano/least_squares", chosen=True, rank=1)
    write(store, replace(backfill, candidates=[winner]))
    assert {name: rows(store, name) for name in before} == before
    assert read(store, dataset_statuses) == (status,)
    assert read(store, last_details, "wages") == {Candidate.parse(linear): of}
    latest = read(store, last_good, "wages")
    assert latest is not None
    assert (latest.run_id, latest.fingerprint, latest.setup_fingerprint) == (good, "f1", "s1")
    assert latest.snapshot == "snapshots/1"
    newest = rows(store, "run_history")[0]
    assert (newest["as_of"], newest["backfill"]) == ("2025-12-01", True)
    assert rows(store, "run_history")[1]["backfill"] is False


def test_a_backfill_with_predictions_of_the_champion_is_refused():
    with pytest.raises(ValueError, match="has seen later data"):
        kept(2, 1, {"a": NEW}, backfill=True)
