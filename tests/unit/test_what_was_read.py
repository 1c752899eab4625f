"""A night says what it read: rows, columns, the kinds that were told apart, and seconds."""

import logging
import re

import pyarrow.parquet as pq
import pytest
from helpers.sources import TABLE, shop, written

from data.sources.read import read
from data.sources.readings import kinds_in_words, left_out
from data.sources.snapshot import snapshot_at
from tasks.read import read as read_tonight

KINDS = r"7 columns \(2 numbers, 2 categories, 1 boolean, 2 times\)"


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_rows_columns_kinds_and_seconds_are_told_for_every_format(tmp_path, ending):
    path = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        pq.write_table(TABLE, path)
    elif ending == "csv":
        TABLE.to_pandas().to_csv(path, index=False)
    else:
        TABLE.to_pandas().to_json(path, orient="records", lines=True, date_format="iso")
    words = read(shop(path), folder=tmp_path / "home").in_words()
    assert re.fullmatch(rf"4 rows, {KINDS} in \d+\.\d s", words), words


def test_log_of_a_night_has_them_in_one_line(tmp_path, caplog):
    path = written(tmp_path, "id,day,y\na,2024-01-01,1.5\nb,2024-01-02,2.5\n")
    with caplog.at_level(logging.INFO, logger="nightfit"):
        read_tonight.fn(shop(path, time="day"), tmp_path / "home", as_of="2024-01-01")
    (line,) = [line for line in caplog.messages if line.startswith("shop: read ")]
    words = r"1 row up to 2024-01-01, 3 columns \(1 number, 1 category, 1 time\) in \d\.\d s"
    assert re.fullmatch(f"shop: read {words}", line), line


def test_key_that_is_made_is_no_column_of_the_source(tmp_path):
    path = written(tmp_path, "x,y\n1,1.5\n2,2.5\n")
    words = read(shop(path, key="row"), folder=tmp_path / "home").in_words()
    assert words.startswith("2 rows, 2 columns (2 numbers) in ")


def test_columns_that_are_left_out_or_empty_are_counted_as_such():
    assert kinds_in_words([left_out("tags", "holds list<int64>")]) == "1 column (1 left out)"


def test_snapshot_that_is_found_says_how_many_rows_it_has(tmp_path):
    path = written(tmp_path, "id,y\na,1.5\nb,2.5\n")
    made = read(shop(path), folder=tmp_path / "home")
    assert snapshot_at(made.path).in_words() == "2 rows"
    assert snapshot_at(made.path) == made
