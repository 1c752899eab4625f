"""Log files that processes append to for months: the newest output is kept, and not more."""

import os
from contextlib import suppress
from pathlib import Path

MAX_LOG_BYTES = 1_000_000
"""A longer log is emptied; its end is kept beside it, in a file of this length at most."""


def shorten(log: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
    """Empty a log that is longer than `max_bytes`, and keep its end as `<name>.1`.

    Processes that have opened it for appending go on writing to it. A log that cannot be shortened
    is left as it is.
    """
    with suppress(OSError):
        if log.stat().st_size <= max_bytes:
            return
        descriptor = os.open(f"{log}.1", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as older, log.open("rb") as file:
            file.seek(-max_bytes, os.SEEK_END)
            older.write(file.read(max_bytes))
        os.truncate(log, 0)


def size(log: Path) -> int:
    """Return the length of a log in bytes; 0 if there is none."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def end_of(log: Path, since: int, max_bytes: int = 20_000) -> str:
    """Return the end of what was written to a log after its first `since` bytes."""
    try:
        with log.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            start = since if since <= length else 0  # it was emptied meanwhile
            file.seek(max(start, length - max_bytes))
            return file.read(max_bytes).decode(errors="replace")
    except OSError:
        return ""
