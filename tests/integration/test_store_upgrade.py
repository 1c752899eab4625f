"""Databases of earlier versions, with rows in them, brought to this one."""

import sqlite3
from contextlib import closing

from alembic import command

from data.store import database
from data.store.database import VERSION_TABLE, open_store, upgrade, writing
from data.store.views import VIEWS

NIGHT = """
INSERT INTO run (run_id, dataset, status, started_at, finished_at, rows_labelled, warnings)
VALUES (1, 'wages', 'succeeded', '2026-01-01 02:00:00', '2026-01-01 02:01:00', 2, '[]');
INSERT INTO model (model_id, run_id, framework, kind, status, rank, chosen, details)
VALUES (1, 1, 'torch', 'least_squares', 'fitted', 1, 1, '{}');
INSERT INTO score (run_id, model_id, rows, rmse, mae, n)
VALUES (1, 1, 'validation', 0.1, 0.3, 2), (1, 1, 'test', 0.30000000000000004, 0.1, 2);
INSERT INTO coefficient (model_id, position, term, estimate, standard_error)
VALUES (1, 1, 'intercept', 0.1, 2.5), (1, 2, 'age', 0.30000000000000004, NULL);
INSERT INTO prediction (model_id, key, run_id, dataset, actual, predicted, role)
VALUES (1, 'a', 1, 'wages', 1.5, 1.25, 'train'), (1, 'b', 1, 'wages', NULL, 2.0, 'new');
INSERT INTO promotion (run_id, dataset, decided_at, decision, model_id, reason)
VALUES (1, 'wages', '2026-01-01 02:01:00', 'promoted', 1, 'the first');
"""


def of_version(path, version, rows):
    """Make a database as that version did, and write rows into it."""
    engine = database._engine(f"sqlite:///{path}", reading=False)
    with writing(engine) as connection:
        config = database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(rows)


def answers(path):
    """Return the rows of every view that is there, each as column to value."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        there = {n for (n,) in connection.execute("SELECT name FROM sqlite_master")}
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for name in sorted(there & set(VIEWS))
        }


def test_first_version_keeps_every_answer_and_gains_the_new_views(tmp_path):
    path = tmp_path / "store.db"
    of_version(path, "0001", NIGHT)
    before = answers(path)
    assert len(before) == 7
    assert sum(map(len, before.values())) == 8
    done = upgrade(f"sqlite:///{path}")
    assert (done.before, done.after) == ("0001", "0002")
    after = answers(path)
    assert set(after) == set(VIEWS)
    for row in after["current_coefficient"]:
        assert row.pop("robust_standard_error") is None
    assert {name: after[name] for name in before} == before
    assert after["current_fit"] == after["agreement"] == []


def test_upgraded_database_is_as_a_new_one(tmp_path):
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    of_version(old, "0001", "")
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
            assert connection.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall() == [("0002",)]
    assert columns[old] == columns[new]
    assert len(columns[new]) > 100
