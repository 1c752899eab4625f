"""A horizon is a length of the calendar or a fixed one, and mistakes in it are explained."""

import numpy as np
import pytest
from pydantic import ValidationError

from data.declarations.lengths import length
from data.declarations.model import Declaration
from data.errors import DeclarationMistake


@pytest.mark.parametrize(
    ("text", "time", "before"),
    [
        ("1 quarter", "2012-06-30", "2012-03-31"),
        ("1 quarter", "2012-05-31", "2012-02-29"),
        ("1 month", "2024-03-30", "2024-02-29"),
        ("1 month", "2024-02-29", "2024-01-31"),
        ("1 Month", "2023-02-28", "2023-01-31"),
        ("2 years", "2024-02-29", "2022-02-28"),
        ("1 year", "2023-02-28T10:30", "2022-02-28T10:30"),
        ("12 months", "1969-07-20", "1968-07-20"),
        ("7 days", "2024-03-04", "2024-02-26"),
        ("1.5 hours", "2024-03-04", "2024-03-03T22:30"),
    ],
)
def test_a_length_before_a_time_keeps_the_day_or_the_end_of_the_month(text, time, before):
    assert length(text).before(np.array([time], "M8[us]")) == np.datetime64(before)


@pytest.mark.parametrize("text", ["1 month", "1 quarter", "3 years", "5 days"])
def test_the_order_of_times_is_kept(text):
    days = np.datetime64("2019-01-01") + np.arange(2_000)
    assert (np.diff(length(text).before(days)) >= np.timedelta64(0)).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", "'soon' is not a length of time"),
        ("3 quaters", "'quaters' is not a unit"),
        ("1.5 months", "months must be whole"),
        ("0 days", "'0 days' is zero"),
        ("0 years", "'0 years' is zero"),
        ("99999 years", "'99999 years' is too long"),
        ("99999999999 days", "too long"),
    ],
)
def test_text_that_is_no_length_is_refused(text, message):
    with pytest.raises(DeclarationMistake) as caught:
        length(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"horizon": "1 day"}, "no 'time' column is declared"),
        ({"time": "t", "types": {"t": "number"}, "horizon": "1 day"}, "declared to hold numbers"),
        ({"time": "t", "formats": {"t": "%Y"}, "horizon": 3}, "3 is a number"),
        ({"time": "t", "horizon": 0}, "0 is not above 0"),
        ({"time": "t", "horizon": float("inf")}, "inf is not above 0"),
        ({"time": "t", "horizon": True}, "True is not a length of time"),
        ({"time": "t", "horizon": "tomorrow"}, "'tomorrow' is not a length of time"),
        ({"recency": "8 quarters"}, "no 'time' column is declared, so the rows have no age"),
        ({"time": "t", "types": {"t": "number"}, "recency": "2 years"}, "declared to hold numbers"),
        ({"time": "t", "types": {"t": "time"}, "recency": 2}, "2 is a number"),
        ({"time": "t", "recency": "automatic"}, "'automatic' is not a half-life"),
        ({"time": "t", "recency": "2 fortnights"}, "'fortnights' is not a unit"),
        ({"time": "t", "recency": -3}, "-3 is not above 0"),
        ({"time": "t", "recency": None}, "this is not a half-life"),
        ({"time": "t", "recency": False}, "this is not a half-life"),
    ],
)
def test_a_horizon_or_a_half_life_that_cannot_be_is_refused(declared, message):
    base = {"name": "shop", "source": {"path": "x.csv"}, "key": "id", "target": "y"}
    with pytest.raises(ValidationError) as caught:
        Declaration.model_validate({**base, **declared})
    assert message in str(caught.value)


def test_a_declared_horizon_survives_its_way_through_the_store():
    base = {"name": "shop", "source": {"path": "x.csv"}, "key": "id", "target": "y", "time": "t"}
    for horizon in ("1 quarter", 2.5, 3):
        declared = Declaration.model_validate({**base, "horizon": horizon, "recency": horizon})
        stored = Declaration.model_validate_json(declared.model_dump_json())
        assert (stored.horizon, stored.recency) == (horizon, horizon)
    del base["time"]
    for word in ("auto", "none"):
        declared = Declaration.model_validate({**base, "recency": word})
        assert Declaration.model_validate_json(declared.model_dump_json()).half_life is None
