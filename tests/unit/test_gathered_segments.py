"""Segments that several processes solve in batches have the digits that they have together."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import numpy_framework
from helpers.gathering import gathered

from regressors import fitting, gathering, rolling
from regressors.arrays import Coded, in_codes
from regressors.candidate import SEGMENT_KINDS, Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.linear import kept_sums
from regressors.linear.kept_sums import KeptSums
from regressors.segments import gathered_segments
from regressors.segments.gram_stacks import SegmentRows

SEGMENTS, ROWS = 40, 1200
RNG = np.random.default_rng(33)
CODES = np.concatenate([RNG.integers(0, SEGMENTS - 2, ROWS - 12), np.repeat([38, 39, -1], 4)])
LABELS = np.array([*(f"s{i:02d}" for i in range(SEGMENTS)), None], dtype=object)
X, Z = RNG.normal(size=(2, ROWS))
LEVEL = RNG.integers(0, 3, ROWS)
TABLES = {
    "numbers": {"x": Coded(X * np.exp2(CODES % 7 * 9)), "z": Coded(Z)},
    "levels": {"x": Coded(X), "level": Coded(LEVEL, np.array([*"abc", None], dtype=object))},
    "gaps": {"x": Coded(np.where(RNG.random(ROWS) < 0.2, np.nan, X)), "z": Coded(Z)},
    "a segment without sums": {"x": Coded(np.where(CODES == 5, np.ldexp(X, -900), X))},
}
TARGET = X * (1 + CODES % 5) + Z + LEVEL + RNG.normal(size=ROWS)


def job(table, kind, **changes):
    made = Job(
        dataset="shops",
        candidate=Candidate("numpy", kind),
        columns=in_codes({"shop": Coded(CODES, LABELS), **TABLES[table]}),
        target=TARGET,
        fold=1 + np.arange(ROWS) % 3,
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
        segment=("shop",),
        epochs=200,
        table="shops",
    )
    return replace(made, **changes)


@pytest.fixture(autouse=True)
def in_small_batches(monkeypatch):
    monkeypatch.setattr(gathered_segments, "BATCH_ROWS", 250)
    monkeypatch.setattr(gathered_segments, "MIN_BATCH_SEGMENTS", 3)
    monkeypatch.setattr(kept_sums, "_kept", KeptSums())


def bits(fitted):
    of_rows = () if fitted.out_of_fold is None else fitted.out_of_fold.tobytes()
    arrays = [np.asarray(value).tolist() for value in vars(fitted.segments).values()]
    return repr((fitted.model.to_bytes(), of_rows, arrays, fitted.details, fitted.warnings))


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("weighed", [False, True], ids=["equal", "weights and ages"])
def test_batches_have_the_bits_of_all_segments_at_once(table, kind, weighed):
    changes = {}
    if weighed:
        time = np.arange(ROWS, dtype=float)
        changes = {"weight": 1.0 + CODES % 2, "time": time, "newest": time[-1], "half_life": 800.0}
    made = job(table, kind, **changes)
    for run, gather in (
        (fitting.validate, gathering.for_validate),
        (fitting.refit, gathering.for_refit),
    ):
        wanted = run(numpy_framework, made)
        kept_sums._kept.drop()
        shared, calls = gathered(gather, numpy_framework, made, KeptSums())
        assert calls[0] == ("segments", 1) and calls[1][1] > 3
        assert bits(run(numpy_framework, shared)) == bits(wanted)


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
def test_segments_at_rolling_origins_are_solved_in_batches(kind):
    is_test = np.arange(ROWS) >= 900
    made = job("numbers", kind, fold=np.arange(ROWS) // 150, chained=True)
    train = {name: values[~is_test] for name, values in made.columns.items()}
    of_training = replace(
        made, columns=train, target=made.target[~is_test], fold=made.fold[~is_test]
    )
    fitted = fitting.validate(numpy_framework, of_training)
    made = replace(made, is_test=is_test)
    kept_sums._kept.drop()
    wanted = rolling.roll(numpy_framework, made, fitted)
    shared, calls = gathered(gathering.for_roll, numpy_framework, made, KeptSums())
    assert calls[1][1] > 3
    made = rolling.roll(numpy_framework, shared, fitted)
    assert made.predicted.tobytes() == wanted.predicted.tobytes()


def test_a_batch_has_a_hundred_segments_even_of_many_rows_and_never_more_than_a_thousand(
    monkeypatch,
):
    monkeypatch.undo()
    for rows, sizes in ((2000, [100, 100, 50]), (1, [250]), (500, [131, 119])):
        ends = np.arange(0, 250 * rows + 1, rows)
        batches = gathered_segments.batches_of(SegmentRows(np.zeros(0), ends, 1))
        assert [stop - start for start, stop in batches] == sizes
    many = SegmentRows(np.zeros(0), np.arange(2501), 1)
    assert [*gathered_segments.batches_of(many)] == [(0, 1000), (1000, 2000), (2000, 2500)]


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
def test_folds_with_a_half_life_of_their_own_are_fitted_with_it(kind, monkeypatch):
    monkeypatch.setattr(gathering, "is_large", lambda _: True)
    time = np.arange(ROWS, dtype=float)
    made = job(
        "numbers",
        kind,
        chained=True,
        fold=np.arange(ROWS) // 300,
        time=time,
        newest=time[-1],
        half_life=800.0,
        half_lives={1: None, 2: 400.0},
    )
    wanted = fitting.validate(numpy_framework, made)
    kept_sums._kept.drop()
    shared, _ = gathered(gathering.for_validate, numpy_framework, made, KeptSums())
    assert shared.segment_batches
    assert bits(fitting.validate(numpy_framework, shared)) == bits(wanted)
    same = fitting.validate(numpy_framework, replace(made, half_lives={}))
    assert same.out_of_fold.tobytes() != wanted.out_of_fold.tobytes()
