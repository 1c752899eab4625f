"""What the views show after a few nights and decisions."""

import json
from dataclasses import replace

from helpers.store_nights import (
    NEW,
    candidate,
    kept,
    night,
    predictions,
    probe,
    promoted,
    read,
    rows,
    run_sql,
    silenced,
    stored,
    trained_keys,
    write,
)

from data.store import tables
from data.store.read.champions import champion_model
from data.store.read.datasets import dataset_statuses
from data.store.read.earlier_runs import last_details
from data.store.records import (
    CoefficientRecord,
    LinearFitRecord,
    NaiveRecord,
    PromotionRecord,
    ScoreRecord,
)
from data.store.session import Store
from data.vocabulary import Candidate


def test_the_winner_of_the_first_run_serves(store: Store):
    run_id = write(
        store,
        promoted(1, {"a": 1.0, "b": 2.0, "c": NEW}, verdict="yay", scheme="one split by hash"),
    )
    (champion,) = rows(store, "champion")
    serving = read(store, champion_model, "wages")
    assert serving is not None
    assert champion == {
        "dataset": "wages",
        "run_id": run_id,
        "model_id": serving.model_id,
        "framework": "torch",
        "kind": "ann",
        "since": night(1).finished_at,
        "test_rmse": 2.5,
        "test_rmse_low": 2.0,
        "test_rmse_high": 3.0,
        "test_r2": 0.6,
        "n_train": 2,
        "verdict": "yay",
        "pinned": False,
        "scheme": "one split by hash",
    }
    assert (serving.artifact, serving.twin) == (b"torch/ann model", b"torch/ann twin")
    assert trained_keys(store, serving.model_id) == {"a", "b"}


def test_there_is_no_champion_before_the_first_run(store: Store):
    write(store, night(1, status="rejected", reason="the key is not unique"))
    assert read(store, champion_model, "wages") is None
    assert rows(store, "run_history")[0]["champion"] is None


def test_current_prediction_has_the_rows_of_the_last_good_run_and_no_others(store: Store):
    write(store, promoted(1, {"a": 1.0, "b": 2.0, "c": NEW}))
    serving = read(store, champion_model, "wages").model_id
    write(store, kept(2, serving, {"b": 2.5, "c": NEW, "d": 8.0}))
    answer = rows(store, "current_prediction", dataset="wages")
    assert {row["key"]: (row["actual"], row["predicted"]) for row in answer} == {
        "b": (2.5, 2.25),
        "c": (None, 10.0),
        "d": (8.0, 7.75),
    }
    assert {row["predicted_at"] for row in answer} == {night(2).finished_at}
    assert trained_keys(store, serving) == {"a", "b"}
    backfill = night(3, backfill=True, candidates=[candidate("theano/ann")])
    decided = PromotionRecord(decision="kept", model=serving, reason="it has later data")
    own = [predictions("theano/ann", {"z": 1.0})]
    write(store, replace(backfill, promotions=[decided], predictions=own))
    assert rows(store, "current_prediction", dataset="wages") == answer


def test_current_prediction_is_the_latest_for_each_key_where_no_run_is_named(store: Store):
    write(store, promoted(1, {"a": 1.0, "b": 2.0, "c": NEW}))
    serving = read(store, champion_model, "wages").model_id
    write(store, kept(2, serving, {"c": NEW, "d": 8.0}))
    run_sql(store.url, "UPDATE promotion SET predictions_run_id = NULL")  # as in version 0.1.0
    by_key = {row["key"]: row for row in rows(store, "current_prediction", dataset="wages")}
    assert {key: row["predicted"] for key, row in by_key.items()} == {
        "a": 0.5,
        "b": 1.5,
        "c": 10.0,
        "d": 7.75,
    }
    assert by_key["b"]["predicted_at"] == night(1).finished_at


def test_after_a_rollback_the_earlier_model_serves_with_its_own_predictions(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    first = read(store, champion_model, "wages").model_id
    write(store, promoted(2, {"a": 1.0, "b": 5.0}, name="torch/least_squares"))
    back = {"run_id": None, "dataset": "wages", "decided_at": night(3).finished_at}
    with store.writing() as connection:
        connection.execute(
            tables.promotion.insert().values(
                **back, decision="rolled_back", model_id=first, reason="by hand"
            )
        )
    (champion,) = rows(store, "champion")
    assert (champion["framework"], champion["kind"]) == ("torch", "ann")
    assert champion["since"] == night(3).finished_at
    assert [row["key"] for row in rows(store, "current_prediction")] == ["a"]
    assert [row["decision"] for row in rows(store, "champion_history", dataset="wages")] == [
        "rolled_back",
        "promoted",
        "promoted",
    ]
    assert rows(store, "run_history")[0]["champion"] == "torch/least_squares"


def test_a_champion_that_is_kept_has_served_since_its_first_run(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    serving = read(store, champion_model, "wages").model_id
    write(store, kept(2, serving, {}))
    (champion,) = rows(store, "champion")
    assert champion["since"] == night(1).finished_at
    assert champion["test_rmse"] == 2.5  # of its own run, not tonight's 2.6
    newest = rows(store, "champion_history")[0]
    assert newest["decision"] == "kept"
    assert (newest["previous"], newest["challenger"]) == ("torch/ann", "theano/least_squares")


def test_the_card_of_a_champion_shows_how_it_was_made(store: Store):
    declared = {"target": "wage", "interval": [0.5, 0.8], "ann": {"hidden": [64, 32]}}
    facts = {
        "declaration": json.dumps(declared),
        "library_versions": {"nightfit": "0.1.0", "numpy": "2.4.6", "torch": "2.13.0"},
        "python_version": "3.11.2",
        "features": "age, job",
        "period_from": "2024-01-01",
        "period_until": "2025-12-31",
        "rows_read": 3,
        "rows_test": 1,
        "fingerprint": "f" * 64,
        "setup_fingerprint": "5" * 64,
        "as_of": "2026-01-02",
    }
    scores = [
        ScoreRecord(rows="validation", rmse=2.0, mae=1.5, n=80, coverage=0.85),
        replace(candidate().scores[1], coverage=0.9),
    ]
    network = candidate(
        "torch/ann", chosen=True, rank=1, scores=scores, seed=7, framework_version="2.13.0"
    )
    run_id = write(store, promoted(1, {"a": 1.0, "b": 2.0}, candidates=[network], **facts))
    serving = read(store, champion_model, "wages").model_id
    write(store, kept(2, serving, {"a": 1.0}, declaration='{"target": "other"}'))
    (card,) = rows(store, "model_card")
    assert card == {
        "dataset": "wages",
        "run_id": run_id,
        "model_id": serving,
        "framework": "torch",
        "kind": "ann",
        "hidden_layers": "64, 32",
        "since": night(1).finished_at,
        "trained_at": night(1).finished_at,
        "as_of": "2026-01-02",
        "target": "wage",
        "features": "age, job",
        "rows_read": 3,
        "n_train": 2,
        "n_test": 1,
        "period_from": "2024-01-01",
        "period_until": "2025-12-31",
        "validation_rmse": 2.0,
        "test_rmse": 2.5,
        "test_rmse_low": 2.0,
        "test_rmse_high": 3.0,
        "test_r2": 0.6,
        "interval_level": 0.8,
        "coverage": 0.9,
        "seed": "7",
        "fingerprint": "f" * 64,
        "setup_fingerprint": "5" * 64,
        "nightfit_version": "0.1.0",
        "python_version": "3.11.2",
        "numpy_version": "2.4.6",
        "framework_version": "2.13.0",
        "interval_levels": "0.8, 0.5",
    }
    write(store, promoted(3, {"a": 1.0}, name="torch/least_squares", **facts))
    (card,) = rows(store, "model_card")
    assert (card["kind"], card["hidden_layers"], card["coverage"]) == ("least_squares", None, None)


def test_leaderboard_and_coefficients_are_of_the_latest_run_that_succeeded(store: Store):
    both = [
        candidate("torch/least_squares", rank=2),
        candidate("torch/ann", rank=1, chosen=True),
        candidate("theano/ann", status="failed", reason="time is up", scores=[]),
    ]
    write(store, promoted(1, {"a": 1.0}))
    last = write(store, promoted(2, {"a": 1.0}, candidates=both))
    write(store, night(3, status="failed", candidates=[candidate(rank=1)]))
    board = rows(store, "leaderboard")
    assert {row["run_id"] for row in board} == {last}
    assert [row["rank"] for row in board] == [1, 2, None]
    assert [row["chosen"] for row in board] == [True, False, False]
    assert (board[2]["reason"], board[2]["validation_rmse"]) == ("time is up", None)
    terms = rows(store, "current_coefficient")
    assert [row["term"] for row in terms] == ["intercept", "age"]
    assert terms[0]["estimate"] == 0.1 + 0.2


def test_naive_scores_are_of_the_latest_run_that_succeeded(store: Store):
    scored = [NaiveRecord(name="mean", rows="test", rmse=0.1 + 0.2, mae=0.2, n=7)]
    scored += [replace(scored[0], name="last value", rmse=0.1), replace(scored[0], name="old")]
    write(store, promoted(1, {"a": 1.0}, naive=scored[2:]))
    last = write(store, promoted(2, {"a": 1.0}, naive=scored[:2]))
    write(store, night(3, status="failed"))
    shown = [(r["run_id"], r["name"], r["rmse"], r["n"]) for r in rows(store, "naive_score")]
    assert shown == [(last, "last value", 0.1, 7), (last, "mean", 0.1 + 0.2, 7)]


def test_variants_of_an_equation_follow_the_one_that_predicts(store: Store):
    variants = [
        CoefficientRecord(term="age", estimate=estimate, variant=variant, rows=fitted_on)
        for variant, estimate, fitted_on in (
            ("aliases left out", 2.0, 90),
            ("complete cases", 3.0, 60),
        )
    ]
    fitted = candidate("torch/least_squares", rank=1, chosen=True, variants=variants)
    write(store, promoted(1, {"a": 1.0}, name="torch/least_squares", candidates=[fitted]))
    terms = [(r["variant"], r["term"], r["rows"]) for r in rows(store, "current_coefficient")]
    assert terms == [
        ("all rows", "intercept", 100),
        ("all rows", "age", 100),
        ("aliases left out", "age", 90),
        ("complete cases", "age", 60),
    ]


def test_fits_and_agreement_are_of_the_latest_run_that_succeeded(store: Store):
    write(store, promoted(1, {"a": 1.0}, name="torch/least_squares"))
    fit = LinearFitRecord(rows=7, excess_loss=0.1 + 0.2, epochs=90, epochs_to_solution=None)
    descent = candidate("theano/gradient_descent", rank=1, chosen=True, linear_fit=fit)
    comparisons = [probe("torch", float("nan"), agreed=False), probe("theano", 0.1 + 0.2)]
    tonight = promoted(
        2, {"a": 1.0}, name="theano/gradient_descent", candidates=[descent], agreement=comparisons
    )
    last = write(store, tonight)
    write(store, night(3, status="failed", candidates=[candidate("torch/least_squares")]))
    (row,) = rows(store, "current_fit")
    assert (row["framework"], row["kind"], row["rows"]) == ("theano", "gradient_descent", 7)
    assert (row["excess_loss"], row["epochs"], row["rank"]) == (0.1 + 0.2, 90, None)
    torch, theano = rows(store, "agreement")
    assert (torch["run_id"], torch["figure"], torch["agreed"]) == (last, None, False)
    assert (theano["figure"], theano["agreed"]) == (0.1 + 0.2, True)


def network(*figures: tuple[float, float]):
    measured = [silenced(share, rmse) for share, rmse in figures]
    return {"candidates": [candidate("torch/ann", chosen=True, rank=1, resilience=measured)]}


def test_resilience_is_the_champions_from_the_run_that_trained_it(store: Store):
    first = write(store, promoted(1, {"a": 1.0}, **network((0.1, 3.0), (0.0, 2.5))))
    write(store, promoted(1, {"a": 1.0}, dataset="sales", **network((0.0, 0.0), (0.1, 1.0))))
    serving = read(store, champion_model, "wages").model_id
    lost = network((0.0, 9.0))["candidates"][0]
    loser = candidate("theano/least_squares", chosen=False, rank=2)
    write(store, kept(2, serving, {"a": 1.0}, candidates=[lost, loser]))
    shown = rows(store, "champion_resilience", dataset="wages")
    of = {"dataset": "wages", "run_id": first, "model_id": serving, "framework": "torch"}
    assert shown == [
        of
        | {"share": 0.0, "rmse": 2.5, "rmse_low": 2.5 * 0.9, "rmse_high": 2.5 * 1.1, "ratio": 1.0}
        | {"draws": 1},
        of
        | {"share": 0.1, "rmse": 3.0, "rmse_low": 3.0 * 0.9, "rmse_high": 3.0 * 1.1, "ratio": 1.2}
        | {"draws": 20},
    ]
    sales = rows(store, "champion_resilience", dataset="sales")
    assert [row["ratio"] for row in sales] == [None, None]


def test_a_linear_champion_has_no_resilience(store: Store):
    write(store, promoted(1, {"a": 1.0}, **network((0.0, 2.5), (0.1, 3.0))))
    write(store, promoted(2, {"a": 1.0}, name="torch/least_squares"))
    assert len(stored(store, tables.resilience)) == 2
    assert rows(store, "champion_resilience") == []


def test_details_of_the_latest_good_run_are_those_of_each_candidate(store: Store):
    assert read(store, last_details, "wages") == {}
    of = {"twin": {"end": {"age": 0.1 + 0.2}}}
    write(store, promoted(1, {"a": 1.0}, candidates=[candidate("torch/ann", details=of)]))
    write(store, night(2, status="failed", candidates=[candidate("torch/ann")]))
    write(store, promoted(3, {"a": 1.0}, dataset="sales"))
    assert read(store, last_details, "wages") == {Candidate("torch", "ann"): of}


def test_status_shows_the_last_run_and_the_last_good_one(store: Store):
    write(store, promoted(1, {"a": 1.0}, warnings=["one column is constant"]))
    write(store, night(2, status="rejected", reason="the target is text"))
    (status,) = read(store, dataset_statuses)
    assert (status.status, status.reason) == ("rejected", "the target is text")
    assert status.last_succeeded_at == night(1).finished_at
    assert (status.champion, status.champion_since) == ("torch/ann", night(1).finished_at)
    assert rows(store, "run_history")[0]["champion"] == "torch/ann"
