"""A worker's side of a night: its framework processes, and its copies of arrays.

It is made when a night reaches a worker of Dask, and goes with the night, with the worker, or when
nothing is heard of the driver for a while.
"""

import math
import os
import pickle
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from numpy.typing import NDArray

from data.scratch import remove_abandoned, temporary_files
from data.settings import settings
from regressors.file_arrays import dumps
from regressors.frameworks import parity
from regressors.frameworks.parity import ProbeResult
from regressors.frameworks.registry import FRAMEWORK_NAMES, NUMPY
from regressors.frameworks.workers import WorkerFailed, Workers
from regressors.gathered_predictions import RowsToPredict
from regressors.job import Job
from regressors.linear.gathered_sums import RowRange
from regressors.progress import Report
from tasks.cluster.copy_job import RowsToCopy
from tasks.cluster.parcels import Parcel, Piece
from tasks.cluster.read_job import ReadJob
from tasks.cluster.token_file import Token

MEMORY_SHARE, LEAST_GIB = 0.75, 0.5
"""The limit of a framework's process, as a share of what the worker may use, and at least."""


@dataclass(frozen=True)
class Limits:
    """What a fit may use: seconds, and GiB of memory; None: three quarters of the worker's."""

    seconds: float
    gibibytes: float | None


@dataclass(frozen=True)
class Outcome:
    """What a job came to: a pickled value, or why there is none, in a sentence.

    With `left_out`, the worker can do nothing with the framework tonight, and another may. Of the
    `missing` arrays the worker has neither the file nor a copy. One that is `apart` does not see
    the files that the job is about. It has not begun with what it has `held_up`. `probe` is that of
    the process.
    """

    worker: str
    value: bytes | None = None
    failure: str | None = None
    left_out: bool = False
    missing: tuple[Piece, ...] = ()
    apart: bool = False
    held_up: bool = False
    probe: ProbeResult | None = None
    warnings: tuple[str, ...] = ()


class NightEnded(Exception):
    """A worker has ended its night, because it had heard nothing of the driver for a while."""


class HostEnded(NightEnded):
    """A worker has ended the night whose processes another one uses."""


class WorkerNight:
    """The framework processes of one night on one worker; they start with their first jobs.

    `worker` is its name in messages, `threads` are those of all its processes together, and
    `memory` what it may use in bytes, None if nobody has said. `spare` is a folder for what is kept
    if the worker has no home. If `host` returns a night when the first process is needed, the
    processes are those of that one on this worker, which other nights use, too.
    """

    def __init__(
        self,
        worker: str,
        limits: Limits,
        token: Token,
        *,
        threads: int,
        memory: int | None,
        spare: Path,
        host: "Callable[[], WorkerNight | None]" = lambda: None,
    ) -> None:
        self.worker, self._find_host = worker, host
        self._host: WorkerNight | None = None
        self._limits, self._threads, self._memory, self._spare = limits, threads, memory, spare
        self.shares_files = token.is_here()
        self._open = ExitStack()
        self._lock, self._ending = threading.Lock(), threading.Lock()
        self._processes: dict[str, Workers] = {}
        self._copies: Path | None = None
        self._probes: dict[str, ProbeResult] = {}
        self._jobs: dict[str, str] = {}
        self._ended = False

    def do(self, job: str, framework: str, parcel: Parcel, report: Report) -> Outcome:
        """Do a job in the process of its framework; raise NightEnded if there is to be none."""
        if parcel.in_place and not self.shares_files:
            return Outcome(self.worker, apart=True)
        missing = tuple(piece for piece in parcel.pieces if self._opened(piece) is None)
        if missing:
            return Outcome(self.worker, missing=missing)
        function, args = parcel.value(self._must_open)
        args = tuple(self._with_own_file(arg) for arg in args)
        processes = self._started(framework)
        self._jobs[job] = framework
        try:
            value = processes.result(
                processes.submit(framework, function, *args, reporter=lambda: report)
            )
        except WorkerFailed as failure:
            self._require_night()
            left_out = processes.given_up(framework) is not None
            return self._outcome(framework, failure=str(failure), left_out=left_out)
        finally:
            with self._ending:
                self._jobs.pop(job, None)
        pack = dumps if self.shares_files else partial(pickle.dumps, protocol=5)
        return self._outcome(framework, value=pack(value))

    def cancel(self, job: str) -> None:
        """End a job whose result nobody waits for; the next one of its framework has not begun."""
        with self._ending:
            framework = self._jobs.pop(job, None)
            if framework is not None and framework in self._processes:
                self._processes[framework].cancel(framework)

    def write(self, piece: Piece, offset: int, data: bytes) -> None:
        """Write a part of an array to its copy."""
        path = self.copies / f"{piece.name}.part"
        with path.open("r+b" if path.exists() else "wb") as file:
            file.seek(offset)
            file.write(data)
        if offset + len(data) == piece.length:
            path.rename(self.copies / piece.name)

    def read(self, piece: Piece, offset: int, length: int) -> bytes:
        """Return a part of an array's copy, for another worker."""
        with (self.copies / piece.name).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def drop_copies(self) -> None:
        """Remove the copies of arrays, of which no job to come has need."""
        if self._copies is not None:
            shutil.rmtree(self._copies, ignore_errors=True)
            self._copies = None

    @property
    def copies(self) -> Path:
        """Return the folder of copies."""
        with self._lock:
            if self._copies is None:
                self._begin()
                self._copies = Path(tempfile.mkdtemp(prefix="copies-"))
            return self._copies

    def end(self) -> None:
        """End the processes and their jobs, and remove the copies, also of killed workers.

        Processes of a host go on.
        """
        with self._lock:
            self._ended = True
            started = {*self._processes.values()} if self._host is None else set()
        for processes in started:
            processes.stop()
        self.drop_copies()
        self._open.close()
        remove_abandoned(self._home())

    def _opened(self, piece: Piece) -> NDArray[Any] | None:
        if self.shares_files and (array := piece.opened()) is not None:
            return array
        return None if self._copies is None else piece.opened_copy(self._copies)

    def _must_open(self, piece: Piece) -> NDArray[Any]:
        array = self._opened(piece)
        if array is None:
            raise FileNotFoundError(f"an array of the run is gone: {piece.path}")
        return array

    def _with_own_file(self, arg: object) -> object:
        """Return a job that writes its predictions where no other attempt at it does.

        Where the folder of the driver is not seen, what is read goes into one of the worker's own.
        """
        if isinstance(arg, ReadJob):
            return arg.of_worker(self.worker, lambda: self.copies / "snapshots")
        if isinstance(arg, RowsToCopy):
            return arg.of_worker(self.worker, settings().database_url)
        if isinstance(arg, RowRange | RowsToPredict) and not self.shares_files:
            return replace(arg, into=None)
        if not isinstance(arg, Job) or arg.predictions_file is None:
            return arg
        own = f"{arg.predictions_file}.{uuid4().hex}" if self.shares_files else None
        return replace(arg, predictions_file=own)

    def _require_night(self) -> None:
        """Raise NightEnded if this night has ended, or that of its processes."""
        if self._ended:
            raise NightEnded
        if self._host is not None and self._host._ended:
            raise HostEnded

    def _started(self, framework: str) -> Workers:
        with self._lock:
            if not self._processes:
                self._host = self._find_host()
            self._require_night()
            if self._host is not None:
                self._processes[framework] = self._host._started(framework)
            if framework not in self._processes:
                self._begin()
                names = (framework,) if framework == NUMPY.name else FRAMEWORK_NAMES
                self._processes |= dict.fromkeys(names, self._made(names))
            return self._processes[framework]

    def _made(self, names: Sequence[str]) -> Workers:
        """Return processes of their own for some frameworks; that of NumPy has no time limit."""
        fits = NUMPY.name not in names
        processes = Workers(
            names,
            home=self._home(),
            time_limit=self._limits.seconds if fits else math.inf,
            memory_limit=self._memory_limit(),
            threads=self._threads,
        )
        if fits:
            processes.probe_with(parity.probe, self._obstacle)
            processes.__enter__()
        return processes

    def _begin(self) -> None:
        """Have temporary files in a folder that is removed after this process, however it ends."""
        self._open.enter_context(temporary_files(self._home()))

    def _home(self) -> Path:
        """Return this machine's home of nightfit, where compiled code is kept for other nights."""
        home = settings().home
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return self._spare
        return home if os.access(home, os.W_OK) else self._spare

    def _memory_limit(self) -> float:
        if self._limits.gibibytes is not None:
            return self._limits.gibibytes
        own: float = settings().fit_memory_limit
        if settings().declared_memory_limit is None and self._memory:
            own = min(own, MEMORY_SHARE * self._memory / 2**30)
        return max(own, LEAST_GIB)

    def _obstacle(self, framework: str, probe: ProbeResult) -> str | None:
        self._probes[framework] = probe
        return probe.reason

    def _outcome(self, framework: str, **found: Any) -> Outcome:
        warnings = self._processes[framework].take_warnings(framework)
        probe = (self._host or self)._probes.get(framework)
        return Outcome(self.worker, probe=probe, warnings=warnings, **found)
