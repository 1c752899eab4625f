"""What several processes of a cluster gather for a fit, and what is kept of it for the next one."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any

from regressors.frameworks.workers import Reporter
from regressors.job import Job
from regressors.linear.kept_sums import KeptSums
from regressors.shared_work import Calls, SharedWork, shared
from tasks.run.processes import ManyProcesses, Processes
from tasks.run.row_files import RowColumns
from tasks.run.shared_fit import SharedFit

AT_ONCE = 64
"""So many calls of one fit are made at a time, so that those of others have their turn."""

Gather = Callable[[Job, KeptSums], SharedWork[Job]]
"""Returns a job with what is gathered for it, from a job and what is kept of its framework."""


class GatheredSums:
    """Has the processes of a framework share what they can of a fit.

    The kinds of a framework that need the same sums are fitted one after the other.
    """

    def __init__(self, processes: ManyProcesses) -> None:
        self._processes = processes
        self._kept: defaultdict[str, KeptSums] = defaultdict(KeptSums)

    def job(self, gather: Gather, job: Job, reporter: Reporter) -> Job:
        """Return a job with what was gathered for it; raise WorkerFailed if that cannot be."""
        columns = job.columns
        if isinstance(columns, RowColumns):
            job = replace(job, columns=columns.in_codes())
        framework = job.candidate.framework
        seconds = self._processes.fit_seconds * job.time_limits
        of_fit = SharedFit(self._processes, framework, reporter, seconds)

        def do(calls: Calls) -> Iterator[Any]:
            if calls.are_fits:
                return of_fit.results(calls)
            return results(self._processes, framework, reporter, calls)

        return shared(gather(job, self._kept[framework]), do)

    def drop(self) -> None:
        """Forget what was kept of a run."""
        self._kept.clear()


def results(
    processes: Processes, framework: str, reporter: Reporter, calls: Calls
) -> Iterator[Any]:
    """Yield the results of calls in their order, while the next few of them are made."""
    each, report, done = iter(calls.each), reporter(), 0
    waiting: deque[Future[Any]] = deque()

    def submit_next() -> None:
        with suppress(StopIteration):
            function, args = next(each)
            own = reporter if calls.number == 1 else None
            waiting.append(processes.submit(framework, function, *args, reporter=own))

    try:
        for _ in range(AT_ONCE):
            submit_next()
        while waiting:
            report(done / calls.number, f"{calls.what}, {done:,} of {calls.number:,} parts")
            yield processes.result(waiting.popleft())
            done += 1
            submit_next()
    finally:
        for future in waiting:
            future.cancel()
