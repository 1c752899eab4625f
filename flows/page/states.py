"""The states of runs on Prefect's page, which say what became of the run."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from data.errors import NightFailed, RunFailed, UserError, shortened
from flows.page.logs import log_parameters, log_plainly
from tasks.report.labels import number
from tasks.run.attempt import Trained
from tasks.run.memory import out_of_memory
from tasks.run.page_log import log_on_page
from tasks.run.step import MAX_MESSAGE
from tasks.run.summary import Summary
from tasks.run.verification import Verification

P = ParamSpec("P")
R = TypeVar("R")

STATUS_WORDS = {"succeeded": "trained"}


def on_page(
    state_of: Callable[[R], "State[R]"],
    *,
    at_begin: Callable[[], object] = lambda: None,
    at_end: Callable[[R | UserError], object] = lambda _: None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a flow of a function, as Prefect's page should show it.

    `state_of` returns the state of a run whose function returned; after a UserError it is `Failed`,
    with the message of the error, and no traceback. `at_end` gets what was returned or raised, to
    show more of it.
    """

    def decorator(work: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(work)
        def function(*args: P.args, **kwargs: P.kwargs) -> "State[R]":
            log_plainly()
            log_parameters()
            at_begin()
            ended: R | UserError
            try:
                ended = work(*args, **kwargs)
                state = state_of(ended)
            except Exception as error:
                told = error if isinstance(error, UserError) else out_of_memory(error)
                if told is None:
                    raise
                ended, state = told, failed_state(told, error)
            at_end(ended)
            if state.name != "Skipped":  # which is in the log by then
                log_on_page(state.message or "", warning=state.is_failed())
            return state

        return cast("Callable[P, R]", function)  # Prefect returns what is in the state

    return decorator


def failed_state(told: UserError, error: Exception) -> "State[Any]":
    """Return the state of a run that ended with an error; `told` is what people hear of it."""
    if isinstance(told, RunFailed):
        name = "Rejected" if told.status == "rejected" else None
        return Failed(name=name, message=shortened(told.what, MAX_MESSAGE), data=error)
    return Failed(message=shortened(str(told), MAX_MESSAGE), data=error)


def run_state(summary: Summary) -> "State[Summary]":
    """Return the state of a run that succeeded or was skipped."""
    name = "Skipped" if summary.status == "skipped" else None
    if summary.undelivered:
        name = "Undelivered"
    return Completed(name=name, message=run_message(summary), data=summary)


def run_message(summary: Summary) -> str:
    """Return one run in a line: "torch/ann serves, test RMSE 35.73 (31.5 to 40.5), ANN nay"."""
    if summary.status != "succeeded":
        return shortened(" ".join(summary.remarks), MAX_MESSAGE)
    serves = "serves" if summary.run_id else "would serve"
    parts = [f"{summary.champion} {serves}"]
    if error := error_of(summary):
        parts.append(f"test RMSE {error}")
    parts.append(f"ANN {summary.verdict}")
    message = ", ".join(parts)
    if summary.undelivered:
        message += f". {summary.undelivered}"
    return shortened(message, MAX_MESSAGE)


def error_of(summary: Summary) -> str:
    """Return the champion's test error with its interval, "" if it has none: "35.73 (32 to 40)"."""
    if summary.rmse is None:
        return ""
    if summary.rmse_low is None:
        return number(summary.rmse)
    return (
        f"{number(summary.rmse)} ({number(summary.rmse_low, 3)} to {number(summary.rmse_high, 3)})"
    )


def verified_state(verification: Verification) -> "State[Verification]":
    """Return the state of a stored run that was fitted again, and compared."""
    message = "All digits are the same."
    if verification.different:
        message = f"{verification.different:,} values differ."
    if verification.damaged:
        message = "What is stored is damaged."
    return Completed(message=message, data=verification)


def trained_state(trained: Trained) -> "State[Trained]":
    """Return the state of a candidate that was fitted again."""
    return Completed(message="Fitted again.", data=trained)


def night_state(summaries: Sequence[Summary]) -> "State[Any]":
    """Return the state of a night in which nothing failed."""
    all_skipped = all(summary.status == "skipped" for summary in summaries)
    return Completed(
        name="Skipped" if all_skipped and summaries else None,
        message=night_message(summaries),
        data=summaries,
    )


def night_message(summaries: Sequence[Summary]) -> str:
    """Return a night in a line: "3 runs: 2 trained, 1 skipped; torch/ann now serves m"."""
    counts = Counter(STATUS_WORDS.get(each.status, each.status) for each in summaries)
    runs = f"{len(summaries)} run" + ("s" if len(summaries) != 1 else "")
    message = f"{runs}: {', '.join(f'{n} {status}' for status, n in counts.items())}"
    changed = [
        f"{each.champion} now serves {each.dataset}"
        for each in summaries
        if each.change in ("promoted", "first champion")
    ]
    return shortened("; ".join([message, *changed]), MAX_MESSAGE)


def summaries_of(ended: Sequence[Summary] | UserError) -> Sequence[Summary]:
    """Return the runs of a night, also of one in which some have failed."""
    if isinstance(ended, NightFailed):
        return ended.summaries
    return () if isinstance(ended, UserError) else ended
