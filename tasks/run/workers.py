"""The framework processes of a night, and how a step has a candidate fitted there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from prefect.futures import PrefectFuture

from data.settings import settings
from regressors.candidate import Candidate
from regressors.frameworks import parity
from regressors.frameworks.contract import FrameworkModule
from regressors.frameworks.parity import ProbeResult
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import WorkerFailed, Workers, start_warning
from regressors.job import Fitted, Grouping, Job, Start
from tasks.run.prepared import Prepared
from tasks.run.progress import LOG
from tasks.run.rows import Rows

_open: Workers | None = None
_probes: dict[str, ProbeResult | str] = {}
_probing = {framework: Lock() for framework in FRAMEWORK_NAMES}


@contextmanager
def framework_workers() -> Iterator[Workers]:
    """Yield the workers of this night; who asks first starts them, and ends them at the end.

    The datasets of a night share the processes through this module, since the parameters of a
    Prefect flow must be plain values.
    """
    global _open  # noqa: PLW0603
    if _open is not None:
        try:
            yield _open
        except Exception:
            raise
        except BaseException:  # the end is asked for, and Prefect waits for fits under way
            _open.stop()
            raise
        return
    with Workers(
        FRAMEWORK_NAMES,
        home=settings().home,
        time_limit=settings().fit_time_limit,
        memory_limit=settings().fit_memory_limit,
    ) as workers:
        _open = workers
        try:
            yield workers
        finally:
            _open = None
            _probes.clear()


def job_of(
    candidate: Candidate,
    prepared: Prepared,
    rows: Rows,
    fold: NDArray[np.int64],
    *,
    starts: Mapping[str, Start],
    grouping: Grouping | None = None,
    refit_epochs: int | None = None,
) -> Job:
    """Return the job of fitting a candidate on `rows` (m), each in its `fold` (m,)."""
    declaration = prepared.declaration
    rules, descent = declaration.split, declaration.gradient_descent
    return Job(
        dataset=declaration.name,
        candidate=candidate,
        columns=rows.columns,
        target=rows.target,
        fold=fold,
        chained=prepared.split.chained,
        hidden=declaration.ann.hidden,
        interval_coverage=declaration.interval,
        weight=rows.weight,
        time=rows.instants,
        group_numbers=rows.group_numbers,
        split_rules=repr((rules.test, rules.folds, rules.group, declaration.time)),
        products=prepared.checked.products,
        intercept=declaration.intercept,
        learning_rate=descent.learning_rate,
        epochs=descent.epochs,
        starts=starts,
        grouping=grouping,
        refit_epochs=refit_epochs,
    )


def run_job(function: Callable[[FrameworkModule, Job], Fitted], job: Job) -> Fitted | str:
    """Run a fit in its framework's worker; return the fit, or in one sentence why it failed."""
    with framework_workers() as workers:
        obstacle = _parity_obstacle(workers, job.candidate.framework)
        if obstacle:
            return obstacle
        try:
            fitted: Fitted = workers.result(workers.submit(job.candidate.framework, function, job))
        except WorkerFailed as failure:
            return str(failure)
        return fitted


def probes() -> dict[str, ProbeResult]:
    """Return what the parity probe found tonight, by framework; one that cannot start has none."""
    return {name: probe for name, probe in _probes.items() if isinstance(probe, ProbeResult)}


def _parity_obstacle(workers: Workers, framework: str) -> str | None:
    """Return why a framework may not fit tonight: it cannot start, or fails the parity probe."""
    with _probing[framework]:
        if framework not in _probes:
            _probes[framework] = _probed(workers, framework)
            if obstacle := _obstacle(_probes[framework]):
                LOG.warning("%s is left out tonight: %s", framework, obstacle)
        return _obstacle(_probes[framework])


def _probed(workers: Workers, framework: str) -> ProbeResult | str:
    try:
        probed: ProbeResult = workers.result(workers.submit(framework, parity.probe))
        warning = workers.result(workers.submit(framework, start_warning))
    except WorkerFailed as failure:
        return str(failure)
    if warning:
        LOG.warning("%s", warning)
    return probed


def _obstacle(probed: ProbeResult | str) -> str | None:
    return probed if isinstance(probed, str) else probed.reason


def results(
    futures: dict[Candidate, PrefectFuture[Fitted | str]],
) -> dict[Candidate, Fitted | str]:
    """Return the result of each future."""
    return {name: future.result() for name, future in futures.items()}
