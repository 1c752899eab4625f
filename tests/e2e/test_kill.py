"""A night that is killed leaves no partial run and no process, and the next one succeeds."""

import signal
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from helpers.prefect_api import ask, run_of
from helpers.serving import wait_until
from helpers.warm_command import COMMAND
from helpers.workspace import ROOT, outside

from flows.command.temporary_server import APP

QUICK = """\
source: {{path: {name}.csv}}
key: row
target: y
ann: {{hidden: [8]}}
candidates: {{frameworks: [{frameworks}], kinds: [{kinds}]}}
"""
SLOW = QUICK.replace("[8]", "[1024, 1024]")


def rows(count):
    return "row,x,y\n" + "\n".join(f"{i},{i % 997},{2 * (i % 997) + i % 3}" for i in range(count))


FEW, MANY = rows(400), rows(20_000)
COUNTS = " UNION ALL ".join(
    f"SELECT count(*) FROM {table}"
    for table in ("run", "model", "score", "coefficient", "prediction", "promotion")
)


def start(workspace):
    return subprocess.Popen(
        [str(COMMAND), "nightly"],
        env=workspace.environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def wait_for(process, text):
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"the night ended before it printed {text!r}")


def wait_for_fits(process):
    """Wait until the framework workers have computed for a second; they have minutes to go."""
    first = None
    while first is None or spent(process) < first + 1:
        assert process.poll() is None
        first = spent(process) if first is None else first
        time.sleep(0.1)


def spent(process):
    """Return the processor time of the framework workers, in seconds."""
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in children if "multiprocessing.spawn" in " ".join(child.cmdline())]
    return sum(sum(worker.cpu_times()[:2]) for worker in workers)


def answers_of_its_server(process):
    """Return what another user gets from the server that Prefect has started for the night."""
    children = psutil.Process(process.pid).children(recursive=True)
    (server,) = [child for child in children if APP in child.cmdline()]
    ports = [c.laddr.port for c in server.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    requests = [("GET", path, None) for path in ("health", "version", "csrf-token?client=other")]
    return {
        (method, path, body): _status(f"http://127.0.0.1:{ports[0]}/api/{path}", method, body)
        for method, path, body in [*requests, ("POST", "flow_runs/filter", b"{}")]
    }


def _status(url, method, body):
    request = Request(url, body, {"Content-Type": "application/json"}, method=method)
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def kill(process, number):
    """Send a signal; return the processes of the night that are left."""
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.send_signal(number)
    process.wait(timeout=120)
    process.stderr.close()
    _, alive = psutil.wait_procs(family, timeout=60)
    return [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_night_killed_during_its_fits_leaves_only_whole_runs_and_the_next_one_succeeds(
    new_workspace, prefect_server
):
    workspace = new_workspace(prefect="own")
    quick = {"frameworks": "torch, theano", "kinds": "least_squares"}
    workspace.declare("one", QUICK.format(name="one", **quick), FEW)
    slow = SLOW.format(name="two", frameworks="torch", kinds="ann")
    workspace.declare("two", slow, MANY)
    process = start(workspace)
    wait_for(process, "two: split")
    wait_for_fits(process)
    assert answers_of_its_server(process) == {
        ("GET", "health", None): 200,
        ("GET", "version", None): 401,
        ("GET", "csrf-token?client=other", None): 401,
        ("POST", "flow_runs/filter", b"{}"): 403,
    }
    shared = prefect_server.wait()
    busy = workspace.run("retrain", "two", "--no-wait", PREFECT_API_URL=shared)
    assert busy.returncode == 1
    assert "is working on it" in busy.stderr
    assert "--no-wait" in busy.stderr
    assert kill(process, signal.SIGKILL) == []
    run, model, _, _, prediction, promotion = [count for (count,) in workspace.sql(COUNTS)]
    assert (run, model, prediction, promotion) == (1, 2, 400, 1)
    status = workspace.run("status")
    assert status.returncode == 1
    assert "two      killed" in status.stdout
    assert "The night that began on" in status.stderr
    workspace.declare("two", QUICK.format(name="two", **quick))
    done = workspace.run("nightly", PREFECT_API_URL=shared)
    assert done.returncode == 0, done.stderr
    assert f"was killed (process {process.pid} on " in done.stdout
    assert [*(workspace.folder / "home" / "running").iterdir()] == []
    status = workspace.run("status")
    assert (status.returncode, status.stderr) == (0, "")
    runs = workspace.sql("SELECT dataset, status FROM run ORDER BY run_id")
    assert runs == [("one", "succeeded"), ("one", "skipped"), ("two", "succeeded")]


KEPT = """
import pathlib, sys, time
from data.run_notes import RunNote, noted
from data.scratch import temporary_files
from flows.command.process_keeper import start_keeper

home = pathlib.Path(sys.argv[1])
start_keeper(home)
with temporary_files(home), noted(home, RunNote("nightly", "", flow_run=sys.argv[2])):
    print("begun", flush=True)
    time.sleep(600)
"""


def test_prefects_page_soon_shows_a_killed_night_as_crashed_and_its_files_are_gone(
    prefect_server, tmp_path
):
    api = prefect_server.wait()
    night = run_of(api, "nightly", "RUNNING", "")
    part = run_of(api, "retrain", "RUNNING", "", night, dataset="shop")
    done = run_of(api, "retrain", "COMPLETED", "stored", night, dataset="line")
    process = subprocess.Popen(
        [sys.executable, "-c", KEPT, tmp_path, night],
        env={**outside(), "PYTHONPATH": str(ROOT), "PREFECT_API_URL": api},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline()
    assert [*(tmp_path / "tmp").iterdir()]
    process.kill()
    process.communicate()

    def states():
        return [ask(api, f"flow_runs/{run}")["state"] for run in (night, part, done)]

    wait_until(lambda: [state["type"] for state in states()] == ["CRASHED", "CRASHED", "COMPLETED"])
    assert f"It was killed (process {process.pid} on " in states()[1]["message"]
    assert [*(tmp_path / "tmp").iterdir()] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_night_ended_by_a_signal_stores_nothing_and_leaves_no_process(new_workspace, number):
    workspace = new_workspace()
    workspace.declare("one", SLOW.format(name="one", frameworks="torch", kinds="ann"), MANY)
    process = start(workspace)
    wait_for(process, "one: split")
    wait_for_fits(process)
    assert kill(process, number) == []
    assert workspace.sql(COUNTS) == [(0,)] * 6
