"""Databases of earlier versions, with rows in them, brought to this one."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from data.errors import StoreError
from data.store import database
from data.store.database import VERSION_TABLE, open_store, upgrade, writing
from data.store.query import last_details, rows_of
from data.store.views import VIEWS

COMMAND = Path(sys.executable).with_name("nightfit")

NIGHTS = """
INSERT INTO run (run_id, dataset, status, started_at, finished_at, rows_labelled, verdict, warnings)
VALUES
  (1, 'wages', 'succeeded', '2026-01-01 02:00:00', '2026-01-01 02:01:00', 2, 'yay', '["few rows"]'),
  (2, 'wages', 'rejected', '2026-01-02 02:00:00', '2026-01-02 02:01:00', NULL, NULL, '[]'),
  (3, 'sales', 'succeeded', '2026-01-02 03:00:00', '2026-01-02 03:01:00', 1, 'nay', '[]'),
  (4, 'wages', 'succeeded', '2026-01-03 02:00:00', '2026-01-03 02:01:00', 3, 'undecided', '[]');
INSERT INTO model (model_id, run_id, framework, kind, status, reason, rank, chosen, details)
VALUES
  (1, 1, 'torch', 'least_squares', 'fitted', 'the best', 1, TRUE, '{"rank": 2}'),
  (2, 3, 'theano', 'gradient_descent', 'fitted', 'the best', 1, TRUE, '{}'),
  (3, 4, 'torch', 'least_squares', 'fitted', 'the best', 1, TRUE, '{"r2": 0.30000000000000004}'),
  (4, 4, 'theano', 'ann', 'failed', 'time is up', NULL, FALSE, '{}');
INSERT INTO score (run_id, model_id, rows, rmse, mae, n)
VALUES
  (1, 1, 'validation', 0.1, 0.3, 2), (1, 1, 'test', 0.30000000000000004, 0.1, 2),
  (4, 3, 'validation', 1e-300, 0.3, 3), (4, 3, 'test', 2.5, 0.1, 3), (4, 1, 'test', 2.6, 0.1, 3);
INSERT INTO coefficient (model_id, position, term, estimate, standard_error, t, p, low, high)
VALUES
  (1, 1, 'intercept', 0.1, 2.5, 0.04, 0.97, -5.0, 5.2),
  (2, 1, 'price', -0.30000000000000004, NULL, NULL, NULL, NULL, NULL),
  (3, 1, 'intercept', 0.7, 0.1, 7.0, 1e-12, 0.5, 0.9),
  (3, 2, 'age', 0.30000000000000004, NULL, NULL, NULL, NULL, NULL);
INSERT INTO prediction (model_id, key, run_id, dataset, actual, predicted, lower, upper, role)
VALUES
  (1, 'a', 1, 'wages', 1.5, 1.25, 1.0, 2.0, 'train'),
  (1, 'b', 1, 'wages', NULL, 2.0, NULL, NULL, 'new'),
  (2, 'x', 3, 'sales', NULL, 0.30000000000000004, 0.0, 1.0, 'new'),
  (1, 'b', 4, 'wages', 2.25, 2.125, 2.0, 3.0, 'train');
INSERT INTO outcome (dataset, key, run_id, model_id, predicted, predicted_at, actual, realised_at,
  realised_run_id)
VALUES ('wages', 'b', 1, 1, 2.0, '2026-01-01 02:01:00', 2.25, '2026-01-03 02:01:00', 4);
INSERT INTO promotion (run_id, dataset, decided_at, decision, model_id, incumbent_model_id,
  challenger_model_id, gain, reason)
VALUES
  (1, 'wages', '2026-01-01 02:01:00', 'promoted', 1, NULL, NULL, NULL, 'the first'),
  (3, 'sales', '2026-01-02 03:01:00', 'promoted', 2, NULL, NULL, NULL, 'the first'),
  (4, 'wages', '2026-01-03 02:01:00', 'kept', 1, 1, 3, -0.1, 'the challenger is worse');
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of version 0001 with a few nights in it."""
    path = tmp_path / "store.db"
    make(path, version="0001", rows=NIGHTS)
    return path


def make(path: Path, *, version: str, rows: str) -> None:
    """Make a database as that version did, and write rows into it."""
    engine = database._engine(f"sqlite:///{path}", reading=False)
    with writing(engine) as connection:
        config = database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA foreign_keys = ON; {rows}")


def answers(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every view that is there, each as column to value."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        there = {n for (n,) in connection.execute("SELECT name FROM sqlite_master")}
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for name in sorted(there & set(VIEWS))
        }


def nightfit(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `nightfit ARGUMENTS` on a database."""
    return subprocess.run(
        [str(COMMAND), *arguments],
        env={**os.environ, "NIGHTFIT_DATABASE_URL": f"sqlite:///{path}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_first_version_keeps_every_answer_and_gains_the_new_views(old: Path):
    before = answers(old)
    assert {name: len(rows) for name, rows in before.items()} == {
        "champion": 2,
        "champion_history": 3,
        "current_coefficient": 3,
        "current_prediction": 3,
        "leaderboard": 3,
        "prediction_outcome": 1,
        "run_history": 4,
    }
    done = upgrade(f"sqlite:///{old}")
    assert (done.before, done.after) == ("0001", "0003")
    after = answers(old)
    assert set(after) == set(VIEWS)
    for row in after["current_coefficient"]:
        assert list(row)[-1] == "robust_standard_error"
        assert row.pop("robust_standard_error") is None
    assert {name: after[name] for name in before} == before
    assert after["current_fit"] == after["agreement"] == after["champion_resilience"] == []


def test_second_version_keeps_every_answer_and_gains_a_view(tmp_path: Path):
    path = tmp_path / "store.db"
    make(path, version="0002", rows=NIGHTS)
    before = answers(path)
    assert set(VIEWS) - set(before) == {"champion_resilience"}
    assert sum(map(len, before.values())) == 19
    assert str(upgrade(f"sqlite:///{path}")) == f"{path}: upgraded from version 0002 to 0003."
    assert answers(path) == {**before, "champion_resilience": []}


@pytest.mark.parametrize("name", ["resilience", "champion_resilience"])
def test_upgrade_leaves_a_table_of_another_program_with_a_new_name_alone(tmp_path: Path, name: str):
    path = tmp_path / "store.db"
    make(path, version="0002", rows=f"CREATE TABLE {name} (ohm)")
    with pytest.raises(StoreError, match=f"already has a table or view named '{name}'"):
        upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert [c[0] for c in connection.execute(f"SELECT * FROM {name}").description] == ["ohm"]


def test_details_of_the_first_version_are_read_after_the_upgrade(old: Path):
    upgrade(f"sqlite:///{old}")
    engine = open_store(f"sqlite:///{old}", reading=True)
    details = last_details(engine, "wages")
    batches = [list(rows_of(engine, name).batches) for name in VIEWS]
    engine.dispose()
    assert details == {"torch/least_squares": {"r2": 0.1 + 0.2}, "theano/ann": {}}
    assert sum(len(rows) for view in batches for rows in view) == 19


def test_a_users_own_view_still_answers_after_the_upgrade(old: Path):
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE VIEW slope AS SELECT estimate FROM current_coefficient")
        before = connection.execute("SELECT * FROM slope").fetchall()
    upgrade(f"sqlite:///{old}")
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT * FROM slope").fetchall() == before
    assert len(before) == 3


def test_upgraded_database_is_as_a_new_one(old: Path, tmp_path: Path):
    new = tmp_path / "new.db"
    upgrade(f"sqlite:///{old}")
    open_store(f"sqlite:///{new}").dispose()
    columns = {}
    for path in (old, new):
        with closing(sqlite3.connect(path)) as connection:
            columns[path] = connection.execute(
                'SELECT t.name, c.name, c.type, c."notnull" FROM sqlite_master AS t,'
                " pragma_table_info(t.name) AS c WHERE t.type IN ('table', 'view')"
                " ORDER BY t.name, c.cid"
            ).fetchall()
            assert connection.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall() == [("0003",)]
    assert columns[old] == columns[new]
    assert len(columns[new]) > 100


def test_the_command_says_what_it_did(tmp_path: Path, old: Path):
    new = tmp_path / "new.db"
    assert nightfit(new, "db", "upgrade").stdout == f"{new}: made at version 0003.\n"
    upgraded = nightfit(old, "db", "upgrade")
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    assert upgraded.stdout == f"{old}: upgraded from version 0001 to 0003.\n"
    assert nightfit(old, "db", "upgrade").stdout == f"{old}: is at version 0003 already.\n"


@pytest.mark.parametrize("arguments", [("query", "current_fit"), ("history", "wages"), ("status",)])
def test_a_command_that_reads_names_the_one_that_upgrades(old: Path, arguments: tuple[str, ...]):
    before = old.read_bytes()
    done = nightfit(old, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"nightfit: {old}: the database is at version 0001, this nightfit needs 0003."
        " Run `nightfit db upgrade`.\n"
    )
    assert old.read_bytes() == before
