"""How `nightfit serve` ends, or is killed, and starts again: nothing is left behind."""

import json
import signal
import socket
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml
from helpers.serving import end, family, serving, start_slow_night, wait_until
from helpers.workspace import ROOT, Workspace, free_port
from prefect.workers.process import ProcessWorker

from flows.command.prefect_server import jobs

SERVER = "flows.command.prefect_app"
WORKER = "flows.command.prefect_worker"
THEIRS = [
    json.dumps([{"prefect.deployments.steps.run_shell_script": {"script": "id"}}]),
    json.dumps({"command": "id"}),
]
"""Steps and variables that another user has put into the deployments of an older version."""


@dataclass(frozen=True)
class Killed:
    """A server that was killed during a run: the processes it left, and its flow runs' states.

    `with_environment` are the files it left that have its environment, and with it passwords.
    """

    workspace: Workspace
    remaining: list[psutil.Process]
    last_night: list[tuple[str, str]]
    with_environment: list[Path]


@pytest.fixture(scope="module")
def killed(new_workspace):
    with serving(new_workspace(prefect="own"), "--port", str(free_port())) as running:
        start_slow_night(running)
        remaining = end(running, signal.SIGKILL)
        files = [path for path in running.workspace.home.rglob("*") if path.is_file()]
        environment = [path for path in files if b"NIGHTFIT_DATABASE_URL" in path.read_bytes()]
        return Killed(running.workspace, remaining, running.last_night(), environment)


@dataclass(frozen=True)
class Restarted:
    """A server that was started where another had been killed, and lost its own parts.

    `last_night` has the flow runs' states once it was ready, `jobs` the template for the runs'
    processes, and `nightly` the deployment; `tasks` are the states of the killed night's tasks.
    Its worker was killed during a night, then its Prefect server: `lost` are the states of that
    night, and `next_night` is that of one after it. Ctrl-C ended it during a last one:
    `interrupted` are the states of that, and `remaining` the processes that were left.
    """

    last_night: list[tuple[str, str]]
    tasks: set[str]
    jobs: dict[str, object]
    nightly: dict[str, object]
    lost: list[tuple[str, str]]
    orphans: list[psutil.Process]
    next_night: str
    interrupted: list[tuple[str, str]]
    remaining: list[psutil.Process]
    exit_code: int
    errors: list[str]


def states_of_tasks(served):
    """The states in which the tasks of all runs are."""
    return {task["state_type"] for task in served.ask("task_runs/filter", limit=200)}


@pytest.fixture(scope="module")
def restarted(killed):
    tables = killed.workspace.home / "prefect" / "prefect.db"
    with closing(sqlite3.connect(tables)) as connection, connection:
        template = json.dumps(ProcessWorker.get_default_base_job_template())  # of older versions
        connection.execute("UPDATE work_pool SET base_job_template = ?", [template])
        connection.execute("UPDATE deployment SET pull_steps = ?, infra_overrides = ?", THEIRS)
        # The schedule of an older version, which a person has paused, and one that he has added.
        connection.execute("UPDATE deployment_schedule SET slug = NULL, active = 0")
        connection.execute(
            "INSERT INTO deployment_schedule (schedule, active, deployment_id, parameters) SELECT"
            " replace(schedule, '0 2 * * *', '30 4 * * 1'), 1, deployment_id, ?"
            " FROM deployment_schedule",
            ['{"datasets": ["line"]}'],
        )
    with serving(killed.workspace, "--port", str(free_port())) as running:
        last_night, pool = running.last_night(), running.ask("work_pools/nightfit")
        wait_until(lambda: "RUNNING" not in states_of_tasks(running))  # marked right after runs
        tasks = states_of_tasks(running)
        nightly = running.ask("deployments/name/nightly/nightly")
        start_slow_night(running)
        (worker,) = [p for p in family(running.process) if WORKER in p.cmdline()]
        (server,) = [p for p in family(running.process) if SERVER in p.cmdline()]
        runs = {*family(running.process)} - {worker, server}
        worker.kill()
        wait_until(lambda: "It is started again" in running.errors.read_text())
        lost = running.last_night()
        orphans = [p for p in runs if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        server.kill()
        night = running.ask(
            f"deployments/{nightly['id']}/create_flow_run", parameters={"datasets": ["line"]}
        )
        wait_until(lambda: running.ask(f"flow_runs/{night['id']}")["end_time"])
        next_night = running.ask(f"flow_runs/{night['id']}")["state_type"]
        start_slow_night(running)
        remaining = end(running, signal.SIGINT)
    errors = running.errors.read_text().splitlines()
    return Restarted(
        last_night,
        tasks,
        pool["base_job_template"],
        nightly,
        lost,
        orphans,
        next_night,
        running.last_night(),
        remaining,
        running.process.returncode,
        errors,
    )


def test_killed_server_leaves_no_process(killed):
    assert killed.remaining == []
    assert killed.last_night == [("retrain", "RUNNING"), ("nightly", "RUNNING")]


def test_killed_server_leaves_no_file_with_its_environment(killed):
    assert killed.with_environment == []


def test_next_server_marks_the_killed_runs_as_crashed(restarted):
    assert restarted.last_night == [("retrain", "CRASHED"), ("nightly", "CRASHED")]


def test_no_task_of_a_killed_run_stays_running(restarted):
    assert restarted.tasks <= {"COMPLETED", "CRASHED", "FAILED"}  # what was stopped has failed
    assert "CRASHED" in restarted.tasks


def test_work_pool_of_an_older_version_is_closed_at_the_next_start(restarted):
    assert restarted.jobs == jobs()
    assert any("could bring a command" in line for line in restarted.errors)


def test_schedules_that_a_person_has_paused_or_added_stay(restarted):
    schedules = {s["schedule"]["cron"]: s for s in restarted.nightly["schedules"]}
    ours, added = schedules.pop("0 2 * * *"), schedules.pop("30 4 * * 1")
    assert schedules == {}
    assert (ours["slug"], ours["active"]) == ("every-night", False)
    assert added["slug"] != ours["slug"]
    assert added["active"]
    assert added["parameters"] == {"datasets": ["line"]}
    assert any("does not have: cron 30 4 * * 1." in line for line in restarted.errors)


def test_deployments_that_somebody_has_changed_are_set_back(restarted):
    assert restarted.nightly["pull_steps"] in (None, [])
    assert restarted.nightly["job_variables"] == {}


def test_runs_that_ended_with_the_last_server_are_named(restarted):
    (line,) = [line for line in restarted.errors if "ended with the last `nightfit serve`" in line]
    assert line.startswith("These runs ended")


def test_run_ends_as_crashed_with_the_worker_that_ran_it(restarted):
    assert restarted.lost == [("retrain", "CRASHED"), ("nightly", "CRASHED")]
    assert restarted.orphans == []


def test_worker_and_server_that_die_are_started_again_and_the_next_night_is_fine(restarted):
    again = [line for line in restarted.errors if "It is started again" in line]
    assert ["worker" in line for line in again] == [True, False]
    assert all("with exit code -9" in line for line in again)
    assert restarted.next_night == "COMPLETED"


def test_ctrl_c_during_a_run_leaves_no_process_and_no_running_state(killed, restarted):
    assert restarted.remaining == []
    assert restarted.exit_code == 0
    assert restarted.interrupted == [("retrain", "CRASHED"), ("nightly", "CRASHED")]
    assert restarted.errors[-1] == "Stopping …"
    assert killed.workspace.sql("SELECT count(*) FROM run WHERE dataset = 'slow'") == [(0,)]


def test_server_of_the_users_own_is_used_and_left_running(new_workspace):
    with serving(new_workspace(), "--port", "1") as running:
        assert running.page == running.workspace.api.removesuffix("/api")
        pool = running.ask("work_pools/nightfit")
        assert pool["status"] == "READY"
        assert pool["base_job_template"] == jobs()
        assert [p for p in family(running.process) if SERVER in p.cmdline()] == []
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
