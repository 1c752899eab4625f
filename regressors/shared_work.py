"""Work on a job that several processes share.

It is a generator: it yields calls, each to be done in a process of the job's framework, is sent
their results in the order of the calls, and goes on. What it returns does not depend on how many
processes there are, nor on which of them does what.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Calls:
    """So many functions, each with its arguments after the framework's module.

    They are made one by one, as they are asked for; `what` they are for is said in words. Where
    they `are_fits`, each trains a network (`NetworkFit`), and all belong to one fit.
    """

    what: str
    number: int
    each: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]]
    are_fits: bool = False


SharedWork = Generator[Calls, Iterator[Any], Result]
"""Calls out, results in, as they are asked for; in the end a result of all."""


def shared(work: SharedWork[Result], do: Callable[[Calls], Iterator[Any]]) -> Result:
    """Return what shared work comes to; `do` yields the results of calls, in their order."""
    try:
        calls = next(work)
        while True:
            calls = work.send(do(calls))
    except StopIteration as end:
        result: Result = end.value
        return result
