"""Folders that nightfit writes to."""

import tempfile
from pathlib import Path

from data.errors import HomeError
from data.store.database.disk import no_room


def make_folder(folder: Path) -> None:
    """Make a folder that nightfit writes to; raise HomeError if it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        full = no_room(error)
        raise HomeError(
            f"{full}." if full else f"the folder cannot be written to ({error.strerror}).",
            where=str(folder),
            next_step="Make room there, or name another folder in NIGHTFIT_HOME."
            if full
            else "Make it writable for this user, or name another one in NIGHTFIT_HOME.",
        ) from None
