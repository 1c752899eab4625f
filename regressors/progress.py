"""How far a fit is: what takes long reports it here, and the caller decides what is shown.

Nothing happens unless a caller asks for reports. In a worker they go through a pipe to the parent.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Report = Callable[[float | None, str], None]
"""Takes which share of the work is done, from 0 to 1, and that in words.

The share is None where nobody knows how long the work will be.
"""


def _unreported(_share: float | None, _done: str) -> None:
    pass


@dataclass
class _Parts:
    """How much of some work is done, in parts; `total` is None where it is not known."""

    total: float | None
    done: float = 0.0


_report: ContextVar[Report] = ContextVar("report", default=_unreported)
_parts: ContextVar[_Parts | None] = ContextVar("parts", default=None)


def report(share: float | None, done: str) -> None:
    """Report that a share of the work, or of the part of it that is at hand, is done."""
    _report.get()(share, done)


@contextmanager
def reporting_to(report: Report) -> Iterator[None]:
    """Pass on what is reported within."""
    token, outer = _report.set(report), _parts.set(None)
    try:
        yield
    finally:
        _parts.reset(outer)
        _report.reset(token)


@contextmanager
def parts(total: float | None, done: float = 0.0) -> Iterator[None]:
    """Say how many parts the work has, None if nobody knows, and how many of them are done.

    Each `part` within is another one.
    """
    token = _parts.set(_Parts(total, done))
    try:
        yield
    finally:
        _parts.reset(token)


@contextmanager
def part(name: str, size: float = 1) -> Iterator[None]:
    """Report what happens within as the next of the parts: "fold 3 of 5, epoch 12 of 40".

    `size` is its length, where others have 1. Outside of `parts` only its name is added.
    """
    outer, counted = _report.get(), _parts.get()
    begin = 0.0
    if counted is not None:
        begin = counted.done
        counted.done += size

    def of_all(share: float | None) -> float | None:
        if counted is None or share is None:
            return share
        if counted.total is None or begin + size > counted.total:
            return None
        return (begin + share * size) / counted.total

    with reporting_to(lambda share, done: outer(of_all(share), f"{name}, {done}")):
        outer(of_all(0.0), name)
        yield
