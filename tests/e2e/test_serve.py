"""`nightfit serve` as its operator uses it: the page in a real browser, and nothing left behind."""

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psutil
import pytest
import yaml
from helpers.warm_command import COMMAND
from helpers.workspace import ROOT, Workspace, free_port

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
LINE = """\
source: {path: line.csv}
key: row
target: y
candidates: {frameworks: [torch], kinds: [least_squares]}
"""
ROWS = "row,x,y\n" + "\n".join(f"{i},{i % 13},{3 * (i % 13) + i % 2}" for i in range(120))
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

    def ask(self, path, **body):
        """Return what the server's API answers to a GET, or to a POST if there is a body.

        If the server's database is busy, ask again, as Prefect's own client does.
        """
        api = self.workspace.api or f"{self.page}/api"
        data = json.dumps(body).encode() if body else None
        request = Request(f"{api}/{path}", data, {"Content-Type": "application/json"})

        def answer():
            try:
                with urlopen(request, timeout=60) as answered:
                    return [json.load(answered)]
            except HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                return []

        return wait_until(answer)[0]

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
    workspace.declare("line", LINE, ROWS)
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
    page = ""
    for line in process.stdout:
        if "page is at" in line:
            page = line.split()[-1]
        if "Ctrl-C" in line:
            break
    assert page, errors.read_text()
    return Served(workspace, process, page, errors, errors.read_text().splitlines())


def wait_until(ready):
    """Return the first true answer; it may take seconds, and under load minutes."""
    limit = time.monotonic() + 300
    while not (answer := ready()):
        assert time.monotonic() < limit
        time.sleep(0.2)
    return answer


def start_slow_night(served):
    """Start a night by hand; return once it is busy with a fit that would take minutes."""
    log = served.workspace.home / "logs" / "worker-torch.log"
    log.unlink(missing_ok=True)
    nightly = served.ask("deployments/name/nightly/nightly")
    night = served.ask(
        f"deployments/{nightly['id']}/create_flow_run", parameters={"datasets": ["slow"]}
    )
    wait_until(log.exists)
    assert served.ask(f"flow_runs/{night['id']}")["state_type"] == "RUNNING"


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


@pytest.fixture(scope="module")
def served(new_workspace):
    """A server with a worker, in a home that Prefect has never seen; no test ends it."""
    workspace = new_workspace(prefect="new")
    shutil.rmtree(workspace.home)
    with serving(workspace, "--port", str(free_port())) as running:
        yield running


def test_first_start_prints_its_three_steps_and_nothing_else(served):
    assert served.start == [
        "starting Prefect's server …",
        "starting the worker …",
        "deploying prefect.yaml …",
    ]


def test_scheduler_plans_the_coming_nights(served):
    planned = {
        "deployments": {"name": {"any_": ["nightly"]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_ASC",
    }
    runs = wait_until(lambda: served.ask("flow_runs/filter", **planned))
    starts = [datetime.fromisoformat(run["expected_start_time"]) for run in runs]
    assert {(start.astimezone(UTC).hour, start.minute) for start in starts} == {(2, 0)}
    assert timedelta(0) < starts[0] - datetime.now(UTC) <= timedelta(days=1)
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(days=1)}


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_run_is_started_from_the_page_and_found_in_the_store(served):
    from playwright.sync_api import sync_playwright

    urls = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.context.on("request", lambda request: urls.append(request.url))
        page.on("websocket", lambda opened: urls.append(opened.url))
        page.goto(f"{served.page}/deployments")
        page.get_by_role("link", name="retrain").last.click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("Custom run").first.click()
        page.locator("textarea").first.fill("line")
        page.get_by_role("button", name="Submit").click()
        done = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
        wait_until(lambda: served.ask("flow_runs/filter", **done))
        page.reload()  # by itself it refreshes every 30 seconds
        page.get_by_text("Completed").first.wait_for(timeout=60_000)
        browser.close()
    assert served.workspace.sql("SELECT dataset, status FROM run") == [("line", "succeeded")]
    assert served.workspace.sql("SELECT flow_run_id IS NOT NULL FROM run") == [(1,)]
    hosts = {urlsplit(url).hostname for url in urls if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}, "the page contacts another host"


def test_ctrl_c_during_a_run_leaves_no_process_and_no_running_state(new_workspace):
    with serving(new_workspace(prefect="own"), "--port", str(free_port())) as served:
        start_slow_night(served)
        assert end(served, signal.SIGINT) == []
    assert served.process.returncode == 0
    assert served.last_night() == [("retrain", "CRASHED"), ("nightly", "CRASHED")]
    assert served.errors.read_text().splitlines()[-1] == "Stopping …"
    assert served.workspace.sql("SELECT count(*) FROM run WHERE dataset = 'slow'") == [(0,)]


@dataclass(frozen=True)
class Killed:
    """A server that was killed during a run: the processes it left, and its flow runs' states."""

    workspace: Workspace
    remaining: list[psutil.Process]
    last_night: list[tuple[str, str]]


@pytest.fixture(scope="module")
def killed(new_workspace):
    with serving(new_workspace(prefect="own"), "--port", str(free_port())) as running:
        start_slow_night(running)
        return Killed(running.workspace, end(running, signal.SIGKILL), running.last_night())


@dataclass(frozen=True)
class Restarted:
    """A server that was started where another had been killed, and whose own Prefect server died.

    `last_night` has the flow runs' states once it was ready; `remaining` are the processes it left.
    """

    last_night: list[tuple[str, str]]
    remaining: list[psutil.Process]
    exit_code: int
    errors: list[str]


@pytest.fixture(scope="module")
def restarted(killed):
    with serving(killed.workspace, "--port", str(free_port())) as running:
        last_night, started = running.last_night(), family(running.process)
        (server,) = [p for p in started if "server" in p.cmdline()]
        server.kill()
        remaining = left(running, started)
    errors = running.errors.read_text().splitlines()
    return Restarted(last_night, remaining, running.process.returncode, errors)


def test_killed_server_leaves_no_process(killed):
    assert killed.remaining == []
    assert killed.last_night == [("retrain", "RUNNING"), ("nightly", "RUNNING")]


def test_next_server_marks_the_killed_runs_as_crashed(restarted):
    assert restarted.last_night == [("retrain", "CRASHED"), ("nightly", "CRASHED")]


def test_death_of_prefects_server_ends_the_command_with_one_sentence(restarted):
    assert restarted.remaining == []
    assert restarted.exit_code == 1
    last = restarted.errors[-2:]
    assert last[0] == "Stopping …"
    assert last[1].startswith("nightfit: Prefect's server ended by itself, with exit code -9.")


def test_server_of_the_users_own_is_used_and_left_running(new_workspace):
    with serving(new_workspace(), "--port", "1") as running:
        assert running.page == running.workspace.api.removesuffix("/api")
        assert running.ask("work_pools/nightfit")["status"] == "READY"
        assert [p for p in family(running.process) if "server" in p.cmdline()] == []
        assert end(running, signal.SIGTERM) == []
    assert running.process.returncode == 0
    assert running.ask("health") is True


def test_taken_port_is_reported_in_one_sentence(new_workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = new_workspace(prefect="new").run("serve", "--port", str(port))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_deployments_are_what_the_documentation_says():
    described = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    nightly, retrain = described["deployments"]
    assert nightly["schedules"][0]["cron"] == "0 2 * * *"
    assert nightly["schedules"][0]["timezone"] == "UTC"
    assert nightly["concurrency_limit"]["limit"] == 1
    assert retrain["name"] == "retrain"
    assert "02:00 UTC" in (ROOT / "docs" / "operations.md").read_text()
