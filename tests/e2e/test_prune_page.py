"""`nightfit prune` on a Prefect server of one's own: nightfit's old runs go, and nobody else's."""

import sqlite3
from contextlib import closing
from uuid import UUID

import pytest
from helpers.prefect_api import ask


@pytest.fixture
def runs(new_workspace, prefect_server):
    """Runs on the shared server by what they are, all but one of them a year old."""
    workspace = new_workspace()
    flow = ask(workspace.api, "flows/", **{"name": "pruned"})["id"]
    made = {}
    for name, tags, state in (
        ("old", ["nightfit", "nightfit:sales"], "COMPLETED"),
        ("new", ["nightfit"], "FAILED"),
        ("theirs", ["fit"], "COMPLETED"),
        ("running", ["nightfit"], "RUNNING"),
    ):
        run = {"flow_id": flow, "name": name, "tags": tags, "state": {"type": state}}
        made[name] = ask(workspace.api, "flow_runs/", **run)["id"]
        artifact = {"flow_run_id": made[name], "key": name, "type": "markdown", "data": name}
        ask(workspace.api, "artifacts/", **artifact)
    aged = [str(UUID(made[name])) for name in ("old", "theirs", "running")]
    with closing(sqlite3.connect(prefect_server.home / "prefect.db", timeout=60)) as db, db:
        for run_id in aged:
            db.execute(
                "UPDATE flow_run SET end_time = '2020-01-01 00:00:00.000000' WHERE id = ?", [run_id]
            )
    return workspace, flow


def left(workspace, flow):
    found = ask(workspace.api, "flow_runs/filter", **{"flows": {"id": {"any_": [flow]}}})
    return sorted(run["name"] for run in found)


def test_only_old_runs_of_nightfit_that_have_ended_are_removed(runs):
    workspace, flow = runs
    assert workspace.run("db", "upgrade").returncode == 0
    dry = workspace.run("prune", "--dry-run")
    assert "Prefect's page: 1 run would be removed" in dry.stderr
    assert left(workspace, flow) == ["new", "old", "running", "theirs"]
    done = workspace.run("prune")
    assert done.returncode == 0, done.stderr
    assert "Prefect's page: 1 run removed" in done.stderr
    assert left(workspace, flow) == ["new", "running", "theirs"]
    kept = ask(workspace.api, "artifacts/filter", **{"limit": 200})
    assert {"new", "theirs", "running"} <= {artifact["key"] for artifact in kept}
    assert "old" not in {artifact["key"] for artifact in kept}


def test_a_server_that_is_away_is_a_warning(new_workspace):
    workspace = new_workspace()
    assert workspace.run("db", "upgrade").returncode == 0
    done = workspace.run("prune", PREFECT_API_URL="http://127.0.0.1:1/api")
    assert done.returncode == 0, done.stderr
    assert "Prefect's server cannot be used" in done.stderr
