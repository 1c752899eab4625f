"""Alarms as an operator gets them: from a night in a terminal, and from Prefect's server."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from helpers.alarm_recipients import webhook
from helpers.prefect_api import ask, run_of
from helpers.serving import wait_until
from helpers.workspace import LINE, LINE_ROWS, ROOT
from prefect.settings import PREFECT_API_URL, temporary_settings

from data.settings import Settings
from data.store.session import Store
from flows.command.alarm_watch import AlarmWatch
from tasks.alarms.killed import killed_runs
from tasks.alarms.links import Links
from tasks.alarms.recipients import recipients_of

AUTOMATIONS = ROOT / "deploy" / "automations"


@pytest.fixture(scope="module")
def hook():
    with webhook() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def night_without_source(new_workspace, hook):
    """A run whose source is missing, the one after it, and what an operator asks meanwhile."""
    workspace = new_workspace()
    workspace.declare("line", LINE)
    away = "mailto://127.0.0.1:9?from=a@example.com&to=ops@example.com"
    setting = {"NIGHTFIT_NOTIFY": f"{hook.url}/hunter2 {away}"}
    runs = [workspace.run("retrain", "line", **setting)]
    runs += [workspace.run("status", *how, **setting) for how in ((), ("--format", "json"))]
    (workspace.folder / "datasets" / "line.csv").write_text(LINE_ROWS)
    runs += [workspace.run("retrain", "line", **setting), workspace.run("status")]
    runs += [workspace.run("status", "--fail-if-older", age) for age in ("26h", "0.001 minutes")]
    return workspace, runs


def test_run_without_its_source_is_reported_and_its_end_too(night_without_source, hook):
    _, (failed, *_) = night_without_source
    assert failed.returncode == 1
    assert hook.titles == ["nightfit: line failed", "nightfit: line is fine again"]
    (_, told), (_, again) = hook.got
    (item,) = told["items"]
    assert "line.csv" in item["what"]
    assert "nightfit retrain line" in item["next_step"]
    assert item["run"].startswith("http://127.0.0.1:")
    assert item["report"].endswith("/home/reports/line/1.html")
    assert again["good"]


def test_recipient_that_is_away_fails_no_run_and_shows_in_status(night_without_source):
    _, (failed, status, as_json, good, *_) = night_without_source
    sentence = "have not reached mail to ops@example.com: nothing answers there"
    assert sentence in " ".join(status.stderr.split())
    assert status.returncode == 1
    assert good.returncode == 0
    (line,) = json.loads(as_json.stdout)
    assert line["last_good_night"] is None
    assert not any("hunter2" in text for done in (failed, status) for text in (done.stderr,))


def test_status_is_readable_in_80_columns_and_judges_the_age(night_without_source):
    workspace, (_, bad, _, _, fine, young, old) = night_without_source
    assert max(map(len, fine.stdout.splitlines())) <= 80
    words = [word for line in bad.stdout.splitlines() for word in line.split()]
    assert f"{workspace.folder}/datasets/line.csv:" in words
    assert (fine.returncode, young.returncode, old.returncode) == (0, 0, 1)
    assert "The last good night was" in old.stdout


def test_runs_that_stored_nothing_are_found_on_prefects_server(new_workspace):
    workspace = new_workspace()
    api = workspace.api
    killed = run_of(api, "retrain", "CRASHED", "SIGKILL", dataset="killed")
    night = run_of(api, "nightly", "CRASHED", "SIGKILL")
    run_of(api, "retrain", "COMPLETED", "", night, dataset="done")
    run_of(api, "retrain", "RUNNING", "", night, dataset="amid")
    full = run_of(api, "nightly", "FAILED", "2 runs failed")
    run_of(api, "retrain", "FAILED", "StoreError: the disk is full", full, dataset="full")
    alone = run_of(api, "nightly", "CRASHED", "SIGKILL before its first dataset")
    others = [
        run_of(api, "retrain", "CRASHED", "SIGKILL", dataset="dry", dry_run=True),
        run_of(api, "retrain", "CANCELLED", "by hand", dataset="cancelled"),
        run_of(api, "retrain", "FAILED", "an exception: CallError: no such", dataset="typo"),
        run_of(api, "another", "CRASHED", "SIGKILL", dataset="theirs"),
    ]
    store = Store(f"sqlite:///{workspace.database}")
    store.ensure_ready()
    with temporary_settings({PREFECT_API_URL: api}):
        found = killed_runs(store, datetime.now(UTC))
        assert killed_runs(store, datetime.now(UTC) + timedelta(days=3)) == ()
    made = {killed: "killed", night: "amid", full: "full", alone: ""}
    assert {k.flow_run_id: k.dataset for k in found if k.flow_run_id in made} == made
    assert not {k.flow_run_id for k in found} & set(others)
    assert [k.failed for k in found if k.flow_run_id == full] == [True]


def test_watch_of_serve_reports_what_no_night_could(new_workspace, tmp_path):
    workspace = new_workspace()
    workspace.declare("watched", LINE)
    store, now = Store(f"sqlite:///{tmp_path}/store.db"), datetime.now(UTC)
    run = run_of(workspace.api, "retrain", "CRASHED", "SIGKILL", dataset="watched")
    with webhook() as receiver, temporary_settings({PREFECT_API_URL: workspace.api}):
        folders = {"home": workspace.home, "datasets": workspace.folder / "datasets"}
        config = Settings(database_url=store.url, notify=receiver.url, **folders)
        links = Links(config.home, "http://night.example", lasting=True)
        watch = AlarmWatch(config, links, recipients_of(receiver.url))
        for minutes in (0, 14, 16, 30):  # there is no database yet
            watch.look(now + timedelta(minutes=minutes))
        store.ensure_ready()
        for minutes in (31, 32):
            watch.look(now + timedelta(minutes=minutes))
    assert receiver.titles[:2] == [
        "nightfit: the database cannot be used",
        "nightfit: the database can be used again",
    ]
    ((_, told),) = receiver.got[2:]  # the server has broken runs of other tests as well
    (item,) = [each for each in told["items"] if each["dataset"] == "watched"]
    assert item["title"] == "watched was broken off"
    assert item["run"] == f"http://night.example/runs/flow-run/{run}"


def test_ready_automations_fire_on_a_server_of_prefect(new_workspace, hook, tmp_path):
    workspace = new_workspace()
    api = workspace.api
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    with temporary_settings({PREFECT_API_URL: api}):
        block = CustomWebhookNotificationBlock(
            name="hook",
            url=f"{hook.url}/automation",
            json_data={"title": "{{subject}}"},
            headers=None,
            cookies=None,
        ).save("hook", overwrite=True)
    flow_id = ask(api, "flows/", name="retrain")["id"]
    deployment = ask(api, "deployments/", name="retrain", flow_id=flow_id)["id"]
    made = []
    for file in sorted(AUTOMATIONS.glob("*.yaml")):
        text = file.read_text().replace("BLOCK_ID", str(block))
        soon = tmp_path / file.name
        soon.write_text(re.sub(r"within: \d+", "within: 10", text))
        command = [
            sys.executable,
            "-m",
            "prefect",
            "automation",
            "create",
            "--from-file",
            str(soon),
        ]
        made.append(subprocess.Popen(command, env=workspace.environment))
    assert [process.wait(timeout=300) for process in made] == [0, 0, 0]
    run = ask(api, f"deployments/{deployment}/create_flow_run", name="doomed")["id"]
    state = {"type": "CRASHED", "name": "Crashed", "message": "SIGKILL"}

    def titles():
        return {body["title"] for path, body in hook.got if path == "/automation"}

    def fired():  # the server takes a moment to know a new automation
        ask(api, f"flow_runs/{run}/set_state", state=state, force=True)
        return "nightfit: doomed Crashed" in titles()

    wait_until(fired)
    silent, skipped = (run_of(api, "retrain", "RUNNING", "", dataset=name) for name in "ab")
    flow = {
        "prefect.resource.id": f"prefect.flow.{flow_id}",
        "prefect.resource.role": "flow",
        "prefect.resource.name": "retrain",
    }
    heartbeats = [
        {
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": "prefect.flow-run.heartbeat",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{each}"},
            "related": [flow],
        }
        for each in (silent, skipped)
    ]
    assert httpx.post(f"{api}/events", json=heartbeats, timeout=60).is_success
    ended = {"type": "COMPLETED", "name": "Skipped", "message": "nothing has changed"}
    ask(api, f"flow_runs/{skipped}/set_state", state=ended, force=True)
    wait_until(lambda: ask(api, f"flow_runs/{silent}")["state"]["type"] == "CRASHED")
    assert ask(api, f"flow_runs/{skipped}")["state"]["name"] == "Skipped"
    wait_until(lambda: "nightfit: no night for 26 hours" in titles())
    for automation in ask(api, "automations/filter", limit=200):  # else they go on for all tests
        ask(api, f"automations/{automation['id']}", method="DELETE")
