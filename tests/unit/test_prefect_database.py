"""The database of the server that Prefect starts for a night, which begins empty each time."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from flows.command import prefect_database

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    for name in prefect_database.VARIABLES:
        monkeypatch.setenv(name, "")


def used_by_a_night(folder):
    """Let a process of its own use the database; return what it was told to use."""
    script = (
        "import os, pathlib, sys; from flows.command import prefect_database as p;"
        "p.use_nights_database(pathlib.Path(sys.argv[1])); print(os.environ[p.VARIABLES[0]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def fill(database, runs):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS flow_run (name TEXT)")
        connection.execute("CREATE TABLE IF NOT EXISTS block_type (name TEXT)")
        connection.executemany("INSERT INTO flow_run VALUES (?)", [("x" * 1000,)] * runs)
        connection.execute("INSERT INTO block_type VALUES ('kept')")


def count(database, table):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_night_begins_with_the_tables_of_the_last_one_but_not_its_runs(tmp_path):
    database = tmp_path / "nights.db"
    assert used_by_a_night(tmp_path) == f"sqlite+aiosqlite:///{database}"
    sizes = []
    for _ in range(3):
        fill(database, runs=500)
        used_by_a_night(tmp_path)
        assert count(database, "flow_run") == 0
        sizes.append(database.stat().st_size)
    assert count(database, "block_type") == 3
    assert sizes[0] == sizes[2] < 100_000


def test_a_night_leaves_the_runs_of_another_one_that_is_in_progress(tmp_path):
    prefect_database.use_nights_database(tmp_path)
    fill(tmp_path / "nights.db", runs=1)
    used_by_a_night(tmp_path)
    assert count(tmp_path / "nights.db", "flow_run") == 1


def test_the_first_night_takes_over_the_tables_of_the_server_and_leaves_its_runs(tmp_path):
    fill(tmp_path / "prefect.db", runs=5)
    used_by_a_night(tmp_path)
    assert count(tmp_path / "nights.db", "block_type") == 1
    assert count(tmp_path / "nights.db", "flow_run") == 0
    assert count(tmp_path / "prefect.db", "flow_run") == 5


def test_a_database_that_is_none_or_is_named_by_the_user_is_left_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "nights.db").write_text("no database")
    used_by_a_night(tmp_path)
    assert (tmp_path / "nights.db").read_text() == "no database"
    monkeypatch.setenv(prefect_database.VARIABLES[1], "sqlite+aiosqlite:///mine.db")
    prefect_database.use_nights_database(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_the_server_had_no_time_for_goes_with_the_next_night(tmp_path):
    (tmp_path / "dlq").mkdir()
    (tmp_path / "dlq" / "9d42b1bf").write_text("{}")
    used_by_a_night(tmp_path)
    assert not (tmp_path / "dlq").exists()
