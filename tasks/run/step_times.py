"""How long each step of a run has waited and worked."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class StepTime:
    """The seconds that one step of a run waited for its turn, and those that it then worked.

    A step is called as on Prefect's page: "read", "start torch", "fit torch/ann". A fit waits for
    its framework's process to start, and for the fits before it in that process.
    """

    step: str
    waited: float
    worked: float


_times: ContextVar[list[StepTime] | None] = ContextVar("step_times", default=None)


@contextmanager
def recording_to(times: list[StepTime]) -> Iterator[None]:
    """Add the time of each step that ends within to a list, also of those in other threads."""
    token = _times.set(times)
    try:
        yield
    finally:
        _times.reset(token)


def record(time: StepTime) -> None:
    """Record the time of a step, if anybody wants to know."""
    times = _times.get()
    if times is not None:
        times.append(time)
