"""What a run reports while it works, to the terminal and to Prefect's page alike."""

import logging
import time
from collections.abc import Callable

LOG = logging.getLogger("nightfit")
LOG.setLevel(logging.INFO)

FIRST_SECONDS = 5.0
"""Work that takes no longer does not report how far it is."""

EVERY_SECONDS = 10.0
"""How far it is is reported no more often than this."""

FIRST_SHARE = 0.05
"""Less of the work than this says nothing of the time that the rest takes."""


def log(dataset: str, message: str, *, warning: bool = False) -> None:
    """Report one thing that happened to one dataset."""
    LOG.log(logging.WARNING if warning else logging.INFO, "%s: %s", dataset, message)


class Progress:
    """Reports how far a piece of work is: "m: reading, 4 of 12 columns, about 20 s left".

    It is called with the share that is done, from 0 to 1, and that in words, as often as one likes.
    The time left supposes that the rest takes as long, share by share; there is none at the very
    beginning, nor where nobody knows the share (None).
    """

    def __init__(
        self, dataset: str, work: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dataset, self._work, self._clock = dataset, work, clock
        self._begin = clock()
        self._next = self._begin + FIRST_SECONDS

    def __call__(self, share: float | None, done: str) -> None:
        """Report that so much is done, unless it is too early to do so (again)."""
        now = self._clock()
        if now < self._next or (share is not None and share >= 1):
            return
        self._next = now + EVERY_SECONDS
        left = ""
        if share is not None and share >= FIRST_SHARE:
            left = f", {_about((now - self._begin) * (1 / share - 1))} left"
        log(self._dataset, f"{self._work}, {done}{left}")


def _about(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    return f"about {round(seconds / 60):,} min"
