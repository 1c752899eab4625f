"""Time is walked through block by block, each predicted from what was known a horizon before."""

from itertools import chain, pairwise

import numpy as np
import pytest
from helpers.splits import refusal
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.declarations.lengths import length
from data.errors import CannotSplit
from data.split import Split, split_rows
from data.split_by_time import MAX_BLOCKS
from regressors import job

DAYS = np.datetime64("2024-01-01") + np.arange(100)
QUARTERS = (np.arange("2010-02", "2024-02", 3, dtype="M8[M]") + 1).astype("M8[D]") - 1
"""The last days of February, May, August and November, 56 of them."""


def by_time(time, *, share=0.2, folds=4, horizon=None) -> Split:
    return split_rows(
        dataset="shop",
        keys=[str(i) for i in range(len(time))],
        labelled=np.ones(len(time), bool),
        share=share,
        folds=folds,
        time=time,
        horizon=length(horizon) if isinstance(horizon, str) else horizon,
    )


def test_the_oldest_third_of_the_training_rows_warms_up_and_every_time_after_it_is_a_block():
    order = np.random.default_rng(0).permutation(56)
    split = by_time(QUARTERS[order])
    assert sorted(order[split.role == "test"]) == list(range(45, 56))
    assert sorted(order[split.fold == 0]) == list(range(15))
    blocks = [np.sort(order[split.fold == block]).tolist() for block in range(1, 24)]
    assert [len(block) for block in blocks] == [*[3, 2] * 6, *[1] * 11]
    assert list(chain.from_iterable(blocks)) == list(range(15, 56))
    assert split.scheme == "rolling origins: 11 blocks, 1 quarter ahead"


def test_where_there_are_many_times_a_period_has_a_dozen_blocks_of_about_equal_rows():
    split = by_time(np.repeat(DAYS, 3))
    sizes = np.bincount(split.fold)
    assert len(sizes) == 1 + 2 * MAX_BLOCKS
    assert sizes[0] == 81
    assert set(sizes[1 : 1 + MAX_BLOCKS]) == {12, 15}
    assert set(sizes[1 + MAX_BLOCKS :]) == {3, 6}
    assert split.scheme == "rolling origins: 12 blocks, at least 1 day ahead"


def test_there_are_as_many_blocks_of_training_rows_as_folds_are_declared():
    assert by_time(DAYS, folds=20).fold.max() == 20 + MAX_BLOCKS


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=20, max_size=120),
    st.integers(2, 5),
    st.one_of(st.none(), st.floats(0.1, 40)),
)
def test_no_row_is_known_to_a_block_that_begins_less_than_a_horizon_later(times, folds, horizon):
    time = np.array(times, dtype=float)
    try:
        split = by_time(time, folds=folds, horizon=horizon)
    except CannotSplit:
        assume(False)
    folds_of = list(job.folds(split.fold, chained=split.chained, known=split.known))
    assert [number for number, _, _ in folds_of] == list(range(1, split.fold.max() + 1))
    for _, fitted, scored in folds_of:
        begins = time[scored].min()
        late = begins if horizon is None else begins - horizon
        expected = time < begins if horizon is None else time <= late
        assert np.array_equal(fitted, expected)
        assert fitted.any()
    stage = np.array([-1 if role == "test" else 1 for role in split.role])
    assert time[stage == 1].max() < time[stage == -1].min()
    order = np.argsort(time, kind="stable")
    assert (np.diff(split.fold[order]) >= 0).all()
    for value in set(times):
        assert len(set(split.fold[time == value])) == 1
    assert len(set(split.fold[split.role == "train"])) >= folds + 1


def test_a_longer_horizon_begins_later_so_that_the_first_fit_still_knows_a_third():
    first = {
        horizon: int(np.argmax(by_time(QUARTERS, horizon=horizon).fold == 1))
        for horizon in (None, "1 quarter", "1 year", "5 years")
    }
    assert first == {None: 15, "1 quarter": 15, "1 year": 18, "5 years": 34}
    split = by_time(QUARTERS, horizon="1 year")
    assert split.scheme == "rolling origins: 11 blocks, 1 year ahead"
    for number, fitted, scored in job.folds(split.fold, chained=True, known=split.known):
        assert np.argmax(scored) - fitted.sum() == 3, number


def test_a_horizon_that_leaves_too_few_rows_is_refused_with_the_numbers():
    message = refusal(lambda: by_time(QUARTERS, horizon="11 years"))
    assert (
        "With a horizon of 11 years, a fit at 2020-05-31 would know 0 of the 45 training rows,"
        " which end at 2021-02-28, and 4 folds must follow; at least 3 are needed." in message
    )
    assert "declare a shorter 'horizon' or fewer 'folds'" in message
    assert "horizon of 1e+300" in refusal(lambda: by_time(np.arange(100.0), horizon=1e300))


@pytest.mark.parametrize(
    ("time", "ahead"),
    [
        (QUARTERS, "1 quarter"),
        (QUARTERS.astype("M8[us]") + np.timedelta64(22, "h"), "1 quarter"),
        (np.arange("2000", "2060", dtype="M8[Y]"), "1 year"),
        (np.arange("2010-01", "2015-01", dtype="M8[M]"), "1 month"),
        (np.arange("2010-01", "2020-01", 2, dtype="M8[M]"), "2 months"),
        (DAYS, "1 day"),
        (DAYS[:60:2], "2 days"),
        (np.datetime64("2024-01-01") + 28 * np.arange(60), "4 weeks"),
        (np.datetime64("2024-01-01T00:30") + 90 * np.arange(60), "1.5 hours"),
        (np.datetime64("2024-01-01", "us") + 250_000 * np.arange(60), "0.25 seconds"),
        (np.arange(60) / 2, "0.5"),
    ],
)
def test_the_usual_step_between_times_is_told_in_words(time, ahead):
    assert by_time(time).scheme.endswith(f" {ahead} ahead")


def test_blocks_are_in_order_of_time():
    split = by_time(DAYS[np.random.default_rng(1).permutation(100)])
    assert split.chained
    starts = [split.fold == block for block in range(split.fold.max() + 1)]
    assert all(rows.any() for rows in starts)
    assert all(
        split.known[earlier].max() <= split.known[later].min()
        for earlier, later in pairwise(starts)
    )
