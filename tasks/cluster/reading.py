"""Having a source read by a worker of the cluster, for rows that only workers see.

A worker that sees the driver's folder writes the snapshot there. From another one its file is sent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Protocol

from data.connections.retry import is_away, retried
from data.declarations.model import Declaration, Kind
from data.errors import ClusterError, HomeError, SourceAway, SourceLate
from data.sources.snapshot import Snapshot, put_down
from regressors.frameworks.registry import NUMPY
from regressors.frameworks.workers import WorkerFailed
from tasks.cluster.read_job import NotRead, ReadJob, SourceRead, read_source
from tasks.cluster.token_file import Token
from tasks.run import progress
from tasks.run.processes import Processes

OTHERS_MAY_SEE = (SourceLate, SourceAway)
"""Errors of a worker after which another one is asked: it may see the source."""

MAX_LOST = 3
"""A source is read again if the worker is lost that has its snapshot, but no more often."""


class Workers(Processes, Protocol):
    """The workers of a cluster, as `ClusterWorkers` has them."""

    def having(self, framework: str) -> set[str]:
        """Return the workers that have a framework."""
        ...

    def file_parts(self, worker: str, path: Path, size: int) -> Iterator[bytes]:
        """Yield the bytes of a file of a worker."""
        ...


class _Lost(Exception):
    """A worker is gone, and the snapshot that it has with it."""


def read_on(
    workers: Workers,
    declaration: Declaration,
    *,
    folder: Path,
    as_of: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    quiet_seconds: float = 0,
    patience: float = 0,
) -> Snapshot:
    """Have a worker read a source; return the snapshot under `folder`, as `read` does.

    Workers that do not see the source, or for which it is away, are passed over. If it is so for
    all of them, they are asked again for `patience` seconds. Raises what `read` raises; `where`
    names the worker. Raises ClusterError if no worker can do it.
    """
    notes: list[str] = []
    until, token = monotonic() + patience, _token(folder)
    job = ReadJob(declaration, folder, token, as_of, kinds, quiet_seconds)
    try:
        snapshot = retried(
            partial(_read_by_one, workers, job),
            told=notes.append,
            # A worker has tried again by itself what may pass at once.
            is_passing=lambda error: patience > 0 and is_away(error),
            until=until,
            where=declaration.source.shown,
        )
    finally:
        token.remove()
    shown = declaration.source.shown
    retries = (f"{shown}: {note}" for note in notes)
    return replace(snapshot, warnings=(*retries, *snapshot.warnings))


def _token(folder: Path) -> Token:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Token.written(folder)
    except OSError as error:
        raise HomeError(
            f"The snapshot cannot be written: {error.strerror}.",
            where=str(folder),
            next_step="Make the folder writable, or set NIGHTFIT_HOME to another one.",
        ) from None


def _read_by_one(workers: Workers, job: ReadJob) -> Snapshot:
    """Return what the first worker reads that sees the source."""
    asked: list[str] = []
    lost = 0
    while True:
        answer = _answer(workers, replace(job, not_on=frozenset(asked)))
        if isinstance(answer, SourceRead):
            try:
                return _here(workers, job, answer)
            except _Lost:
                lost += 1
                if lost == MAX_LOST:
                    raise _not_done(job, f"{lost} workers were lost that had read it") from None
                continue
        asked.append(answer.worker)
        if not issubclass(answer.kind, OTHERS_MAY_SEE):
            raise answer.error(workers=1)
        if not workers.having(NUMPY.name) - {*asked}:
            raise answer.error(len(asked))


def _answer(workers: Workers, job: ReadJob) -> SourceRead | NotRead:
    reporter = partial(progress.Progress, job.declaration.name, "reading")
    try:
        answer: SourceRead | NotRead = workers.result(
            workers.submit(NUMPY.name, read_source, job, reporter=reporter)
        )
    except WorkerFailed as failure:
        raise _not_done(job, str(failure)) from None
    return answer


def _not_done(job: ReadJob, why: str) -> ClusterError:
    return ClusterError(
        f"the cluster could not read it: {why}.",
        where=job.declaration.source.shown,
        next_step="See the logs of its workers.",
    )


def _here(workers: Workers, job: ReadJob, read: SourceRead) -> Snapshot:
    """Return the snapshot that a worker has written, sent from there if it is not here."""
    snapshot = replace(read.snapshot, read_by=read.worker)
    if read.in_place and snapshot.path.exists():
        return snapshot
    sent = 0

    def write(file: BinaryIO) -> None:
        nonlocal sent
        parts = workers.file_parts(read.worker, snapshot.path, read.size)
        while True:
            try:
                data = next(parts, b"")
            except Exception:  # noqa: BLE001 - whatever the way there raises
                raise _Lost from None
            if not data:
                return
            file.write(data)
            sent += len(data)

    dataset = job.declaration.name
    target = job.folder.absolute() / dataset / snapshot.path.name
    here = put_down(replace(snapshot, path=target), read.readings, write)
    size = f"{sent / 1e6:,.1f} MB" if sent else "nothing, for it is here already,"
    progress.log(
        dataset,
        f"{read.worker} does not see {job.folder}: of the snapshot {size} was sent from there",
    )
    return here
