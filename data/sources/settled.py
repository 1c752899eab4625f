"""A source is read while nobody writes it: what changes meanwhile is read again, or refused."""

import time
from collections.abc import Callable
from typing import TypeVar

from data.errors import SourceAway, SourceLate, UserError
from data.sources.source_files import FileState, SourceFiles

T = TypeVar("T")

QUIET_SECONDS = 1.0
"""A file that was changed less than this before is waited for: it may still be being written."""

MAX_WAIT_SECONDS = 6.0
"""So long a file is waited for in all."""

MAX_READINGS = 3
"""So often a file is read that changes each time."""


def read_settled(
    files: SourceFiles, read: Callable[[], T], *, quiet_seconds: float
) -> tuple[T, tuple[str, ...]]:
    """Return what `read` makes of files that nobody changes meanwhile, and notes on the attempts.

    A file more or less is a change, too. A file that was changed less than `quiet_seconds` ago is
    waited for: so its times show every change during the reading, however coarse they are. Raises
    what `read` raises, and `SourceLate` if the files do not come to rest. A program that pauses
    longer while it writes goes unnoticed.
    """
    notes: list[str] = []
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    for attempt in range(MAX_READINGS):
        if attempt:
            notes.append("The file was changed while it was read, so it was read again.")
            time.sleep(quiet_seconds)  # one that is gone may come back
        before, changed = _state_at_rest(files, quiet_seconds, deadline)
        if changed:
            notes.append("The file was being written, so its end was waited for.")
        try:
            result = read()
        except SourceAway:
            raise
        except UserError:
            if files.state() == before:
                raise
        else:
            if files.state() == before:
                return result, tuple(dict.fromkeys(notes))
    raise _restless()


def _state_at_rest(
    files: SourceFiles, quiet_seconds: float, deadline: float
) -> tuple[tuple[FileState, ...], bool]:
    """Return the state of files that are left alone, and whether they were changed before that."""
    state, changed = files.state(), False
    while (seconds := _until_quiet(state, quiet_seconds)) > 0:
        if time.monotonic() + seconds > deadline:
            raise _restless()
        time.sleep(seconds)
        before, state = state, files.state()
        changed = changed or state != before
    return state, changed


def _until_quiet(states: tuple[FileState, ...], quiet_seconds: float) -> float:
    """Return in how many seconds all files will have been left alone for `quiet_seconds`.

    A time far in the future, as of another machine's clock, says nothing.
    """
    now = time.time()
    moments = (moment for state in states for moment in state.times)
    ages = [now - nanoseconds / 1e9 for nanoseconds in moments]
    return max([quiet_seconds - age for age in ages if abs(age) < quiet_seconds], default=0.0)


def _restless() -> SourceLate:
    return SourceLate(
        "The file is being written: it changed again and again while nightfit waited for it.",
        next_step="Run again when it is complete. A program that writes another file, and renames"
        " it when it is complete, is never read half-way.",
    )
