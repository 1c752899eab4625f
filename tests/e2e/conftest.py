"""The command as a user runs it: in a subprocess, on files in a temporary folder."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.request import urlopen

import psutil
import pytest
from helpers.one_for_all import RUN
from helpers.page import logged_in
from helpers.serving import CHROMIUM, Served, serving
from helpers.workspace import ROOT, Workspace, free_port, outside

from regressors.frameworks.theano_on_numpy2 import compiled_folder
from tasks.report.files import reports_folder
from tasks.report.script import vega_script

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

Prefect = Literal["shared", "own", "new"]
NewWorkspace = Callable[..., Workspace]
TABLES = ROOT / ".nightfit" / f"prefect-{version('prefect')}.db"
"""Prefect's empty tables, whose making takes longer than the rest of the start of its server."""


@dataclass(frozen=True)
class Night:
    """A finished night and what it printed."""

    workspace: Workspace
    done: subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Server:
    """A Prefect server for the tests that are not about starting one."""

    process: int
    home: Path
    port: int

    def wait(self) -> str:
        """Wait until it answers, and return the address of its API."""
        api = f"http://127.0.0.1:{self.port}/api"
        limit = time.monotonic() + 300
        while True:
            try:
                with urlopen(f"{api}/health", timeout=10):
                    return api
            except OSError:
                assert psutil.pid_exists(self.process), (self.home / "log").read_text()
                assert time.monotonic() < limit, "Prefect's server does not answer"
                time.sleep(0.1)


SERVER = """
import gc
gc.disable()  # what is imported is no garbage
import os, signal, sys, threading, uvicorn
from pathlib import Path
from prefect.server.api.server import create_app
from flows.command.prefect_sqlite import writers_in_turn
sys.path.insert(0, sys.argv[2])
from helpers.one_for_all import Unused

def end_when_unused():
    Unused(Path(os.environ["PREFECT_HOME"]))(wait=True)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_when_unused, daemon=True).start()
app = create_app(final=True)
gc.enable()
gc.freeze()
with writers_in_turn():
    uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""
"""A server of Prefect with SQLite as `nightfit serve` uses it, since Prefect's own refuses many."""


@pytest.fixture(scope="session")
def prefect_server() -> Server:
    """A Prefect server, which may not answer yet; all workers of the tests use it."""
    process, home, port = RUN.server("prefect", _start_prefect).splitlines()
    return Server(int(process), Path(home), int(port))


def _start_prefect(home: Path) -> str:
    tables, port = home / "prefect.db", free_port()
    if TABLES.exists() and not tables.exists():
        shutil.copy(TABLES, tables)
    quiet = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    }
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port), str(ROOT / "tests")],
            env={**outside(), **quiet},
            stdout=log,
            stderr=log,
        )
    if not TABLES.exists():
        Server(process.pid, home, port).wait()
        made = TABLES.with_name(f"prefect-{os.getpid()}.db")
        made.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(tables)) as theirs, closing(sqlite3.connect(made)) as ours:
            theirs.backup(ours)
        made.replace(TABLES)
    return f"{process.pid}\n{home}\n{port}"


@pytest.fixture(scope="session")
def new_workspace(tmp_path_factory: pytest.TempPathFactory, prefect_server: Server) -> NewWorkspace:
    """A function that makes workspaces, which share what takes seconds to make.

    That is Theano's compiled code, the script of a report, and a Prefect server.
    With `prefect="own"` or "new", a command starts its own Prefect server, as it does for a user:
    in a folder that already has Prefect's tables, or in one that Prefect has never seen.
    """
    compiled = compiled_folder(ROOT / ".nightfit")
    compiled.mkdir(parents=True, exist_ok=True)

    def make(*, samples: bool = False, prefect: Prefect = "shared") -> Workspace:
        api = None if prefect == "new" else prefect_server.wait()
        folder = tmp_path_factory.mktemp("workspace")
        workspace = Workspace(folder, api if prefect == "shared" else None)
        workspace.home.mkdir()
        if prefect == "own":
            (workspace.home / "prefect").mkdir()
            shutil.copy(TABLES, workspace.home / "prefect" / "prefect.db")
        if prefect != "new":
            reports = reports_folder(ROOT / ".nightfit")
            vega_script(reports)  # once, as for a developer's own reports
            reports_folder(workspace.home).mkdir()
            for script in reports.glob("vega-*"):
                shutil.copy(script, reports_folder(workspace.home))
        compiled_folder(workspace.home).symlink_to(compiled, target_is_directory=True)
        if samples:
            shutil.copytree(ROOT / "data" / "datasets", workspace.folder / "datasets")
            shutil.copytree(ROOT / "data" / "samples", workspace.folder / "samples")
        else:
            (workspace.folder / "datasets").mkdir()
        return workspace

    return make


@pytest.fixture(scope="session")
def night(new_workspace: NewWorkspace) -> Night:
    """A user's first night on the three samples, which no test changes."""
    workspace = new_workspace(samples=True, prefect="new")
    return Night(workspace, workspace.run("nightly"))


@pytest.fixture(scope="session")
def served(new_workspace: NewWorkspace) -> Iterator[Served]:
    """A `nightfit serve` in a home that Prefect has never seen; no test ends it."""
    workspace = new_workspace(prefect="new")
    shutil.rmtree(workspace.home)
    with serving(workspace, "--port", str(free_port())) as running:
        yield running


@pytest.fixture(scope="module")
def browser(served: Served) -> "Iterator[BrowserContext]":
    """A browser in which somebody has logged in to `served`; a file of tests shares it."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with logged_in(served) as context:
        yield context


@pytest.fixture
def page(browser: "BrowserContext") -> "Iterator[Page]":
    """A new tab of `browser`."""
    tab = browser.new_page()
    yield tab
    tab.close()
