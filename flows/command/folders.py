"""Folders that nightfit writes to."""

import errno
import os
import tempfile
from pathlib import Path

from data.disk import free_bytes, no_room
from data.errors import HomeError

PROBE_BYTES = 4096


def make_folder(folder: Path, *, needed_bytes: int = 0) -> None:
    """Make a folder that nightfit writes to; raise HomeError if it cannot, or lacks the room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * PROBE_BYTES)
            probe.flush()
        if free_bytes(folder) < needed_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        full = no_room(error)
        raise HomeError(
            f"{full}." if full else f"the folder cannot be written to ({error.strerror}).",
            where=str(folder),
            next_step="Make room there, or name another folder in NIGHTFIT_HOME."
            if full
            else "Make it writable for this user, or name another one in NIGHTFIT_HOME.",
        ) from None
