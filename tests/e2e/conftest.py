"""The command as a user runs it: a subprocess, on copies of the samples in a temporary folder."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("nightfit")


@dataclass(frozen=True)
class Place:
    """A folder of a user's own: declarations, a database and a home."""

    folder: Path
    prefect_home: Path

    @property
    def database(self) -> Path:
        """Return the database file."""
        return self.folder / "store.db"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a command run here."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("NIGHTFIT_", "PREFECT_"))},
            "NIGHTFIT_DATABASE_URL": f"sqlite:///{self.database}",
            "NIGHTFIT_HOME": str(self.folder / "home"),
            "NIGHTFIT_DATASETS": str(self.folder / "datasets"),
            "PREFECT_HOME": str(self.prefect_home),
        }

    def run(self, *args: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `nightfit ARGS`; `settings` overrule the environment."""
        return subprocess.run(
            [str(COMMAND), *args],
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def declare(self, name: str, text: str, rows: str | bytes | None = None) -> None:
        """Write a declaration and, where given, its source as `name`.csv."""
        (self.folder / "datasets" / f"{name}.yaml").write_text(text)
        if rows is not None:
            source = self.folder / "datasets" / f"{name}.csv"
            source.write_bytes(rows.encode() if isinstance(rows, str) else rows)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, as any SQLite client would get them."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(statement).fetchall()

    def query(self, view: str, *options: str) -> list[dict[str, Any]]:
        """Return what `nightfit query VIEW --format json` prints."""
        done = self.run("query", view, "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Night:
    """A finished night and what it printed."""

    place: Place
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def new_place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a maker of places; they share Prefect's folder and Theano's compiled code."""
    prefect_home = tmp_path_factory.mktemp("prefect")
    (ROOT / ".nightfit").mkdir(exist_ok=True)

    def make(*, samples: bool = False) -> Place:
        folder = tmp_path_factory.mktemp("place")
        (folder / "home").mkdir()
        for compiled in (ROOT / ".nightfit").glob("theano-*"):
            (folder / "home" / compiled.name).symlink_to(compiled, target_is_directory=True)
        if samples:
            shutil.copytree(ROOT / "data" / "datasets", folder / "datasets")
            shutil.copytree(ROOT / "data" / "samples", folder / "samples")
        else:
            (folder / "datasets").mkdir()
        return Place(folder, prefect_home)

    return make


@pytest.fixture(scope="session")
def night(new_place: Any, workers: Any) -> Night:
    """Return one finished night on the three samples, shared by all who only look at it."""
    place = new_place(samples=True)
    return Night(place, place.run("nightly"))
