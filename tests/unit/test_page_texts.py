"""What Prefect's page is told of runs: names, states, keys and lines of the log."""

import logging
import re

import pytest
from prefect.utilities.names import generate_slug

from data.errors import NightFailed, RunFailed, SourceError
from flows.page.artifacts import _plain, key_of
from flows.page.logs import PlainLines
from flows.page.names import is_generated
from flows.page.states import failed_state, night_message, night_state, run_message, run_state
from tasks.run.summary import Summary

GOOD = Summary(
    "wages",
    "succeeded",
    run_id=3,
    champion="torch/ann",
    change="kept",
    rmse=35.7312,
    rmse_low=31.543,
    rmse_high=40.467,
    verdict="undecided",
)
SKIPPED = Summary("wages", "skipped", run_id=4, remarks=("nothing has changed since run 3.",))


def test_names_that_prefect_makes_up_are_known_for_it():
    assert all(is_generated(generate_slug(2)) for _ in range(500))


@pytest.mark.parametrize("name", ["beta3-tauri-reach", "alpha-canis-majoris", "omega512-newton"])
def test_names_that_the_form_fills_in_are_known_too(name):
    assert is_generated(name)


@pytest.mark.parametrize(
    "name",
    ["my backfill", "after-the-repair", "wages", "retrain wages", "alphabet-soup", "a-b", ""],
)
def test_a_name_that_a_person_has_typed_is_nobody_elses(name):
    assert not is_generated(name)


def test_a_good_run_says_who_serves_and_how_well():
    state = run_state(GOOD)
    assert state.is_completed()
    assert state.name == "Completed"
    assert state.message == "torch/ann serves, test RMSE 35.73 (31.5 to 40.5), ANN undecided"


def test_a_dry_run_does_not_say_that_it_serves():
    assert run_message(Summary("m", "succeeded", champion="a/b", verdict="nay")) == (
        "a/b would serve, ANN nay"
    )


def test_a_skipped_run_is_told_from_a_good_one_by_its_name():
    state = run_state(SKIPPED)
    assert state.is_completed()
    assert (state.name, state.message) == ("Skipped", "nothing has changed since run 3.")


def test_a_run_whose_results_have_not_arrived_says_so():
    undelivered = "The results have not reached db: it is away."
    state = run_state(Summary("m", "succeeded", 1, champion="a/b", undelivered=undelivered))
    assert state.name == "Undelivered"
    assert undelivered in state.message


def test_rejected_data_and_a_failed_run_are_failed_and_told_apart():
    rejected = RunFailed("m", "rejected", "x is negative in 3 rows.")
    state = failed_state(rejected, rejected)
    assert (state.type.value, state.name) == ("FAILED", "Rejected")
    assert state.message == "x is negative in 3 rows."
    assert failed_state(SourceError("gone."), SourceError("gone.")).name == "Failed"


def test_a_night_counts_its_runs_and_names_new_champions():
    promoted = Summary("sales", "succeeded", 5, champion="a/b", change="promoted")
    assert night_message([GOOD, SKIPPED, promoted]) == (
        "3 runs: 2 trained, 1 skipped; a/b now serves sales"
    )
    assert night_state([GOOD, SKIPPED]).name == "Completed"
    assert night_state([SKIPPED]).name == "Skipped"
    failed = NightFailed([GOOD, SKIPPED], ["sales"])
    assert failed_state(failed, failed).message == "1 of 2 runs failed: sales."


def test_keys_are_stable_legal_and_different_for_different_datasets():
    names = ["age_income", "age-income", "Age_Income", "age__income", "_age_income", "-", "__", "A"]
    keys = [key_of(name, "summary") for name in names]
    assert keys[0] == "age-income-summary"
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", key) for key in keys)


def test_a_hostile_text_stays_a_text_in_markdown():
    assert _plain("a_b <img src=x> [x](y)\n# z") == r"a\_b \<img src=x\> \[x\](y) \# z"


def _record(message, error=None):
    caught = None if error is None else (type(error), error, None)
    return logging.LogRecord("p", logging.ERROR, "", 1, message, (), caught)


def test_lines_that_repeat_a_state_and_tracebacks_of_a_users_mistake_are_left_out():
    lines, bug = PlainLines(), ZeroDivisionError("a bug")
    assert not lines.filter(_record("Finished in state Completed()"))
    assert not lines.filter(_record("Encountered exception during execution: %r", SourceError("x")))
    assert lines.filter(_record("Encountered exception during execution: %r", bug))
    assert not lines.filter(_record("Engine execution exited with unexpected exception", bug))
    assert lines.filter(_record("Engine execution exited with unexpected exception", OSError()))
    assert lines.filter(_record("Crash detected! Execution was aborted"))
