import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regressors.judging.paired import paired_gain
from regressors.judging.segments import (
    CHAMPION,
    SegmentRows,
    choose_routes,
    discovered,
    gate_routes,
    segment_gains,
    segment_rmse,
)
from regressors.judging.selection import PromotionRules

RULES = PromotionRules()


def _rows(segments: int, each: int) -> np.ndarray:
    return np.repeat(np.arange(segments), each)


def _champions(segments: int) -> np.ndarray:
    return np.zeros(segments, dtype=np.int64)


@pytest.mark.parametrize("units", [None, 12])
def test_of_equally_good_models_at_most_one_segment_in_twenty_is_moved(units):
    rng = np.random.default_rng(3)
    segments, each = 2_000, 60
    segment = _rows(segments, each)
    unit = None if units is None else np.tile(np.arange(each) % units, segments)
    shared = rng.laplace(size=len(segment))
    errors = [shared + 0.3 * rng.laplace(size=len(segment)) for _ in range(4)]
    routes = choose_routes(
        errors, _champions(segments), SegmentRows(segment, segments, unit), rules=RULES
    )
    assert (routes.option != CHAMPION).mean() <= 0.05


def test_planted_differences_are_found_with_few_wrong_moves():
    rng = np.random.default_rng(4)
    segments, each = 1_000, 60
    segment = _rows(segments, each)
    champion, other, third = rng.normal(size=(3, len(segment)))
    planted = segment % 2 == 0
    other[planted] *= 0.4
    third *= 1.1
    rows = SegmentRows(segment, segments)
    routes = choose_routes([champion, other, third], _champions(segments), rows, rules=RULES)
    moved = routes.option != CHAMPION
    is_planted = np.arange(segments) % 2 == 0
    assert moved[is_planted].mean() > 0.9
    assert moved[~is_planted].sum() <= 0.05 * moved.sum()
    assert (routes.option[moved & is_planted] == 1).all()
    assert (routes.low[moved] > 0).all()


def test_of_two_better_options_the_one_with_the_lower_error_is_chosen():
    rng = np.random.default_rng(5)
    segment = _rows(20, 200)
    champion, better, best = rng.normal(size=(3, len(segment))) * [[1], [0.5], [0.1]]
    routes = choose_routes(
        [champion, better, best], _champions(20), SegmentRows(segment, 20), rules=RULES
    )
    assert (routes.option == 2).all()


def test_segment_without_an_option_does_not_get_it():
    rng = np.random.default_rng(6)
    segment = _rows(2, 100)
    champion, best = rng.normal(size=(2, len(segment))) * [[1], [0.1]]
    available = np.array([[True, True], [True, False]])
    rows = SegmentRows(segment, 2)
    routes = choose_routes([champion, best], _champions(2), rows, rules=RULES, available=available)
    assert routes.option.tolist() == [1, CHAMPION]
    assert np.isnan(routes.gain[1])


@pytest.mark.parametrize(("each", "units"), [(29, None), (60, 9)])
def test_segment_that_is_too_small_stays_with_what_serves_it(each, units):
    rng = np.random.default_rng(7)
    segment = _rows(5, each)
    unit = None if units is None else np.tile(np.arange(each) % units, 5)
    champion, best = rng.normal(size=(2, len(segment))) * [[1], [1e-3]]
    rows = SegmentRows(segment, 5, unit)
    assert (choose_routes([champion, best], _champions(5), rows, rules=RULES).option == 0).all()


def test_route_returns_to_the_champion_only_where_that_is_surely_better():
    rng = np.random.default_rng(8)
    segment = _rows(2, 100)
    champion, route = rng.normal(size=(2, len(segment)))
    route[segment == 1] *= 5
    routes = choose_routes(
        [champion, route], np.array([1, 1]), SegmentRows(segment, 2), rules=RULES
    )
    assert routes.option.tolist() == [1, CHAMPION]


def test_models_that_both_fit_exactly_are_equally_good():
    segment = _rows(3, 50)
    champion, other = np.full(150, 1e-13), np.full(150, 1e-15)
    rows = SegmentRows(segment, 3)
    routes = choose_routes([champion, other], _champions(3), rows, rules=RULES, rounding=1e-9)
    assert (routes.option == CHAMPION).all()
    routes = choose_routes([champion, 0 * other], _champions(3), rows, rules=RULES)
    assert (routes.option == 1).all()  # without rounding, always erring is worse than never


def test_models_without_any_error_are_equally_good():
    rows = SegmentRows(_rows(2, 40), 2)
    routes = choose_routes([np.zeros(80), np.zeros(80)], _champions(2), rows, rules=RULES)
    assert routes.option.tolist() == [0, 0]
    assert routes.gain.tolist() == [0.0, 0.0]


def test_gain_below_the_smallest_declared_one_moves_nothing():
    rng = np.random.default_rng(9)
    segment = _rows(4, 400)
    champion = rng.normal(size=len(segment))
    rows = SegmentRows(segment, 4)
    errors = [champion, 0.95 * champion]  # a gain of 9.75%
    for min_gain, option in ((0.05, 1), (0.15, 0)):
        routes = choose_routes(errors, _champions(4), rows, rules=PromotionRules(min_gain=min_gain))
        assert (routes.option == option).all()


def test_first_route_is_refused_where_the_test_rows_contradict_it():
    rng = np.random.default_rng(10)
    segment = _rows(3, 20)
    champion, route = rng.normal(size=(2, 60))
    route[segment == 0] *= 10
    route[segment == 1] *= 0.9
    rows = SegmentRows(segment, 3)
    made = gate_routes([champion, route], _champions(3), np.array([1, 1, 0]), rows, rules=RULES)
    assert made.option.tolist() == [0, 1, 0]
    assert np.isnan(made.gain).tolist() == [False, False, True]


def test_route_is_replaced_only_by_what_is_clearly_better_on_enough_test_rows():
    rng = np.random.default_rng(11)
    segment = _rows(2, 60)
    champion, route, other = rng.normal(size=(3, 120))
    other[segment == 1] *= 0.2
    rows = SegmentRows(segment, 2)
    made = gate_routes(
        [champion, route, other], np.array([1, 1]), np.array([2, 2]), rows, rules=RULES
    )
    assert made.option.tolist() == [1, 2]


def test_first_route_of_a_segment_without_test_rows_is_made():
    rows = SegmentRows(np.array([0] * 30), 2)
    errors = [np.ones(30), np.full(30, 0.5)]
    made = gate_routes(errors, _champions(2), np.array([1, 1]), rows, rules=RULES)
    assert made.option.tolist() == [1, 1]
    assert np.isnan(made.gain).tolist() == [False, True]


def test_gain_and_bounds_are_those_of_the_gate_of_one_segment():
    rng = np.random.default_rng(12)
    segment = rng.integers(-1, 3, 24_000)
    first, second = rng.normal(size=(2, len(segment)))
    compared = segment_gains(first, second, SegmentRows(segment, 3))
    low, high = compared.bounds(0.95)
    for number in range(3):
        own = segment == number
        expected = paired_gain(first[own], second[own], confidence=0.95)
        found = (compared.value[number], low[number], high[number])
        assert found == pytest.approx((expected.value, expected.low, expected.high), abs=1e-12)
        rmse = segment_rmse(first, SegmentRows(segment, 3))[number]
        assert rmse == pytest.approx(expected.challenger_rmse, rel=1e-14)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1.0, 2.0**-400, 2.0**400]),
    st.sampled_from([None, 15]),
)
def test_neither_the_unit_of_the_target_nor_other_segments_matter(seed, factor, units):
    rng = np.random.default_rng(seed)
    segment = np.sort(rng.integers(-1, 6, 400))
    unit = None if units is None else rng.integers(0, units, 400)
    errors = rng.normal(size=(3, 400)) * rng.uniform(0.2, 2, (3, 1))
    rows = SegmentRows(segment, 6, unit)
    whole = segment_gains(errors[0], errors[1], rows)
    scaled = segment_gains(factor * errors[0], factor * errors[1], rows)
    assert np.array_equal(whole.p_better(0.0), scaled.p_better(0.0), equal_nan=True)
    assert np.array_equal(
        segment_rmse(errors[0], rows) * factor,
        segment_rmse(factor * errors[0], rows),
        equal_nan=True,
    )
    for number in range(6):
        own = segment == number
        alone = SegmentRows(np.zeros(own.sum(), dtype=np.int64), 1, unit[own] if units else None)
        one = segment_gains(errors[0][own], errors[1][own], alone)
        assert np.allclose(one.p_better(0.0)[0], whole.p_better(0.0)[number], equal_nan=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=30))
def test_discoveries_are_those_of_benjamini_and_hochberg(p):
    values = np.array(p)
    tested = np.sort(values[~np.isnan(values)])
    passing = [v for i, v in enumerate(tested, 1) if v <= 0.05 * i / len(tested)]
    limit = passing[-1] if passing else -1.0
    assert discovered(values, 0.05).tolist() == [v <= limit for v in p]


def test_nothing_is_chosen_where_there_are_no_segments_or_no_rows():
    empty = np.zeros(0, dtype=np.int64)
    for segments in (0, 2):
        rows = SegmentRows(empty, segments)
        errors = [np.zeros(0), np.zeros(0)]
        current = _champions(segments)
        assert (choose_routes(errors, current, rows, rules=RULES).option == 0).all()
        assert (gate_routes(errors, current, current, rows, rules=RULES).option == 0).all()
    alone = SegmentRows(np.full(40, -1), 1)
    assert np.isnan(segment_rmse(np.ones(40), alone)).all()
