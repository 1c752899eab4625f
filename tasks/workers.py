"""The framework processes of a night, and how a step has a candidate fitted there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from prefect.futures import PrefectFuture

from data.declare import Declaration
from data.division import Division
from data.settings import settings
from regressors import parity
from regressors.fitting import Fitted, Job
from regressors.workers import WorkerFailed, Workers, start_warning
from tasks.progress import LOG
from tasks.rows import Rows

FRAMEWORKS = ("tensorflow", "torch", "theano")

_open: Workers | None = None
_obstacles: dict[str, str | None] = {}
_probing = {framework: Lock() for framework in FRAMEWORKS}


@contextmanager
def framework_workers() -> Iterator[Workers]:
    """Yield the workers of this night; who asks first starts them, and ends them at the end.

    The datasets of a night share the processes through this module, since the parameters of a
    Prefect flow must be plain values.
    """
    global _open  # noqa: PLW0603
    if _open is not None:
        yield _open
        return
    limit = settings().fit_time_limit
    with Workers(FRAMEWORKS, home=settings().home, time_limit=limit) as workers:
        _open = workers
        try:
            yield workers
        finally:
            _open = None
            _obstacles.clear()


def job_of(
    candidate: str,
    declaration: Declaration,
    rows: Rows,
    division: Division,
    chosen: NDArray[np.bool_],
    *,
    epochs: int | None = None,
) -> Job:
    """Return the fit of a candidate on the chosen rows (a mask of all)."""
    framework, kind = candidate.split("/")
    mine = rows.take(chosen)
    return Job(
        dataset=declaration.name,
        framework=framework,
        kind=kind,
        columns=mine.columns,
        target=mine.target,
        fold=division.fold[chosen],
        chained=division.chained,
        hidden=declaration.ann.hidden,
        level=declaration.interval,
        epochs=epochs,
    )


def run_job(function: Callable[[ModuleType, Job], Fitted], job: Job) -> Fitted | str:
    """Run a fit in its framework's worker; return the fit, or in one sentence why it failed."""
    with framework_workers() as workers:
        obstacle = _parity_obstacle(workers, job.framework)
        if obstacle:
            return obstacle
        try:
            fitted: Fitted = workers.result(workers.submit(job.framework, function, job))
        except WorkerFailed as failure:
            return str(failure)
        return fitted


def _parity_obstacle(workers: Workers, framework: str) -> str | None:
    """Return why a framework may not fit tonight: it cannot start, or fails the parity probe."""
    with _probing[framework]:
        if framework not in _obstacles:
            try:
                probed = workers.result(workers.submit(framework, parity.probe))
                _obstacles[framework] = None if probed.passed else probed.reason
                warning = workers.result(workers.submit(framework, start_warning))
                if warning:
                    LOG.warning("%s", warning)
            except WorkerFailed as failure:
                _obstacles[framework] = str(failure)
            if _obstacles[framework]:
                LOG.warning("%s is left out tonight: %s", framework, _obstacles[framework])
        return _obstacles[framework]


def results(futures: dict[str, PrefectFuture[Fitted | str]]) -> dict[str, Fitted | str]:
    """Return the result of each future by its name."""
    return {name: future.result() for name, future in futures.items()}
