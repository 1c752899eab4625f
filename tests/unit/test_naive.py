"""Naive predictions use what was known at the origin, and nothing else."""

import numpy as np
import pytest

from regressors.judging.naive import (
    LAST,
    MEAN,
    mean_of_training,
    naive_over_time,
    season_of,
    series_over_time,
)

QUARTER, MONTH = "same quarter last year", "same month last year"
WEEK, WEEKDAY, HOUR = "same week last year", "same weekday last week", "same hour last week"


def days(*texts):
    return np.array(texts, dtype="M8[us]")


def every(step, start, count, unit):
    first = np.datetime64(start, unit)
    return (first + np.arange(count) * np.timedelta64(step, unit)).astype("M8[us]")


def one_by_one(target, time, **others):
    """Predict each row but the first from the rows of all earlier times."""
    block = np.unique(time, return_inverse=True)[1]
    return naive_over_time(
        target, scored=block > 0, block=block, known=block + 1, time=time, **others
    )


def test_quarter_is_predicted_by_the_last_one_by_that_of_last_year_and_by_the_mean():
    target = np.array([10.0, 20, 30, 40, 50, 60])
    predicted = one_by_one(target, every(3, "2022-03", 6, "M"))
    assert list(predicted) == [LAST, QUARTER, MEAN]
    np.testing.assert_array_equal(predicted[LAST], [np.nan, 10, 20, 30, 40, 50])
    np.testing.assert_array_equal(predicted[QUARTER], [np.nan] * 4 + [10, 20])
    np.testing.assert_array_equal(predicted[MEAN], [np.nan, 10, 15, 20, 25, 30])


@pytest.mark.parametrize("name", [LAST, QUARTER, MEAN])
def test_no_prediction_changes_with_its_own_target_or_a_later_one(name):
    rng = np.random.default_rng(4)
    time, series = np.repeat(every(3, "2018-01", 24, "M"), 3), np.tile([0, 1, 2], 24)
    block = np.repeat(np.arange(8), 9)
    known = block + 2  # each is known one block later than it might be
    target = rng.normal(size=72)
    given = {"scored": block > 1, "block": block, "known": known, "time": time, "series": series}
    before = naive_over_time(target, **given)[name]
    for origin in range(8):
        altered = np.where(known > origin, rng.normal(size=72) * 1e6, target)
        after = naive_over_time(altered, **given)[name]
        np.testing.assert_array_equal(before[block <= origin], after[block <= origin])
        assert not np.array_equal(before, after, equal_nan=True) or origin > 5


def test_value_that_is_not_known_at_the_origin_is_passed_over():
    time = every(1, "2024-01-01", 30, "D")
    block, target = np.arange(30), np.arange(30.0)
    predicted = naive_over_time(target, scored=block > 20, block=block, known=block + 10, time=time)
    np.testing.assert_array_equal(predicted[LAST][21:], target[11:20])
    np.testing.assert_array_equal(predicted[WEEKDAY][21:], target[7:16])  # of two weeks before


def test_series_are_told_apart_and_rows_of_one_time_are_one_value():
    time = np.repeat(every(1, "2024-01", 3, "M"), 2)
    target, series = np.array([1.0, 100, 2, 200, 3, 300]), np.array([7, 9, 7, 9, 7, 9])
    np.testing.assert_array_equal(one_by_one(target, time, series=series)[LAST][2:], target[:4])
    together = one_by_one(target, time)
    np.testing.assert_array_equal(together[LAST][2:], [50.5, 50.5, 101, 101])
    weighed = one_by_one(target, time, weight=np.array([3.0, 1, 1, 1, 1, 1]))
    np.testing.assert_array_equal(weighed[LAST][2:4], [25.75, 25.75])


def test_new_series_has_no_prediction():
    time = days("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-03")
    predicted = one_by_one(np.arange(4.0), time, series=np.array([1, 1, 1, 0]))
    np.testing.assert_array_equal(predicted[LAST], [np.nan, 0, 1, np.nan])


def test_gap_a_year_ago_is_not_filled_from_the_year_before():
    time = np.delete(every(1, "2021-01", 40, "M"), 24)
    predicted = one_by_one(np.arange(39.0), time)[MONTH]
    at = int(np.flatnonzero(time == np.datetime64("2024-01-01"))[0])
    assert np.isnan(predicted[at])
    assert predicted[at + 1] == at + 1 - 12


@pytest.mark.parametrize(
    ("step", "unit", "name"),
    [
        (1, "Y", None),
        (6, "M", QUARTER),
        (3, "M", QUARTER),
        (1, "M", MONTH),
        (7, "D", WEEK),
        (1, "D", WEEKDAY),
        (1, "h", HOUR),
        (15, "m", HOUR),
    ],
)
def test_season_is_that_of_the_usual_step(step, unit, name):
    season = season_of(every(step, "2020-01-01", 50, unit))
    assert (season.name if season else None) == name


def test_numbers_as_times_have_no_season():
    assert list(one_by_one(np.arange(30.0), np.arange(1990.0, 2020))) == [LAST, MEAN]


def test_order_of_rows_changes_no_digit():
    rng = np.random.default_rng(1)
    time, block = np.repeat(every(3, "2018-01", 20, "M"), 5), np.repeat(np.arange(10), 10)
    target, weight, series = rng.normal(size=100), rng.uniform(1, 2, 100), np.tile(range(5), 20)
    given = {"block": block, "known": block + 1, "time": time, "weight": weight}
    order = rng.permutation(100)
    for of_series in ({}, {"series": series}):
        columns = given | of_series | {"scored": block > 0}
        moved = {name: values[order] for name, values in columns.items()}
        before, after = naive_over_time(target, **columns), naive_over_time(target[order], **moved)
        for name, values in before.items():
            np.testing.assert_array_equal(values[order], after[name])


def test_enormous_targets_have_a_finite_mean():
    predicted = one_by_one(np.full(6, 1.5e308), every(3, "2022-03", 6, "M"))
    np.testing.assert_array_equal(predicted[MEAN][1:], 1.5e308)


def test_labels_are_series_only_where_they_come_again_over_time():
    time, shop = np.repeat(every(1, "2024-01", 4, "M"), 2), np.tile([0, 1], 4)
    np.testing.assert_array_equal(series_over_time(shop, time), shop)
    assert series_over_time(np.arange(8), time) is None
    assert series_over_time(np.repeat([0, 1, 2, 3], 2), time) is None  # twice, at one time


def test_without_times_the_mean_is_that_of_other_training_rows():
    target, fold = np.array([1.0, 2, 3, 4, 99]), np.array([1, 1, 2, 2, 1])
    is_test = np.array([False, False, False, False, True])
    predicted = mean_of_training(target, is_test=is_test, fold=fold)[MEAN]
    np.testing.assert_array_equal(predicted, [3.5, 3.5, 1.5, 1.5, 2.5])
