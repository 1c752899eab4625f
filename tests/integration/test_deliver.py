"""Results that are given to a table of another database after a run."""

import json
import sqlite3
from pathlib import Path

import pytest
from helpers.store_nights import (
    NEW,
    by_hand,
    night,
    promoted,
    read,
    run_sql,
    serving,
    stored,
    write,
)
from prefect.settings import PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, temporary_settings

from data.connections import retry
from data.declarations.model import Declaration
from data.store.session import Store
from data.store.tables import metadata, output_delivery
from data.store.write.delivery import undelivered
from tasks.deliver import deliver

KEY = [("store", "text"), ("day", "date"), ("big", "number")]
ROWS = {'["Zürich","2026-01-31","0.1"]': 1.0, '["a","2026-02-01","1e-07"]': NEW}
SECRET = "hunter2-secret"


def declaration(url: str, table: str = "results") -> Declaration:
    return Declaration.model_validate(
        {
            "name": "wages",
            "source": {"path": "wages.csv"},
            "key": ["store", "day", "big"],
            "target": "y",
            "output": {"url": url, "table": table},
        }
    )


def delivered(file: Path, columns: str = "store, day, big, predicted, role") -> list[tuple]:
    with sqlite3.connect(file) as connection:
        return connection.execute(f"SELECT {columns} FROM results ORDER BY store DESC").fetchall()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.0)


@pytest.fixture(autouse=True)
def no_tables_of_others(store: Store):
    yield
    run_sql(store.url, "DROP TABLE IF EXISTS predicted_wages")


def test_rows_arrive_with_their_types_and_only_once(store: Store, tmp_path: Path):
    file = tmp_path / "theirs.db"
    declared = declaration(f"sqlite:///{file}")
    assert deliver(declared, store) is None
    assert not file.exists()
    write(store, promoted(1, ROWS, key_columns=KEY))
    assert deliver(declared, store) is None
    arrived = [("a", "2026-02-01", 1e-07, 10.0, "new"), ("Zürich", "2026-01-31", 0.1, 0.5, "train")]
    assert delivered(file) == arrived
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM results")
    assert deliver(declared, store) is None
    assert delivered(file) == []
    (row,) = stored(store, output_delivery)
    assert (row["rows"], row["promotion_id"], row["reason"]) == (2, 1, None)


def test_database_that_was_away_gets_the_rows_from_a_night_that_is_skipped(
    store: Store, tmp_path: Path
):
    folder = tmp_path / "away"
    declared = declaration(f"sqlite:///{folder / 'theirs.db'}")
    write(store, promoted(1, ROWS, key_columns=KEY))
    sentence = deliver(declared, store)
    assert sentence is not None
    assert "have not reached table 'results' of sqlite:///" in sentence
    (late,) = read(store, undelivered)
    assert "have not reached table 'results'" in str(late)
    write(store, night(2, status="skipped", key_columns=KEY))
    folder.mkdir()
    assert deliver(declared, store) is None
    assert len(delivered(folder / "theirs.db")) == 2
    assert read(store, undelivered) == ()


def test_server_that_is_away_is_tried_several_times_and_no_secret_is_shown_or_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("THEIR_PASSWORD", SECRET)
    declared = declaration("postgresql://ann:${THEIR_PASSWORD}@127.0.0.1:1/shop")
    write(store, promoted(1, ROWS, key_columns=KEY))
    sentence = deliver(declared, store)
    assert sentence is not None
    assert "tried 4 times" in sentence
    everything = [stored(store, table) for table in metadata.tables.values()]
    assert SECRET not in f"{sentence}{everything}{caplog.text}"


def test_secret_that_is_not_set_is_told_and_stored(store: Store):
    write(store, promoted(1, ROWS, key_columns=KEY))
    with temporary_settings({PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 300}):
        sentence = deliver(declaration("${NOT_SET_ANYWHERE}"), store)
    assert sentence is not None
    assert "'NOT_SET_ANYWHERE' has no value" in sentence


def test_table_with_other_columns_stays_and_is_told(store: Store, tmp_path: Path):
    file = tmp_path / "theirs.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE results (a INTEGER)")
        connection.execute("INSERT INTO results VALUES (7)")
    write(store, promoted(1, ROWS, key_columns=KEY))
    sentence = deliver(declaration(f"sqlite:///{file}"), store)
    assert sentence is not None
    assert "has other columns: a (whole number); the rows have store (text), day" in sentence
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT * FROM results").fetchall() == [(7,)]


def test_decision_of_a_person_is_delivered_too(store: Store, tmp_path: Path):
    file = tmp_path / "theirs.db"
    declared = declaration(f"sqlite:///{file}")
    write(store, promoted(1, ROWS, key_columns=KEY))
    first = serving(store).model_id
    write(store, promoted(2, ROWS, key_columns=KEY, name="torch/least_squares"))
    deliver(declared, store)
    by_hand(store, "rolled_back", first, predictions_run_id=1)
    deliver(declared, store)
    assert {row[0] for row in delivered(file, "model_id")} == {first}


def test_output_that_is_declared_no_more_is_forgotten(store: Store, tmp_path: Path):
    write(store, promoted(1, ROWS, key_columns=KEY))
    declared = declaration(f"sqlite:///{tmp_path / 'no' / 'theirs.db'}")
    deliver(declared, store)
    deliver(declared.model_copy(update={"output": None}), store)
    assert stored(store, output_delivery) == []


def test_declaration_is_stored_without_the_password_of_its_output():
    declared = declaration("postgresql://ann:hunter2@host/shop")
    assert "hunter2" not in declared.model_dump_json() + repr(declared)
    assert json.loads(declared.model_dump_json())["output"]["table"] == "results"
    assert Declaration.model_validate_json(declared.model_dump_json()).output is not None
