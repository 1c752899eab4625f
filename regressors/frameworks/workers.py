"""One long-lived process per framework, which keeps its threads and crashes to itself.

This file has the parent's side; `worker_process` has the other one.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextvars import copy_context
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from regressors.frameworks import log_file, memory, worker_process
from regressors.frameworks.environment import cores, pinned
from regressors.frameworks.lane import Lane
from regressors.frameworks.reports import ReportPipe
from regressors.frameworks.worker_process import START_SECONDS, Answer, sentence
from regressors.progress import Report

LOG = logging.getLogger("nightfit.worker")

STOPPED = "it was stopped before it was done"
"""Why a job has no value whose caller has ended."""

MAX_TRIES = 2
"""A job whose process is lost is done again in a new process, which is probed like the first."""

MAX_LOST_JOBS = 2
"""After so many jobs that lost their process at the last try, a framework is given up."""

REPORT_SECONDS = 1.0
"""How often it is asked how far a job is."""

Reporter = Callable[[], Report]
"""Makes what is called with the reports of a job, when that begins."""

CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT")
"""How damaged compiled code, or that of another machine, ends a process."""


class WorkerFailed(Exception):
    """A job without a result; the message is the reason, in one sentence."""


class Workers:
    """The processes of some frameworks, each doing one job at a time; use it in a `with`.

    A process starts with its first job. Logs and compiled code are kept in `home`. A job that takes
    longer than `time_limit` seconds has its process killed; an argument with `time_limits` says how
    many times as long it may take. `memory_limit` is in GiB per process,
    enforced on Linux alone: a job that needs more fails. All processes together have so many
    `threads`, as many as there are cores if that is None. Nothing is left running at the end of the
    `with`, nor when this process is killed.
    """

    def __init__(
        self,
        frameworks: Sequence[str],
        home: Path,
        time_limit: float,
        memory_limit: float | None = None,
        threads: int | None = None,
    ) -> None:
        each = max(1, (threads or cores()) // max(1, len(frameworks)))
        self._environment = pinned(each)
        self._workers = {name: _Worker(name, home, time_limit, memory_limit) for name in frameworks}
        self._lanes = {
            name: Lane(max_workers=1, thread_name_prefix=f"worker-{name}") for name in frameworks
        }
        self._previous: dict[str, str | None] = {}

    def __enter__(self) -> "Workers":
        # Set here and not in the children: spawn imports the caller's main module there, perhaps
        # with NumPy, before any code of ours runs.
        self._previous = {name: os.environ.get(name) for name in self._environment}
        os.environ.update(self._environment)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the processes and their jobs; jobs that are still submitted end as these do."""
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers.values():
            worker.stop()
        for lane in self._lanes.values():
            lane.shutdown(wait=True)
        for name, value in self._previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def probe_with(
        self, probe: Callable[[Any], Any], obstacle: Callable[[str, Any], str | None]
    ) -> None:
        """Have each process run `probe(module)` before its first job from now on.

        `obstacle(framework, value)` gets the probe's value and returns why the framework may do no
        job, or None. A framework is also given up if its probe has no value.
        """
        for worker in self._workers.values():
            worker.probe_with(probe, obstacle)

    def submit(
        self,
        framework: str,
        function: Callable[..., Any],
        *args: Any,
        reporter: Reporter | None = None,
    ) -> Future[Any]:
        """Run `function(module, *args)` in a framework's process, `module` being the framework's.

        Function, arguments and result are pickled, the function by its name, and an array that is
        mapped from a file by its place there. How far the job is (`regressors.progress`) is
        reported in a thread, with the context variables of the caller.
        """
        in_context, run = copy_context().run, self._workers[framework].run
        return self._lanes[framework].submit(in_context, run, function, args, reporter)

    def result(self, future: Future[Any]) -> Any:
        """Wait for the result of a job; raise WorkerFailed with the reason if there is none."""
        try:
            return future.result()
        except CancelledError:
            raise WorkerFailed(STOPPED) from None

    def cancel(self, framework: str) -> None:
        """End the job that a framework's process does now; the next one has a new process."""
        self._workers[framework].cancel()

    def given_up(self, framework: str) -> str | None:
        """Return why a framework does no more jobs, None if it does."""
        return self._workers[framework].given_up

    def take_warnings(self, framework: str | None = None) -> tuple[str, ...]:
        """Return what a user should know about the processes, since the last call of this.

        With a `framework`, it is about its process alone.
        """
        chosen = self._workers.values() if framework is None else [self._workers[framework]]
        return tuple(text for worker in chosen for text in worker.take_warnings())


class _Lost(Exception):
    """A process that is gone, and its job with it; `retry` says whether a new one may do the job.

    `counts` says whether the framework is given up after a few of these. `warning` is for the user,
    if the job is done again.
    """

    def __init__(
        self, reason: str, *, retry: bool = True, counts: bool = True, warning: str | None = None
    ) -> None:
        super().__init__(reason)
        self.retry, self.counts, self.warning = retry, counts, warning


class _Worker:
    """The parent's side of one process and of those that replace it."""

    def __init__(
        self, framework: str, home: Path, time_limit: float, memory_limit: float | None
    ) -> None:
        self.framework = framework
        self.home = home.resolve()
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.log = self.home / "logs" / f"worker-{framework}.log"
        self.log_before = 0
        self.lost_jobs = 0
        self.warm = False
        self.probe: Callable[[Any], Any] | None = None
        self.obstacle: Callable[[str, Any], str | None] | None = None
        self.probed = False
        self.suspicion: str | None = None
        self.has_distrusted = False
        self.stopped = False
        self.given_up: str | None = None
        self.warnings: list[str] = []
        self.lock = threading.Lock()
        self.pool: ProcessPool | None = None
        self.future: ProcessFuture[Answer] | None = None
        self.reports: ReportPipe | None = None

    def probe_with(
        self, probe: Callable[[Any], Any], obstacle: Callable[[str, Any], str | None]
    ) -> None:
        """Have each process probed before its next job."""
        self.probe, self.obstacle, self.probed = probe, obstacle, False

    def run(
        self, function: Callable[..., Any], args: Sequence[Any], reporter: Reporter | None = None
    ) -> Any:
        """Run one job, in a new process if there is none; return its value."""
        for tries_left in reversed(range(MAX_TRIES)):
            is_probed = False
            try:
                self._ensure_probed(reporter)
                is_probed = True
                return self._value(function, args, reporter)
            except _Lost as loss:
                if not (loss.retry and tries_left):
                    self._count(loss, is_probed=is_probed)
                    raise WorkerFailed(f"it {loss}") from None
                if loss.warning:
                    self._warn(loss.warning)
        raise AssertionError  # the last try returns or raises

    def stop(self) -> None:
        """End the process and its job."""
        with self.lock:
            self.stopped = True
            if self.future is not None:
                self.future.cancel()
        self._close_pool()

    def cancel(self) -> None:
        """End the job that is being done, and its process."""
        with self.lock:
            if self.future is not None:
                self.future.cancel()
        self._close_pool()

    def take_warnings(self) -> list[str]:
        """Return the warnings since the last call of this."""
        with self.lock:
            warnings, self.warnings = self.warnings, []
        return warnings

    def _ensure_probed(self, reporter: Reporter | None) -> None:
        """Probe a process that has not been probed; raise WorkerFailed if it may do no job."""
        if self.probed or self.probe is None or self.given_up:
            return
        try:
            value = self._value(self.probe, (), reporter, f"starting {self.framework}")
        except WorkerFailed as failure:
            self._give_up(str(failure))
            raise
        self.probed = True
        if self.obstacle is not None and (obstacle := self.obstacle(self.framework, value)):
            self._give_up(obstacle)

    def _value(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        reporter: Reporter | None,
        begin: str = "begun",
    ) -> Any:
        """Run one job; raise WorkerFailed if it has no value, and _Lost if its process is gone.

        It is reported to be at its `begin` until it reports something itself.
        """
        from regressors.file_arrays import dumps  # imports NumPy, which starts threads at once

        try:
            job = dumps((function, args))
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise WorkerFailed(f"it could not be sent to its process ({sentence(error)})") from None
        limit = self.time_limit * max((getattr(arg, "time_limits", 1) for arg in args), default=1)
        limit = limit if self.warm else max(limit, START_SECONDS)
        try:
            future = self._schedule(limit, job)
            if reporter is not None:
                self._report(future, reporter(), begin)
            answer = future.result()
        except RuntimeError:  # the process ended while it started or waited, before the job began
            raise self._death(None) from None
        except TimeoutError:
            self._close_pool()
            raise _Lost(out_of_time(limit), retry=False) from None
        except ProcessExpired as end:
            raise self._death(end.exitcode) from None
        self.warm = True
        for warning in answer.warnings:
            self._warn(warning)
        if answer.compiled_code_suspected and not self.has_distrusted:
            self._close_pool()
            self._distrust(answer.failure or "")
            raise _Lost(answer.failure or "")
        if answer.failure is not None:
            raise WorkerFailed(answer.failure)
        return pickle.loads(answer.value)  # noqa: S301 - from our own process

    def _schedule(self, limit: float, job: bytes) -> "ProcessFuture[Answer]":
        with self.lock:
            if self.stopped:
                raise CancelledError
            if self.given_up:
                raise WorkerFailed(self.given_up)
            if self.reports is not None:
                self.reports.latest()  # of the job before
            if self.pool is None:
                self.log.parent.mkdir(parents=True, exist_ok=True)
                log_file.shorten(self.log)
                self.log_before = log_file.size(self.log)
                home, log = str(self.home), str(self.log)
                suspicion, self.suspicion = self.suspicion, None
                self.reports = ReportPipe()
                sender = self.reports.sender
                self.pool = ProcessPool(
                    max_workers=1,
                    initializer=worker_process.start,
                    initargs=(self.framework, home, log, self.memory_limit, suspicion, sender),
                    context=multiprocessing.get_context("spawn"),
                )
            self.future = self.pool.schedule(worker_process.call, (job,), timeout=limit)
            return self.future

    def _report(self, future: "ProcessFuture[Answer]", report: Report, begin: str) -> None:
        """Pass on how far a job is, until it has ended."""
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        latest: tuple[float | None, str] = 0.0, begin
        while not ended.wait(REPORT_SECONDS):
            with self.lock:
                latest = (self.reports and self.reports.latest()) or latest
            report(*latest)

    def _close_pool(self) -> None:
        with self.lock:
            pool, self.pool = self.pool, None
            reports, self.reports = self.reports, None
            self.warm = self.probed = False
        if pool is not None:
            pool.stop()
            pool.join()
        if reports is not None:
            reports.close()

    def _death(self, code: int | None) -> _Lost:
        """Close the pool of a process that has ended, and return why it ended.

        Its exit code is None if it had no job.
        """
        self._close_pool()
        exhausted = memory.verdict(log_file.end_of(self.log, self.log_before), self.memory_limit)
        killed = code == -signal.SIGKILL
        if exhausted and not killed:
            return _Lost(f"{exhausted}; see {self.log}", retry=False, counts=False)
        name = signal.Signals(-code).name if code is not None and code < 0 else None
        if name in CRASHES:
            self._distrust(f"its process was ended by {name}")
        reason = cause_of_death(code)
        return _Lost(
            f"lost its process {MAX_TRIES} times; the last one {reason}; see {self.log}",
            warning=f"The process of {self.framework} {reason}. A new one does its job again.",
        )

    def _distrust(self, reason: str) -> None:
        """Have the next process start without the compiled code of earlier ones, once a night."""
        if not self.has_distrusted:
            self.suspicion, self.has_distrusted = reason, True

    def _count(self, loss: _Lost, *, is_probed: bool) -> None:
        """Count a lost job; give the framework up after too many, or if it was the probe."""
        if not is_probed:
            self._give_up(f"it {loss}")
        self.lost_jobs += loss.counts
        if self.lost_jobs >= MAX_LOST_JOBS:
            self._give_up(f"{self.lost_jobs} jobs before it were lost; the last one {loss}")

    def _give_up(self, reason: str) -> None:
        if self.given_up is None:
            self.given_up = reason
            LOG.warning("%s is left out tonight: %s", self.framework, reason)

    def _warn(self, text: str) -> None:
        LOG.warning("%s", text)
        with self.lock:
            self.warnings.append(text)


def out_of_time(limit: float) -> str:
    """Return what became of a fit that took longer than so many seconds."""
    return (
        f"took longer than the limit of {limit:g} seconds (NIGHTFIT_FIT_TIME_LIMIT) and was stopped"
    )


def cause_of_death(code: int | None) -> str:
    """Return the predicate for a process that ended with an exit code; None: before any work."""
    if code is None:
        return "ended before it began a job"
    if code >= 0:
        return f"ended by itself with exit code {code}"
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return "was killed (SIGKILL), by a person or by the system because it ran out of memory"
    return f"was ended by {name}"
