"""One long-lived process per framework, which keeps its threads and crashes to itself.

This file is imported first in each of these processes, so it does not import NumPy: a library
decides how many threads it takes when it is imported.
"""

import faulthandler
import importlib
import logging
import multiprocessing
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from regressors.frameworks.registry import FRAMEWORKS, framework_called

LOG = logging.getLogger("nightfit.worker")
"""Not the root logger, whose class is replaced by a library that Theano imports."""

START_SECONDS = 240.0
"""The time limit of a new process for importing its framework, and again for its first job:
Theano compiles for half a minute where it finds no compiled code of an earlier night."""

MAX_PROCESS_LOSSES = 2
"""A process that is lost is replaced; after this many losses its framework is given up."""


class WorkerFailed(Exception):
    """A job without a result; the message is the reason, in one sentence."""


class Workers:
    """The processes of some frameworks, each doing one job at a time; use it in a `with`.

    A process starts with its first job. Logs and compiled code are kept in `home`. A job that takes
    longer than `time_limit` seconds has its process killed. `memory_limit` is in GiB per process,
    enforced on Linux alone: a job that needs more fails. Nothing is left running at the end of the
    `with`, nor when this process is killed.
    """

    def __init__(
        self,
        frameworks: Sequence[str],
        home: Path,
        time_limit: float,
        memory_limit: float | None = None,
    ) -> None:
        threads = max(1, _cores() // max(1, len(frameworks)))
        self._environment = _environment(threads)
        self._workers = {name: _Worker(name, home, time_limit, memory_limit) for name in frameworks}
        self._lanes = {
            name: ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"worker-{name}")
            for name in frameworks
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
        """End the processes and their jobs; no more jobs are done."""
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

    def submit(self, framework: str, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run `function(module, *args)` in a framework's process, `module` being the framework's.

        Function, arguments and result are pickled, the function by its name.
        """
        return self._lanes[framework].submit(self._workers[framework].run, function, args)

    def result(self, future: Future[Any]) -> Any:
        """Wait for the result of a job; raise WorkerFailed with the reason if there is none."""
        try:
            return future.result()
        except CancelledError:
            raise WorkerFailed("it was stopped before it was done") from None


def start_warning(_: object) -> str | None:
    """Return what a user should know about how the framework started; a job for `submit`."""
    return _here.warning


class _Worker:
    """The parent's side of one process and of its replacement."""

    def __init__(
        self, framework: str, home: Path, time_limit: float, memory_limit: float | None
    ) -> None:
        self.framework = framework
        self.home = home.resolve()
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.log = self.home / "logs" / f"worker-{framework}.log"
        self.losses = 0
        self.warm = False
        self.stopped = False
        self.given_up: str | None = None
        self.lock = threading.Lock()
        self.pool: ProcessPool | None = None
        self.future: ProcessFuture[_Answer] | None = None

    def run(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Run one job, in a new process if there is none; return its value."""
        while True:
            limit = self.time_limit if self.warm else max(self.time_limit, START_SECONDS)
            try:
                answer = self._schedule(limit, function, args).result()
            except RuntimeError:
                # The process ended while it started or waited, so this job never ran: try again.
                self._lose("ended by itself before it had a job")
                continue
            except TimeoutError:
                reason = f"took longer than the limit of {limit:g} seconds and was stopped"
                self._lose(reason)
                raise WorkerFailed(f"it {reason}") from None
            except ProcessExpired as end:
                reason = _cause_of_death(end.exitcode)
                self._lose(reason)
                raise WorkerFailed(f"its process {reason}; see {self.log}") from None
            except (AttributeError, TypeError, pickle.PicklingError) as error:
                raise WorkerFailed(
                    f"it could not be sent to its process ({_sentence(error)})"
                ) from error
            self.warm = True
            if answer.failure is not None:
                raise WorkerFailed(answer.failure)
            return pickle.loads(answer.value)  # noqa: S301 - from our own process

    def stop(self) -> None:
        """End the process and its job."""
        with self.lock:
            self.stopped = True
            if self.future is not None:
                self.future.cancel()
        self._close_pool()

    def _schedule(
        self, limit: float, function: Callable[..., Any], args: Sequence[Any]
    ) -> "ProcessFuture[_Answer]":
        with self.lock:
            if self.stopped:
                raise CancelledError
            if self.given_up:
                raise WorkerFailed(self.given_up)
            if self.pool is None:
                self.log.parent.mkdir(parents=True, exist_ok=True)
                self.pool = ProcessPool(
                    max_workers=1,
                    initializer=_start,
                    initargs=(self.framework, str(self.home), str(self.log), self.memory_limit),
                    context=multiprocessing.get_context("spawn"),
                )
            self.future = self.pool.schedule(_call, (function, args), timeout=limit)
            return self.future

    def _close_pool(self) -> None:
        with self.lock:
            pool, self.pool = self.pool, None
        if pool is not None:
            pool.stop()
            pool.join()

    def _lose(self, reason: str) -> None:
        self._close_pool()
        self.warm = False
        self.losses += 1
        if self.losses >= MAX_PROCESS_LOSSES:
            self.given_up = (
                f"the process of {self.framework} was lost {self.losses} times; the last one "
                f"{reason}; see {self.log}"
            )


def _cause_of_death(code: int) -> str:
    if code >= 0:
        return f"ended by itself with exit code {code}"
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return "was killed (SIGKILL), by a person or by the system because it ran out of memory"
    return f"was ended by {name}"


def _sentence(error: BaseException) -> str:
    """Return an exception as one line; one of our own as its message alone."""
    lines = str(error).strip().splitlines()
    if lines and type(error).__module__.startswith("regressors."):
        return lines[0]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _environment(threads: int) -> dict[str, str]:
    pinned = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        *(variable for framework in FRAMEWORKS for variable in framework.thread_variables),
    )
    own = {name: value for row in FRAMEWORKS for name, value in row.environment.items()}
    return dict.fromkeys(pinned, str(threads)) | {"CUDA_VISIBLE_DEVICES": ""} | own


# The child's side


@dataclass
class _Here:
    """The state of this process, if it is a worker."""

    module: object = None
    failure: str | None = None
    warning: str | None = None
    memory_limit: float | None = None


@dataclass(frozen=True)
class _Answer:
    """A pickled value, or why there is none."""

    value: bytes = b""
    failure: str | None = None


_here = _Here()


def _start(framework: str, home: str, log: str, memory_limit: float | None) -> None:
    """Make this process a worker: its output goes to the log, and it ends with its parent."""
    _send_output_to(log)
    if memory_limit is not None and sys.platform == "linux":
        limit = int(memory_limit * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        _here.memory_limit = memory_limit
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    faulthandler.enable()
    faulthandler.dump_traceback_later(START_SECONDS, exit=True)
    try:
        row = framework_called(framework)
        if row.preparation is not None:
            _here.warning = importlib.import_module(row.preparation).prepare(Path(home))
        _here.module = importlib.import_module(row.module)
    except Exception as error:
        LOG.exception("%s cannot be imported", framework)
        _here.failure = f"{framework} cannot be imported ({_sentence(error)})"
    faulthandler.cancel_dump_traceback_later()


def _send_output_to(log: str) -> None:
    with open(log, "ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _call(function: Callable[..., Any], args: Sequence[Any]) -> _Answer:
    """Run a job and answer with bytes or a sentence, which always reach the parent."""
    if _here.failure is not None:
        return _Answer(failure=_here.failure)
    try:
        return _Answer(value=pickle.dumps(function(_here.module, *args)))
    except MemoryError:
        LOG.exception("%s failed", getattr(function, "__name__", function))
        limit = f" than its limit of {_here.memory_limit:g} GiB" if _here.memory_limit else ""
        return _Answer(failure=f"it needed more memory{limit}")
    except Exception as error:
        LOG.exception("%s failed", getattr(function, "__name__", function))
        return _Answer(failure=_sentence(error))
