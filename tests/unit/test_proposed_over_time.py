"""Terms and lags are proposed where later rows are clearly better predicted with them."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from helpers.proposals import declaration, proposal, text_of

MONTHS = [dt.date(2014 + i // 12, 1 + i % 12, 1) for i in range(96)]
RNG = np.random.default_rng(3)
I = np.arange(96.0)  # noqa: E741


def users():
    return 50 + I + RNG.normal(size=96)


def test_a_feature_whose_effect_grows_is_multiplied_by_the_time():
    x = users()
    made = proposal(month=MONTHS, users=x, y=x * (1 + I / 30) + RNG.normal(size=96))
    declared = declaration(made)
    assert declared.terms == ("users:month",)
    assert "\nrecency: auto    # every night tries whether old rows should count less" in text_of(
        made
    )
    assert "the effect of users changes with time: the error of later rows falls by" in text_of(
        made
    )


def test_a_target_whose_season_moves_has_a_lag_of_a_year():
    y = 100 + 20 * RNG.normal(size=(8, 12)).cumsum(axis=0).ravel()  # each month walks by itself
    made = proposal(month=MONTHS, x=RNG.normal(size=96), y=y)
    assert declaration(made).lags == {"y": ("1 year",)}
    assert "the value 1 year before says more" in text_of(made)


def test_series_apart_from_each_other_are_compared_with_their_own_past():
    shops = RNG.normal(100, 30, 20)
    keys = [(month, f"s{shop}") for month in MONTHS[:60] for shop in range(20)]
    y = np.array([shops[i % 20] + RNG.normal() for i in range(len(keys))])
    made = proposal(
        month=[month for month, _ in keys],
        shop=[f"{name}" for _, name in keys],
        y=y,
        x=y * 0 + RNG.normal(size=len(y)),
    )
    declared = declaration(made)
    assert set(declared.key) == {"month", "shop"}
    assert declared.lags == {"y": ("1 year",)}


def test_weeks_by_their_first_days_are_a_time_like_any_other():
    weeks = [dt.date(2022, 1, 3) + dt.timedelta(days=7 * week) for week in range(96)]
    x = users()
    made = proposal(week=weeks, users=x, y=x * (1 + I / 30) + RNG.normal(size=96))
    assert declaration(made).terms == ("users:week",)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_proposed_where_nothing_helps(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=96)
    assert proposal(month=MONTHS, x=x, y=x + rng.normal(size=96)).over_time == ()
    assert proposal(month=MONTHS[:20], x=x[:20], y=I[:20] * x[:20]).over_time == ()


def test_counted_times_are_compared_by_number():
    made = proposal(year=pa.array(range(1900, 1996)), x=users(), y=users() * I)
    assert [each.term for each in made.over_time] == ["x:year"]
