"""Trying again while the database is away, so that a restart does not cost a night's work."""

import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from data.errors import StoreAway

T = TypeVar("T")

LOG = logging.getLogger("nightfit")

FIRST_PAUSE = 1.0
MAX_PAUSE = 30.0
"""Seconds between two attempts: each pause is twice the last one, up to this."""

JITTER = 0.5
"""A pause is up to this share longer or shorter, so that several runs do not try in step."""


def retried(
    attempt: Callable[[], T],
    *,
    seconds: float,
    unreachable_seconds: float | None = None,
    on_retry: Callable[[StoreAway], None] = lambda _error: None,
) -> T:
    """Return what `attempt` returns; while it raises StoreAway, try again for `seconds`.

    `unreachable_seconds` is how long to try where nothing answers at all, since the address may be
    wrong. The pauses grow, with jitter, and each is logged and calls `on_retry`. At the end the
    last error is raised.
    """
    start, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            result = attempt()
        except StoreAway as error:
            limit = seconds
            if error.unreachable and unreachable_seconds is not None:
                limit = min(seconds, unreachable_seconds)
            left = start + limit - time.monotonic()
            if left <= 0:
                raise _given_up(error, limit) from None
            wait = min(left, pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
            until = datetime.now(UTC) + timedelta(seconds=left)
            LOG.warning(
                "%s: %s Trying again in %.0f s, until %s UTC.",
                error.where,
                error.what,
                max(wait, 1),
                f"{until:%H:%M:%S}",
            )
            on_retry(error)
            time.sleep(wait)
            pause = min(2 * pause, MAX_PAUSE)
        else:
            if pause > FIRST_PAUSE:
                away = time.monotonic() - start
                LOG.info("the database answers again, after %.0f s", away)
            return result


def _given_up(error: StoreAway, seconds: float) -> StoreAway:
    if not seconds:
        return error
    tried = f"{error.what} It was tried again for {seconds:g} seconds (NIGHTFIT_STORE_RETRY_TIME)."
    given_up = StoreAway(tried, where=error.where, next_step=error.next_step)
    given_up.unreachable = error.unreachable
    return given_up
