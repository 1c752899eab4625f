"""A step of a run: what its task's state says, and how long it waited and worked."""

import time

import pytest

from data.errors import SourceError
from regressors.frameworks.workers import STOPPED
from tasks.run.step import MAX_MESSAGE, step, why_not
from tasks.run.step_times import StepTime, recording_to


@step(problem=why_not)
def fit(outcome):
    if isinstance(outcome, Exception):
        raise outcome
    time.sleep(0.05)
    return outcome


def test_a_step_that_did_its_work_is_completed_with_its_value():
    state = fit.task.fn(12.5)
    assert state.is_completed()
    assert state.result() == 12.5


def test_a_failure_that_the_run_outlives_is_a_failed_task_with_its_reason_and_its_value():
    state = fit.task.fn("it did not converge")
    assert state.is_failed()
    assert state.message == "it did not converge"
    assert state.result(raise_on_failure=False) == "it did not converge"


def test_a_fit_whose_run_was_cancelled_is_neither_good_nor_a_failure_of_its_own():
    state = fit.task.fn(STOPPED)
    assert (state.type.value, state.name) == ("FAILED", "Cancelled")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SourceError("it is missing.", where="rows.csv"), "rows.csv: it is missing."),
        (MemoryError(), "nightfit's own process ran out of memory. Let it have more"),
    ],
)
def test_an_error_of_the_user_is_a_failed_task_and_reaches_the_run(error, message):
    state = fit.task.fn(error)
    assert state.is_failed()
    assert state.message.startswith(message)
    assert state.result(raise_on_failure=False) is error


def test_a_bug_is_left_to_prefect_which_logs_its_traceback():
    with pytest.raises(ZeroDivisionError):
        fit.task.fn(ZeroDivisionError())


def test_a_message_on_the_page_is_never_longer_than_a_person_reads():
    assert len(fit.task.fn("x" * 10_000).message) == MAX_MESSAGE + 1


def test_the_time_of_each_step_is_recorded_also_of_one_that_failed():
    times: list[StepTime] = []
    with recording_to(times):
        fit.task.fn(1)
        fit.task.fn("it did not converge")
        fit.task.fn(SourceError("it is missing."))
    fit.task.fn(1)
    assert [each.waited for each in times] == [0.0, 0.0, 0.0]
    assert times[0].worked >= 0.05
    assert times[2].worked < times[1].worked
