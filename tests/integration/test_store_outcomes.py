"""Predictions that came true: the last one that was served before the target was known."""

import time
from dataclasses import replace

import numpy as np
from helpers.store_nights import (
    NEW,
    by_hand,
    candidate,
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

from data.store import tables
from data.store.read.champions import champion_model, model_of
from data.store.row_columns import Targets
from data.store.session import Store


def targets(actual: dict[str, float]) -> Targets:
    """The targets of rows whose predictions are not stored."""
    return Targets(key=[*actual], actual=np.array([*actual.values()]))


def loser(rows_predicted: dict[str, float], *, by: float = 3.0):
    """The predictions of a winner that was refused."""
    return predictions("theano/least_squares", rows_predicted, by=by)


def test_an_outcome_keeps_the_last_prediction_before_the_target_was_known(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW, "d": NEW}))
    serving = read(store, champion_model, "wages").model_id
    later = predictions(serving, {"c": NEW, "d": NEW})
    half = {"lower_2": later.predicted + 0.5, "upper_2": later.predicted + 1.5}
    later = replace(later, predicted=later.predicted + 1, **half)
    write(store, kept(2, serving, {}, predictions=[later]))
    write(store, kept(3, serving, {"c": 11.5, "d": NEW, "e": 4.0}))
    (outcome,) = rows(store, "prediction_outcome")
    assert outcome == {
        "dataset": "wages",
        "key": "c",
        "predicted": 11.0,
        "lower": 9.0,
        "upper": 11.0,
        "predicted_at": night(2).finished_at,
        "actual": 11.5,
        "realised_at": night(3).finished_at,
        "error": 0.5,
        "inside": False,
        "lower_2": 10.5,
        "upper_2": 11.5,
        "lower_3": None,
        "upper_3": None,
        "segment": None,
    }


def test_an_outcome_is_found_in_the_run_of_a_new_champion_and_never_changes(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    write(store, promoted(2, {"a": 1.0, "c": 9.5}, name="torch/least_squares"))
    write(store, promoted(3, {"a": 1.0, "c": NEW}))
    write(store, promoted(4, {"a": 1.0, "c": 99.0}))
    (outcome,) = rows(store, "prediction_outcome")
    assert (outcome["predicted"], outcome["actual"], outcome["inside"]) == (10.0, 9.5, True)


def test_outcomes_of_two_datasets_do_not_mix(store: Store):
    write(store, promoted(1, {"c": NEW}, dataset="wages"))
    write(store, promoted(2, {"c": 9.0}, dataset="sales"))
    assert rows(store, "prediction_outcome") == []


def test_a_later_prediction_of_another_dataset_hides_no_outcome(store: Store):
    write(store, promoted(1, {"c": NEW}, dataset="wages"))
    write(store, promoted(2, {"c": NEW}, dataset="sales"))
    write(store, promoted(3, {"c": 9.0}, dataset="wages"))
    (outcome,) = rows(store, "prediction_outcome")
    assert (outcome["dataset"], outcome["predicted_at"]) == ("wages", night(1).finished_at)


def test_predictions_of_a_refused_winner_are_stored_but_are_no_outcomes(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    first = serving(store).model_id
    refused = loser({"a": 1.0, "c": NEW, "d": NEW})
    write(store, kept(2, first, {}, predictions=[predictions(first, {"c": NEW}), refused]))
    assert {row["model_id"] for row in rows(store, "current_prediction")} == {first}
    assert len(stored(store, tables.prediction)) == 6
    truth = {"c": 11.5, "d": 12.5}
    write(store, kept(3, first, {}, predictions=[predictions(first, {}), loser(truth)]))
    (outcome,) = stored(store, tables.outcome)
    assert (outcome["key"], outcome["model_id"], outcome["run_id"]) == ("c", first, 2)
    assert (outcome["actual"], outcome["realised_run_id"]) == (11.5, 3)


def test_an_actual_value_given_with_two_models_is_stored_once(store: Store):
    write(store, promoted(1, {"c": NEW}))
    first = serving(store).model_id
    write(
        store,
        kept(2, first, {}, predictions=[predictions(first, {"c": 9.0}), loser({"c": 9.0})]),
    )
    assert len(rows(store, "prediction_outcome")) == 1


def test_after_a_rollback_the_outcome_is_what_the_chosen_model_predicted(store: Store):
    first, second = two_champions(store)
    last = rows(store, "run_history")[0]["run_id"]
    own = predictions(first, {"c": NEW})
    chosen = replace(own, predicted=own.predicted + 1)
    by_hand(store, "rolled_back", first, predictions={last: chosen})
    write(store, kept(20_000, first, {"c": 9.0}))
    by_hand(store, "rolled_back", second)
    (outcome,) = stored(store, tables.outcome)
    assert (outcome["model_id"], outcome["predicted"]) == (first, 11.0)


def test_an_outcome_is_of_the_model_that_served_whatever_people_decided_later(store: Store):
    _, second = two_champions(store)
    refused = loser({"c": NEW, "d": NEW})
    write(
        store,
        kept(3, second, {}, predictions=[predictions(second, {"c": NEW}, by=1.0), refused]),
    )
    write(store, kept(4, second, {"e": NEW}))
    of_loser = read(store, model_of, "wages", 3).model_id
    by_hand(store, "forced", of_loser)
    write(store, kept(20_001, of_loser, {"c": 9.0, "d": 8.0}))
    by_key = {row["key"]: row for row in stored(store, tables.outcome)}
    assert {key: row["model_id"] for key, row in by_key.items()} == {"c": second}
    assert by_key["c"]["run_id"] == 3


def test_predictions_and_actual_values_of_a_backfill_make_no_outcomes(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    old = night(
        2,
        backfill=True,
        candidates=[candidate("theano/least_squares", chosen=True, rank=1)],
        predictions=[loser({"c": 7.0, "d": NEW})],
    )
    write(store, old)
    assert stored(store, tables.outcome) == []
    of_backfill = read(store, model_of, "wages", 2).model_id
    by_hand(store, "forced", of_backfill)
    write(store, kept(20_000, of_backfill, {"c": 9.0, "d": 8.0}))
    (outcome,) = stored(store, tables.outcome)
    assert (outcome["key"], outcome["run_id"], outcome["actual"]) == ("c", 1, 9.0)


def test_what_was_shown_before_a_person_chose_another_model_is_the_outcome(store: Store):
    first, second = two_champions(store)
    by_hand(store, "rolled_back", first)
    write(store, kept(20_000, first, {"c": 9.0}))
    (outcome,) = stored(store, tables.outcome)
    assert (outcome["model_id"], outcome["run_id"]) == (second, 2)


def test_many_outcomes_are_quick_before_the_database_has_statistics(store: Store):
    keys = [f"{number:05d}" for number in range(30_000)]
    write(store, promoted(1, dict.fromkeys(keys[:1_000], NEW), dataset="sales"))
    run_sql(store.url, "ANALYZE")
    write(store, promoted(2, dict.fromkeys(keys, NEW)))
    started = time.monotonic()
    write(store, kept(3, serving(store).model_id, dict.fromkeys(keys, 1.0)))
    assert time.monotonic() - started < 15
    assert len(stored(store, tables.outcome)) == len(keys)


def test_a_row_whose_prediction_is_no_longer_stored_has_an_outcome_all_the_same(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW, "d": NEW, "e": NEW}))
    first = serving(store).model_id
    learned = targets({"a": 1.0, "c": 9.5, "never predicted": 3.0})
    tonight = predictions(first, {"d": 8.5, "e": NEW}, roles=["test", "new"])
    write(store, kept(2, first, {}, predictions=[tonight], unstored_targets=learned))
    write(store, kept(3, first, {"e": NEW}, unstored_targets=targets({"a": 1.0, "c": 99.0})))
    outcomes = {row["key"]: row for row in rows(store, "prediction_outcome")}
    assert outcomes.keys() == {"c", "d"}
    c, d = outcomes["c"], outcomes["d"]
    assert (c["predicted"], c["actual"], c["inside"]) == (10.0, 9.5, True)
    assert (d["predicted"], d["actual"], d["inside"]) == (10.0, 8.5, False)
    assert c["predicted_at"] == d["predicted_at"] == night(1).finished_at
    assert c["realised_at"] == d["realised_at"] == night(2).finished_at
    assert [row["key"] for row in rows(store, "current_prediction")] == ["e"]


def test_targets_without_stored_predictions_do_not_mix_between_datasets(store: Store):
    write(store, promoted(1, {"c": NEW}, dataset="wages"))
    write(store, promoted(2, {"d": NEW}, dataset="sales", unstored_targets=targets({"c": 1.0})))
    assert rows(store, "prediction_outcome") == []


def test_targets_of_a_backfill_without_stored_predictions_make_no_outcomes(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    old = night(
        2,
        backfill=True,
        candidates=[candidate("theano/least_squares", chosen=True, rank=1)],
        predictions=[predictions("theano/least_squares", {"d": 5.0}, roles=["test"])],
        unstored_targets=targets({"c": 7.0}),
    )
    write(store, old)
    assert stored(store, tables.outcome) == []


def test_many_outcomes_of_unstored_predictions_are_quick(store: Store):
    keys = [f"{number:05d}" for number in range(30_000)]
    write(store, promoted(1, dict.fromkeys(keys, NEW)))
    learned = targets({key: number / 7 for number, key in enumerate(keys)})
    started = time.monotonic()
    write(store, kept(2, serving(store).model_id, {}, unstored_targets=learned))
    assert time.monotonic() - started < 15
    actual = {row["key"]: row["actual"] for row in stored(store, tables.outcome)}
    assert actual == dict(zip(learned.key, learned.actual, strict=True))


def test_a_target_that_vanishes_and_comes_back_is_no_outcome(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    first = serving(store).model_id
    vanished = predictions(first, {"a": NEW, "c": NEW}, roles=["train", "new"])
    write(store, kept(2, first, {}, predictions=[vanished]))
    assert {row["key"]: row["actual"] for row in rows(store, "current_prediction")} == {
        "a": None,
        "c": None,
    }
    back = predictions(first, {"a": 1.0, "c": 2.0}, roles=["train", "new"])
    write(store, kept(3, first, {}, predictions=[back]))
    assert [row["key"] for row in rows(store, "prediction_outcome")] == ["c"]
