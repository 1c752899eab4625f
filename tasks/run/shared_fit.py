"""The networks of one fit, trained by several processes: its progress, its time limit, its end."""

import threading
from collections.abc import Iterator
from concurrent.futures import as_completed
from functools import partial
from typing import Any

from regressors.frameworks.workers import Reporter, WorkerFailed, out_of_time
from regressors.progress import Report
from regressors.shared_work import Calls
from tasks.run.processes import ManyProcesses

WAITING = "waiting for a worker"
"""How a job reports that no process is free for it."""


class SharedFit:
    """Has the processes of a framework train the networks of one fit.

    Together they may take the time limit of the fit, in `seconds` of their processes: what a single
    one would need for all of them. If one fails, or the time is over, the others are ended.
    """

    def __init__(
        self, processes: ManyProcesses, framework: str, reporter: Reporter, seconds: float
    ) -> None:
        self._processes, self._framework, self._reporter = processes, framework, reporter
        self._seconds, self._taken = seconds, 0.0

    def results(self, calls: Calls) -> Iterator[Any]:
        """Return the results of calls in their order; raise WorkerFailed if one has none."""
        progress = _Progress(calls, self._reporter())
        submit = partial(self._processes.submit, self._framework)
        futures = [
            submit(function, *args, reporter=partial(progress.reporter, number))
            for number, (function, args) in enumerate(calls.each)
        ]
        try:
            for future in as_completed(futures):
                self._taken += self._processes.result(future).seconds
                if self._taken > self._seconds:
                    raise WorkerFailed(f"it {out_of_time(self._seconds)}")
                progress.count(futures.index(future))
        finally:
            for future in futures:
                self._processes.cancel(future)
        return iter([future.result() for future in futures])


class _Progress:
    """Reports how far several jobs are as one: "2 of 5 folds done, fold 3 of 5, epoch 12 of 40"."""

    def __init__(self, calls: Calls, report: Report) -> None:
        self._calls, self._report = calls, report
        self._parts: dict[int, tuple[float | None, str]] = {}
        self._done: set[int] = set()
        self._is_unknown = False
        self._lock = threading.Lock()

    def reporter(self, number: int) -> Report:
        """Return what is called with the reports of a job."""

        def report(share: float | None, done: str) -> None:
            with self._lock:
                self._parts[number] = share, done
                self._is_unknown |= share is None
                self._report_all()

        return report

    def count(self, number: int) -> None:
        """Note that a job is done."""
        with self._lock:
            self._done.add(number)
            self._report_all()

    def _report_all(self) -> None:
        """Report the share of all jobs, and the one of those at work that is the furthest."""
        done, of_all = len(self._done), self._calls.number
        at_work = [part for n, part in sorted(self._parts.items()) if n not in self._done]
        at_work.sort(key=lambda part: (part[1] != WAITING, part[0] or 0.0), reverse=True)
        share = None
        if not self._is_unknown:
            share = (done + sum(known or 0.0 for known, _ in at_work)) / of_all
        texts = [f"{done} of {of_all} {self._calls.what} done", *(text for _, text in at_work[:1])]
        self._report(share, ", ".join(texts))
