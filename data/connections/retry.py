"""Trying again after failures that pass by themselves, such as a server that is just starting."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from data.errors import SourceAway, SourceLate, UserError

T = TypeVar("T")

LOG = logging.getLogger("nightfit")

ATTEMPTS = 4
"""So often something is attempted in all, or more often if there is time until a moment."""

FIRST_PAUSE = 1.0
"""Seconds before the second attempt; each other pause is twice the one before."""

MAX_PAUSE = 30.0
"""Seconds of the longest pause."""

JITTER = 0.5
"""A pause is up to this share longer or shorter, so that several runs do not try in step."""


def is_away(error: Exception) -> bool:
    """Return whether an error says of itself that the same may succeed later."""
    return isinstance(error, SourceAway)


def retried(
    action: Callable[[], T],
    *,
    told: Callable[[str], None],
    is_passing: Callable[[UserError], bool] = is_away,
    until: float = 0.0,
    where: str = "",
) -> T:
    """Return what `action` returns; while it fails in a passing way, attempt it again.

    `action` must change nothing, or only what it would overwrite. It raises errors in words for
    people, without secrets; those that `is_passing` does not take are raised at once, as a wrong
    password is. With `until`, a time of `time.monotonic`, what fails is attempted until then, also
    where it is only late (`SourceLate`).

    Each new attempt is in the log, at `where` if the error does not say. When they end, `told` gets
    a sentence for the warnings of the run on each failure, with how often it was tried again. At
    the end the last error is raised, and says how often it was tried.
    """
    begun = time.monotonic()
    failures: Counter[str] = Counter()
    while True:
        try:
            result = action()
        except UserError as error:
            left, attempts = until - time.monotonic(), failures.total() + 1
            may_wait = left > 0 and (isinstance(error, SourceLate) or is_passing(error))
            if not (may_wait or (is_passing(error) and attempts < ATTEMPTS)):
                _tell(failures, told)
                if attempts == 1 or not (is_passing(error) or isinstance(error, SourceLate)):
                    raise
                raise _given_up(error, attempts, max(until - begun, 0)) from None
            failures[error.what] += 1
            pause = min(FIRST_PAUSE * 2 ** (attempts - 1), MAX_PAUSE)
            pause *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            if attempts >= ATTEMPTS or not is_passing(error):
                pause = min(pause, left)
            again = f"It is tried again in {pause:.0f} s." if pause >= 1 else "It is tried again."
            place = error.where or where
            LOG.warning("%s%s %s", f"{place}: " if place else "", error.what, again)
            time.sleep(pause)
        else:
            _tell(failures, told)
            return result


def _tell(failures: Counter[str], told: Callable[[str], None]) -> None:
    for what, times in failures.items():
        told(f"{what} It was tried again{'' if times == 1 else f' {times} times'}.")


def _given_up(error: UserError, attempts: int, seconds: float) -> UserError:
    span = f" in {seconds:.0f} s" if seconds >= 1 else ""
    what = f"{error.what} It was tried {attempts} times{span}."
    return type(error)(what, where=error.where, next_step=error.next_step)
