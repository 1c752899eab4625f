"""A server that all workers of pytest-xdist use: the first starts it, and it ends with the last.

Each that uses it holds a shared lock of a file. The server waits for a lock of its own on the same
file, and gets it when nobody uses the server any more, however they have ended.
"""

import atexit
import fcntl
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from filelock import FileLock

USERS, STARTED = "users", "started"


@dataclass
class Run:
    """A run of the tests: the folder that its workers share, and the locks that this one holds."""

    folder: Path | None = None
    locks: dict[str, IO[str]] = field(default_factory=dict)

    def server(self, name: str, start: Callable[[Path], str]) -> str:
        """Return what `start` has returned to the first that asked for the server of this name.

        `start` is given the folder of the server, which ends when it is `Unused`. The folder may
        have been that of another one, which has ended.
        """
        if self.folder is None:  # these are not tests of pytest
            self.folder = Path(tempfile.mkdtemp(prefix="nightfit-"))
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        started = folder / STARTED
        with FileLock(folder / "lock"):
            users = self.locks[name] = (folder / USERS).open("a")
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for one that is about to end
            if not started.exists():
                started.write_text(start(folder))
        return started.read_text()

    def leave(self) -> None:
        """Use no server any more."""
        while self.locks:
            self.locks.popitem()[1].close()


RUN = Run()
"""The one of this process."""


class Unused:
    """Whether nobody uses the server in a folder any more; once nobody does, nobody else comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users = (folder / USERS).open("a")

    def __call__(self, *, wait: bool = False) -> bool:
        """Return whether it is so, at once or when it is."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        (self._folder / STARTED).unlink(missing_ok=True)
        return True

    def close(self) -> None:
        """Ask no more."""
        self._users.close()
