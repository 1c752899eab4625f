"""Write a file as a whole or not at all, durably, whoever else writes the same one or is killed."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast


def write_whole(file: Path, write: Callable[[BinaryIO], object]) -> Path | None:
    """Replace a file by what `write` writes, which is on the disk before it has the file's name.

    A folder that has the file's name is removed if it is empty, else moved aside: its new path is
    returned. Raises OSError, and whatever `write` raises; the file is then as it was.
    """
    unfinished, handle = _locked_file(file)
    with handle:
        try:
            write(handle)
            handle.flush()
            os.fsync(handle.fileno())
            aside = _make_room(file)
            unfinished.replace(file)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    with suppress(OSError):
        _sync_folder(file.parent)
    return aside


def remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of killed processes: a file's process has a lock while it lives.

    Version 0.1.0 named them by the number of the process, without a lock.
    """
    for leftover in folder.glob(".*.parquet.*"):
        with suppress(OSError), leftover.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _locked_file(file: Path) -> tuple[Path, BinaryIO]:
    """Return a new file beside another one, locked so that no other process removes it."""
    while True:
        number, name = tempfile.mkstemp(".unfinished", f".{file.name}.", file.parent)
        handle = cast("BinaryIO", os.fdopen(number, "wb"))
        with suppress(OSError):  # where files cannot be locked, leftovers stay
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(number).st_nlink:  # else another process removed it before it was locked
            return Path(name), handle
        handle.close()


def _make_room(file: Path) -> Path | None:
    """Remove an empty folder that has the file's name; move another one aside, and say where."""
    if file.is_symlink() or not file.is_dir():
        return None
    try:
        file.rmdir()
    except OSError:
        names = (file.with_name(f"{file.name}.aside-{number}") for number in count(1))
        return file.rename(next(name for name in names if not name.exists()))
    return None


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
