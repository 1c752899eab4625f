"""The framework processes of a night on the workers of a cluster, used like those of `Workers`."""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Unpack
from weakref import WeakKeyDictionary

from distributed import KilledWorker

from data.cluster_address import ClusterAddress
from data.declarations.model import Declaration
from data.errors import ClusterError
from data.sources.snapshot import Snapshot
from regressors.candidate import LINEAR_KINDS
from regressors.frameworks.lane import Lane
from regressors.frameworks.worker_process import sentence
from regressors.frameworks.workers import STOPPED, Reporter, WorkerFailed
from tasks.cluster.connection import Tell
from tasks.cluster.copies import file_parts
from tasks.cluster.night import Night, is_unreached
from tasks.cluster.nights import Nights
from tasks.cluster.parcels import Parcel
from tasks.cluster.reading import read_on
from tasks.cluster.request import Request
from tasks.cluster.shared import Member, SharedNight
from tasks.cluster.slots import Slots
from tasks.cluster.watch import Watch
from tasks.cluster.worker_night import Limits, NightEnded, Outcome
from tasks.run.processes import NotSeen
from tasks.run.reading import HowRead
from tasks.run.shared_fit import WAITING

MAX_JOBS = 256
"""So many jobs wait for workers at the same time."""

MAX_LOST = 3
"""A job that lost its worker so often fails; one that lost the scheduler so often ends the run."""

LOOK_SECONDS = 1.0
"""How often it is asked how far a job is."""

LINEAR = frozenset(LINEAR_KINDS)
"""Kinds that need the same sums of a framework's process."""

Obstacle = Callable[[str, Any], str | None]


@dataclass
class _Framework:
    """Where a framework cannot work, where its last jobs were, and if any worker has had it.

    Where it has `started`, a job need not wait for that.
    """

    seen: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    started: dict[str, None] = field(default_factory=dict)


class ClusterWorkers:
    """The processes of some frameworks on a cluster; use it in a `with`.

    Several workers of the cluster may do jobs of one framework at the same time. The connection is
    made by `connect`, or by the first job. A job goes to a worker that has the framework. One whose
    worker is lost is done by another; so is one that a worker cannot do for want of the framework.
    ClusterError is raised where the cluster cannot go on. Those of a `member` are the processes of
    its host, which other members use at the same time.
    """

    def __init__(
        self,
        address: ClusterAddress,
        *,
        wait: float,
        time_limit: float,
        memory_limit: float | None,
        tell: Tell,
        member: Member | None = None,
    ) -> None:
        self._wait, self._tell = wait, tell
        self._limits = Limits(time_limit, memory_limit)
        self._nights = Nights(address, self._limits, wait, tell, member)
        self._slots = Slots() if member is None else member.slots
        self._shared = SharedNight(self._nights.as_host, self._slots)
        self._lane = Lane(max_workers=MAX_JOBS, thread_name_prefix="cluster job")
        self._lock = threading.Lock()
        self._frameworks: defaultdict[str, _Framework] = defaultdict(_Framework)
        self._obstacle: Obstacle | None = None
        self._requests: WeakKeyDictionary[Future[Any], Request] = WeakKeyDictionary()
        self._watches: dict[str, Watch] = {}
        self._warnings: list[str] = []
        self._stopped = False

    def __enter__(self) -> "ClusterWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the processes and their jobs, and leave the cluster; later jobs end as these do."""
        self._stopped = True
        self._lane.shutdown(wait=False, cancel_futures=True)
        self._nights.close()
        self._lane.shutdown(wait=True)

    def connect(self) -> str:
        """Connect to the cluster, if that is not done, and return where it is, for people.

        ClusterError is raised if it cannot be.
        """
        return self._nights.shown()

    def serve(self, member: Connection) -> None:
        """Let the process at the other end of a pipe use these processes until it ends."""
        self._shared.serve(member)

    def probe_with(self, _probe: Callable[[Any], Any], obstacle: Obstacle) -> None:
        """Have `obstacle` called with what the parity probe said of each process."""
        self._obstacle = obstacle

    def submit(
        self,
        framework: str,
        function: Callable[..., Any],
        *args: Any,
        reporter: Reporter | None = None,
    ) -> Future[Any]:
        """Run `function(module, *args)` in a framework's process, `module` being the framework's.

        How far the job is is reported in a thread, with the context variables of the caller.
        """
        request = Request(framework, function, args, reporter)
        future = self._lane.submit(copy_context().run, self._run, request)
        self._requests[future] = request
        return future

    def cancel(self, future: Future[Any]) -> None:
        """End a job whose result nobody waits for any more, if it is not done."""
        future.cancel()
        if future in self._requests:
            self._requests[future].is_cancelled.set()

    @property
    def fit_seconds(self) -> float:
        """Return how long a fit may take, unless its job says more."""
        return self._limits.seconds

    def result(self, future: Future[Any]) -> Any:
        """Wait for the result of a job; raise WorkerFailed with the reason if there is none."""
        try:
            return future.result()
        except CancelledError:
            raise WorkerFailed(STOPPED) from None

    def read(self, declaration: Declaration, **how: Unpack[HowRead]) -> Snapshot:
        """Have a worker read a source, as `tasks.cluster.reading` does."""
        return read_on(self, declaration, **how)

    def having(self, framework: str) -> set[str]:
        """Return the workers that have a framework."""
        return self._nights.current().having(framework)

    def file_parts(self, worker: str, path: Path, size: int) -> Iterator[bytes]:
        """Yield the bytes of a file of a worker; an error is raised if it is lost."""
        return file_parts(self._nights.current().connection.client, worker, path, size)

    def take_warnings(self) -> tuple[str, ...]:
        """Return what a user should know about the processes, since the last call of this."""
        self._warn_of_late(self._nights.latest)
        with self._lock:
            warnings, self._warnings = self._warnings, []
        return tuple(warnings)

    def drop_rows(self) -> None:
        """Have the workers forget the rows of a run that has ended."""
        night = self._nights.latest
        if night is not None:
            night.drop_copies()

    def _run(self, request: Request) -> Any:
        parcel = request.parcel()
        for _ in range(MAX_LOST):
            night = self._nights.current()
            try:
                return self._value(night, request, parcel)
            except (CancelledError, NightEnded) as error:
                if self._stopped or request.is_cancelled.is_set():
                    raise CancelledError from None
                self._warn(
                    f"The connection to the cluster at {night.connection.address} was lost, and"
                    " with it what it was fitting; that is done again."
                )
                self._nights.lose(night, error)
        raise ClusterError(
            f"the connection was lost {MAX_LOST} times amid one fit.",
            where=night.connection.address,
            next_step="See the log of its scheduler.",
        )

    def _value(self, night: Night, request: Request, parcel: Parcel) -> Any:
        """Return what a job comes to; raise WorkerFailed if it comes to nothing."""
        framework, kind, not_on = request.framework, request.kind, request.not_on
        asked: list[str] = []
        lost = 0
        while True:
            worker = self._place(night, request, asked, not_on)
            try:
                outcome = self._done_on(worker, night, request, parcel)
                if outcome is not None and outcome.apart:
                    not_on |= {worker}
                    continue
                if outcome is not None and outcome.missing:
                    if worker in asked:  # it had copies, and has lost them
                        night.copies.forget(worker)
                    asked.append(worker)
                    if self._brought(night, outcome):
                        continue
                    outcome = None
            finally:
                self._slots.give_back(framework, worker)
            if outcome is None:
                lost += 1
                self._note_lost(worker, lost, kind)
            elif not self._is_left_out(night, framework, kind, outcome):
                if outcome.failure is not None:
                    raise WorkerFailed(outcome.failure)
                assert outcome.value is not None
                return request.value(outcome.value)

    def _note_lost(self, worker: str, times: int, kind: str) -> None:
        """Warn of a worker that was lost amid a job; raise WorkerFailed if it was one too many."""
        if times == MAX_LOST:
            raise WorkerFailed(
                f"it lost its worker {times} times, the last one {worker}; what it needs may be too"
                " much for the workers of the cluster"
            )
        work = "a fit" if kind else "a job"
        self._warn(
            f"The worker {worker} of the cluster was lost amid {work}; another one does it again."
        )

    def _is_left_out(self, night: Night, framework: str, kind: str, outcome: Outcome) -> bool:
        """Note what an outcome says of its worker; return whether another one is to do the job."""
        known, worker = self._frameworks[framework], outcome.worker
        known.last[kind], known.started[worker] = worker, None
        for text in outcome.warnings:
            self._warn(f"{text.rstrip('.')} (on {worker}).")
        if outcome.probe is not None and self._obstacle is not None:
            self._obstacle(framework, outcome.probe)
        if not outcome.left_out:
            return False
        known.left_out[worker] = str(outcome.failure)
        if not night.having(framework) - known.left_out.keys():
            return False
        self._warn(
            f"{framework} is left out tonight on the worker {worker}, and others do its fits:"
            f" {outcome.failure}."
        )
        return True

    def _place(
        self, night: Night, request: Request, asked: Collection[str], not_on: frozenset[str]
    ) -> str:
        """Wait for a worker that is free for a job, and take it.

        One that was `asked` before has the rows. Linear kinds go where the sums of another are, and
        any job rather goes where a process of the framework is that has started.
        """
        framework = request.framework
        known = self._frameworks[framework]
        watch = self._watches.setdefault(framework, Watch(framework, self._wait, self._tell))
        report = None if request.reporter is None else request.reporter()
        while True:
            is_over = self._stopped or request.is_cancelled.is_set() or night.is_lost()
            if is_over or night.connection.client.status != "running":
                raise CancelledError
            self._warn_of_late(night)
            there, having = night.there(), night.having(framework)
            if there and not having and not known.seen:
                raise WorkerFailed(f"no worker of the cluster has {framework} installed")
            watch.require(night.connection.address, having)
            sums = LINEAR & known.last.keys() if request.kind in LINEAR else ()
            preferred = [*asked, *(known.last[k] for k in sums), *known.started]
            worker = self._slots.take(
                framework, there, preferred=preferred, excluded={*known.left_out, *not_on}
            )
            if worker:
                known.seen = True
                return worker
            if having and having <= known.left_out.keys():
                raise WorkerFailed(known.left_out[min(having)])
            if having and having <= {*known.left_out, *not_on}:
                raise NotSeen("no other worker is there")
            if report is not None:
                report(0.0, WAITING)
            self._slots.wait(LOOK_SECONDS)

    def _brought(self, night: Night, outcome: Outcome) -> bool:
        """Copy the arrays that a worker lacks to it; return whether it is still there."""
        worker = outcome.worker
        try:
            night.copies.bring(outcome.missing, worker)
        except Exception as error:  # noqa: BLE001 - of the worker, or of the way there
            if night.connection.client.status != "running":
                raise CancelledError from None
            if is_unreached(error) or worker not in night.there():
                return False
            raise WorkerFailed(
                f"its rows could not be copied to the worker {worker} ({sentence(error)})"
            ) from None
        return True

    def _done_on(
        self, worker: str, night: Night, request: Request, parcel: Parcel
    ) -> Outcome | None:
        """Have a worker do a job, and pass on how far it is; None if the worker is lost."""
        framework, reporter = request.framework, request.reporter
        job = night.send(f"{framework} {request.kind}".strip(), framework, parcel, worker)
        try:
            report = None if reporter is None else reporter()
            # Dask would wait for ever for a result whose worker was lost before it was fetched.
            fetched = night.fetching(job)
            while not wait([fetched], LOOK_SECONDS).done:
                if report is not None:
                    report(*job.latest())
                if request.is_cancelled.is_set():
                    job.future.cancel()
                    raise CancelledError
                if night.is_lost():
                    raise CancelledError
                if night.connection.client.status == "running" and worker not in night.there():
                    job.future.cancel()
                    return None
            outcome: Outcome = fetched.result()
        except KilledWorker:
            return None
        except (CancelledError, NightEnded):
            raise
        except Exception as error:  # noqa: BLE001 - what a worker cannot do is its job's failure
            if isinstance(error, OSError | MemoryError) and job.future.status != "error":
                raise CancelledError from None  # of the way there, and what else answers on it
            raise WorkerFailed(f"its worker could not do it ({sentence(error)})") from None
        finally:
            night.done(job)
        return outcome

    def _warn_of_late(self, night: Night | None) -> None:
        for text in night.take_late() if night else ():
            self._warn(text)

    def _warn(self, text: str) -> None:
        with self._lock:
            if text in self._warnings:
                return
            self._warnings.append(text)
        self._tell(text)
