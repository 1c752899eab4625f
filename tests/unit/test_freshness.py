"""A source that lost rows, or got no new ones, ends the run, even if nothing else is declared."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.checks.check import check
from data.checks.contract import Contract
from data.checks.freshness import shrinkage_finding
from data.declarations.durations import duration
from data.declarations.model import Declaration
from data.errors import DeclarationMistake

N = 60
LAST = dt.datetime(2024, 2, 29, 18, 0, tzinfo=dt.UTC)
TABLE = pa.table(
    {
        "id": range(N),
        "t": pa.array(
            np.datetime64(LAST.replace(tzinfo=None), "us") - np.arange(N) * 3_600_000_000
        ),
        "a": np.random.default_rng(0).normal(size=N),
        "y": np.arange(float(N)),
    }
)


def shop(**more: object) -> Declaration:
    keys = {"name": "shop", "source": {"path": "/rows.csv"}, "key": "id", "target": "y", **more}
    return Declaration.model_validate(keys)


def source_of(rows: int) -> Contract:
    return Contract(1, rows, rows, {}, {}, accepted=False)


def results_of(checked) -> dict:
    return {result.expectation: result for result in checked.results}


@pytest.mark.parametrize(
    ("last_rows", "share", "passes"),
    [(120, 0.5, True), (121, 0.5, False), (60, 0.1, True), (1, 0.5, True), (200, 0.7, True)],
)
def test_a_source_may_lose_the_declared_share_of_its_rows_and_no_more(last_rows, share, passes):
    checked = check(shop(max_shrinkage=share), TABLE, contract=source_of(last_rows))
    assert checked.passed == passes
    result = results_of(checked)["source_has_not_shrunk"]
    assert (result.success, result.severity, result.observed) == (passes, "critical", 60)


def test_a_source_that_shrank_is_refused_with_both_numbers_and_a_share_to_declare():
    checked = check(shop(), TABLE, contract=source_of(1234))
    assert checked.reason == (
        "/rows.csv has 60 rows, down from 1,234 in the last good run: more than a share of 0.5 is"
        " missing. Check the program that writes it; if the loss is intended, declare a larger"
        " 'max_shrinkage', for example 0.96."
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**5), st.integers(1, 10**9))
def test_the_proposed_share_is_enough(rows, last_rows):
    sentence = shrinkage_finding(shop(max_shrinkage=1e-9), rows, last_rows).sentence
    if sentence:
        share = float(sentence.rpartition("for example ")[2].rstrip("."))
        assert not shrinkage_finding(shop(max_shrinkage=share), rows, last_rows).sentence


def test_without_an_earlier_run_or_without_rows_shrinkage_is_not_checked():
    assert "source_has_not_shrunk" not in results_of(check(shop(), TABLE))
    empty = check(shop(), TABLE.slice(0, 0), contract=source_of(60))
    assert "source_has_not_shrunk" not in results_of(empty)
    assert empty.reason.startswith("/rows.csv has no rows.")


@pytest.mark.parametrize(
    ("now", "passes"),
    [
        (LAST + dt.timedelta(hours=36), True),
        (LAST + dt.timedelta(hours=36, microseconds=1), False),
        (LAST - dt.timedelta(days=9), True),
        ((LAST + dt.timedelta(hours=36)).astimezone(dt.timezone(dt.timedelta(hours=5))), True),
    ],
)
def test_the_newest_time_may_be_as_old_as_declared_and_no_older(now, passes):
    checked = check(shop(time="t", max_age="36 hours"), TABLE, now=now)
    assert checked.passed == passes
    assert results_of(checked)["newest_time_is_recent"].observed == "2024-02-29T18:00:00"


def test_a_date_is_as_old_as_its_end():
    table = TABLE.set_column(1, "t", pa.array(np.datetime64("2024-02-29") - np.arange(N)))
    for hour, passes in ((23, True), (25, False)):
        now = dt.datetime(2024, 3, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        assert check(shop(time="t", max_age="1 day"), table, now=now).passed == passes


def test_old_rows_are_refused_with_their_age_and_now_is_the_default():
    declaration = shop(time="t", max_age="2 days")
    checked = check(declaration, TABLE, now=dt.datetime(2024, 3, 10, 6, tzinfo=dt.UTC))
    assert checked.reason == (
        "The newest time in 't' is 2024-02-29 18:00:00, 10 days before 2024-03-10 06:00 UTC, but"
        " 'max_age' is 2 days. Check the program that writes the rows; if the delay is intended,"
        " declare a larger 'max_age'."
    )
    assert not check(declaration, TABLE).passed


def test_a_time_column_of_numbers_has_no_age():
    table = TABLE.set_column(1, "t", pa.array(range(N)))
    checked = check(shop(time="t", max_age="2 days"), table)
    assert checked.reason.startswith("The time column 't' holds numbers, but 'max_age' needs")
    assert check(shop(time="t"), table).passed


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("36 hours", 36),
        ("1 hour", 1),
        ("2 days", 48),
        ("1.5 days", 36),
        ("1 week", 168),
        ("2Days", 48),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, hours):
    assert duration(text) == dt.timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "what", "suggestion"),
    [
        ("2 dayz", "'2 dayz' is not a duration, because 'dayz' is not a unit", "'days'"),
        ("3 months", "'3 months' is not a duration, because 'months' is not a unit", None),
        ("two days", "'two days' is not a duration", None),
        ("-1 day", "'-1 day' is not a duration", None),
        ("2 days 3 hours", "'2 days 3 hours' is not a duration", None),
        ("0 days", "'0 days' is zero", None),
        ("99999999999 weeks", "'99999999999 weeks' is too long", None),
        (2160, "2160 is not a duration", None),
    ],
)
def test_text_that_is_not_a_duration_is_refused_with_an_example(text, what, suggestion):
    with pytest.raises(DeclarationMistake) as caught:
        duration(text)
    hint = f"Did you mean {suggestion}? " if suggestion else ""
    assert caught.value.what == what
    assert caught.value.next_step == f"{hint}Write it as 36 hours, 2 days or 1 week."
