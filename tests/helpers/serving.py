"""A running `nightfit serve`: its API, its browser, and the processes that belong to it."""

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from base64 import b64encode
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
from helpers.prefect_api import ask
from helpers.warm_command import COMMAND
from helpers.workspace import LINE, LINE_ROWS, Workspace

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARK = "NIGHTFIT_FAMILY"
SLOW = """\
source: {path: slow.csv}
key: row
target: y
ann: {hidden: [1024, 1024]}
candidates: {frameworks: [torch], kinds: [ann]}
"""
MANY = "row,x,y\n" + "\n".join(f"{i},{i % 997},{2 * (i % 997) + i % 3}" for i in range(20_000))


@dataclass(frozen=True)
class Served:
    """A running `nightfit serve` and the address it printed."""

    workspace: Workspace
    process: subprocess.Popen[str]
    page: str
    errors: Path
    start: list[str]
    """What it had written to standard error when it was ready."""
    printed: list[str]
    """What it had printed by then."""

    @property
    def api(self):
        """Return the address of the server's API."""
        return self.workspace.api or f"{self.page}/api"

    @property
    def login(self):
        """Return what a person enters on the page, as he reads it in the file."""
        return (self.workspace.home / "prefect-login").read_text().strip()

    @cached_property
    def passport(self):
        """Return the headers of a client that is logged in and has fetched its CSRF token."""
        if self.workspace.api:  # a server of the user's own, which asks for neither
            return {}
        encoded = b64encode(self.login.encode()).decode()
        client = {"Authorization": f"Basic {encoded}", "Prefect-Csrf-Client": "tests"}
        with urlopen(Request(f"{self.api}/csrf-token?client=tests", headers=client)) as answered:
            return {**client, "Prefect-Csrf-Token": json.load(answered)["token"]}

    def ask(self, path, *, method=None, **body):
        """Return what the server's API answers to a GET, or to a POST if there is a body.

        If the server's database is busy, ask again, as Prefect's own client does.
        """
        return ask(self.api, path, method=method, headers=self.passport, **body)

    def last_night(self):
        """Return the states of the last night's two flow runs in the server's database."""
        with closing(sqlite3.connect(self.workspace.home / "prefect" / "prefect.db")) as connection:
            return connection.execute(
                "SELECT flow.name, flow_run.state_type FROM flow_run JOIN flow"
                " ON flow.id = flow_run.flow_id WHERE flow_run.state_type != 'SCHEDULED'"
                " ORDER BY flow_run.created DESC LIMIT 2"
            ).fetchall()


@contextmanager
def serving(workspace, *options):
    """Start `nightfit serve` in a workspace, yield it when it is ready, and end it if necessary."""
    served = serve(workspace, *options)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            end(served, signal.SIGTERM)


def serve(workspace, *options):
    workspace.declare("line", LINE, LINE_ROWS)
    workspace.declare("slow", SLOW, MANY)
    errors = workspace.folder / "errors"
    with errors.open("w") as stream:
        process = subprocess.Popen(
            [str(COMMAND), "serve", *options],
            env=workspace.environment,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        )
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "Ctrl-C" in line:
            break
    assert printed, errors.read_text()
    page = printed[0].split()[-1]
    return Served(workspace, process, page, errors, errors.read_text().splitlines(), printed)


def wait_until(ready):
    """Return the first true answer; it may take seconds, and under load minutes."""
    limit = time.monotonic() + 300
    while not (answer := ready()):
        assert time.monotonic() < limit
        time.sleep(0.2)
    return answer


def start_slow_night(served):
    """Start a night by hand; return its flow run once it is busy with a fit that takes minutes."""
    log = served.workspace.home / "logs" / "worker-torch.log"
    log.unlink(missing_ok=True)
    nightly = served.ask("deployments/name/nightly/nightly")
    night = served.ask(
        f"deployments/{nightly['id']}/create_flow_run", parameters={"datasets": ["slow"]}
    )
    wait_until(log.exists)
    assert served.ask(f"flow_runs/{night['id']}")["state_type"] == "RUNNING"
    return night["id"]


def end(served, *numbers):
    """Send signals; return which of the processes that it started survive it."""
    started = family(served.process)
    assert started
    for number in numbers:
        served.process.send_signal(number)
    return left(served, started)


def left(served, started):
    """Return which of these processes survive the end of `nightfit serve`."""
    served.process.wait(timeout=120)
    served.process.stdout.close()
    _, alive = psutil.wait_procs(started, timeout=60)
    return [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def family(process):
    """Return the running processes that `nightfit serve` has started, by their mark."""
    children = psutil.Process(process.pid).children(recursive=True)
    (mark,) = {_mark(child) for child in children} - {None}
    return [p for p in psutil.process_iter() if _mark(p) == mark]


def _mark(process):
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


@contextmanager
def chromium(*arguments):
    """Yield a browser with its own profile, in which nobody is logged in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments]
        )
        with closing(browser):
            yield browser


def log_in(page, login):
    """Enter the login where Prefect's page asks for it."""
    page.get_by_placeholder("admin:pass").fill(login)
    page.get_by_role("button", name="Login").click()
