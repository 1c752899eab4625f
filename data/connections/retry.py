"""Trying again after failures that pass by themselves, such as a server that is just starting."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from data.errors import SourceAway, UserError

T = TypeVar("T")

LOG = logging.getLogger("nightfit")

ATTEMPTS = 4
"""So often something is attempted in all."""

FIRST_PAUSE = 1.0
"""Seconds before the second attempt; each other pause is twice the one before."""

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
) -> T:
    """Return what `action` returns; while it fails in a passing way, attempt it again.

    `action` must change nothing, or only what it would overwrite. It raises errors in words for
    people, without secrets; those that `is_passing` does not take are raised at once, as a wrong
    password is. Before each new attempt, `told` gets a sentence for the warnings of the run, and
    the log gets it, too. At the end the last error is raised, and says how often it was tried.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except UserError as error:
            if not is_passing(error):
                raise
            if attempt == ATTEMPTS:
                raise _given_up(error) from None
            sentence = f"{error.what} It was tried again."
            LOG.warning("%s%s", f"{error.where}: " if error.where else "", sentence)
            told(sentence)
        pause = FIRST_PAUSE * 2 ** (attempt - 1)
        time.sleep(pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
    raise AssertionError("unreachable")


def _given_up(error: UserError) -> UserError:
    what = f"{error.what} It was tried {ATTEMPTS} times."
    return type(error)(what, where=error.where, next_step=error.next_step)
