"""Notes of the runs in progress, in the home: those that a killed process has left say what it did.

The process of a run holds a lock on its note. The system frees it when the process ends, however
it does, so a note that is there with its lock free is of a run that was killed.
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

FOLDER = "running"


@dataclass(frozen=True)
class RunNote:
    """A run of a `flow`, of one `dataset` or a whole night (None), as it was when it began.

    `flow_run` is its ID on Prefect's server, and `began` a time of ISO 8601, in UTC. It stores in
    `store`.
    """

    flow: str
    store: str
    dataset: str | None = None
    flow_run: str | None = None
    for_tonight: bool = True
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    process: int = field(default_factory=os.getpid)
    machine: str = field(default_factory=socket.gethostname)

    @property
    def began_at(self) -> datetime:
        """Return when it began."""
        return datetime.fromisoformat(self.began)

    @property
    def where(self) -> str:
        """Return in words which process it was."""
        return f"process {self.process} on {self.machine}"


@contextmanager
def noted(home: Path, note: RunNote) -> Iterator[None]:
    """Keep a note of a run as long as it lasts; where none can be written, do without."""
    path = home / FOLDER / f"{uuid4().hex}.json"
    locked = None
    try:
        with suppress(OSError):  # a full disk, or one without locks
            locked = _written(path, note)
        yield
    finally:
        with suppress(OSError):  # a signal may have come while it was written
            path.unlink(missing_ok=True)
        if locked is not None:
            os.close(locked)


def killed_runs(home: Path) -> dict[Path, RunNote]:
    """Return the notes whose process was killed, by their files, the oldest first."""
    found = {}
    for path in (home / FOLDER).glob("*.json"):
        with suppress(OSError, ValueError, TypeError):
            # It is in use, or has just gone; or it is no note, as from another version.
            found[path] = _abandoned(path)
    return dict(sorted(found.items(), key=lambda item: item[1].began))


def forget(notes: Iterable[Path]) -> None:
    """Remove notes of killed runs, of which everybody has heard."""
    for path in notes:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _written(path: Path, note: RunNote) -> int:
    """Write a note, and return the descriptor that locks it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode=0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, json.dumps(asdict(note)).encode())
        os.fsync(descriptor)  # the machine may go down, too
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)  # without its lock it would be of a killed run
        raise
    return descriptor


def _abandoned(path: Path) -> RunNote:
    """Return a note that nobody locks; raise OSError if somebody does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with open(descriptor, "rb", closefd=False) as file:
            note = RunNote(**json.load(file))
    finally:
        os.close(descriptor)
    datetime.fromisoformat(note.began)
    return note
