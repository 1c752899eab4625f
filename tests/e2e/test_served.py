"""A running `nightfit serve`: what it has printed, what it plans, and the reports it shows."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from helpers.serving import wait_until


def test_first_start_prints_its_three_steps_and_nothing_else(served):
    assert served.start == [
        "starting Prefect's server …",
        "deploying prefect.yaml …",
        "starting the worker …",
    ]


def test_it_prints_where_the_page_and_the_login_are(served):
    assert served.printed[0] == f"Prefect's page is at {served.page}\n"
    assert served.printed[1].endswith(f" {served.workspace.home / 'prefect-login'}\n")


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


def test_reports_of_the_home_are_shown_behind_the_login_and_in_a_sandbox(served):
    file = served.workspace.home / "reports" / "line" / "999.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("<p>drawn</p>")
    address = f"{served.page}/reports/line/{file.name}"
    with pytest.raises(HTTPError, match="401"):
        urlopen(address)
    login = {"Authorization": f"Basic {b64encode(served.login.encode()).decode()}"}
    with urlopen(Request(address, headers=login)) as answered:
        assert answered.read() == b"<p>drawn</p>"
        assert answered.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")
