"""The runs of a night share its framework processes, and Prefect leaves large values alone."""

from collections.abc import Callable
from contextlib import contextmanager
from threading import Thread
from types import SimpleNamespace

import pytest
from prefect.utilities.collections import visit_collection

from regressors.frameworks.workers import WorkerFailed
from tasks.run.prepared import Prepared
from tasks.run.rows import SnapshotRows
from tasks.run.workers import FrameworkWorkers, framework_workers

LIMITS = {"time_limit": 1.0, "memory_limit": 1.0}
JOB = SimpleNamespace(candidate=SimpleNamespace(framework="torch"))


class Processes:
    """Stand-ins for the framework processes: each job is answered by `answers`, in order."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.submitted: list[str] = []
        self.stopped = False

    def submit(self, framework: str, function: Callable[..., object], *args: object) -> str:
        self.submitted.append(function.__name__)
        return framework

    def result(self, _: str) -> object:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def started(monkeypatch):
    """Return the framework processes that were started, as stand-ins."""
    made = []

    @contextmanager
    def start(*_: object, **__: object):
        made.append(Processes())
        yield made[-1]

    monkeypatch.setattr("tasks.run.workers.Workers", start)
    return made


def test_runs_of_one_night_share_its_processes(tmp_path, started):
    with framework_workers(tmp_path, **LIMITS) as night:
        with framework_workers(tmp_path, **LIMITS) as first:
            assert first is night
        with framework_workers(tmp_path, **LIMITS) as second:
            assert second is night
    assert len(started) == 1
    with framework_workers(tmp_path, **LIMITS) as other:
        assert other is not night


def test_a_night_in_another_thread_has_processes_of_its_own(tmp_path, started):
    with framework_workers(tmp_path, **LIMITS):

        def night() -> None:
            with framework_workers(tmp_path, **LIMITS):
                pass

        thread = Thread(target=night)
        thread.start()
        thread.join()
    assert len(started) == 2


@pytest.mark.parametrize(("error", "stopped"), [(SystemExit, True), (ValueError, False)])
def test_only_the_end_of_this_process_stops_the_nights_processes(tmp_path, started, error, stopped):
    with framework_workers(tmp_path, **LIMITS):
        with pytest.raises(error), framework_workers(tmp_path, **LIMITS):
            raise error
        assert started[0].stopped == stopped


def test_a_framework_is_probed_once_a_night():
    processes = Processes(SimpleNamespace(reason="it failed the parity probe"), None)
    workers = FrameworkWorkers(processes)
    for _ in range(2):
        assert workers.run(lambda *_: None, JOB) == "it failed the parity probe"
    assert processes.submitted == ["probe", "start_warning"]


def test_a_framework_that_cannot_start_says_why_instead_of_each_fit():
    workers = FrameworkWorkers(Processes(WorkerFailed("torch cannot be imported")))
    assert workers.run(lambda *_: None, JOB) == "torch cannot be imported"
    assert workers.probes == {}


def test_a_fit_that_fails_is_a_sentence_and_the_next_one_runs():
    probe = SimpleNamespace(reason=None)
    workers = FrameworkWorkers(Processes(probe, None, WorkerFailed("it took too long"), "a fit"))
    assert [workers.run(print, JOB) for _ in range(2)] == ["it took too long", "a fit"]


@pytest.mark.parametrize("kind", [Prepared, SnapshotRows, FrameworkWorkers])
def test_prefect_does_not_walk_through_what_every_task_is_given(kind):
    value = kind.__new__(kind)
    value.rows_of_a_million = [[0]]
    visited: list[object] = []
    visit_collection(value, visited.append)
    assert visited == [value]
