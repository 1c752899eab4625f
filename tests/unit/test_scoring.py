"""Errors and intervals, against their definitions and against simulation."""

import numpy as np
import pytest
from helpers.memory import peak

from regressors.judging.scoring import (
    interval_half_width,
    paired_difference,
    score,
    undercoverage_p,
)

RNG = np.random.default_rng(11)


def test_score_follows_its_definitions():
    actual, predicted = np.array([1.0, 2.0, 4.0, 9.0]), np.array([1.0, 3.0, 2.0, 9.5])
    result = score(actual, predicted, interval=(predicted - 1, predicted + 1))
    assert result.rmse == pytest.approx(np.sqrt((0 + 1 + 4 + 0.25) / 4))
    assert result.mae == pytest.approx(3.5 / 4)
    assert result.r2 == pytest.approx(1 - 5.25 / 38)
    assert result.coverage == 0.75
    assert result.n == 4


def test_interval_of_the_rmse_has_its_coverage():
    inside = 0
    for _ in range(400):
        errors = RNG.normal(size=200)
        result = score(errors, np.zeros(200))
        inside += result.rmse_low <= 1.0 <= result.rmse_high
    assert 0.91 < inside / 400 < 0.985


@pytest.mark.parametrize("groups", [8, 20])
def test_interval_of_the_rmse_counts_groups_and_not_their_rows(groups):
    """Half of the variance is of the group. By rows the interval of 8 groups of 25 covers 55%."""
    unit = np.repeat(np.arange(groups), 25)
    inside, inside_by_rows = 0, 0
    for _ in range(300):
        errors = RNG.normal(size=groups)[unit] + RNG.normal(size=len(unit))
        result = score(errors, np.zeros(len(unit)), unit=unit)
        inside += result.rmse_low <= np.sqrt(2) <= result.rmse_high
        by_rows = score(errors, np.zeros(len(unit)))
        inside_by_rows += by_rows.rmse_low <= np.sqrt(2) <= by_rows.rmse_high
    assert 0.86 < inside / 300 < 0.98
    assert inside_by_rows / 300 < 0.65


def test_interval_of_the_rmse_does_not_depend_on_the_order_of_rows_or_the_names_of_units():
    errors, unit = RNG.normal(size=120), np.repeat(np.arange(12), 10)
    order = RNG.permutation(120)
    result = score(errors, np.zeros(120), unit=unit)
    again = score(errors[order], np.zeros(120), unit=99 - unit[order])
    assert result.rmse_high == pytest.approx(again.rmse_high, rel=1e-12)
    assert result.rmse_low == pytest.approx(again.rmse_low, rel=1e-12)


def test_units_of_one_row_are_rows():
    errors = RNG.normal(size=60)
    assert score(errors, np.zeros(60), unit=np.arange(60)) == score(errors, np.zeros(60))


def test_one_unit_has_an_error_and_no_interval():
    result = score(RNG.normal(size=50), np.zeros(50), unit=np.zeros(50, dtype=int))
    assert result.rmse > 0
    assert (result.rmse_se, result.rmse_low, result.rmse_high) == (None, None, None)


def test_enormous_errors_have_a_finite_rmse():
    errors = 1e200 * RNG.normal(size=50)
    result = score(errors, np.zeros(50))
    assert result.rmse / 1e200 == pytest.approx(score(errors / 1e200, np.zeros(50)).rmse)
    assert np.isfinite([result.rmse_low, result.rmse_high, result.r2]).all()


def test_coverage_counts_each_row_by_its_own_interval():
    actual = np.array([1.0, 2.0, 3.0, 4.0])
    lower, upper = np.array([0.0, 2.0, 3.5, 0.0]), np.array([2.0, 2.0, 9.0, 3.0])
    assert score(actual, actual, interval=(lower, upper)).coverage == 0.5
    assert score(actual, actual, interval=(lower * np.nan, upper)).coverage is None


def test_two_rows_have_an_error_and_no_interval():
    result = score(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    assert result.rmse_low is None
    assert result.coverage is None


def test_constant_target_has_no_r2():
    assert score(np.ones(5), np.zeros(5)).r2 is None


def test_half_width_is_the_conformal_order_statistic():
    residuals = np.array([-4.0, 1.0, -2.0, 3.0, 5.0, -6.0, 7.0, 8.0, -9.0])
    assert interval_half_width(residuals, 0.9) == 9.0
    assert interval_half_width(residuals, 0.5) == 5.0


def test_too_few_residuals_have_no_interval():
    assert interval_half_width(np.ones(8), 0.9) is None


def test_half_width_covers_as_many_new_rows_as_it_should():
    covered = [
        np.mean(np.abs(RNG.normal(size=50)) <= interval_half_width(RNG.normal(size=99), 0.9))
        for _ in range(300)
    ]
    assert 0.89 < np.mean(covered) < 0.92


def test_paired_difference_distinguishes_better_from_worse():
    noise = RNG.normal(size=500)
    better, worse = noise, noise + RNG.normal(size=500)
    result = paired_difference(better, worse, confidence=0.95)
    assert result.value == pytest.approx(
        np.sqrt(np.mean(better**2)) - np.sqrt(np.mean(worse**2)), rel=1e-9
    )
    assert result.low < result.value < result.high < 0
    reverse = paired_difference(worse, better, confidence=0.95)
    assert reverse.low == pytest.approx(-result.high)


def test_paired_difference_of_enormous_errors_is_finite():
    first, second = RNG.normal(size=(2, 60))
    result = paired_difference(first, second, confidence=0.95)
    enormous = paired_difference(1e200 * first, 1e200 * second, confidence=0.95)
    assert enormous.low / 1e200 == pytest.approx(result.low)
    assert enormous.high / 1e200 == pytest.approx(result.high)


def test_equal_errors_have_a_difference_of_zero():
    result = paired_difference(np.ones(10), -np.ones(10), confidence=0.95)
    assert (result.value, result.low, result.high) == (0.0, 0.0, 0.0)
    assert paired_difference(np.zeros(9), np.zeros(9), confidence=0.9).high == 0.0
    assert paired_difference(np.ones(2), np.ones(2), confidence=0.95) is None


def test_paired_difference_counts_the_rows_of_one_unit_once():
    first, second = RNG.normal(size=(2, 40))
    often = np.repeat(np.arange(40), 6)
    once = paired_difference(first, second, confidence=0.95)
    together = paired_difference(first[often], second[often], confidence=0.95, unit=often)
    assert together.low == pytest.approx(once.low)
    assert together.high == pytest.approx(once.high)
    assert paired_difference(first, second, confidence=0.95, unit=np.arange(40) % 2) is None


def covered(rows: int, inside: int):
    """Return actual values of which so many are inside the interval from 0 to 2."""
    return np.r_[np.ones(inside), np.full(rows - inside, 9.0)], (np.zeros(rows), np.full(rows, 2.0))


def test_undercoverage_is_the_binomial_probability():
    for inside, expected in ((81, 8.64e-7), (94, 0.0814), (110, 1.0)):
        actual, interval = covered(110, inside)
        assert undercoverage_p(actual, interval, 0.9) == pytest.approx(expected, rel=0.01)
    actual, (lower, upper) = covered(9, 0)
    assert undercoverage_p(actual, (lower * np.nan, upper), 0.9) is None


def test_rows_of_one_unit_are_less_evidence_of_undercoverage():
    actual, interval = covered(200, 150)
    unit = np.arange(200) // 25  # two groups of eight have all of the rows outside
    assert undercoverage_p(actual, interval, 0.9) < 1e-6
    assert undercoverage_p(actual, interval, 0.9, unit) > 0.01
    assert undercoverage_p(actual, interval, 0.9, np.zeros(200, dtype=int)) == 1.0


def test_right_intervals_are_seldom_called_too_narrow():
    actual = RNG.normal(size=(1000, 8, 25)) * np.exp(0.5 * RNG.normal(size=(1000, 8, 1)))
    width = np.quantile(np.abs(actual), 0.9)
    interval, unit = (np.full(200, -width), np.full(200, width)), np.repeat(np.arange(8), 25)
    alarms = [undercoverage_p(rows.ravel(), interval, 0.9, unit) < 0.01 for rows in actual]
    assert np.mean(alarms) < 0.025


def test_a_score_needs_few_arrays_as_long_as_the_rows_and_leaves_what_it_is_given():
    actual, predicted = RNG.normal(size=(2, 50_000))
    before = actual.copy(), predicted.copy()
    assert peak(lambda: score(actual, predicted)) < 5 * actual.nbytes
    assert np.array_equal(before, (actual, predicted))
