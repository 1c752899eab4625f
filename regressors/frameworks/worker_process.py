"""The inside of a framework's process: it imports the framework, and then does jobs.

This file is imported first in each of these processes, so it does not import NumPy: a library
decides how many threads it takes when it is imported.
"""

import errno
import faulthandler
import gc
import importlib
import logging
import multiprocessing
import os
import pickle
import tempfile
import threading
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

from regressors.frameworks import memory
from regressors.frameworks.registry import framework_called
from regressors.frameworks.reports import ReportSender
from regressors.progress import reporting_to

LOG = logging.getLogger("nightfit.worker")
"""Not the root logger, whose class is replaced by a library that Theano imports."""

START_SECONDS = 240.0
"""The time limit of a new process for importing its framework, and again for its first job:
Theano compiles for half a minute where it finds no compiled code of an earlier night."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Why a file cannot grow: the disk or a quota is full, or it has reached the largest size."""


@dataclass
class _Here:
    """The state of this process."""

    framework: str = ""
    module: object = None
    preparation: ModuleType | None = None
    failure: "Answer | None" = None
    warnings: list[str] = field(default_factory=list)
    memory_limit: float | None = None
    reports: Connection | None = None


@dataclass(frozen=True)
class Answer:
    """What a job comes to: a pickled value, or why there is none.

    `warnings` are what a user should know about the framework. `compiled_code_suspected` is set
    where the failure may come from compiled code that is damaged.
    """

    value: bytes = b""
    failure: str | None = None
    warnings: tuple[str, ...] = ()
    compiled_code_suspected: bool = False


_here = _Here()


def start(
    framework: str,
    home: str,
    log: str,
    memory_limit: float | None,
    suspicion: str | None,
    reports: Connection,
) -> None:
    """Make this process a worker: its output goes to the log, and it ends with its parent.

    `suspicion` is why compiled code of earlier processes is not to be used, or None. Jobs send
    `reports` how far they are.
    """
    _send_output_to(log)
    threading.Thread(target=end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    faulthandler.enable()
    faulthandler.dump_traceback_later(START_SECONDS, exit=True)
    _here.framework, _here.memory_limit, _here.reports = framework, memory_limit, reports
    memory.set_limit(memory_limit)
    gc.disable()  # looking for garbage takes a quarter of the time of importing TensorFlow
    try:
        row = framework_called(framework)
        if row.preparation is not None:
            _here.preparation = importlib.import_module(row.preparation)
            _here.warnings += _here.preparation.prepare(Path(home), suspicion)
        _here.module = importlib.import_module(row.module)
    except Exception as error:
        LOG.exception("%s cannot be imported", framework)
        _here.failure = _failure(error, f"{framework} cannot be imported")
    gc.freeze()  # what was imported stays
    gc.enable()
    faulthandler.cancel_dump_traceback_later()


def _send_output_to(log: str) -> None:
    with open(log, "ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


def end_with_parent() -> None:
    """End this process when its parent has ended, however that did; for a thread."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def call(job: bytes) -> Answer:
    """Run a job, a pickled function with its arguments after the framework's module.

    The answer is bytes or a sentence, which always reach the parent.
    """
    warnings, _here.warnings = tuple(_here.warnings), []
    answer = _here.failure
    if answer is None:
        try:
            function, args = pickle.loads(job)  # noqa: S301 - from our own parent
            from regressors.file_arrays import dumps  # imports NumPy

            assert _here.reports is not None
            with reporting_to(ReportSender(_here.reports)):
                answer = Answer(dumps(function(_here.module, *args)))
        except Exception as error:
            LOG.exception("a job failed")
            answer = _failure(error)
    return replace(answer, warnings=warnings)


def ready(_module: object) -> None:
    """Do nothing: whoever sends this job wants the process to have started."""


def _failure(error: Exception, what: str | None = None) -> Answer:
    """Return the answer for an exception; `what` is the beginning of its sentence."""
    name = type(error).__name__
    if exhausted := memory.verdict(f"{name}: {error}", _here.memory_limit):
        return Answer(failure=f"{what}: it {exhausted}" if what else f"it {exhausted}")
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        full = f"it has no room for temporary files in {tempfile.gettempdir()} ({error.strerror})"
        return Answer(failure=f"{full}: make room there, or set NIGHTFIT_HOME to another folder")
    suspects = _here.preparation is not None and _here.preparation.is_suspect(error)
    cause = sentence(error)
    return Answer(failure=f"{what} ({cause})" if what else cause, compiled_code_suspected=suspects)


def sentence(error: BaseException) -> str:
    """Return an exception as one line; one of our own as its message alone."""
    lines = str(error).strip().splitlines()
    if lines and type(error).__module__.startswith("regressors."):
        return lines[0]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
