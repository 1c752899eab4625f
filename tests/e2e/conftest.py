"""The command as a user runs it: a subprocess, on copies of the samples in a temporary folder."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("nightfit")


Prefect = Literal["shared", "own", "new"]


@dataclass(frozen=True)
class Place:
    """A folder of a user's own: declarations, a database and a home."""

    folder: Path
    api: str | None = None

    @property
    def database(self) -> Path:
        """Return the database file."""
        return self.folder / "store.db"

    @property
    def home(self) -> Path:
        """Return the folder of snapshots, logs and the like."""
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a command run here."""
        return {
            **outside(),
            "NIGHTFIT_DATABASE_URL": f"sqlite:///{self.database}",
            "NIGHTFIT_HOME": str(self.home),
            "NIGHTFIT_DATASETS": str(self.folder / "datasets"),
            **({"PREFECT_API_URL": self.api} if self.api else {}),
        }

    def run(self, *args: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `nightfit ARGS`; `settings` overrule the environment."""
        return subprocess.run(
            [str(COMMAND), *args],
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def raw(self, *args: str, **settings: str) -> bytes:
        """Return what `nightfit ARGS` prints, byte by byte; it must not fail."""
        environment = {**self.environment, **settings}
        command = [str(COMMAND), *args]
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        return done.stdout

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

    def change(self, statement: str) -> None:
        """Change what is stored, as nobody should."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(statement)

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


@dataclass(frozen=True)
class Server:
    """A Prefect server for those tests that are not about Prefect's server."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int

    def wait(self) -> str:
        """Return its address once it answers there."""
        api = f"http://127.0.0.1:{self.port}/api"
        limit = time.monotonic() + 300
        while True:
            try:
                with urlopen(f"{api}/health", timeout=10):
                    return api
            except OSError:
                assert self.process.poll() is None, (self.home / "log").read_text()
                assert time.monotonic() < limit, "Prefect's server does not answer"
                time.sleep(0.1)

    def copy_tables(self, folder: Path) -> None:
        """Spare a server whose folder this is to be the seconds that making its tables takes."""
        folder.mkdir(parents=True)
        with (
            closing(sqlite3.connect(self.home / "prefect.db")) as ours,
            closing(sqlite3.connect(folder / "prefect.db")) as theirs,
        ):
            ours.backup(theirs)


def outside() -> dict[str, str]:
    """Return our environment without what a developer may have set for a nightfit of their own."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTFIT_", "PREFECT_"))}


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a Prefect server, which may not answer yet; end it with the session."""
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    quiet = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    }
    arguments = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            env={**outside(), **quiet},
            stdout=log,
            stderr=log,
        )
    try:
        yield Server(process, home, port)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def new_place(tmp_path_factory: pytest.TempPathFactory, prefect_server: Server) -> Any:
    """Return a maker of places; they share Theano's compiled code.

    They share a Prefect server, too. `prefect="own"` leaves a command to start its own, as it does
    for a user, in a folder that one has used before; "new" in a folder that none has.
    """
    (ROOT / ".nightfit").mkdir(exist_ok=True)

    def make(*, samples: bool = False, prefect: Prefect = "shared") -> Place:
        api = None if prefect == "new" else prefect_server.wait()
        place = Place(tmp_path_factory.mktemp("place"), api if prefect == "shared" else None)
        place.home.mkdir()
        if prefect == "own":
            prefect_server.copy_tables(place.home / "prefect")
        for compiled in (ROOT / ".nightfit").glob("theano-*"):
            (place.home / compiled.name).symlink_to(compiled, target_is_directory=True)
        if samples:
            shutil.copytree(ROOT / "data" / "datasets", place.folder / "datasets")
            shutil.copytree(ROOT / "data" / "samples", place.folder / "samples")
        else:
            (place.folder / "datasets").mkdir()
        return place

    return make


def spend_night(place: Place, *options: str) -> Night:
    """Retrain the three samples."""
    return Night(place, place.run("nightly", *options))


AHEAD: dict[str, Callable[[Any], Any]] = {
    "night": lambda new_place: spend_night(new_place(samples=True, prefect="new")),
    "second_night": lambda new_place: spend_night(new_place(samples=True), "--format", "json"),
}


@pytest.fixture(scope="session", autouse=True)
def ahead(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Any]]]:
    """Do what takes long beside the tests before those that ask for it, one thing at a time.

    A module names such things in AHEAD: a fixture, and a function of `new_place` that makes it.
    """
    items = request.session.items
    chosen = {name for item in items for name in item.fixturenames}
    makers = dict(AHEAD)
    for module in dict.fromkeys(item.module for item in items):
        makers.update(getattr(module, "AHEAD", {}))
    wanted = {name: make for name, make in makers.items() if name in chosen}
    new_place = request.getfixturevalue("new_place") if wanted else None
    with ThreadPoolExecutor(max_workers=1) as one_at_a_time:
        yield {name: one_at_a_time.submit(make, new_place) for name, make in wanted.items()}
        one_at_a_time.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def night(ahead: dict[str, Future[Any]]) -> Night:
    """Return a finished night on the three samples, a user's first; tests only look at it."""
    return ahead["night"].result()


@pytest.fixture(scope="session")
def second_night(ahead: dict[str, Future[Any]]) -> Night:
    """Return another one, on the same samples in another place."""
    return ahead["second_night"].result()
