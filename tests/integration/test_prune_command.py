"""`nightfit prune`: rows and models go from the store, then the snapshots from the disk."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.store_nights import counts, kept, night, promoted, serving, write
from helpers.warm_command import WARM

from data.store.session import Store


@pytest.fixture
def home(store: Store, tmp_path: Path) -> Path:
    """A home with the snapshots of a champion and of four nights that were refused."""
    folder = tmp_path / "home" / "snapshots" / "wages"
    folder.mkdir(parents=True)
    for number in range(1, 6):
        (folder / f"{number}.parquet").write_bytes(b"rows" * number)
    (tmp_path / "outside.parquet").touch()
    write(store, promoted(1, {"a": 1.0}, snapshot="snapshots/wages/1.parquet"))
    names = ["../outside", "snapshots/wages/2", "snapshots/wages/3", "snapshots/wages/5"]
    for number, name in enumerate(names, start=2):
        write(store, kept(number, serving(store).model_id, {}, snapshot=f"{name}.parquet"))
    return tmp_path / "home"


def nightfit(store: Store, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {
        "NIGHTFIT_DATABASE_URL": store.url,
        "NIGHTFIT_HOME": str(home),
        "NIGHTFIT_KEEP_RUNS": "2",
    }
    return WARM.run(["prune", *arguments], {**os.environ, **own}, timeout=60)


def left(home: Path) -> list[str]:
    return sorted(file.stem for file in (home / "snapshots" / "wages").iterdir())


def test_it_removes_models_and_snapshots_and_nothing_outside_their_folder(store: Store, home: Path):
    before = counts(store)
    announced = nightfit(store, home, "--dry-run")
    assert announced.stdout == "wages: 2 models (0.0 MB), 1 snapshot (0.0 MB) would be removed\n"
    assert left(home) == ["1", "2", "3", "4", "5"]
    done = nightfit(store, home, "wages", "--format", "json")
    assert done.returncode == 0
    (removed,) = json.loads(done.stdout)
    assert (removed["models"], removed["snapshots"], removed["snapshot_bytes"]) == (2, 1, 8)
    assert left(home) == ["1", "3", "4", "5"]
    assert (home.parent / "outside.parquet").exists()
    assert counts(store) == before
    assert nightfit(store, home).stdout == "wages: nothing removed\n"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_it_checks_the_database_once_a_week_and_status_shows_what_was_wrong(
    store: Store, home: Path
):
    assert "snapshots/wages/5.parquet" not in nightfit(store, home, "--dry-run").stderr
    done = nightfit(store, home)
    assert "the database is damaged: wages: The snapshot" in done.stderr
    assert f"{home}/snapshots/wages/5.parquet, which a run has read, is damaged." in done.stderr
    assert nightfit(store, home).stderr == ""  # it is checked again in a week
    settings = {"NIGHTFIT_DATABASE_URL": store.url, "NIGHTFIT_HOME": str(home)}
    status = WARM.run(["status"], {**os.environ, **settings}, timeout=60)
    assert status.returncode == 1
    assert "5.parquet, which a run has read, is damaged." in status.stderr


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_an_unknown_dataset_is_refused_before_anything_is_removed(store: Store, home: Path):
    done = nightfit(store, home, "wages", "wagse")
    assert (done.returncode, done.stdout) == (2, "")
    assert "wages" in done.stderr
    assert left(home) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_status_says_what_is_left_of_a_dataset_that_is_declared_no_more(
    store: Store, tmp_path: Path
):
    record = promoted(1, {"a": 1.0})
    key = [("id", "text")]
    write(store, replace(record, key_columns=key))
    write(store, night(2, status="failed", reason="There is no such file."))
    settings = {"NIGHTFIT_DATABASE_URL": store.url, "NIGHTFIT_DATASETS": str(tmp_path)}

    def status() -> tuple[int, str]:
        done = WARM.run(["status", "--format", "json"], {**os.environ, **settings}, timeout=60)
        (line,) = json.loads(done.stdout)
        return done.returncode, line["wrong"]

    left = " Its results stay in the table predicted_wages until you drop it."
    assert status() == (0, f"It is declared no more, so no night runs it.{left}")
    (tmp_path / "wages.yaml").write_text("{source: {path: w.csv}, key: id, target: y}")
    code, wrong = status()
    assert (code, wrong.partition(".")[0]) == (1, "There is no such file")
