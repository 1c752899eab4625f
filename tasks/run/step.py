"""A step of a run: a Prefect task that says how the step went, and whose time is recorded."""

import functools
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Generic, ParamSpec, TypeVar, cast

from prefect import Task, runtime
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed

from data.errors import UserError, shortened
from regressors.frameworks.workers import STOPPED
from tasks.run.memory import out_of_memory
from tasks.run.step_times import StepTime, record

P = ParamSpec("P")
R = TypeVar("R")

MAX_MESSAGE = 500
"""Characters of a state's message on Prefect's page."""

CANCELLED = "Cancelled"
"""The name of the state of a fit whose run was cancelled; its type lets the fits after it end."""

Problem = Callable[[Any], str | None]
"""Says of what a step returned why the step failed, None if it did not."""

_submitted: ContextVar[float | None] = ContextVar("submitted", default=None)


class Step(Generic[P, R]):
    """A function of a run that is also a task on Prefect's page.

    What it returns may be a failure that the run outlives, such as that of one candidate: its task
    is then `Failed`, with the reason as its message, and the value is returned all the same. So is
    the task of a function that raises a UserError, or runs out of memory; the error is raised as it
    is. Prefect logs the traceback of any other one.
    """

    def __init__(
        self, function: Callable[P, R], run_name: str | None, problem: Problem | None
    ) -> None:
        self.fn = function
        self._problem = problem

        @functools.wraps(function)
        def state(*args: P.args, **kwargs: P.kwargs) -> "State[R]":
            return self._state(*args, **kwargs)

        self.task = Task(
            state,
            name=function.__name__,
            task_run_name=run_name or function.__name__,
            persist_result=False,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the step now; return its value."""
        return _value(cast("State[R]", self.task(*args, **kwargs, return_state=True)))

    def submit(self, *args: Any, wait_for: Iterable[Any] = (), **kwargs: Any) -> PrefectFuture[R]:
        """Do the step in a thread, after the steps in `wait_for`; `result_of` returns its value."""
        token = _submitted.set(perf_counter())
        try:
            return cast("PrefectFuture[R]", self.task.submit(*args, wait_for=wait_for, **kwargs))
        finally:
            _submitted.reset(token)

    def _state(self, *args: P.args, **kwargs: P.kwargs) -> "State[R]":
        begin = perf_counter()
        submitted = _submitted.get()
        token = _submitted.set(None)
        try:
            value = self.fn(*args, **kwargs)
        except Exception as error:
            told = error if isinstance(error, UserError) else out_of_memory(error)
            if told is None:
                raise
            return Failed(message=shortened(str(told), MAX_MESSAGE), data=error)
        finally:
            _submitted.reset(token)
            waited = 0.0 if submitted is None else begin - submitted
            record(StepTime(runtime.task_run.name, waited, perf_counter() - begin))
        problem = self._problem(value) if self._problem else None
        if problem is None:
            return Completed(data=value)
        name = CANCELLED if problem == STOPPED else None
        return Failed(name=name, message=shortened(problem, MAX_MESSAGE), data=value)


def step(
    *, run_name: str | None = None, problem: Problem | None = None
) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function a step; `run_name` may contain its parameters in braces."""
    return lambda function: Step(function, run_name, problem)


def why_not(outcome: object) -> str | None:
    """Return the sentence that a fit without a result consists of, None if it has one."""
    return outcome if isinstance(outcome, str) else None


def result_of(future: PrefectFuture[R]) -> R:
    """Return the value of a step that was submitted."""
    future.wait()
    return _value(cast("State[R]", future.state))


def _value(state: "State[R]") -> R:
    value = state.result(raise_on_failure=False)
    if isinstance(value, Exception):
        raise value
    return value
