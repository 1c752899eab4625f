"""A past night reads the rows that existed then, and nothing that came later."""

import datetime as dt
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import shop, written

from data.errors import CallError
from data.sources.as_of import last_moment, require_date_time_or_number
from data.sources.read import read
from data.sources.snapshot import load, readings_of

DAYS = "id,t,y\n3,2024-04-02,30\n1,2024-03-31,10\n4,,40\n2,2024-04-01,20\n"
TIMES = (
    "id,t,y\n1,2024-03-31 23:59:59.999999,10\n2,2024-04-01 00:00:00,20\n"
    "3,2024-04-01 12:00:00,30\n4,2024-04-01 12:00:00.000001,40\n5,,50\n"
)
ZONED = TIMES.replace(",10", "Z,10").replace("00:00:00,20", "02:00:00+02:00,20")
ZONED = ZONED.replace("12:00:00,30", "12:00:00Z,30").replace(",40", "Z,40")
NUMBERS = "id,t,y\n1,2020,10\n2,2021,20\n3,2022,30\n4,,40\n"


def kept(folder, source, as_of, **more) -> list[int]:
    path = written(folder, source) if isinstance(source, str) else source
    declaration = shop(path, **{"time": "t", **more})
    snapshot = read(declaration, folder=folder / "home", as_of=as_of)
    table = load(snapshot.path)
    assert table.num_rows == snapshot.rows
    return table["id"].to_pylist()


def refusal(folder, source, as_of, **more) -> str:
    with pytest.raises(CallError) as caught:
        kept(folder, source, as_of, **more)
    assert not (folder / "home").exists()
    assert str(caught.value).startswith("shop: ") or "neither a date" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "as_of", "ids"),
    [
        (DAYS, "2024-03-31", [1]),
        (DAYS, "2024-04-01", [1, 2]),
        (DAYS, "2024-04-01T00:00", [1, 2]),
        (DAYS, "2024-03-31T23:59:59", [1]),
        (DAYS, str(dt.datetime.now(dt.UTC).date()), [3, 1, 2]),
        (TIMES, "2024-03-31", [1]),
        (TIMES, "2024-04-01", [1, 2, 3, 4]),
        (TIMES, "2024-04-01T00:00", [1, 2]),
        (TIMES, "2024-04-01 12:00", [1, 2, 3]),
        (TIMES, "2024-04-01T12:00:00.000001Z", [1, 2, 3, 4]),
        (TIMES, "2024-04-01T14:00+02:00", [1, 2, 3]),
        (ZONED, "2024-03-31", [1]),
        (ZONED, "2024-04-01T00:00", [1, 2]),
        (ZONED, "2024-04-01T14:00:00+02:00", [1, 2, 3]),
        (NUMBERS, "2021", [1, 2]),
        (NUMBERS, "2021.5", [1, 2]),
        (NUMBERS, "2.022e3", [1, 2, 3]),
    ],
)
def test_rows_are_kept_up_to_the_end_of_a_day_a_time_or_a_number(tmp_path, source, as_of, ids):
    assert kept(tmp_path, source, as_of) == ids


def test_a_day_of_a_zoned_column_ends_by_its_own_clock(tmp_path):
    berlin = ZoneInfo("Europe/Berlin")
    times = [
        dt.datetime(2024, 3, 31, 23, 59, tzinfo=berlin),
        dt.datetime(2024, 4, 1, tzinfo=berlin),
    ]
    for zone in ("Europe/Berlin", "+02:00"):
        column = pa.array(times, pa.timestamp("us", zone))
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table({"id": [1, 2], "t": column, "y": [1.0, 2.0]}), path)
        assert kept(tmp_path, path, "2024-03-31") == [1]
        assert kept(tmp_path, path, "2024-04-01T00:00") == [1, 2]
        assert kept(tmp_path, path, "2024-03-31T22:00Z") == [1, 2]
        assert kept(tmp_path, path, "2024-03-31T21:59Z") == [1]


def test_a_past_night_has_the_fingerprint_that_it_had_then(tmp_path):
    first = read(shop(written(tmp_path, "id,t,y\n1,2024-03-31,10\n")), folder=tmp_path)
    later = shop(written(tmp_path, DAYS), time="t")
    assert read(later, folder=tmp_path, as_of="2024-03-31") == first
    assert read(later, folder=tmp_path).fingerprint != first.fingerprint


def test_without_a_time_column_a_past_night_is_refused(tmp_path):
    message = refusal(tmp_path, DAYS, "2024-03-31", time=None)
    assert "the declaration has none. Declare one as 'time'" in message


@pytest.mark.parametrize("text", ["yesterday", "2024", "2024-03", "2024-02-30", "31.03.2024", ""])
def test_text_that_is_not_a_date_or_time_is_refused_with_an_example(tmp_path, text):
    message = refusal(tmp_path, DAYS, text)
    assert f"{text!r} is neither a date nor a time. Write a date, for example 2024-03-31" in message


@pytest.mark.parametrize("text", ["2024-03-31", "last year", "nan", "inf"])
def test_a_time_column_of_numbers_refuses_text_that_is_not_a_number(tmp_path, text):
    message = refusal(tmp_path, NUMBERS, text)
    assert f"{text!r} is not a number, but the time column 't' holds numbers. Write" in message


def test_text_that_no_time_column_could_hold_is_refused_before_reading():
    for text in ("2024-03-31", "2024-03-31T12:00", "2024", "-1.5"):
        require_date_time_or_number(text)
    for text in ("yesterday", "2024-02-30", "nan", ""):
        with pytest.raises(CallError, match="neither a date nor a time"):
            require_date_time_or_number(text)


@pytest.mark.parametrize("text", ["9999-12-30", "2999-01-01T00:00"])
def test_a_night_in_the_future_is_refused(tmp_path, text):
    assert f"{text} is in the future" in refusal(tmp_path, DAYS, text)


def test_a_night_before_all_rows_is_refused_with_the_oldest_time(tmp_path):
    message = refusal(tmp_path, DAYS, "2024-03-30")
    assert "There are no rows with 't' up to 2024-03-30: the oldest time is 2024-03-31." in message
    assert "the oldest time is 2020." in refusal(tmp_path, NUMBERS, "2019")
    assert "no row has a time" in refusal(tmp_path, "id,t,y\n1,,1\n", "2024", types={"t": "number"})


@pytest.mark.parametrize("source", [DAYS.replace("t,y", "u,y"), "id,t,y\n1,late,2\n2,early,3\n"])
def test_a_column_that_is_missing_or_has_no_order_is_left_for_the_checks(tmp_path, source):
    assert len(kept(tmp_path, source, "2024-03-31")) == source.count("\n") - 1


def test_the_last_moment_of_a_night_is_in_utc():
    assert last_moment("2024-03-31") == dt.datetime(2024, 3, 31, 23, 59, 59, 999_999, dt.UTC)
    assert last_moment("2024-03-31T12:00+02:00") == dt.datetime(2024, 3, 31, 10, tzinfo=dt.UTC)
    with pytest.raises(CallError):
        last_moment("9999-12-31", ZoneInfo("America/New_York"))


def test_a_row_whose_time_cannot_be_read_is_left_out_with_a_note(tmp_path):
    days = [f"{i},2024-01-{i % 28 + 1:02},{i}\n" for i in range(40)]
    path = written(tmp_path, "id,t,y\n" + "".join(days) + "x,31.01.2024,1\n")
    snapshot = read(shop(path, time="t"), folder=tmp_path / "home", as_of="2024-01-20")
    (note,) = (note for reading in readings_of(snapshot.path) for note in reading.notes)
    assert "'31.01.2024' in row 41 of the source, which is no time" in note
    assert snapshot.rows == 32
