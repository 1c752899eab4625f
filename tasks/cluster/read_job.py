"""Reading a source on a worker: what is sent there, what is done there, and what comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from data.declarations.model import Declaration, Kind
from data.errors import UserError
from data.sources.read import read
from data.sources.readings import ColumnReading
from data.sources.snapshot import Snapshot, readings_of
from regressors.progress import report
from tasks.cluster.token_file import Token


@dataclass(frozen=True)
class ReadJob:
    """A source to read, for a snapshot in the `folder` of the driver, where its `token` is.

    It is not done by the workers in `not_on`. `worker` is who does it, and `in_place` whether that
    writes to the folder of the driver.
    """

    declaration: Declaration
    folder: Path
    token: Token
    as_of: str | None = None
    kinds: Mapping[str, Kind] | None = None
    quiet_seconds: float = 0.0
    not_on: frozenset[str] = frozenset()
    worker: str = ""
    in_place: bool = True

    def of_worker(self, worker: str, own_folder: Callable[[], Path]) -> "ReadJob":
        """Return the job of a worker, which writes to its own folder if it sees no other."""
        if self.token.is_here():
            return replace(self, worker=worker)
        return replace(self, worker=worker, in_place=False, folder=own_folder())


@dataclass(frozen=True)
class SourceRead:
    """The snapshot that a worker has written, in the driver's folder if it is `in_place`.

    `size` is how many bytes its file has.
    """

    worker: str
    snapshot: Snapshot
    readings: tuple[ColumnReading, ...]
    size: int
    in_place: bool


@dataclass(frozen=True)
class NotRead:
    """Why a worker could not read a source: the parts of an error for people."""

    worker: str
    kind: type[UserError]
    what: str
    where: str
    next_step: str

    def error(self, workers: int) -> UserError:
        """Return the error, which says by which of so many workers the source was not read."""
        on = f"on the worker {self.worker}" if workers == 1 else f"on any of {workers} workers"
        where = f"{self.where}, {on}" if self.where else on
        return self.kind(self.what, where=where, next_step=self.next_step)


def read_source(_: object, job: ReadJob) -> SourceRead | NotRead:
    """Read a source as it is read without a cluster, but once: the driver tries again.

    Secrets are those of this machine's environment.
    """
    try:
        snapshot = read(
            job.declaration,
            folder=job.folder,
            as_of=job.as_of,
            kinds=job.kinds,
            quiet_seconds=job.quiet_seconds,
            report=report,
        )
    except UserError as error:
        return NotRead(job.worker, type(error), error.what, error.where, error.next_step)
    readings, size = readings_of(snapshot.path), snapshot.path.stat().st_size
    return SourceRead(job.worker, snapshot, readings, size, job.in_place)
