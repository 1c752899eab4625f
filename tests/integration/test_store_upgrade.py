"""Databases of earlier versions, with rows in them, brought to this one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from helpers.old_stores import NIGHTS, answers, make
from helpers.store_catalogue import catalogue
from helpers.store_nights import by_hand, read, rows, tell
from sqlalchemy.exc import IntegrityError

from data.errors import StoreError
from data.store.database.upgrades import alembic_config, upgrade
from data.store.database.version import VERSION_TABLE
from data.store.read.stored import last_details
from data.store.session import Store
from data.store.views import VIEWS

COMMAND = Path(sys.executable).with_name("nightfit")

SINCE = {
    "0001": NIGHTS,
    "0002": """
INSERT INTO linear_fit (model_id, rows, rank, r2) VALUES (3, 3, 2, 0.30000000000000004);
INSERT INTO agreement_check (run_id, position, framework, kind, quantity, compared_with, figure,
  allowed, agreed)
VALUES (4, 1, 'torch', 'least_squares', 'coefficients', 'theano', 1e-17, 1e-12, TRUE);
""",
    "0003": """
INSERT INTO resilience (model_id, share, rmse, rmse_low, rmse_high, draws)
VALUES (1, 0.0, 2.5, 2.5, 2.5, 1), (1, 0.1, 3.5, 3.0, 4.0, 20);
""",
    "0004": """
INSERT INTO run (run_id, dataset, status, started_at, finished_at, warnings, as_of, backfill)
VALUES (5, 'wages', 'succeeded', '2026-01-04 02:00:00', '2026-01-04 02:01:00', '[]', '2025-12-31',
  TRUE);
INSERT INTO promotion (dataset, decided_at, decision, model_id, incumbent_model_id, reason,
  decided_by, pinned)
VALUES ('sales', '2026-01-04 09:00:00', 'forced', 2, 2, 'I say so', 'ann', TRUE);
INSERT INTO paired_error (run_id, key, model_id, other_model_id, error, other_error)
VALUES (4, 'a', 3, 1, 0.30000000000000004, -0.5);
""",
    "0005": """
UPDATE run SET pruned_at = '2026-02-01 02:00:00' WHERE run_id = 1;
INSERT INTO prediction (model_id, key, run_id, dataset, actual, predicted, lower, upper, role)
VALUES (1, 'w', 1, 'wages', 1.5, NULL, NULL, NULL, 'warmup');
""",
}
"""What a database of each version may hold that one of the version before could not."""

FOUND = {
    "0001": {
        "champion": 2,
        "champion_history": 3,
        "current_coefficient": 3,
        "current_prediction": 3,
        "leaderboard": 3,
        "prediction_outcome": 1,
        "run_history": 4,
    },
    "0002": {"current_fit": 1, "agreement": 1},
    "0003": {"champion_resilience": 2},
    "0004": {"champion_history": 4, "run_history": 5},
    "0005": {"current_prediction": 4},
    "0006": {"model_card": 2},
}
"""Rows of the views at each version, where they are not those of the version before."""

RELEASED = [one.revision for one in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
HEAD = RELEASED[0]
NO = ((0, "pinned"), (0, "backfill"))
"""What the new columns that are never empty say of the rows that were there."""


sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def old(address: str) -> str:
    """The URL of a database of version 0001 with a few nights in it."""
    make(address, version="0001", content=NIGHTS)
    return address


def predictions(address: str) -> list[tuple[Any, ...]]:
    """Return the rows of the table, of which a view shows a part."""
    return tell(address, "SELECT * FROM prediction ORDER BY model_id, key, run_id")


def nightfit(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `nightfit ARGUMENTS` on a database."""
    return subprocess.run(
        [str(COMMAND), *arguments],
        env={**os.environ, "NIGHTFIT_DATABASE_URL": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("version", RELEASED[:0:-1])
def test_every_answer_of_an_earlier_version_stays(address: str, version: str):
    make(address, version=version, content="".join(SINCE[one] for one in SINCE if one <= version))
    before, held = answers(address), predictions(address)
    wanted = {name: rows for one in FOUND if one <= version for name, rows in FOUND[one].items()}
    assert {name: len(before[name]) for name in wanted} == wanted
    done = upgrade(address)
    assert (done.before, done.after) == (version, HEAD)
    after = answers(address)
    assert set(after) == set(VIEWS)
    assert len(after["model_card"]) == wanted["champion"]
    assert not any(after[name] for name in set(VIEWS) - set(before) - {"model_card"})
    for name, rows_before in before.items():
        for old_row, new_row in zip(rows_before, after[name], strict=True):
            assert list(new_row.items())[: len(old_row)] == list(old_row.items()), name
            added = {column: new_row[column] for column in list(new_row)[len(old_row) :]}
            assert all(value is None or (value, column) in NO for column, value in added.items())
    assert predictions(address) == held


def test_what_others_built_on_the_predictions_stays(old: str, database_kind: str):
    own = ["CREATE INDEX by_role ON prediction (role)"]
    if database_kind == "sqlite":
        own.append(
            "CREATE TRIGGER told AFTER DELETE ON prediction BEGIN"
            " INSERT INTO gone (key) VALUES (old.key || ';' || '%'); END"
        )
    tell(old, "CREATE TABLE gone (key TEXT)", *own)
    upgrade(old)
    tell(old, "DELETE FROM prediction WHERE key = 'x'", "DROP INDEX by_role")
    left = [("x;%",)] if database_kind == "sqlite" else []
    assert tell(old, "SELECT key FROM gone") == left
    with pytest.raises(IntegrityError, match="ck_prediction_role"):
        tell(old, "UPDATE prediction SET role = 'old'")


DECLARED = """
UPDATE run SET declaration = '{"target": "wage", "interval": 0.8, "features": ["age", "job"],
  "ann": {"hidden": [64, 32]}}', library_versions = '{"nightfit": "0.1.0", "numpy": "2.4.6",
  "torch": "2.13.0", "tensorflow-cpu": "2.21.0"}' WHERE run_id = 1;
UPDATE run SET declaration = '{"target": "price", "interval": 0.9, "features": null}'
  WHERE run_id = 3
"""


def test_what_a_run_had_as_json_stands_on_its_model_card(address: str):
    make(address, version="0005", content=NIGHTS + DECLARED)
    upgrade(address)
    sales, wages = answers(address)["model_card"]
    told = ["target", "features", "interval_level", "hidden_layers", "nightfit_version"]
    told += ["numpy_version", "framework_version", "python_version", "period_from"]
    assert [wages[name] for name in told] == [
        *("wage", "age, job", 0.8, None, "0.1.0", "2.4.6", "2.13.0", None, None)
    ]
    assert [sales[name] for name in told] == ["price", None, 0.9] + [None] * 6
    assert tell(address, "SELECT hidden_layers FROM run WHERE run_id = 1") == [("64, 32",)]


def test_decisions_go_on_where_they_stood_before_the_upgrade(old: str):
    upgrade(old)
    decided = by_hand(Store(old), "unpinned", 1)
    assert decided == 4
    with pytest.raises(IntegrityError, match="ck_promotion_decision"):
        tell(old, "UPDATE promotion SET decision = 'won'")


@sqlite_only
def test_a_table_that_was_made_anew_leaves_the_database_as_it_should_be(old: str):
    upgrade(old)
    assert tell(old, "PRAGMA legacy_alter_table") == [(0,)]
    assert tell(old, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("name", ["resilience", "champion_resilience", "paired_error"])
def test_upgrade_leaves_a_table_of_another_program_with_a_new_name_alone(address: str, name: str):
    make(address, version="0002", content=f"CREATE TABLE {name} (ohm INTEGER)")
    with pytest.raises(StoreError, match=f"already has a table or view named '{name}'"):
        upgrade(address)
    assert tell(address, f"INSERT INTO {name} (ohm) VALUES (4)", f"SELECT * FROM {name}") == [(4,)]


def test_details_of_the_first_version_are_read_after_the_upgrade(old: str):
    upgrade(old)
    details = read(Store(old), last_details, "wages")
    found = [rows(Store(old), name) for name in VIEWS]
    assert details == {"torch/least_squares": {"r2": 0.1 + 0.2}, "theano/ann": {}}
    assert sum(map(len, found)) == 21


def test_a_users_own_views_still_answer_after_the_upgrade(old: str):
    own = {
        "slope": "SELECT estimate FROM current_coefficient",
        "serving": "SELECT dataset, kind, since FROM champion",
        "decided": "SELECT promotion_id, reason FROM promotion",
    }
    tell(old, *(f"CREATE VIEW {name} AS {select}" for name, select in own.items()))
    before = {name: tell(old, f"SELECT * FROM {name}") for name in own}
    upgrade(old)
    assert {name: tell(old, f"SELECT * FROM {name}") for name in own} == before
    assert [len(rows) for rows in before.values()] == [3, 2, 3]


def test_upgraded_database_is_as_a_new_one(old: str, new_database, database_kind: str):
    new = new_database(database_kind)
    upgrade(old)
    made = []
    for address in (old, new):
        made.append(catalogue(address))
        assert tell(address, f"SELECT * FROM {VERSION_TABLE}") == [(HEAD,)]
    assert made[0] == made[1]
    assert len(made[1]) > 150


@sqlite_only
def test_the_command_says_what_it_did(tmp_path: Path, old: str):
    new, path = tmp_path / "new.db", old.removeprefix("sqlite:///")
    assert (
        nightfit(f"sqlite:///{new}", "db", "upgrade").stdout == f"{new}: made at version {HEAD}.\n"
    )
    upgraded = nightfit(old, "db", "upgrade")
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    assert upgraded.stdout == f"{path}: upgraded from version 0001 to {HEAD}.\n"
    assert nightfit(old, "db", "upgrade").stdout == f"{path}: is at version {HEAD} already.\n"


@sqlite_only
@pytest.mark.parametrize("arguments", [("query", "current_fit"), ("history", "wages"), ("status",)])
def test_a_command_that_reads_names_the_one_that_upgrades(old: str, arguments: tuple[str, ...]):
    path = Path(old.removeprefix("sqlite:///"))
    before = path.read_bytes()
    done = nightfit(old, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"nightfit: {path}: the database is at version 0001, this nightfit needs {HEAD}."
        " Run `nightfit db upgrade`.\n"
    )
    assert path.read_bytes() == before
