"""A run is read back as it was written, so that it can be fitted again and compared."""

from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from helpers.store_nights import (
    NEW,
    candidate,
    kept,
    predictions,
    predictions_in,
    probe,
    promoted,
    read,
    silenced,
    trained_keys,
    write,
)

from data.errors import CallError
from data.store.read.champions import champion_model
from data.store.read.predictions import other_keys, twin_training_keys
from data.store.read.whole_run import predictions_of_run, stored_run
from data.store.records import NaiveRecord, PromotionRecord, RunRecord, ScoreRecord
from data.store.row_columns import PairedErrors
from data.store.session import Store


def same(first: object, second: object) -> bool:
    """Return whether two records are equal: arrays to the last bit, lists also to tuples."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(
            same(first[name], second[name]) for name in first
        )
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
    return first == second


def test_a_run_comes_back_as_it_was_written(store: Store):
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    linear = candidate("torch/least_squares", chosen=True, rank=1, no_skill=False, fit_seconds=0.25)
    network = candidate(
        rank=2, seed="7", reason="within a standard error", resilience=[silenced(0.0, 2.5)]
    )
    failed = candidate(
        "theano/ann", status="failed", scores=[], artifact=None, twin=None, details={"folds": [1]}
    )
    refused = PromotionRecord(
        decision="kept",
        model=1,
        incumbent=1,
        challenger="torch/least_squares",
        incumbent_rmse=2.0,
        challenger_rmse=1.9,
        gain=0.0975,
        gain_low=-0.1,
        gain_high=0.2,
        confidence=0.95,
        rows=20,
        units=20,
        smallest_gain=0.3,
        rule="switch",
        reason="not shown to be better",
    )
    written = kept(
        2,
        1,
        {},
        as_of="2026-01-03",
        data_until=1.5e15,
        train_until=0.1 + 0.2,
        rows_read=3,
        rows_labelled=2,
        library_versions={"numpy": "2.4"},
        declaration="{}",
        fingerprint="f2",
        setup_fingerprint="s2",
        snapshot="snapshots/2",
        verdict="nay",
        verdict_difference=0.5,
        warnings=["few rows"],
        candidates=[linear, network, failed],
        agreement=[probe("torch", 1e-17), probe("theano", 0.5, agreed=False)],
        naive=[NaiveRecord(name="mean", rows="test", rmse=0.1 + 0.2, mae=0.2, r2=-0.5, n=7)],
        rescored={1: [ScoreRecord(rows="test", rmse=2.6, mae=1.9, n=22)]},
        predictions=[
            predictions(1, {"c": 3.0, "d": NEW}),
            predictions("torch/least_squares", {"a": 0.1, "c": 3.0, "d": NEW}),
        ],
        promotions=[refused, replace(refused, rule="refresh", challenger="torch/ann")],
        paired_errors=PairedErrors(
            model="torch/ann",
            other=1,
            key=["a", "c"],
            error=np.array([0.5, -5e-324]),
            other_error=np.array([0.25, 0.125]),
        ),
        against=1,
    )
    run_id = write(store, written)
    write(store, promoted(3, {"a": 1.0}))
    read_back = read(store, stored_run, run_id)
    predicted = [
        batch
        for of in read(store, predictions_of_run, run_id)
        for batch in read(store, predictions_in, run_id, of.model_id, of.model)
    ]
    without_rows = read(store, stored_run, run_id, whole=False)
    small = [replace(each, artifact=None, twin=None) for each in read_back.candidates]
    bare = asdict(replace(read_back, candidates=small, paired_errors=None))
    assert [name for name in bare if not same(asdict(without_rows)[name], bare[name])] == []
    read_back = replace(read_back, predictions=predicted)
    decided = [replace(decision, decided_at=written.finished_at) for decision in written.promotions]
    wanted = asdict(replace(written, promotions=decided))
    different = [
        field.name
        for field in fields(RunRecord)
        if not same(asdict(read_back)[field.name], wanted[field.name])
    ]
    assert different == []


def test_an_unknown_run_names_the_command_that_lists_all_runs(store: Store):
    with pytest.raises(CallError, match=r": there is no run 7\. `nightfit query run_history`"):
        read(store, stored_run, 7)


def test_the_training_keys_of_a_twin_leave_out_the_test_rows(store: Store):
    roles = ["warmup", "train", "test", "new"]
    targets = {"w": 1.0, "a": 2.0, "t": 3.0, "n": NEW}
    write(store, promoted(1, {}, predictions=[predictions("torch/ann", targets, roles=roles)]))
    champion = read(store, champion_model, "wages")
    assert champion is not None
    write(store, kept(2, champion.model_id, {"n": 4.0}))
    assert {*read(store, twin_training_keys, champion.model_id)} == {"w", "a"}
    assert {*read(store, other_keys, champion.model_id)} == {"t", "n"}
    assert trained_keys(store, champion.model_id) == {"w", "a", "t"}
