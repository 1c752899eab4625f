"""What Prefect's page shows of runs: watched to their end, read, and compared with the store."""

from dataclasses import dataclass, field

import pytest
from helpers.page import ended, open_run, wait_for_offer
from helpers.serving import start_slow_night, wait_until

TYPED = "after the repair of the pump"
LIMITED = """\
source: {path: line.csv}
key: row
target: y
candidates: {frameworks: [torch], kinds: [least_squares]}
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: x, max_value: 1}
"""


@dataclass(frozen=True)
class Shown:
    """A flow run that has ended, and what its page has to show."""

    run: dict
    tasks: dict
    lines: list
    artifacts: dict
    parts: dict = field(default_factory=dict)
    """The runs that are part of it, by the tag of their dataset."""


def shown(served, run_id):
    """Return what the page of a run has to show once it has ended."""
    run = ended(served, run_id)
    of_run = {"flow_runs": {"id": {"any_": [run_id]}}}
    kept = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    wanted = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
    said = run["state_name"] in ("Completed", "Rejected")  # in its log, too
    last = run["state"]["message"] if said else ""
    lines = wait_until(lambda: _lines_up_to(served, last, wanted))
    parts = served.ask("flow_runs/filter", flow_runs={"parent_flow_run_id": {"any_": [run_id]}})
    return Shown(
        run,
        {task["name"]: task for task in served.ask("task_runs/filter", **of_run)},
        lines,
        {each["key"]: each for each in served.ask("artifacts/filter", **kept)},
        {part["tags"][-1]: shown(served, part["id"]) for part in parts},
    )


def _lines_up_to(served, last, wanted):
    """Return the lines of a log, which arrive a few seconds late, if the last one is there."""
    lines = [line["message"] for line in served.ask("logs/filter", **wanted)]
    return lines if last in "\n".join(lines) else []


def start(served, deployment, name=None, **parameters):
    """Start a run; return its id."""
    found = served.ask(f"deployments/name/{deployment}/{deployment}")
    named = {"name": name} if name else {}
    path = f"deployments/{found['id']}/create_flow_run"
    return served.ask(path, parameters=parameters, **named)["id"]


@pytest.fixture(scope="module")
def good(served):
    return shown(served, start(served, "retrain", TYPED, dataset="line", force=True))


@pytest.fixture(scope="module")
def night(served):
    served.workspace.declare("limited", LIMITED)
    wait_for_offer(served, "limited")
    chosen = ["line", "limited"]
    return shown(served, start(served, "nightly", datasets=chosen))


def stored(served, dataset):
    """Return what the store says of the champion after the latest run."""
    columns = "run_id, framework || '/' || kind, test_rmse"
    statement = f"SELECT {columns} FROM champion WHERE dataset = '{dataset}'"
    ((run_id, champion, rmse),) = served.workspace.sql(statement)
    return run_id, champion, rmse


def test_a_name_that_a_person_has_typed_stays_and_the_run_has_its_tags(good):
    assert good.run["name"] == TYPED
    assert {"nightfit", "line"} <= set(good.run["tags"])


def test_a_good_run_says_on_its_page_who_serves_and_how_well(served, good):
    _, champion, rmse = stored(served, "line")
    message = good.run["state"]["message"]
    assert good.run["state_name"] == "Completed"
    assert message.startswith(f"{champion} serves, test RMSE {rmse:.4g} (")
    assert ", ANN " in message


def test_its_log_begins_with_the_parameters_and_has_no_line_that_repeats_a_state(good):
    own = [line for line in good.lines if not line.startswith(("Worker", "Flow run", "Beginning"))]
    assert own[0].startswith("Parameters: ")
    assert {"dataset: line", "force: yes", "dry_run: no"} <= set(own[0][12:].split(", "))
    assert "Finished in state" not in "\n".join(good.lines)


def test_starting_a_framework_is_a_bar_of_its_own_before_the_fits(good):
    begun = {name: task["start_time"] for name, task in good.tasks.items()}
    assert begun["fit torch/least_squares"] >= good.tasks["start torch"]["end_time"]
    assert {task["state_name"] for task in good.tasks.values()} == {"Completed"}


def test_its_artifacts_are_read_in_the_browser_and_say_what_the_store_does(served, page, good):
    run_id, champion, rmse = stored(served, "line")
    assert set(good.artifacts) == {"line-summary", "line-leaderboard", "line-progress"}
    assert float(good.artifacts["line-progress"]["data"]) == 100
    open_run(page, served, good.run["id"])
    page.get_by_text("Artifacts", exact=True).first.click()
    page.get_by_text("line-summary").last.click()
    page.get_by_text(f"line, run {run_id}").wait_for(timeout=60_000)
    text = page.locator("main").inner_text() if page.locator("main").count() else ""
    text = text or page.inner_text("body")
    assert f"{champion} serves" in text
    assert f"Test RMSE: {rmse:.4g}" in text
    widths = page.locator("img[src^='data:image/svg']").evaluate_all(
        "images => images.map(image => image.naturalWidth)"
    )
    assert widths
    assert all(widths), "the page does not show a plot"
    page.goto(f"{served.page}/artifacts/artifact/{good.artifacts['line-leaderboard']['id']}")
    page.get_by_text("RMSE out of fold").first.wait_for(timeout=60_000)
    page.get_by_text(champion).first.wait_for(timeout=60_000)


def test_a_night_is_named_by_its_day_and_has_a_table_of_its_datasets(night):
    assert night.run["name"] == f"nightly {night.run['expected_start_time'][:10]}"
    assert night.run["state_type"] == "FAILED"
    assert night.run["state"]["message"] == "1 of 2 runs failed: limited."
    data = night.artifacts["nightfit-night"]["data"]
    assert "limited" in str(data)
    assert "rejected" in str(data)


def test_a_skipped_run_of_a_night_is_named_so_with_its_reason(good, night):
    state = night.parts["line"].run["state"]
    assert (state["type"], state["name"]) == ("COMPLETED", "Skipped")
    assert "nothing has changed" in state["message"]
    assert "nightfit" in night.parts["line"].run["tags"]


def test_rejected_data_is_red_names_its_rule_and_rows_and_has_no_traceback(night):
    rejected = night.parts["limited"]
    assert rejected.run["state_name"] == "Rejected"
    assert rejected.tasks["check"]["state_type"] == "FAILED"
    assert [line for line in rejected.lines if "rejected by expect_column_values" in line]
    assert "Traceback" not in "\n".join([*rejected.lines, *night.lines])
    assert "Checks that failed" in rejected.artifacts["limited-summary"]["data"]


def test_automations_hear_of_rejected_data_and_of_a_champion(served, good, night):
    def heard():
        found = served.ask("events/filter", filter={"event": {"prefix": ["nightfit."]}})["events"]
        return {(each["event"], each["resource"]["prefect.resource.id"]) for each in found}

    wanted = ("nightfit.data.rejected", "nightfit.dataset.limited")
    heard_of = wait_until(lambda: {wanted} <= heard() and heard())
    assert {name for name, about in heard_of if about == "nightfit.dataset.line"} & {
        "nightfit.champion.promoted",
        "nightfit.champion.kept",
    }


def test_a_run_is_cancelled_amid_a_fit_and_no_fit_of_it_is_green(served, page):
    run_id = start_slow_night(served)
    open_run(page, served, run_id)
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_role("button", name="Confirm").click()
    night = shown(served, run_id)
    assert night.run["state_type"] == "CANCELLED"
    tasks = wait_until(lambda: _ended_fits(served, night.parts["slow"].run["id"]))
    assert "COMPLETED" not in {state for name, state in tasks.items() if name.startswith("fit ")}
    assert served.workspace.sql("SELECT count(*) FROM run WHERE dataset = 'slow'") == [(0,)]


def _ended_fits(served, run_id):
    tasks = served.ask("task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
    states = {task["name"]: task["state_type"] for task in tasks}
    return states if not {"RUNNING", "PENDING"} & set(states.values()) else None
