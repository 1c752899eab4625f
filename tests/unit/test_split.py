"""Rows keep their role and fold; with time the newest are test rows; small sets are refused."""

import hashlib

import numpy as np
import pytest
from helpers.splits import refusal, roles_and_folds_of
from hypothesis import given, settings
from hypothesis import strategies as st

from data.split import Split, split_rows

MANY = [f"row {i}" for i in range(20_000)]
DAYS = np.datetime64("2024-01-01") + np.arange(100)


def randomly(keys, *, labelled=None, share=0.2, folds=5, dataset="shop") -> Split:
    labelled = np.ones(len(keys), bool) if labelled is None else np.asarray(labelled)
    return split_rows(dataset=dataset, keys=keys, labelled=labelled, share=share, folds=folds)


def by_time(time, *, labelled=None, share=0.2, folds=4) -> Split:
    labelled = np.ones(len(time), bool) if labelled is None else np.asarray(labelled)
    keys = [str(i) for i in range(len(time))]
    return split_rows(
        dataset="shop", keys=keys, labelled=labelled, share=share, folds=folds, time=time
    )


def test_splitting_reports_how_many_rows_have_their_place(monkeypatch):
    monkeypatch.setattr("data.split.PART_ROWS", 50_000)
    calls = []
    split_rows(
        dataset="shop",
        keys=[str(i) for i in range(60_000)],
        labelled=np.ones(60_000, bool),
        share=0.2,
        folds=5,
        report=lambda share, done: calls.append((round(share, 2), done)),
    )
    assert calls == [(0, "0 of 60,000 rows"), (0.83, "50,000 of 60,000 rows")]


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text(), max_size=50), st.randoms())
def test_adding_removing_and_reordering_rows_moves_no_other_row(others, random):
    before = MANY[:300]
    after = [*before[30:], *(others - set(before))]
    random.shuffle(after)
    was, now = (
        roles_and_folds_of(before, randomly(before)),
        roles_and_folds_of(after, randomly(after)),
    )
    stayed = set(before) & set(after)
    assert {key: was[key] for key in stayed} == {key: now[key] for key in stayed}


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 0.5), st.floats(0.05, 0.5))
def test_a_larger_share_keeps_the_test_rows_of_a_smaller_one(first, second):
    small, large = sorted((first, second))
    in_small = randomly(MANY[:1000], share=small).role == "test"
    in_large = randomly(MANY[:1000], share=large).role == "test"
    assert not (in_small & ~in_large).any()


def test_shares_and_folds_are_right_to_sampling_error():
    split = randomly(MANY)
    test = split.role == "test"
    assert abs(test.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / len(MANY))
    within_test = np.bincount(split.fold[test], minlength=6)[1:] / test.sum()
    assert np.abs(within_test - 0.2).max() < 4 * np.sqrt(0.2 * 0.8 / test.sum())
    assert set(split.fold) == {1, 2, 3, 4, 5}
    assert not split.chained


def test_the_hash_is_as_documented():
    roles_and_folds = roles_and_folds_of(MANY, randomly(MANY))
    for key in [*MANY[:50], MANY[-1]]:
        digest = hashlib.sha256(b"shop\0" + key.encode()).digest()
        in_test = int.from_bytes(digest[:8], "big") / 2**64 < 0.2
        fold = 1 + int.from_bytes(digest[8:16], "big") % 5
        assert roles_and_folds[key] == ("test" if in_test else "train", fold)


def test_another_dataset_with_the_same_keys_is_split_differently():
    shop, office = randomly(MANY), randomly(MANY, dataset="office")
    assert 0.5 < (shop.role == office.role).mean() < 0.8


def test_a_row_that_gets_its_target_moves_no_other_row():
    labelled = np.arange(1000) % 3 > 0
    first = randomly(MANY[:1000], labelled=labelled)
    then = randomly(MANY[:1000])
    assert (first.role[~labelled] == "new").all()
    assert (first.fold[~labelled] == 0).all()
    assert (first.role[labelled] == then.role[labelled]).all()
    assert (first.fold[labelled] == then.fold[labelled]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.randoms())
def test_with_time_the_test_rows_are_the_newest_share_to_within_one_time(repeats, random):
    time = np.repeat(np.arange(100.0), repeats)
    random.shuffle(time)
    split = by_time(time, share=0.2)
    assert abs((split.role == "test").sum() - 0.2 * len(time)) <= repeats / 2


@pytest.mark.parametrize(
    ("newest", "next_newest", "tested"), [(5, 20, 25), (5, 40, 5), (10, 20, 10), (30, 5, 30)]
)
def test_the_cut_between_times_is_the_nearest_to_the_share(newest, next_newest, tested):
    older = np.arange(100.0 - newest - next_newest)
    time = np.concatenate([older, np.full(next_newest, 200.0), np.full(newest, 300.0)])
    assert (by_time(time, share=0.2).role == "test").sum() == tested


def test_new_rows_stay_outside_the_split_whatever_their_time():
    labelled = np.arange(100) < 90
    time = DAYS.astype("datetime64[us]")
    time[95] = np.datetime64("NaT")
    split = by_time(time, labelled=labelled)
    assert (split.role[90:] == "new").all()
    assert (split.fold[90:] == -1).all()
    assert (split.known[90:] > split.known[:90].max() - 1).all()
    assert (np.flatnonzero(split.role == "test") == np.arange(72, 90)).all()


def test_too_few_labelled_rows_are_refused_with_their_number():
    labelled = np.arange(100) < 19
    assert "19 rows have a target" in refusal(lambda: randomly(MANY[:100], labelled=labelled))


def test_too_few_test_rows_are_refused_with_their_number():
    assert "0 of 30 labelled rows are test rows at a share of 1e-09" in refusal(
        lambda: randomly(MANY[:30], share=1e-9)
    )
    assert "2 of 100 labelled rows" in refusal(lambda: by_time(DAYS, share=0.02))


def test_an_empty_fold_is_refused_with_the_sizes():
    message = refusal(lambda: randomly(MANY[:25], folds=20))
    assert "is empty" in message
    assert "into 20 folds" in message


def test_labelled_rows_without_a_time_are_refused_with_their_number():
    time = DAYS.copy()
    time[:7] = np.datetime64("NaT")
    assert "7 rows with a target have no time" in refusal(lambda: by_time(time))


def test_too_few_different_times_are_refused_with_their_number():
    assert "There are 2 different times, but 6 are needed" in refusal(
        lambda: by_time(np.arange(100.0) // 50)
    )


def test_rows_that_repeat_each_other_stay_with_the_smallest_of_their_keys():
    keys = MANY[:400]
    alike = np.full(400, -1)
    alike[200:] = np.arange(200) % 50  # four rows each
    before = randomly(keys)
    split = split_rows(
        dataset="shop", keys=keys, labelled=np.ones(400, bool), share=0.2, folds=5, alike=alike
    )
    assert np.array_equal(split.role[:200], before.role[:200])
    assert np.array_equal(split.fold[:200], before.fold[:200])
    for label in range(50):
        rows = np.flatnonzero(alike == label)
        first = min(rows, key=lambda row: keys[row])
        assert set(split.role[rows]) == {before.role[first]}
        assert set(split.fold[rows]) == {before.fold[first]}


def test_rows_that_repeat_nothing_are_split_as_ever():
    alone = np.full(400, -1)
    keys = MANY[:400]
    split = split_rows(
        dataset="shop", keys=keys, labelled=alone < 0, share=0.2, folds=5, alike=alone
    )
    assert np.array_equal(split.role, randomly(keys).role)
    assert np.array_equal(split.fold, randomly(keys).fold)


def test_hashes_are_made_in_parts_of_which_no_role_or_fold_depends(monkeypatch):
    keys, alike = MANY[:400], np.full(400, -1)
    alike[200:] = np.arange(200) % 50
    group = [None if i % 7 == 0 else f"customer {i % 90}" for i in range(400)]
    labelled = np.arange(400) % 5 > 0

    def made() -> list[Split]:
        rules = {"dataset": "shop", "keys": keys, "share": 0.2, "folds": 5, "labelled": labelled}
        return [split_rows(**rules, alike=alike), split_rows(**rules, group=group)]

    whole = made()
    monkeypatch.setattr("data.split.PART_ROWS", 37)
    for one, other in zip(whole, made(), strict=True):
        assert np.array_equal(one.code, other.code)
        assert np.array_equal(one.fold, other.fold)
