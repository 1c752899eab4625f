"""`nightfit serve` as an operator meets it: the page in a real browser, and nothing left behind."""

import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass

import psutil
import pytest
import yaml
from conftest import COMMAND, ROOT, Place

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


@dataclass(frozen=True)
class Served:
    """A running `nightfit serve` and the address it printed."""

    place: Place
    process: subprocess.Popen[str]
    page: str
    port: int


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(new_place, errors):
    """Start `nightfit serve` on a place with one small data set; return when it is ready."""
    made = new_place()
    place = Place(made.folder, made.folder / "prefect")  # two servers cannot share Prefect's folder
    place.declare("line", LINE, ROWS)
    port = free_port()
    with errors.open("w") as stream:
        process = subprocess.Popen(
            [str(COMMAND), "serve", "--port", str(port)],
            env=place.environment,
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
    return Served(place, process, page, port)


def end(served, number):
    """Send a signal; return which of the processes that were started are still there."""
    started = family(served.process)
    assert len(started) >= 2
    served.process.send_signal(number)
    served.process.wait(timeout=60)
    served.process.stdout.close()
    _, alive = psutil.wait_procs(started, timeout=30)
    return [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def served(new_place, tmp_path_factory):
    """Yield a server with a worker; at its end, SIGTERM leaves no process."""
    running = serve(new_place, tmp_path_factory.mktemp("serve") / "errors")
    yield running
    assert end(running, signal.SIGTERM) == []


def family(process):
    """Return the living processes that `nightfit serve` has started, by the mark they carry."""
    children = psutil.Process(process.pid).children(recursive=True)
    (mark,) = {_mark(child) for child in children} - {None}
    return [p for p in psutil.process_iter() if _mark(p) == mark]


def _mark(process):
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
def test_run_is_started_from_the_page_and_found_in_the_store(served):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{served.page}/deployments")
        page.get_by_role("link", name="retrain").last.click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("Custom run").first.click()
        page.locator("textarea").first.fill("line")
        page.get_by_role("button", name="Submit").click()
        page.get_by_text("Completed").first.wait_for(timeout=60_000)
        browser.close()
    assert served.place.sql("SELECT dataset, status FROM run") == [("line", "succeeded")]
    assert served.place.sql("SELECT flow_run_id IS NOT NULL FROM run") == [(1,)]


def test_taken_port_is_one_sentence(new_place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = new_place().run("serve", "--port", str(port))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_killed_server_leaves_no_process(new_place, tmp_path):
    assert end(serve(new_place, tmp_path / "errors"), signal.SIGKILL) == []


def test_deployments_are_what_the_documentation_says():
    described = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    nightly, retrain = described["deployments"]
    assert nightly["schedules"][0]["cron"] == "0 2 * * *"
    assert nightly["schedules"][0]["timezone"] == "UTC"
    assert nightly["concurrency_limit"]["limit"] == 1
    assert retrain["name"] == "retrain"
    assert "02:00 UTC" in (ROOT / "docs" / "operations.md").read_text()
