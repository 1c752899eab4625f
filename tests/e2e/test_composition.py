"""The services of `deploy/compose.yaml`, run on this machine without containers.

Each is started with the environment that the file gives it; only addresses and passwords differ. So
Prefect and the store are both on PostgreSQL, and the server is not nightfit's own.
"""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from urllib.request import urlopen

import pytest
import yaml
from helpers.serving import Served, end, serving, wait_until
from helpers.workspace import ROOT, Workspace, free_port, outside
from sqlalchemy import create_engine, text

SERVICES = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
LOGIN = "nightfit:a-login-for-the-test"
REFERENCE = re.compile(r"\$\{(\w+)(?::[?-]([^}]*))?\}")


@dataclass(frozen=True)
class Composed(Workspace):
    """A workspace whose commands have the environment of the service `nightfit`."""

    variables: tuple[tuple[str, str], ...] = ()

    @property
    def environment(self):
        return {**super().environment, **dict(self.variables)}


@pytest.fixture(scope="module")
def databases(postgresql):
    """The URLs of the databases of nightfit and of Prefect, as the first start makes them."""
    admin = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE composed"))
        for statement in (ROOT / "deploy" / "databases.sql").read_text().splitlines():
            if not statement.startswith("--"):
                connection.execute(text(statement))
    yield {name: postgresql.set(database=name) for name in ("composed", "prefect")}
    with admin.connect() as connection:
        for name in ("composed", "prefect"):
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def environment(service, **changed):
    """Return the environment of a service, with its secrets; `changed` are addresses."""
    given = {"DATABASE_PASSWORD": "unused", "PREFECT_LOGIN": LOGIN}
    written = {
        name: REFERENCE.sub(lambda found: given.get(found[1], found[2] or ""), value)
        for name, value in SERVICES[service]["environment"].items()
    }
    assert changed.keys() <= written.keys()
    return {**written, **changed}


@pytest.fixture(scope="module")
def composed(databases, tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("composed"), free_port()
    url = databases["prefect"].set(drivername="postgresql+asyncpg")
    prefect = environment(
        "prefect",
        PREFECT_SERVER_DATABASE_CONNECTION_URL=url.render_as_string(hide_password=False),
    )
    python, *command = SERVICES["prefect"]["command"]
    assert (python, command.pop()) == ("python", "--host=0.0.0.0")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command, "--host=127.0.0.1", "--port", str(port)],
            env={**outside(), **prefect, "PREFECT_HOME": str(folder / "prefect")},
            stdout=log,
            stderr=log,
        )
    try:
        api = f"http://127.0.0.1:{port}/api"
        wait_until(lambda: is_healthy(server, api))
        ours = environment(
            "nightfit",
            NIGHTFIT_DATABASE_URL=databases["composed"].render_as_string(hide_password=False),
            NIGHTFIT_HOME=str(folder / "home"),
            NIGHTFIT_DATASETS=str(folder / "datasets"),
            PREFECT_API_URL=api,
            PREFECT_UI_URL=api.removesuffix("/api"),
        )
        (folder / "datasets").mkdir()
        (folder / "home").mkdir()
        (folder / "home" / "prefect-login").write_text(LOGIN)  # where the helpers look
        workspace = Composed(folder, variables=tuple(ours.items()))
        with serving(workspace) as served:
            yield served
            assert end(served, signal.SIGTERM) == []
    finally:
        server.terminate()
        server.wait(60)


def is_healthy(server, api):
    assert server.poll() is None
    try:
        with urlopen(f"{api}/health", timeout=5):
            return True
    except OSError:
        time.sleep(0.2)
        return False


def test_page_is_the_only_one(composed: Served):
    with urlopen(f"{composed.page}/ui-settings", timeout=30) as answer:
        assert json.load(answer)["available_uis"] == ["v1"]


def test_night_runs_and_both_databases_have_it(composed: Served, databases):
    nightly = composed.ask("deployments/name/nightly/nightly")
    night = composed.ask(
        f"deployments/{nightly['id']}/create_flow_run", parameters={"datasets": ["line"]}
    )
    wait_until(lambda: composed.ask(f"flow_runs/{night['id']}")["end_time"])
    assert composed.ask(f"flow_runs/{night['id']}")["state_type"] == "COMPLETED"
    with create_engine(databases["composed"]).connect() as connection:
        stored = connection.execute(text("SELECT dataset, status, flow_run_id FROM run")).all()
    assert [(row.dataset, row.status) for row in stored] == [("line", "succeeded")]
    with create_engine(databases["prefect"]).connect() as connection:
        flow_runs = connection.execute(text("SELECT id FROM flow_run")).scalars().all()
    assert {str(run) for run in flow_runs} >= {night["id"], str(stored[0].flow_run_id)}
