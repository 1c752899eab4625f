"""The gain of one model over another: its value, its bounds, and their rates of error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from regressors.judging.paired import (
    MAX_RESAMPLED_UNITS,
    MIN_REPORTED_GAIN,
    Sums,
    gains,
    paired_gain,
    standard_error,
    time_blocks,
)

RNG = np.random.default_rng(6)
FIRST, SECOND = RNG.normal(size=(2, 80))
HALF = FIRST / 2


def gain(challenger, incumbent, unit=None, confidence=0.95):
    return paired_gain(challenger, incumbent, confidence=confidence, unit=unit)


def bounds(gained):
    return gained.value, gained.low, gained.high


def test_gain_is_one_minus_the_ratio_of_the_mean_squares():
    gained = gain(np.array([1.0, 2.0]), np.array([-3.0, 1.0]))
    assert gained.value == pytest.approx(1 - 5 / 10)
    assert gained.challenger_rmse == pytest.approx(np.sqrt(2.5))
    assert gained.incumbent_rmse == pytest.approx(np.sqrt(5))
    assert (gained.rows, gained.units, gained.confidence) == (2, 2, 0.95)


def test_bounds_enclose_the_gain_and_widen_with_the_confidence():
    likely, surely = gain(FIRST, SECOND, confidence=0.8), gain(FIRST, SECOND, confidence=0.99)
    assert surely.low < likely.low < likely.value < likely.high < surely.high
    assert gain(FIRST, SECOND) == gain(FIRST, SECOND)


def test_swapping_the_models_mirrors_the_bounds():
    here, there = gain(FIRST, SECOND), gain(SECOND, FIRST)
    assert (1 - here.low) * (1 - there.high) == pytest.approx(1, rel=1e-9)
    assert (1 - here.high) * (1 - there.low) == pytest.approx(1, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 60), st.sampled_from([None, 3, 25]))
def test_order_of_rows_and_names_of_units_change_no_digit(seed, rows, units):
    rng = np.random.default_rng(seed)
    challenger, incumbent = rng.standard_t(3, size=(2, rows))
    unit = None if units is None else rng.integers(0, units, rows)
    order = rng.permutation(rows)
    other = None if unit is None else rng.permutation(units)[unit][order]
    assert gain(challenger, incumbent, unit) == gain(challenger[order], incumbent[order], other)


def test_rows_of_one_unit_count_once():
    often = np.repeat(np.arange(80), 7)
    gained = gain(FIRST[often], SECOND[often], unit=often)
    assert (gained.rows, gained.units) == (560, 80)
    assert bounds(gained) == pytest.approx(bounds(gain(FIRST, SECOND)), rel=1e-9)
    assert gained.challenger_rmse == pytest.approx(gain(FIRST, SECOND).challenger_rmse)
    assert gain(FIRST[often], SECOND[often]).high < gained.high


@pytest.mark.parametrize(
    ("challenger", "incumbent", "expected"),
    [
        (FIRST, FIRST, (0, 0, 0)),
        (FIRST, -FIRST, (0, 0, 0)),
        (0 * FIRST, 0 * FIRST, (0, 0, 0)),
        (HALF, FIRST, (0.75, 0.75, 0.75)),
        (np.ones(80), 2 * np.ones(80), (0.75, 0.75, 0.75)),
        (0 * FIRST, FIRST, (1, 1, 1)),
        (FIRST, 0 * FIRST, (MIN_REPORTED_GAIN, MIN_REPORTED_GAIN, MIN_REPORTED_GAIN)),
        (FIRST[:1], SECOND[:1], (1 - (FIRST[0] / SECOND[0]) ** 2, MIN_REPORTED_GAIN, 1)),
        (np.eye(80)[0], 0 * FIRST, (MIN_REPORTED_GAIN, MIN_REPORTED_GAIN, 1)),
        (0 * FIRST, np.eye(80)[0], (1, MIN_REPORTED_GAIN, 1)),
    ],
)
def test_bounds_of_errors_without_spread_are_exact(challenger, incumbent, expected):
    assert bounds(gain(challenger, incumbent)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [1e3, 1e12, 1e200])
def test_one_enormous_error_leaves_both_directions_open(size):
    spoilt = SECOND.copy()
    spoilt[7] = size
    better, worse = gain(FIRST, spoilt), gain(spoilt, FIRST)
    assert better.low < 0 < better.high
    assert worse.low < 0 < worse.high


def test_size_of_the_errors_does_not_matter():
    small, large = gain(1e-180 * FIRST, 1e-180 * SECOND), gain(1e180 * FIRST, 1e180 * SECOND)
    assert bounds(small) == pytest.approx(bounds(gain(FIRST, SECOND)), rel=1e-9)
    assert bounds(large) == pytest.approx(bounds(small), rel=1e-9)
    assert large.incumbent_rmse == pytest.approx(1e180 * gain(FIRST, SECOND).incumbent_rmse)


@pytest.mark.parametrize(
    ("challenger", "incumbent", "unit"),
    [
        (np.array([1.0, np.nan]), np.ones(2), None),
        (np.ones(2), np.array([np.inf, 1.0]), None),
        (np.ones(2), np.ones(3), None),
        (np.empty(0), np.empty(0), None),
        (np.ones(2), np.ones(2), np.zeros(3, dtype=int)),
    ],
)
def test_errors_that_cannot_be_compared_are_refused(challenger, incumbent, unit):
    with pytest.raises(ValueError, match="compared"):
        gain(challenger, incumbent, unit)


def test_bounds_of_very_many_rows_are_students_and_agree_with_the_bootstrap():
    errors = RNG.normal(size=(2, MAX_RESAMPLED_UNITS + 1))
    beyond, within = gain(*errors), gain(*errors[:, :-1])
    assert beyond.high - beyond.low == pytest.approx(within.high - within.low, rel=0.05)
    first, second = np.square(errors)
    influence = first / first.mean() - second / second.mean()
    reach = stdtrit(MAX_RESAMPLED_UNITS, 0.95) * standard_error(influence)
    assert np.log((1 - beyond.low) / (1 - beyond.value)) == pytest.approx(reach)


def test_gain_of_zero_is_never_a_negative_zero():
    assert not np.signbit(bounds(gain(FIRST, FIRST))).any()


def equal_nights(draw, *, nights, rows):
    """Return squared errors (nights, rows) of two equally good models, correlated by 0.9."""
    shared, first, second = draw((3, nights, rows))
    ours, theirs = np.square(np.sqrt(0.9) * shared + np.sqrt(0.1) * np.stack([first, second]))
    return Sums(ours, theirs, rows=rows)


@pytest.mark.parametrize("rows", [30, 200])
@pytest.mark.parametrize(("shape", "most"), [("normal", 0.067), ("t4", 0.08)])
def test_bounds_keep_their_stated_rate(rows, shape, most):
    """5% of 1,500 nights are wrong in each direction, 1.7% being three standard errors."""
    rng = np.random.default_rng(5)
    draw = rng.standard_normal if shape == "normal" else lambda size: rng.standard_t(4, size)
    nightly = gains(equal_nights(draw, nights=1500, rows=rows), confidence=0.95, resamples=2000)
    assert 0.033 < np.mean([night.low > 0 for night in nightly]) < most
    assert 0.033 < np.mean([night.high < 0 for night in nightly]) < most


def test_blocks_of_time_keep_the_rate_when_rows_do_not():
    rng = np.random.default_rng(8)
    by_row = equal_nights(lambda size: following(rng, size), nights=1000, rows=400)
    starts = np.flatnonzero(np.diff(time_blocks(np.arange(400.0)), prepend=-1))
    by_block = Sums(
        np.add.reduceat(by_row.challenger, starts, axis=1),
        np.add.reduceat(by_row.incumbent, starts, axis=1),
        rows=400,
    )
    wrong = [
        np.mean([night.low > 0 for night in gains(sums, confidence=0.95, resamples=1000)])
        for sums in (by_row, by_block)
    ]
    assert wrong[0] > 0.18
    assert wrong[1] < 0.08


def following(rng, size):
    """Return errors that each correlate by 0.8 with the one before."""
    errors = rng.normal(size=size)
    for i in range(1, size[-1]):
        errors[..., i] = 0.8 * errors[..., i - 1] + 0.6 * errors[..., i]
    return errors


@pytest.mark.parametrize(("rows", "blocks"), [(40, 10), (300, 10), (450, 15), (1000, 20)])
def test_blocks_are_equal_stretches_of_time(rows, blocks):
    time = np.random.default_rng(1).permutation(rows).astype(float)
    block = time_blocks(time)
    assert np.array_equal(np.bincount(block), np.full(blocks, rows // blocks))
    assert np.all(np.diff(block[np.argsort(time)]) >= 0)


def test_ties_in_time_share_a_block_and_few_times_are_few_blocks():
    days = np.repeat([3.0, 1.0, 2.0], [40, 10, 50])
    assert len(np.unique(time_blocks(days))) == 3
    assert all(len(np.unique(time_blocks(days)[days == day])) == 1 for day in (1, 2, 3))
    assert np.array_equal(time_blocks(np.zeros(5)), np.zeros(5))
    with pytest.raises(ValueError, match="without a time"):
        time_blocks(np.array([1.0, np.nan]))


def test_standard_error_is_that_of_the_mean_of_rows_or_of_units():
    assert standard_error(FIRST) == pytest.approx(FIRST.std(ddof=1) / np.sqrt(80))
    often = np.repeat(np.arange(80), 5)
    assert standard_error(FIRST[often], often) == pytest.approx(standard_error(FIRST))
    assert standard_error(FIRST, np.zeros(80, dtype=int)) == np.inf
