"""Temporary files: a folder in the home for those of one process and of the processes it starts.

Libraries leave files where TMPDIR points. There they are removed with the folder, however the
process ended: what a killed one left is removed when the next one begins.
"""

import fcntl
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import HomeError

LOG = logging.getLogger("nightfit")

FOLDER = "tmp"
RESERVE = 4_000_000
"""Bytes that suffice to store a run that failed, in SQLite and in the database of Prefect."""

_VARIABLES = ("TMPDIR", "TEMP", "TMP")


@contextmanager
def temporary_files(home: Path) -> Iterator[None]:
    """Keep temporary files in a folder of their own in `home`, and remove them at the end.

    Call it before libraries are imported that look for such a folder. Within another one of this
    process it does nothing. Processes may do this side by side: each has its folder, on which it
    holds a lock as long as it lives. If there can be no such folder, the system's is used.
    """
    with _guard:
        if not _users:
            _begin(home / FOLDER)
        _users.append(home)
    try:
        yield
    finally:
        with _guard:
            _users.remove(home)
            if not _users:
                _end()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a new folder that is removed at the end; raise HomeError if there can be none."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="nightfit-")
    except OSError as error:
        raise HomeError(
            f"no folder for temporary files can be written to ({error.strerror}).",
            next_step="Name one of your own in TMPDIR.",
        ) from None
    with folder:
        yield Path(folder.name)


@contextmanager
def reserved_room() -> Iterator[Callable[[], None]]:
    """Take some room on the disk of temporary files, and give what frees it again.

    So what has filled the disk leaves enough to store how it ended. The file has no name. Where it
    cannot be made, nothing is taken.
    """
    with tempfile.TemporaryFile() as file:
        if hasattr(os, "posix_fallocate"):  # macOS has it not
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, RESERVE)
        yield file.close


_guard = threading.Lock()
_users: list[Path] = []
"""The homes of those that are in a `with temporary_files`, in whichever thread."""


@dataclass
class _Here:
    """The folder of this process, and what its variables were before."""

    folder: Path | None = None
    lock: int | None = None
    before: dict[str, str | None] = field(default_factory=dict)


_here = _Here()


def _begin(parent: Path) -> None:
    _here.folder, _here.lock = _new_folder(parent)
    _here.before = {name: os.environ.get(name) for name in _VARIABLES}
    if _here.folder is not None:
        _point_to(dict.fromkeys(_VARIABLES, str(_here.folder)))


def _end() -> None:
    if _here.folder is not None and _here.lock is not None:
        _point_to(_here.before)
        shutil.rmtree(_here.folder, ignore_errors=True)
        os.close(_here.lock)


def remove_abandoned(home: Path) -> None:
    """Remove the temporary files in a home of processes that have been killed."""
    with suppress(OSError):  # there are none, or they cannot be removed
        guard = _locked(home / FOLDER, wait=True)
        try:
            _remove_unlocked(home / FOLDER)
        finally:
            os.close(guard)


def _remove_unlocked(parent: Path) -> None:
    """Remove the folders of processes that have ended; those in use are locked."""
    for folder in parent.iterdir():
        try:
            lock = _locked(folder, wait=False)
        except OSError:  # in use, or gone, or on a disk that has no locks
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new_folder(parent: Path) -> tuple[Path | None, int | None]:
    """Return a new folder and the descriptor that locks it."""
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        guard = _locked(parent, wait=True)  # or another process might remove it before it is locked
        try:
            _remove_unlocked(parent)
            folder = Path(tempfile.mkdtemp(prefix="", dir=parent))
            return folder, _locked(folder, wait=True)
        finally:
            os.close(guard)
    except OSError as error:
        LOG.warning(
            "There can be no temporary files in %s (%s), so they are left in the system's folder"
            " for them.",
            parent,
            error.strerror,
        )
        return None, None


def _locked(folder: Path, *, wait: bool) -> int:
    """Return a descriptor that locks a folder until it is closed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _point_to(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    tempfile.tempdir = None  # Python looks again
