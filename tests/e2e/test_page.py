"""Prefect's page under `nightfit serve`, in a real browser: its forms, and the runs they start."""

import re
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from helpers.page import (
    add_schedule,
    custom_run,
    ended,
    offered_by,
    open_run,
    quick_run,
    wait_for_offer,
)
from helpers.serving import wait_until
from helpers.workspace import LINE

EVERY_MINUTE = "* * * * *"


@pytest.fixture(scope="module", autouse=True)
def declarations(served):
    """The folder of the declarations, in which only `line` is declared."""
    folder = served.workspace.folder / "datasets"
    others = [file for file in folder.glob("*.yaml") if file.name != "line.yaml"]
    for file in others:
        file.rename(f"{file}.aside")
    yield folder
    for file in others:
        Path(f"{file}.aside").rename(file)
    wait_for_offer(served, *(file.stem for file in others))


@pytest.fixture(scope="module")
def scheduled(declarations, served, browser):
    """The path of a schedule of every minute, which somebody has added on the page."""
    wait_until(lambda: offered_by(served) == (["line"], ["line"]))
    page = browser.new_page()
    add_schedule(page, served, "retrain", EVERY_MINUTE, dataset="line")
    page.close()
    retrain = served.ask("deployments/name/retrain/retrain")
    (added,) = retrain["schedules"]
    yield f"deployments/{retrain['id']}/schedules/{added['id']}"
    served.ask(f"deployments/{retrain['id']}/schedules/{added['id']}", method="DELETE")


@pytest.mark.usefixtures("scheduled")  # it is due while the other tests look at forms
def test_form_offers_what_is_declared_without_a_restart(served, page, declarations):
    wait_until(lambda: offered_by(served) == (["line"], ["line"]))
    form = custom_run(page, served, "retrain")
    assert form.offered("dataset") == ["line"]
    assert page.get_by_text("Settings", exact=True).count()  # the menu, which leads to one page
    assert not page.get_by_text("Switch to").count()
    for name in ("shop", "wages"):
        served.workspace.declare(name, LINE)
    try:
        wait_until(lambda: offered_by(served)[0] == ["line", "shop", "wages"])
        form = custom_run(page, served, "retrain")
        assert form.offered("dataset") == ["line", "shop", "wages"]
        form.choose("dataset", "wages")
        form = custom_run(page, served, "nightly")
        form.choose("datasets", "line", "shop")
    finally:
        for name in ("shop", "wages"):
            (declarations / f"{name}.yaml").unlink()


def test_every_parameter_is_explained_and_in_the_order_of_use(served, page):
    for name, order in (
        ("retrain", ["dataset", "force", "as_of", "dry_run", "wait"]),
        ("nightly", ["datasets", "force", "as_of", "wait"]),
    ):
        form = custom_run(page, served, name)
        assert form.labels() == order
        assert all(form.explained(parameter).endswith(".") for parameter in order)


def test_past_night_is_chosen_in_a_calendar(served, page):
    form = custom_run(page, served, "retrain")
    field = form.field("as_of")
    field.get_by_role("button", name="date", exact=True).click()
    field.locator(".p-date-input").first.click()
    page.get_by_text("Selected Date").wait_for()
    day = page.locator(".p-calendar").get_by_text("15", exact=True).first
    day.click()
    page.get_by_role("button", name="Apply").click()
    chosen = field.locator(".p-date-input").first.inner_text()
    assert re.fullmatch(r"[A-Z][a-z]{2} 15(th)?, 20\d\d", chosen.strip()), chosen


def test_name_that_is_not_declared_is_refused_before_there_is_a_run(served, page):
    wait_until(lambda: offered_by(served)[0] == ["line"])
    form = custom_run(page, served, "retrain")
    form.enter_json("dataset", '"sales"')
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("'sales' is not one of ['line']").wait_for()
    retrain = served.ask("deployments/name/retrain/retrain")
    with pytest.raises(HTTPError, match="409"):
        served.ask(f"deployments/{retrain['id']}/create_flow_run", parameters={"dataset": "sales"})
    runs = served.ask("flow_runs/filter", deployments={"name": {"any_": ["retrain"]}})
    assert [run for run in runs if run["parameters"].get("dataset") == "sales"] == []


@pytest.fixture(scope="module")
def fired(served, scheduled):
    """The first run of the schedule, which has ended; it is followed by no other one."""
    run = wait_until(lambda: started_by_itself(served))
    served.ask(scheduled, method="PATCH", active=False)
    return ended(served, run["id"])


def test_schedule_of_every_minute_fires_by_itself(fired):
    assert fired["state_type"] == "COMPLETED"
    assert fired["parameters"]["dataset"] == "line"


def started_by_itself(served):
    begun = {"state": {"type": {"any_": ["RUNNING", "COMPLETED"]}}}
    runs = served.ask("flow_runs/filter", flow_runs=begun)
    return next((run for run in runs if run["auto_scheduled"]), None)


@pytest.mark.usefixtures("fired")  # since then nothing has changed
def test_run_of_the_form_is_watched_to_its_end_and_says_what_to_set(served, page):
    wait_until(lambda: offered_by(served)[0] == ["line"])
    urls = []
    page.on("request", lambda request: urls.append(request.url))
    page.on("websocket", lambda opened: urls.append(opened.url))
    form = custom_run(page, served, "retrain")
    form.choose("dataset", "line")
    run_id = form.submit()
    open_run(page, served, run_id)
    assert ended(served, run_id)["state_type"] == "COMPLETED", served.errors.read_text()
    page.reload()  # by itself it refreshes every 30 seconds
    page.get_by_text("Skipped").first.wait_for(timeout=240_000)
    newest = "SELECT dataset, status, flow_run_id, reason FROM run ORDER BY run_id DESC"
    dataset, status, flow_run_id, reason = served.workspace.sql(newest)[0]
    assert (dataset, status, flow_run_id) == ("line", "skipped", run_id)
    assert reason.endswith("Set force to run anyway.")
    hosts = {urlsplit(url).hostname for url in urls if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}, "the page contacts another host"


def test_quick_run_starts_a_night_at_once(served, page):
    (before,) = served.workspace.sql("SELECT count(*) FROM run WHERE as_of IS NULL")
    run = ended(served, quick_run(page, served, "nightly"))
    assert run["state_type"] == "COMPLETED", run["state"]
    assert served.workspace.sql("SELECT count(*) FROM run WHERE as_of IS NULL") > [before]
