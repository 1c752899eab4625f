"""Prefect's server is lost amid a run: the work goes on, and ends soon and truly without it."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
from helpers.cut_line import cuttable
from helpers.serving import wait_until
from helpers.warm_command import COMMAND
from helpers.workspace import LINE, LINE_ROWS

from flows.command.temporary_server import APP

TESTS = Path(__file__).parents[1]

FLOWS = """
import json, os, socket, sys, time, logging
from prefect import flow, task, runtime
from prefect.cache_policies import NO_CACHE
from data.errors import NothingFitted
from flows import lost_server
from flows.lost_server import NotBegun, finished, outlasting, server_was_lost
from helpers.cut_line import Line
logging.getLogger("nightfit").addHandler(logging.StreamHandler(sys.stderr))
logging.getLogger("nightfit").propagate = False

lost_server.ANSWER_SECONDS, lost_server.PAUSES = 1.0, (0.0, 0.2)
port, mode = int(sys.argv[1]), None
line = Line(lambda: socket.create_connection(("127.0.0.1", port)))

def lose():
    setattr(line, mode, True)
    line.cut()

@task(cache_policy=NO_CACHE)
def step(x):
    return x + 1

@flow
@outlasting
def inner(x: int, loses: bool = False, fails: bool = False) -> int:
    first = step.submit(x).result()
    if loses:
        lose()
    if fails:
        raise NothingFitted("nothing could be fitted")
    return step.submit(first).result()

@flow
@outlasting
def outer() -> list:
    results = [finished(inner, 1), finished(inner, 10, loses=True)]
    try:
        finished(inner, 20, fails=True)
    except NothingFitted as error:
        results.append(str(error))
    setattr(line, mode, False)
    results.append(finished(inner, 30))
    own = runtime.flow_run.id
    lose()
    results.append(finished(inner, 40))
    return results

@flow
@outlasting
def interrupted() -> None:
    lose()
    raise KeyboardInterrupt

from prefect.settings import temporary_settings, PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES
api = {PREFECT_API_URL: f"http://127.0.0.1:{line.port}/api", PREFECT_CLIENT_MAX_RETRIES: 0}
found = {}
for mode in ("refuses", "hangs"):
    with temporary_settings(api):
        results = finished(outer)
        setattr(line, mode, False)
        start = time.monotonic()
        try:
            finished(interrupted)
        except KeyboardInterrupt:
            ended_in = time.monotonic() - start
        not_begun = False
        if mode == "refuses":
            try:
                finished(inner, 1)
            except NotBegun:
                not_begun = True
    setattr(line, mode, False)
    found[mode] = [results, server_was_lost(), ended_in, not_begun]
print(json.dumps(found), flush=True)
os._exit(0)
"""


def test_a_flow_ends_with_its_own_result_whatever_becomes_of_the_server(prefect_server):
    prefect_server.wait()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{TESTS.parent}:{TESTS}",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
        "PREFECT_HOME": str(prefect_server.home),
    }
    done = subprocess.run(
        [sys.executable, "-c", FLOWS, str(prefect_server.port)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for mode, (results, lost, ended_in, not_begun) in json.loads(done.stdout).items():
        assert results == [3, 12, "nothing could be fitted", 32, 42]
        assert lost
        assert ended_in < 30, "Ctrl-C waits for a server that does not answer"
        assert not_begun == (mode == "refuses")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("the work goes on without it") == 1


def test_a_night_that_loses_its_server_stores_its_runs_and_ends_truly(
    new_workspace, prefect_server
):
    workspace = new_workspace()
    text = (
        "source: {path: one.csv}\nkey: id\ntarget: y\n"
        "candidates: {frameworks: [torch], kinds: [least_squares]}\n"
    )
    rows = "id,x,y\n" + "\n".join(f"{i},{i % 7},{2 * (i % 7) + i % 3}" for i in range(60))
    workspace.declare("one", text, rows)
    workspace.declare("two", text.replace("one.csv", "missing.csv"))
    port = prefect_server.port
    with cuttable(lambda: socket.create_connection(("127.0.0.1", port))) as line:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.command.start", "nightly"],
            env={**workspace.environment, "PREFECT_API_URL": f"http://127.0.0.1:{line.port}/api"},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        printed, stored_at = [], None
        for printed_line in process.stderr:
            printed.append(printed_line)
            if "one: split" in printed_line:
                line.hangs = True
                line.cut()
            if "two: failed" in printed_line:
                stored_at = time.monotonic()
        output = process.stdout.read()
        assert process.wait(timeout=60) == 1
    assert stored_at is not None
    assert time.monotonic() - stored_at < 100
    assert "Traceback" not in "".join(printed) + output
    assert "does not answer any more" in "".join(printed)
    assert "missing.csv" in output
    runs = workspace.sql("SELECT dataset, status FROM run ORDER BY run_id")
    assert runs == [("one", "succeeded"), ("two", "failed")]


def test_a_server_that_ends_while_it_starts_ends_the_night_with_one_sentence(new_workspace):
    workspace = new_workspace(prefect="own")
    workspace.declare("line", LINE, LINE_ROWS)
    night = subprocess.Popen(
        [str(COMMAND), "nightly"], env=workspace.environment, stderr=subprocess.PIPE, text=True
    )

    def servers():
        children = psutil.Process(night.pid).children(recursive=True)
        return [child for child in children if APP in child.cmdline()]

    wait_until(servers)[0].kill()
    _, messages = night.communicate(timeout=60)  # Prefect would wait for two minutes
    assert night.returncode == 1
    (line,) = messages.splitlines()
    assert "Prefect's own server did not start: it ended with the exit code -9." in line
