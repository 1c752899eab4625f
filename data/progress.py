"""How far a long piece of work is: who works reports it, and the caller decides what is shown."""

from collections.abc import Callable

Report = Callable[[float, str], None]
"""Takes which share of the work is done, from 0 to 1, and that in words: "4 of 12 columns"."""


def unreported(_share: float, _done: str) -> None:
    """Report nothing."""


def part(report: Report, begin: float, end: float) -> Report:
    """Return what reports a part of the work, which is all from one share of it to another."""
    return lambda share, done: report(begin + share * (end - begin), done)
