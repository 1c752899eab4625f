"""A source that comes late is waited for, if there is time; a mistake that stays is not."""

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.databases import shop_of
from helpers.sources import shop, written

from data.connections import retry
from data.errors import SourceError, SourceLate
from data.sources.read import read
from tasks.run.patience import FLOW_RUN, patience

CSV = "id,y\n" + "".join(f"{row},{row}\n" for row in range(300))


@pytest.fixture
def later(monkeypatch):
    """What lets functions be called one by one, each in a pause before another attempt."""
    coming: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def pause(_seconds):
        if coming:
            action, arguments = coming.pop(0)
            action(*arguments)

    clock = SimpleNamespace(sleep=pause, monotonic=time.monotonic)
    monkeypatch.setattr(retry, "time", clock)
    return lambda action, *arguments: coming.append((action, arguments))


def patient(declaration, folder):
    return read(declaration, folder=folder / "home", patience=60)


def table(place, rows=300):
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE sales (id INTEGER, y REAL)")
        connection.executemany("INSERT INTO sales VALUES (?, ?)", [(i, i) for i in range(rows)])


def finished(path, content):
    path.write_bytes(content)


def assert_told(snapshot, shown, what):
    assert snapshot.rows == 300
    told = [warning for warning in snapshot.warnings if "It was tried again" in warning]
    assert [warning.partition(" It was")[0] for warning in told] == [f"{shown}: {what}"]


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path, later):
    path = tmp_path / "rows.csv"
    later(written, tmp_path, CSV)
    assert_told(patient(shop(path), tmp_path), path, "There is no such file.")


def test_an_empty_file_is_waited_for(tmp_path, later):
    path = written(tmp_path, "")
    later(written, tmp_path, CSV)
    assert_told(patient(shop(path), tmp_path), path, "The file is empty (0 bytes).")


def test_a_pattern_without_a_file_is_waited_for(tmp_path, later):
    pattern = tmp_path / "sales-*.csv"
    later(written, tmp_path, CSV, "sales-1.csv")
    assert_told(patient(shop(pattern), tmp_path), pattern, "No file has a name of this pattern.")


def test_a_folder_without_a_file_is_waited_for(tmp_path, later):
    folder = tmp_path / "parts"
    folder.mkdir()
    later(written, folder, CSV)
    what = "This is a folder without a file that can be read."
    assert_told(patient(shop(folder), tmp_path), folder, what)


def test_half_a_parquet_file_is_waited_for(tmp_path, later):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": range(300), "y": [float(i) for i in range(300)]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    later(finished, path, whole)
    warnings = " ".join(patient(shop(path), tmp_path).warnings)
    assert re.search("This is not a complete Parquet file: .* It was tried again", warnings)


def test_a_csv_that_ends_within_a_row_is_waited_for(tmp_path, later):
    path = written(tmp_path, CSV[: CSV.rindex(",")])
    later(written, tmp_path, CSV)
    told = "The file ends in line 301 after 1 of 2 values."
    assert_told(patient(shop(path), tmp_path), path, told)


def test_a_database_and_a_table_that_are_not_there_yet_are_waited_for(tmp_path, later):
    place = tmp_path / "shop.db"
    declaration = shop_of(f"sqlite:///{place}", table="sales")
    later(finished, place, b"")
    later(table, place)
    snapshot = patient(declaration, tmp_path)
    assert snapshot.rows == 300
    told = " ".join(snapshot.warnings)
    assert "There is no such file. It was tried again" in told
    assert "There is no table or view 'sales'. It was tried again" in told


def test_what_has_not_come_in_time_is_an_error_that_says_so(tmp_path):
    began = time.monotonic()
    with pytest.raises(SourceLate, match=r"There is no such file\. It was tried \d+ times"):
        read(shop(tmp_path / "rows.csv"), folder=tmp_path / "home", patience=0.3)
    assert time.monotonic() - began >= 0.3


def test_a_person_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=time.monotonic))
    with pytest.raises(SourceLate, match=r"There is no such file\. Correct 'source'"):
        read(shop(tmp_path / "rows.csv"), folder=tmp_path / "home")


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("id,y\n1,2\n3\n4,5\n", "Line 3 has 1 values"),
        ("id,id\n1,2\n", "id"),
        (b"\x1f\x8b not text", "begins like a gzip file"),
    ],
)
def test_a_mistake_that_time_cannot_mend_is_not_waited_for(tmp_path, content, mistake, monkeypatch):
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=time.monotonic))
    path = written(tmp_path, content)
    with pytest.raises(SourceError, match=mistake):
        read(shop(path), folder=tmp_path / "home", patience=60)


def test_a_query_with_a_wrong_column_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=time.monotonic))
    table(tmp_path / "shop.db")
    declaration = shop_of(f"sqlite:///{tmp_path}/shop.db", query="SELECT nonsense FROM sales")
    with pytest.raises(SourceError, match="no such column"):
        read(declaration, folder=tmp_path / "home", patience=60)


def test_only_a_run_of_a_deployment_is_patient_unless_a_setting_says_so(monkeypatch):
    monkeypatch.delenv(FLOW_RUN, raising=False)
    assert (patience(None), patience(7.0)) == (0, 7)
    monkeypatch.setenv(FLOW_RUN, "a run")
    assert (patience(None), patience(0.0)) == (300, 0)
