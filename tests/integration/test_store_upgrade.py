"""Stores of released versions, with rows in them, are upgraded to this one; others are refused."""

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from helpers.old_stores import (
    RELEASES,
    assert_same_answers,
    kept_answers,
    make,
    views_of,
)
from helpers.store_catalogue import catalogue
from helpers.store_nights import by_hand, read, run_sql
from helpers.warm_command import WARM
from typer.testing import CliRunner

from data.errors import StoreError
from data.store.database.upgrades import UNRELEASED, upgrade
from data.store.database.version import VERSION_TABLE, head
from data.store.read.champions import champion_model
from data.store.read.datasets import dataset_statuses
from data.store.read.earlier_runs import last_details
from data.store.read.integrity import damage_of_run
from data.store.session import Store
from data.store.views import VIEWS
from data.vocabulary import Candidate
from flows.command.cli import app

HEAD = head()

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
each_release = pytest.mark.parametrize("release", RELEASES)


@pytest.fixture
def old(address: str) -> str:
    """The URL of a store as the first release made it, with a few runs in it."""
    make(address, release="0.1.0")
    return address


@each_release
def test_every_answer_of_a_release_stays(address: str, release: str):
    make(address, release=release)
    done = upgrade(address)
    assert (done.before, done.after) == (RELEASES[release], HEAD)
    assert_same_answers(address, release)


@each_release
def test_every_answer_of_a_release_stays_through_the_next_migration(
    address: str, release: str, request: pytest.FixtureRequest
):
    make(address, release=release)
    request.getfixturevalue("next_version")
    assert upgrade(address).after == "9999"
    assert_same_answers(address, release)
    runs = [(number,) for number in range(1, 6)]
    assert run_sql(address, "SELECT x FROM extra ORDER BY x") == runs


@each_release
def test_an_upgraded_database_is_the_same_as_a_new_one(
    address: str, new_database, database_kind: str, release: str
):
    make(address, release=release)
    new = new_database(database_kind)
    made = []
    for database in (address, new):
        upgrade(database)
        made.append(catalogue(database))
        assert run_sql(database, f"SELECT * FROM {VERSION_TABLE}") == [(HEAD,)]
    assert made[0] == made[1]
    assert len(made[1]) > 150


@each_release
def test_the_rows_of_a_release_are_in_every_view_that_it_had(release: str):
    kept = kept_answers(release)
    assert all(kept.values())
    assert set(kept) == set(views_of(release)) <= set(VIEWS)


def test_decisions_continue_where_they_stood_before_the_upgrade(old: str):
    upgrade(old)
    assert by_hand(Store(old), "unpinned", 1) == 5


def test_details_of_a_release_are_read_after_the_upgrade(old: str):
    upgrade(old)
    details = read(Store(old), last_details, "wages")
    assert details == {
        Candidate("torch", "least_squares"): {"r2": 0.1 + 0.2},
        Candidate("theano", "ann"): {},
    }


def test_models_of_a_release_get_checksums_and_are_checked_from_then_on(
    old: str, database_kind: str
):
    content = "x'01'" if database_kind == "sqlite" else r"'\x01'"
    run_sql(old, f"UPDATE model SET artifact = {content}, twin = {content}")
    upgrade(old)
    champion = read(Store(old), champion_model, "wages")
    assert champion is not None
    assert champion.damage is None
    assert all(read(Store(old), damage_of_run, number) == () for number in range(1, 6))
    run_sql(old, f"UPDATE model SET twin = {content.replace('1', '2')}")
    damaged = read(Store(old), champion_model, "wages")
    assert damaged is not None
    assert damaged.damage is not None
    assert damaged.damage.parts == {"twin"}


def test_a_users_own_views_still_answer_after_the_upgrade(old: str, request: pytest.FixtureRequest):
    own = {
        "slope": "SELECT estimate FROM current_coefficient",
        "serving": "SELECT dataset, kind, since FROM champion",
        "decided": "SELECT promotion_id, reason FROM promotion",
    }
    run_sql(old, *(f"CREATE VIEW {name} AS {select}" for name, select in own.items()))
    before = {name: run_sql(old, f"SELECT * FROM {name}") for name in own}
    request.getfixturevalue("next_version")
    upgrade(old)
    assert {name: run_sql(old, f"SELECT * FROM {name}") for name in own} == before
    assert [len(rows) for rows in before.values()] == [3, 2, 4]


def test_a_database_from_before_the_first_release_is_refused_and_stays(old: str):
    for version in UNRELEASED:
        run_sql(old, f"UPDATE {VERSION_TABLE} SET version_num = '{version}'")
        store = Store(old)
        reads = partial(read, store, dataset_statuses)
        for use in (partial(upgrade, old), store.ensure_ready, reads):
            with pytest.raises(StoreError) as caught:
                use()
            assert caught.value.what == (
                "the database was made before nightfit's first release (it is at version"
                f" {version}), and cannot be upgraded."
            )
            assert caught.value.where == store.display_url
            next_step = caught.value.next_step
            assert next_step.startswith("Name another database in NIGHTFIT_DATABASE_URL.")
        assert run_sql(old, f"SELECT * FROM {VERSION_TABLE}") == [(version,)]
        assert len(run_sql(old, "SELECT * FROM run_history")) == 5


def nightfit(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `nightfit ARGUMENTS` on a database."""
    return WARM.run(arguments, {**os.environ, "NIGHTFIT_DATABASE_URL": address}, timeout=60)


def test_the_command_reports_what_it_did(tmp_path: Path):
    path = tmp_path / "new.db"
    made = nightfit(f"sqlite:///{path}", "db", "upgrade")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == f"{path}: created at version {HEAD}.\n"
    again = nightfit(f"sqlite:///{path}", "db", "upgrade")
    assert again.stdout == f"{path}: already at version {HEAD}.\n"


@sqlite_only
def test_the_command_reports_an_old_database_in_one_line(old: str):
    run_sql(old, f"UPDATE {VERSION_TABLE} SET version_num = '0007'")
    path = old.removeprefix("sqlite:///")
    done = nightfit(old, "db", "upgrade")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"nightfit: {path}: the database was made before nightfit's first"
    )
    assert done.stderr.count("\n") == 1


@sqlite_only
@pytest.mark.parametrize("arguments", [("query", "current_fit"), ("history", "wages"), ("status",)])
def test_a_command_that_reads_names_the_one_that_upgrades(
    old: str,
    arguments: tuple[str, ...],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
):
    path = Path(old.removeprefix("sqlite:///"))
    before = path.read_bytes()
    request.getfixturevalue("next_version")
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", old)
    done = CliRunner().invoke(app, list(arguments))
    assert done.stdout == ""
    assert str(done.exception) == (
        f"{path}: the database is at version {RELEASES['0.1.0']}, but this nightfit needs"
        " 9999. Run `nightfit db upgrade`."
    )
    assert path.read_bytes() == before
