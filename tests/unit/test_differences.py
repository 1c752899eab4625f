"""Stored predictions are compared with new ones batch by batch, as if they were one table."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.memory import peak

from data.store.row_columns import PredictionColumns
from tasks.run.differences import Differences, compare_figures, compare_predictions

N = 60


def predictions(model="torch/ann", rows=N):
    numbers = np.arange(rows, dtype=float)
    return PredictionColumns(
        model=model,
        key=[f"k{number:06d}" for number in range(rows)],
        actual=np.where(numbers % 5 == 0, np.nan, numbers),
        predicted=numbers + 0.5,
        lower=numbers - 1,
        upper=np.full(rows, np.nan),
        role=np.array(["train", "test"], dtype=object)[np.arange(rows) % 2],
    )


def taken(columns, rows):
    parts = {name: getattr(columns, name)[rows] for name in ("actual", "predicted", "lower")}
    more = {name: getattr(columns, name)[rows] for name in ("upper", "role")}
    return replace(columns, key=[columns.key[row] for row in rows], **parts, **more)


def batches(columns, size):
    rows = np.arange(len(columns.key))
    return [taken(columns, rows[start : start + size]) for start in range(0, len(rows), size)]


def compared(stored, now, size=7, *, stored_rows_alone=False, most=20):
    found = Differences(most)
    compare_predictions(
        {columns.model: batches(columns, size) for columns in stored},
        {columns.model: columns for columns in now},
        found,
        stored_rows_alone=stored_rows_alone,
    )
    return found


def test_an_interval_of_a_further_level_that_changes_or_goes_is_a_difference():
    half = np.arange(N) - 0.5
    stored, others = replace(predictions(), lower_2=half), np.where(np.arange(N) == 8, 7.75, half)
    unused = np.full(N, np.nan)
    for now, first in (
        (replace(stored, upper_2=unused), []),
        (replace(stored, lower_2=others), ["torch/ann k000008: lower_2 was 7.5, is now 7.75"]),
        (predictions(), ["torch/ann k000000: lower_2 was -0.5, is now empty"]),
    ):
        found = Differences(most=1)
        compare_predictions(
            {"torch/ann": [stored]}, {"torch/ann": now}, found, stored_rows_alone=False
        )
        assert found.first == first


@pytest.fixture
def changed():
    """Return predictions that differ in rows far from each other, without two of the rows."""
    now = predictions()
    now.predicted[1] = 7.25
    now.actual[5] = 0.0
    now.lower[58] = np.inf
    now.role[30] = "new"
    return taken(now, np.delete(np.arange(N), [13, 59]))


SENTENCES = [
    "torch/ann k000001: predicted was 1.5, is now 7.25",
    "torch/ann k000005: actual was empty, is now 0.0",
    "torch/ann k000013: stored, but missing now",
    "torch/ann k000030: role was 'train', is now 'new'",
    "torch/ann k000058: lower was 57.0, is now empty",
    "torch/ann k000059: stored, but missing now",
]


@pytest.mark.parametrize("size", [1, 2, 7, 59, 60, 100])
def test_the_same_differences_are_found_whichever_batches_they_lie_in(changed, size):
    found = compared([predictions()], [changed], size)
    assert found.first == SENTENCES
    assert found.count == 6
    assert compared([predictions()], [predictions()], size).count == 0


@pytest.mark.parametrize("size", [1, 7, 100])
def test_rows_that_are_not_stored_come_last_or_are_left_out(changed, size):
    stored, other = taken(changed, np.arange(2, 50)), predictions("torch/least_squares")
    found = compared([stored, other], [changed], size)
    assert found.first[:20] == [
        f"torch/least_squares {key}: stored, but missing now" for key in other.key[:20]
    ]
    assert found.count == N + 10
    found = compared([stored], [changed, taken(other, [3])], size)
    absent = [f"torch/ann {changed.key[row]}" for row in (0, 1, *range(50, 58))]
    assert found.first == [
        f"{name}: not stored, but present now" for name in (*absent, "torch/least_squares k000003")
    ]
    assert compared([stored], [changed], size, stored_rows_alone=True).count == 0


def test_only_the_first_differences_are_sentences_and_all_are_counted(changed):
    found = compared([predictions()], [changed], most=2)
    assert (found.first, found.count) == (SENTENCES[:2], 6)


def test_new_rows_in_any_order_are_found(changed):
    order = np.random.default_rng(0).permutation(len(changed.key))
    assert compared([predictions()], [taken(changed, order)]).first == SENTENCES


def test_figures_that_differ_are_missing_or_are_not_stored():
    found = Differences(20)
    before = {"a": (1.0, None), "b": (2.0, 3.0), "c": (4.0, 5.0)}
    compare_figures(before, {"a": (1.0, 2.0), "c": (4.0, 5.0), "d": (0, 0)}, ("t", "p"), found)
    assert found.first == [
        "a: p was empty, is now 2.0",
        "b: stored, but missing now",
        "d: not stored, but present now",
    ]


def test_predictions_are_compared_in_little_memory():
    rows = 20_000
    stored, now = predictions(rows=rows), predictions(rows=rows)
    parts = batches(stored, 500)

    def compare():
        compare_predictions(
            {"torch/ann": parts}, {"torch/ann": now}, Differences(20), stored_rows_alone=False
        )

    assert peak(compare) < 60 * rows
