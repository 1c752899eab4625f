"""Times that no calendar of Python or a database has, and zones that nobody knows."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import refusal, rows, shop

from data.checks.check import check
from data.sources.read import read
from data.sources.snapshot import load, readings_of
from tasks.run.rows import SnapshotRows

N = 300
YEAR_10183 = 259_200_000_000
"""Seconds since 1970."""
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}
FINE = [dt.date(2024, 1, 1) + dt.timedelta(days=row) for row in range(N)]


def moments(unit="us", zone=None, odd=YEAR_10183):
    days = [(day - dt.date(1970, 1, 1)).days * 86_400 for day in FINE]
    days[7] = odd
    return pa.array([day * PER_SECOND[unit] for day in days], pa.timestamp(unit, zone))


def dates(dtype):
    days = [(day - dt.date(1970, 1, 1)).days for day in FINE]
    days[7] = 3_000_000
    if dtype == pa.date64():
        return pa.array([day * 86_400_000 for day in days]).view(dtype)
    return pa.array(days, pa.int32()).view(dtype)


def source(folder, **columns):
    drawn = np.random.default_rng(0).normal(size=(2, N))
    table = {"id": range(N), "y": drawn[0], "x": drawn[1], **columns}
    pq.write_table(pa.table(table), folder / "rows.parquet")
    return folder / "rows.parquet"


def checked(path, folder, **declared):
    declaration = shop(path, **declared)
    snapshot = read(declaration, folder=folder / "home")
    outcome = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    if outcome.passed:
        SnapshotRows(declaration, snapshot, outcome.kept, outcome.features)
    return outcome


TIMES = [
    moments("s"),
    moments("ms"),
    moments("us"),
    moments("us", odd=-62_135_596_801),
    moments("us", "Europe/Berlin"),
    dates(pa.date32()),
    dates(pa.date64()),
    moments("us").dictionary_encode(),
]
ROLES = [{}, {"time": "t"}, {"key": "t"}, {"key": ["id", "t"]}, {"features": ["t[weekday]", "x"]}]


@pytest.mark.parametrize("times", TIMES, ids=lambda times: str(times.type))
@pytest.mark.parametrize("roles", ROLES, ids=str)
def test_a_row_with_a_time_outside_the_years_1_to_9999_is_set_aside(times, roles, tmp_path):
    outcome = checked(source(tmp_path, t=times), tmp_path, **roles)
    assert outcome.passed
    (row,) = outcome.rejected_rows
    assert row.row_number == 8
    assert row.reason.startswith("t '")
    assert row.reason.endswith("' is not a time.")
    (warning,) = (text for text in outcome.warnings if "in row 8 is not one." in text)
    assert warning.startswith("Column 't' holds times, but '")


@pytest.mark.parametrize(
    ("role", "sentence"),
    [
        ({"target": "t"}, "The target 't' holds times"),
        ({"weight": "t"}, "The weight 't' holds times"),
        ({"unparsable": "refuse"}, "'10183-09-21' in row 8 is not one, and 'unparsable' is"),
        ({"types": {"t": "number"}}, "but is declared to hold numbers"),
    ],
)
def test_it_is_refused_in_a_sentence_where_it_cannot_be_set_aside(role, sentence, tmp_path):
    path = source(tmp_path, t=moments())
    if "types" in role:
        assert sentence in refusal(path, tmp_path, **role)
    else:
        assert sentence in str(checked(path, tmp_path, **role).reason)


def test_a_column_that_holds_nothing_else_is_of_times_and_rejects_the_run(tmp_path):
    outcome = checked(source(tmp_path, t=pa.array([2**62] * N, pa.timestamp("us"))), tmp_path)
    assert "'<value out of range: 4611686018427387904>' in row 1" in str(outcome.reason)


def test_it_may_be_declared_a_missing_value_or_a_category_or_not_be_used_at_all(tmp_path):
    path = source(tmp_path, t=moments())
    missing = checked(path, tmp_path, missing=["10183-09-21"])
    assert (missing.passed, missing.rejected_rows) == (True, ())
    assert rows(path, tmp_path, types={"t": "category"})["t"][7].as_py() == "10183-09-21"
    assert checked(path, tmp_path, features=["x"]).rejected_rows == ()


@pytest.mark.parametrize("text", ["0000-05-01", "9999-12-31T23:59-14:00", "0001-01-01T00:00+14:00"])
def test_csv_has_no_such_times_either(text, tmp_path):
    zone = "Z" if "T" in text else ""
    lines = [f"{row},{row},{day}{'T00:00' * bool(zone)}{zone}" for row, day in enumerate(FINE)]
    lines[7] = f"7,7,{text}"
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["id,y,t", *lines]))
    (reading,) = (r for r in readings_of(read(shop(path), folder=tmp_path).path) if r.name == "t")
    assert (reading.kind, reading.examples) == ("time", ((8, text),))


@pytest.mark.parametrize("zone", ["Nowhere/City", "+99:99", "GMT+3"])
def test_times_of_an_unknown_zone_are_left_out_or_refused_where_they_are_needed(zone, tmp_path):
    path = source(tmp_path, t=moments("us", odd=0).cast(pa.timestamp("us", zone)))
    assert "t" not in rows(path, tmp_path).column_names
    expected = f"has times of the zone {zone!r}, which is not known. Write them in UTC"
    assert expected in refusal(path, tmp_path / "other", time="t")


@pytest.mark.parametrize(("zone", "minutes"), [("utc", 0), ("Z", 0), ("+0530", 330)])
def test_zones_that_are_clear_are_known_however_they_are_written(zone, minutes, tmp_path):
    path = source(tmp_path, t=moments("us", odd=0).cast(pa.timestamp("us", zone)))
    snapshot = read(shop(path, time="t"), folder=tmp_path, as_of="2024-03-01")
    table = load(snapshot.path, ["t", "\x1futc_offset:t"])
    ahead = table["\x1futc_offset:t"][0].as_py() if minutes else 0
    assert (table["t"].type, ahead) == (pa.timestamp("us"), minutes)


def test_long_durations_are_seconds_as_they_are_and_no_others(tmp_path):
    long = pa.array([10**17, -(10**17), None] * 100).view(pa.duration("s"))
    clock = pa.array([86_399_999, 0, None] * 100, pa.int32()).view(pa.time32("ms"))
    table = rows(source(tmp_path, d=long, c=clock), tmp_path)
    assert table["d"].to_pylist()[:3] == [1e17, -1e17, None]
    assert table["c"].to_pylist()[:2] == [86_399.999, 0]
