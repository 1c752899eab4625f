"""The framework processes of a night on the workers of a cluster, used like those of `Workers`."""

import pickle
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from distributed import KilledWorker

from data.cluster_address import ClusterAddress
from data.errors import ClusterError
from regressors.file_arrays import place_of
from regressors.fitting import in_file
from regressors.frameworks.worker_process import sentence
from regressors.frameworks.workers import STOPPED, Reporter, WorkerFailed
from regressors.job import Fitted, Job
from tasks.cluster.connection import Tell, connected
from tasks.cluster.night import Night, SentJob
from tasks.cluster.parcels import Parcel
from tasks.cluster.worker_night import Limits, NightEnded, Outcome

MAX_JOBS = 256
"""So many jobs wait for workers at the same time."""

MAX_LOST = 3
"""A job whose connection was lost so often is given up, and the run with it."""

LOOK_SECONDS = 1.0
"""How often it is asked how far a job is."""

WATCH_SECONDS = 5.0
"""How often it is seen whether workers are there."""

LINEAR = ("least_squares", "gradient_descent")

Obstacle = Callable[[str, Any], str | None]


@dataclass
class _Framework:
    """What is known of a framework: where it cannot work, and where its last job was."""

    left_out: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)


class ClusterWorkers:
    """The processes of some frameworks on a cluster; use it in a `with`.

    Several workers of the cluster may do jobs of one framework at the same time. The connection is
    made by `connect`, or by the first job. A job goes to a worker that has the framework. One whose
    worker is lost is done by another; so is one that a worker cannot do for want of the framework.
    ClusterError is raised where the cluster cannot go on.
    """

    def __init__(
        self,
        address: ClusterAddress,
        *,
        wait: float,
        time_limit: float,
        memory_limit: float | None,
        tell: Tell,
    ) -> None:
        self._address, self._wait, self._tell = address, wait, tell
        self._limits = Limits(time_limit, memory_limit)
        self._lane = ThreadPoolExecutor(max_workers=MAX_JOBS, thread_name_prefix="cluster job")
        self._lock = threading.Lock()
        self._night: Night | None = None
        self._frameworks: defaultdict[str, _Framework] = defaultdict(_Framework)
        self._obstacle: Obstacle | None = None
        self._warnings: list[str] = []
        self._stopped = False

    def __enter__(self) -> "ClusterWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the processes and their jobs, and leave the cluster; no more jobs are done."""
        self._stopped = True
        self._lane.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            night, self._night = self._night, None
        if night is not None:
            night.close()
        self._lane.shutdown(wait=True)

    def connect(self) -> None:
        """Connect to the cluster, if that is not done; raise ClusterError if it cannot be."""
        self._connected()

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
        run = copy_context().run
        return self._lane.submit(run, self._run, framework, function, args, reporter)

    def result(self, future: Future[Any]) -> Any:
        """Wait for the result of a job; raise WorkerFailed with the reason if there is none."""
        try:
            return future.result()
        except CancelledError:
            raise WorkerFailed(STOPPED) from None

    def take_warnings(self) -> tuple[str, ...]:
        """Return what a user should know about the processes, since the last call of this."""
        with self._lock:
            warnings, self._warnings = self._warnings, []
        return tuple(warnings)

    def drop_rows(self) -> None:
        """Have the workers forget the rows of a run that has ended."""
        night = self._night
        if night is not None:
            night.drop_copies()

    def _connected(self) -> Night:
        with self._lock:
            if self._stopped:
                raise CancelledError
            if self._night is not None and self._night.connection.client.status == "running":
                return self._night
            if self._night is not None:
                self._night.close()
                self._night = None
            connection = connected(self._address, self._wait, self._tell)
            try:
                self._night = Night(connection, self._limits)
            except BaseException:
                connection.close()
                raise
            there = self._night.frameworks()
            counts = ", ".join(f"{name} on {len(where)}" for name, where in there.items())
            dashboard = connection.dashboard()
            self._tell(
                f"fitting on the Dask cluster at {connection.address}: {counts or 'no framework'}"
                + (f"; dashboard {dashboard}" if dashboard else "")
            )
            return self._night

    def _run(
        self,
        framework: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        reporter: Reporter | None,
    ) -> Any:
        try:
            parcel = Parcel.of((function, args))
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise WorkerFailed(f"it could not be sent to its worker ({sentence(error)})") from None
        kind = getattr(getattr(args[0], "candidate", None), "kind", "") if args else ""
        for _ in range(MAX_LOST):
            night = self._connected()
            try:
                return self._value(night, framework, kind, parcel, args, reporter)
            except (CancelledError, NightEnded):
                if self._stopped:
                    raise CancelledError from None
                self._warn(
                    f"The connection to the cluster at {night.connection.address} was lost, and"
                    " with it what it was fitting; that is done again."
                )
                self._lose(night)
        raise ClusterError(
            f"the connection was lost {MAX_LOST} times amid one fit.",
            where=night.connection.address,
            next_step="See the log of its scheduler.",
        )

    def _value(
        self,
        night: Night,
        framework: str,
        kind: str,
        parcel: Parcel,
        args: tuple[Any, ...],
        reporter: Reporter | None,
    ) -> Any:
        """Return what a job comes to; raise WorkerFailed if it comes to nothing."""
        known = self._frameworks[framework]
        what = " ".join(filter(None, (framework, kind)))
        only: str | None = None
        asked: set[str] = set()
        while True:
            workers, must = self._choice(night, framework, kind, only)
            job = night.send(what, framework, parcel, workers, only=must)
            try:
                outcome = self._outcome(night, job, reporter)
            finally:
                night.done(job)
            if outcome is None:
                continue
            if outcome.missing:
                if outcome.worker in asked:  # it had a copy, and has lost it
                    night.copies.forget(outcome.worker)
                asked.add(outcome.worker)
                only = self._brought(night, outcome)
                continue
            only = None
            known.last[kind] = outcome.worker
            for text in outcome.warnings:
                self._warn(f"{text.rstrip('.')} (on {outcome.worker}).")
            if outcome.probe is not None and self._obstacle is not None:
                self._obstacle(framework, outcome.probe)
            if outcome.left_out:
                known.left_out[outcome.worker] = str(outcome.failure)
                if set(night.frameworks().get(framework, ())) - set(known.left_out):
                    self._warn(
                        f"{framework} is left out tonight on the worker {outcome.worker}, and"
                        f" others do its fits: {outcome.failure}."
                    )
                    continue
            if outcome.failure is not None:
                raise WorkerFailed(outcome.failure)
            assert outcome.value is not None
            return _in_file(pickle.loads(outcome.value), args)  # noqa: S301 - from our own worker

    def _choice(
        self, night: Night, framework: str, kind: str, only: str | None
    ) -> tuple[list[str] | None, bool]:
        """Return the workers that a job may go to, and whether it must go to one of them.

        None is any. Kinds of a framework that use the same sums go where these are kept.
        """
        there = night.frameworks().get(framework, [])
        if only in there:
            return [only], True
        known = self._frameworks[framework]
        if not there and night.connection.workers():
            raise WorkerFailed(f"no worker of the cluster has {framework} installed")
        if left := [worker for worker in there if worker in known.left_out]:
            if len(left) == len(there):
                raise WorkerFailed(known.left_out[left[0]])
            return [worker for worker in there if worker not in left], True
        if kind in LINEAR:
            keep = [known.last[k] for k in LINEAR if known.last.get(k) in there]
            return keep or None, False
        return None, False

    def _brought(self, night: Night, outcome: Outcome) -> str | None:
        """Copy the arrays that a worker lacks to it; return it, None if it is lost meanwhile."""
        try:
            night.copies.bring(outcome.missing, outcome.worker)
        except Exception:
            if outcome.worker in night.connection.workers():
                raise
            return None
        return outcome.worker

    def _outcome(self, night: Night, job: SentJob, reporter: Reporter | None) -> Outcome | None:
        """Wait for the outcome of a job; None if the workers that it must go to are gone."""
        ended = threading.Event()
        job.future.add_done_callback(lambda _: ended.set())
        report = None if reporter is None else reporter()
        watch = _Watch(self._wait, self._tell)
        while not ended.wait(LOOK_SECONDS) and not job.future.done():
            if report is not None:
                report(*job.latest())
            if watch.is_time() and night.connection.client.status == "running":
                there = night.connection.workers()
                watch.require(night.connection.address, there)
                if job.must and not set(job.must) & there.keys():
                    job.future.cancel()
                    return None
        for worker in dict.fromkeys(job.workers[:-1]):
            self._warn(
                f"The worker {worker} of the cluster was lost amid its work; another one has done"
                " it again."
            )
        try:
            outcome: Outcome = job.future.result()
        except KilledWorker:
            raise WorkerFailed(
                f"it lost its worker {len(job.workers)} times; what it needs may be too much for"
                " the workers of the cluster"
            ) from None
        except (CancelledError, NightEnded):
            raise
        except Exception as error:  # noqa: BLE001 - what a worker cannot do is its job's failure
            raise WorkerFailed(f"its worker could not do it ({sentence(error)})") from None
        return outcome

    def _lose(self, night: Night) -> None:
        with self._lock:
            if self._night is night:
                self._night = None
        night.close()

    def _warn(self, text: str) -> None:
        self._tell(text)
        with self._lock:
            if text not in self._warnings:
                self._warnings.append(text)


def _in_file(value: Any, args: tuple[Any, ...]) -> Any:
    """Return a fit with its predictions in the file of its job, where its worker could not."""
    file = next((arg.predictions_file for arg in args if isinstance(arg, Job)), None)
    if file is None or not isinstance(value, Fitted) or value.out_of_fold is None:
        return value
    return value if place_of(value.out_of_fold) else in_file(value, file)


class _Watch:
    """Looks now and then whether a cluster has workers, and gives it up if it has none for long."""

    def __init__(self, wait: float, tell: Tell) -> None:
        self._wait, self._tell = wait, tell
        self._next = time.monotonic() + WATCH_SECONDS
        self._alone_since: float | None = None

    def is_time(self) -> bool:
        """Return whether to look now."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + WATCH_SECONDS
        return True

    def require(self, address: str, there: Mapping[str, Any]) -> None:
        """Raise ClusterError if no worker was there for too long."""
        now = time.monotonic()
        if there:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
            self._tell(
                f"the cluster at {address} has lost all its workers; waiting {self._wait:g} seconds"
                " for another one"
            )
        elif now - self._alone_since > self._wait:
            raise ClusterError(
                f"it lost all its workers, and for {self._wait:g} seconds no other one came.",
                where=address,
                next_step="See the logs of its workers.",
            )
