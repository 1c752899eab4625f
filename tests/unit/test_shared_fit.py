"""The networks of one fit in several processes: reported as one, and ended together."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from regressors.frameworks.workers import WorkerFailed
from regressors.shared_work import Calls
from tasks.run.shared_fit import WAITING, SharedFit

FIT = SimpleNamespace(seconds=4.0)


class Threads:
    """Does each job in a thread, with its report; `cancelled` are those that were ended."""

    def __init__(self):
        self._pool: Any = ThreadPoolExecutor(3)
        self.cancelled = []

    def submit(self, framework, function, *args, reporter):
        return self._pool.submit(function, *args, reporter())

    def result(self, future):
        return future.result()

    def cancel(self, future):
        if not future.done():
            self.cancelled.append(future)


def results(calls, reports=None, seconds=60.0, processes=None):
    def reporter():
        return lambda share, done: None if reports is None else reports.append((share, done))

    shared = SharedFit(processes or Threads(), "torch", reporter, seconds)
    each = [(function, ()) for function in calls]
    return [*shared.results(Calls("folds", len(each), each, are_fits=True))]


def test_folds_are_reported_as_one_fit_by_the_one_that_is_the_furthest():
    reports: list[Any] = []
    turns = [Event() for _ in range(3)]

    def first(report):
        report(0.5, "fold 1")
        turns[0].set()
        assert turns[2].wait(10)
        return FIT

    def second(report):
        assert turns[0].wait(10)
        report(0.25, "fold 2")
        turns[1].set()
        assert turns[2].wait(10)
        return FIT

    def third(report):
        assert turns[1].wait(10)
        report(0.0, WAITING)
        turns[2].set()
        return FIT

    assert results([first, second, third], reports) == [FIT] * 3
    assert reports[:3] == [
        (0.5 / 3, "0 of 3 folds done, fold 1"),
        (0.75 / 3, "0 of 3 folds done, fold 1"),
        (0.75 / 3, "0 of 3 folds done, fold 1"),
    ]
    assert reports[-1] == (1.0, "3 of 3 folds done")


def test_nobody_knows_the_share_of_folds_of_which_one_does_not_know_its_own():
    reports: list[Any] = []

    def fold(report):
        report(None, "epoch 3")
        return FIT

    results([fold] * 2, reports)
    assert {share for share, _ in reports} == {None}


@pytest.mark.parametrize("seconds", [60.0, 7.0])
def test_a_fold_that_fails_or_is_one_too_many_ends_the_others(seconds):
    processes, go_on = Threads(), Event()

    def fails(_):
        if seconds == 60.0:
            raise WorkerFailed("it diverged")
        return FIT

    def goes_on(_):
        assert go_on.wait(10)

    reason = "it diverged" if seconds == 60.0 else "longer than the limit of 7 seconds"
    with pytest.raises(WorkerFailed, match=reason):
        results([fails, goes_on, fails], seconds=seconds, processes=processes)
    assert any(future.running() for future in processes.cancelled)
    go_on.set()
