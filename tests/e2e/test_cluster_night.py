"""A night on a cluster has the digits of one without, and ends in sentences where it cannot be."""

import json
import os
import signal
import subprocess

import psutil
import pytest
from helpers.alarm_recipients import webhook
from helpers.serving import wait_until
from helpers.warm_command import COMMAND
from helpers.workspace import LINE, LINE_ROWS

from data.store.database.lock import dataset_lock

MODELS = " FROM model JOIN run USING (run_id)"
DIGITS = (
    f"SELECT dataset, framework, kind, rank, chosen, hex(artifact), hex(twin) {MODELS}",
    "SELECT dataset, framework, kind, term, estimate, standard_error, p, robust_standard_error"
    f" {MODELS} JOIN coefficient USING (model_id)",
    "SELECT dataset, framework, kind, rows, n, rmse, rmse_low, rmse_high, mae, coverage"
    " FROM score JOIN model USING (model_id) JOIN run ON run.run_id = score.run_id",
    "SELECT dataset, key, actual, predicted, lower, upper, role FROM prediction",
)
"""What two nights on the same rows have in common, whatever computed it, and in which order."""

TWO_KINDS = LINE.replace("[least_squares]", "[least_squares, gradient_descent, ann]")
NAMES = ("doomed", "line", "other")


def declared(workspace):
    for name in NAMES:
        text = (TWO_KINDS if name == "line" else LINE).replace("line.csv", f"{name}.csv")
        workspace.declare(name, text, LINE_ROWS)
    return workspace


def started(workspace, **settings):
    return subprocess.Popen(
        [str(COMMAND), "nightly", "--format", "json"],
        env={**workspace.environment, "NIGHTFIT_CLUSTER": "local:2", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def part_of(workspace, dataset):
    """Return the process that does the run of a dataset, once there is one."""

    def found():
        notes = [json.loads(file.read_text() or "{}") for file in notes_in(workspace)]
        return [note["process"] for note in notes if note.get("dataset") == dataset]

    return wait_until(found)[0]


def notes_in(workspace):
    return [*(workspace.home / "running").glob("*.json")]


def rows_of(workspace, query):
    """Return the rows of a query, sorted, of the datasets whose runs succeeded."""
    rows = workspace.sql(f"SELECT * FROM ({query}) WHERE dataset != 'doomed'")
    return sorted(map(repr, rows))


@pytest.fixture(scope="module")
def hook():
    with webhook() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def workspaces(new_workspace, hook):
    """Workspaces after one night each: without a cluster, and on one with a process that is killed.

    The run that this one does waits for its dataset until then.
    """
    plain = declared(new_workspace())
    done = plain.run("nightly", NIGHTFIT_CLUSTER="")
    assert done.returncode == 0, done.stderr
    on_cluster = declared(new_workspace())
    url = on_cluster.environment["NIGHTFIT_DATABASE_URL"]
    with dataset_lock(url, "doomed", wait=False):
        night = started(on_cluster, NIGHTFIT_NOTIFY=hook.url)
        os.kill(part_of(on_cluster, "doomed"), signal.SIGKILL)
        output, log = night.communicate(timeout=300)
    assert night.returncode == 1, log
    return {"": plain, "local:2": on_cluster, "summaries": json.loads(output), "log": log}


def test_a_night_on_a_cluster_has_the_same_digits(workspaces):
    assert "cluster at this machine, 2 workers" in workspaces["log"]
    for query in DIGITS:
        assert rows_of(workspaces["local:2"], query) == rows_of(workspaces[""], query)
        assert rows_of(workspaces[""], query)


def test_a_run_whose_process_is_killed_is_stored_as_failed_and_the_others_go_on(workspaces, hook):
    summaries = workspaces["summaries"]
    assert [(each["dataset"], each["status"]) for each in summaries] == [
        ("doomed", "failed"),
        ("line", "succeeded"),
        ("other", "succeeded"),
    ]
    ((reason,),) = workspaces["local:2"].sql("SELECT reason FROM run WHERE status = 'failed'")
    assert reason.startswith("its process was killed (SIGKILL)")
    assert summaries[0]["remarks"] == [reason]
    assert f"doomed: failed: {reason}" in workspaces["log"]
    assert notes_in(workspaces["local:2"]) == []
    assert hook.titles == ["nightfit: doomed failed"]


def test_ctrl_c_ends_all_runs_in_progress(workspaces):
    workspace = workspaces["local:2"]
    url = workspace.environment["NIGHTFIT_DATABASE_URL"]
    before = workspace.sql("SELECT count(*) FROM run")
    with dataset_lock(url, "doomed", wait=False), dataset_lock(url, "line", wait=False):
        night = started(workspace)
        parts = {part_of(workspace, "doomed"), part_of(workspace, "line")}
        family = psutil.Process(night.pid).children(recursive=True)
        os.killpg(night.pid, signal.SIGINT)  # as a terminal does
        output, _ = night.communicate(timeout=120)
    assert (night.returncode, output) == (128 + signal.SIGINT, "")
    assert len(parts) == 2
    assert parts <= {process.pid for process in family}
    _, alive = psutil.wait_procs(family, timeout=60)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    assert notes_in(workspace) == []
    assert workspace.sql("SELECT count(*) FROM run") == before


def test_a_wrong_address_is_one_sentence(workspaces):
    done = workspaces[""].run("nightly", NIGHTFIT_CLUSTER="locla:2")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'locla:2' is neither local nor an address of a Dask scheduler" in done.stderr
