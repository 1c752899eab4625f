"""Work that takes long reports how far it is, not too often, and how long it may still take."""

import logging
from itertools import accumulate

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import shop, written

from data.progress import part
from data.sources.read import read
from tasks.run.progress import Progress


def messages(caplog, calls):
    """Return what is logged of calls, each some seconds after the one before."""
    times = iter([0.0, *accumulate(seconds for seconds, _ in calls)])
    progress = Progress("m", "reading", clock=lambda: next(times))
    with caplog.at_level(logging.INFO, "nightfit"):
        for _, share in calls:
            progress(share, f"{round(12 * share)} of 12 columns")
    return caplog.messages


def test_work_of_a_few_seconds_reports_nothing(caplog):
    assert messages(caplog, [(1, 0.25), (1, 0.5), (2, 0.75), (0.9, 1)]) == []


def test_long_work_reports_every_ten_seconds_how_long_it_may_still_take(caplog):
    calls = [(1, 0), (5, 1 / 4), (3, 1 / 3), (7, 0.5), (240, 0.75), (1, 0.8)]
    assert messages(caplog, calls) == [
        "m: reading, 3 of 12 columns, about 18 s left",
        "m: reading, 6 of 12 columns, about 16 s left",
        "m: reading, 9 of 12 columns, about 85 s left",
    ]


def test_a_time_of_minutes_is_given_in_minutes_and_there_is_none_at_the_beginning(caplog):
    assert messages(caplog, [(6, 0.04), (54, 0.1)]) == [
        "m: reading, 0 of 12 columns",
        "m: reading, 1 of 12 columns, about 9 min left",
    ]


def test_a_part_of_the_work_is_reported_as_a_share_of_the_whole():
    calls = []
    second_half = part(lambda share, done: calls.append((share, done)), 0.5, 1)
    second_half(0.5, "half of it")
    assert calls == [(0.75, "half of it")]


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_reading_reports_its_columns_and_rows_and_never_goes_back(name, tmp_path):
    path = written(tmp_path, "id,x,y\n1,2,3\n2,3,4\n", name)
    if name == "rows.parquet":
        pq.write_table(pa.table({"id": [1, 2], "x": [2, 3], "y": [3, 4]}), path)
    calls = []
    read(shop(path), folder=tmp_path, report=lambda share, done: calls.append((share, done)))
    shares = [share for share, _ in calls]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1
    assert "2 of 3 columns" in [done for _, done in calls]
    assert calls[-1][1] == "0 of 2 rows written"
