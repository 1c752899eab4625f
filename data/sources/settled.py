"""A source is read while nobody writes it: what changes meanwhile is read again, or refused."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from data.errors import SourceError, UserError
from data.sources.source_files import paths_of

T = TypeVar("T")

QUIET_SECONDS = 1.0
"""A file that was changed less than this before is waited for: it may still be being written."""

MAX_WAIT_SECONDS = 6.0
"""So long a file is waited for in all."""

MAX_READINGS = 3
"""So often a file is read that changes each time."""


@dataclass(frozen=True)
class _State:
    """What changes when a file is changed or replaced; times are in nanoseconds."""

    path: Path
    device: int
    inode: int
    size: int
    modified: int
    changed: int


def read_settled(
    path: Path, read: Callable[[], T], *, quiet_seconds: float
) -> tuple[T, tuple[str, ...]]:
    """Return what `read` makes of files that nobody changes meanwhile, and notes on the attempts.

    `path` names one file, a pattern or a folder; a file more or less is a change. A file that was
    changed less than `quiet_seconds` ago is waited for: so its times show every change during the
    reading, however coarse they are. Raises what `read` raises, and `SourceError` if the files do
    not come to rest. A program that pauses longer while it writes goes unnoticed.
    """
    notes: list[str] = []
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    for attempt in range(MAX_READINGS):
        if attempt:
            notes.append("The file was changed while it was read, so it was read again.")
            time.sleep(quiet_seconds)  # one that is gone may come back
        before, changed = _state_at_rest(path, quiet_seconds, deadline)
        if changed:
            notes.append("The file was being written, so its end was waited for.")
        try:
            result = read()
        except UserError:
            if _state(path) == before:
                raise
        else:
            if _state(path) == before:
                return result, tuple(dict.fromkeys(notes))
    raise _restless()


def _state_at_rest(
    path: Path, quiet_seconds: float, deadline: float
) -> tuple[tuple[_State, ...], bool]:
    """Return the state of files that are left alone, and whether they were changed before that."""
    state, changed = _state(path), False
    while (seconds := _until_quiet(state, quiet_seconds)) > 0:
        if time.monotonic() + seconds > deadline:
            raise _restless()
        time.sleep(seconds)
        before, state = state, _state(path)
        changed = changed or state != before
    return state, changed


def _state(path: Path) -> tuple[_State, ...]:
    """Return the state of each file of a source that is there."""
    states = []
    for file in paths_of(path):
        try:
            facts = file.stat()
        except OSError:
            continue
        times = facts.st_mtime_ns, facts.st_ctime_ns
        states.append(_State(file, facts.st_dev, facts.st_ino, facts.st_size, *times))
    return tuple(states)


def _until_quiet(states: tuple[_State, ...], quiet_seconds: float) -> float:
    """Return in how many seconds all files will have been left alone for `quiet_seconds`.

    A time far in the future, as of another machine's clock, says nothing.
    """
    now = time.time()
    moments = (moment for state in states for moment in (state.modified, state.changed))
    ages = [now - nanoseconds / 1e9 for nanoseconds in moments]
    return max([quiet_seconds - age for age in ages if abs(age) < quiet_seconds], default=0.0)


def _restless() -> SourceError:
    return SourceError(
        "The file is being written: it changed again and again while nightfit waited for it.",
        next_step="Run again when it is complete. A program that writes another file, and renames"
        " it when it is complete, is never read half-way.",
    )
