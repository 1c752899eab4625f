"""Times: which of their parts say something, and what the parts are."""

import numpy as np
import pytest

from regressors.encoding.doubts import doubts_of
from regressors.encoding.matrices import Encoding
from regressors.encoding.times import telling_parts


def days(first, count, step=1):
    return np.datetime64(first, "us") + np.arange(count) * np.timedelta64(step, "D")


def months(first, count, step=1):
    return (np.datetime64(first, "M") + np.arange(count) * step).astype("M8[D]").astype("M8[us]")


@pytest.mark.parametrize(
    ("time", "parts"),
    [
        (days("2024-01-01", 300), ("days", "weekday")),
        (days("2015-01-01", 365), ("days", "weekday")),
        (days("2023-01-01", 730), ("days", "month", "weekday")),
        (days("2023-01-01", 700), ("days", "weekday")),
        (days("2024-01-01", 13), ("days",)),
        (months("2020-01", 60), ("days", "month")),
        (months("2000-01", 30, step=12), ("days", "month")),
        (months("2020-01", 8, step=3), ("days",)),
        (months("2020-01", 9, step=3), ("days", "quarter")),
        (months("2020-03", 9, step=3) - np.timedelta64(1, "D"), ("days", "quarter")),
        (months("2020-02", 9, step=6), ("days", "quarter")),
        (months("2020-01", 40, step=1)[[*range(0, 40, 3), 1]], ("days", "month")),
        (months("2020-01", 60) - np.timedelta64(1, "D"), ("days", "month")),
        (days("2024-01-01", 30) + np.timedelta64(90, "m"), ("days", "weekday", "hour")),
        (np.datetime64("2024-01-01", "us") + np.arange(40) * np.timedelta64(1, "h"), ("days",)),
        (
            np.datetime64("2024-01-01", "us") + np.arange(48) * np.timedelta64(1, "h"),
            ("days", "hour"),
        ),
        (np.full(5, np.datetime64("NaT", "us")), ("days",)),
    ],
)
def test_parts_of_a_time_that_say_something(time, parts):
    assert telling_parts(time) == parts


def names_of(time, **declared):
    columns = {"t": time}
    return Encoding.fit(columns, **declared).term_names()


def test_a_time_has_days_month_and_weekday_but_no_hour_where_it_holds_dates():
    names = names_of(days("2020-01-01", 900))
    assert {"t[days]", "t[month][02]", "t[weekday][Mon]"} < set(names)
    assert "t[hour]" not in names


def test_a_line_over_less_than_two_years_has_no_month():
    assert not any("month" in name for name in names_of(days("2024-01-01", 300)))


def test_times_once_a_year_or_once_a_week_are_a_line():
    assert names_of(months("1990-01", 30, step=12)) == ("intercept", "t[days]")
    assert names_of(days("2024-01-01", 80, step=7)) == ("intercept", "t[days]")


def test_declared_parts_enter_and_no_others():
    names = names_of(days("2024-01-01", 300), declared_parts={"t": ("month",)})
    assert names[:2] == ("intercept", "t[month][02]")
    assert all("month" in name for name in names[1:])


def test_a_quarter_enters_as_its_number():
    time = months("2020-01", 12, step=3) - np.timedelta64(1, "D")  # ends of December, March, ...
    encoding = Encoding.fit({"t": time})
    assert encoding.term_names()[2:] == ("t[quarter][Q2]", "t[quarter][Q3]", "t[quarter][Q4]")
    assert encoding.design({"t": time})[:4, 2:].tolist() == [
        [0, 0, 1],
        [0] * 3,
        [1, 0, 0],
        [0, 1, 0],
    ]


def test_parts_of_products_do_not_enter_by_themselves():
    time, x = days("2020-01-01", 900), np.arange(900.0)
    time[7] = np.datetime64("NaT")
    products = ((("t[days]", 2),), (("x", 1), ("t[weekday]", 1)))
    encoding = Encoding.fit({"t": time, "x": x}, products=products, declared_parts={"t": ()})
    assert encoding.term_names()[:3] == ("intercept", "x", "t[days]^2")
    assert encoding.term_names()[3] == "x:t[weekday][Mon]"
    assert encoding == Encoding.from_json(encoding.to_json())
    design = encoding.design({"t": time, "x": x})
    elapsed = (time - np.datetime64("1970-01-01", "us")) / np.timedelta64(1, "D")
    assert np.array_equal(design[8:, 2], elapsed[8:] ** 2)
    assert design[7, 2] == np.nanmedian(elapsed) ** 2
    assert design[:7, 3].tolist() == [0, 0, 0, 0, 0, 5, 0]
    assert len(encoding.network({"t": time, "x": x})[0]) == len(
        Encoding.fit({"x": x}).network({"x": x})[0]
    )
    (doubt,) = doubts_of(encoding, encoding.parts({"t": time[6:8], "x": x[6:8]}))[:1]
    assert doubt.notes.tolist() == [None, "t is missing"]


def test_a_time_of_terms_that_are_not_made_is_not_needed():
    columns = {"t": np.full(60, np.datetime64("2024-01-01", "us")), "x": np.arange(60.0)}
    encoding = Encoding.fit(columns, products=((("t[days]", 2),),), declared_parts={"t": ()})
    assert encoding.names == ("x",)
    assert encoding.term_names() == ("intercept", "x")


def test_a_number_of_products_alone_does_not_enter_by_itself():
    columns = {"year": np.arange(60.0), "x": np.arange(60.0) % 7}
    products = ((("year", 2),), (("x", 1), ("year", 1)))
    encoding = Encoding.fit(columns, products=products, declared_parts={"year": ()})
    assert encoding.term_names() == ("intercept", "x", "year^2", "x:year")
    assert Encoding.fit(columns, declared_parts={"year": ()}).names == ("x",)


def test_parts_are_those_of_the_calendar():
    time = np.concatenate([days("2021-02-28T18:30", 740), days("2024-03-03T06:00", 1)])
    encoding = Encoding.fit({"t": time})
    design = dict(zip(encoding.term_names(), encoding.design({"t": time}).T, strict=True))
    assert design["t[days]"][0] == 18686 + 18.5 / 24  # 18686 days from 1970-01-01
    assert design["t[hour]"][[0, -1]].tolist() == [18.5, 6.0]
    assert design["t[month][03]"][[0, 1, -1]].tolist() == [0.0, 1.0, 1.0]
    assert design["t[weekday][Sun]"][[0, 1, -1]].tolist() == [1.0, 0.0, 1.0]


def test_a_month_that_was_never_seen_is_the_mean_of_those_that_were():
    time = np.concatenate([days(f"{year}-01-01", 151) for year in (2020, 2021, 2022)])
    encoding = Encoding.fit({"t": time}, declared_parts={"t": ("month",)})
    design = encoding.design({"t": np.array(["2023-08-01"], dtype="M8[us]")})
    january = np.mean(time.astype("M8[M]").astype(int) % 12 == 0)
    assert design[0].sum() == pytest.approx(2 - january)  # the constant, and the other months
