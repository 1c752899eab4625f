"""The runs of a night share its framework processes, each of which is probed once.

Functions without `test_` run in workers.
"""

import logging
import os
import signal
import time
from contextvars import ContextVar
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from data.settings import Settings
from regressors.candidate import Candidate
from regressors.frameworks import parity
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.progress import report
from tasks.run import progress
from tasks.run.workers import FrameworkWorkers, framework_workers


def config(home):
    return Settings(home=home, fit_time_limit=60.0, fit_memory_limit=8.0)


TASK: ContextVar[str] = ContextVar("task", default="another one")


def process_id(_, job):
    return os.getpid()


def fail(_, job):
    raise ValueError(f"{job.dataset} has no solution")


def reports(_, job):
    for _ in range(4):
        time.sleep(0.3)
        report(0.5, "fold 3 of 5, epoch 1 of 4")


def job_for(framework):
    return Job(
        dataset="shop",
        candidate=Candidate(framework, "ann"),
        columns={},
        target=np.zeros(3),
        fold=np.array([1, 2, 1]),
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
    )


def test_runs_of_one_night_share_its_processes(tmp_path):
    with framework_workers(config(tmp_path)) as night:
        with framework_workers(config(tmp_path)) as first:
            assert first is night
        with framework_workers(config(tmp_path)) as second:
            assert second is night
    with framework_workers(config(tmp_path)) as other:
        assert other is not night


def test_a_night_in_another_thread_has_processes_of_its_own(tmp_path):
    nights = []

    def start_night() -> None:
        with framework_workers(config(tmp_path)) as night:
            nights.append(night)

    with framework_workers(config(tmp_path)) as night:
        thread = Thread(target=start_night)
        thread.start()
        thread.join()
    assert len(nights) == 1
    assert nights[0] is not night


@pytest.mark.parametrize(("error", "stopped"), [(SystemExit, True), (ValueError, False)])
def test_only_the_end_of_this_process_stops_the_nights_processes(
    tmp_path, forked_workers, error, stopped
):
    with framework_workers(config(tmp_path)) as night:
        with pytest.raises(error), framework_workers(config(tmp_path)):
            raise error
        done = night.run(process_id, job_for("torch"))
        assert isinstance(done, str if stopped else int)


def test_a_framework_is_probed_once_a_night_and_in_any_order(workers):
    night = FrameworkWorkers(workers)
    backwards = FRAMEWORK_NAMES[::-1]
    for framework in backwards:
        assert isinstance(night.run(process_id, job_for(framework)), int)
    probes = night.probes
    assert tuple(probes) == FRAMEWORK_NAMES
    for framework in backwards:
        night.run(process_id, job_for(framework))
        assert night.probes[framework] is probes[framework]


def test_a_fit_that_fails_is_a_sentence_and_the_next_one_runs(workers):
    night = FrameworkWorkers(workers)
    assert night.run(fail, job_for("torch")) == "ValueError: shop has no solution"
    assert isinstance(night.run(process_id, job_for("torch")), int)


def test_a_process_that_tests_fork_computes_the_same_bits_as_one_that_is_started(
    workers, tmp_path, request
):
    started = workers.result(workers.submit("torch", parity.probe))
    request.getfixturevalue("forked_workers")
    with Workers(("torch",), home=tmp_path, time_limit=60) as processes:
        forked = processes.result(processes.submit("torch", parity.probe))
    assert forked == started
    assert forked.passed


def test_how_far_a_fit_is_is_logged_for_the_task_that_waits_for_it(workers, monkeypatch, caplog):
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0)
    tasks = []

    def note_task(_):
        tasks.append(TASK.get())
        return True

    monkeypatch.setattr(caplog.handler, "filters", [note_task])
    TASK.set("fit torch/ann")
    FrameworkWorkers(workers).run(process_id, job_for("torch"))  # starts, and is probed
    caplog.clear()
    tasks.clear()
    with caplog.at_level(logging.INFO, "nightfit"):
        FrameworkWorkers(workers).run(reports, job_for("torch"))
    words = "shop: fitting torch/ann, fold 3 of 5, epoch 1 of 4, about 1 s left"
    assert words in caplog.messages
    assert set(tasks) == {"fit torch/ann"}


def test_a_framework_that_cannot_start_says_why_instead_of_each_fit(tmp_path, monkeypatch):
    broken = tmp_path / "broken" / "torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half installed')")
    monkeypatch.setenv(
        "PYTHONPATH", f"{broken.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    )
    monkeypatch.syspath_prepend(str(broken.parent))
    with Workers(("torch",), home=tmp_path, time_limit=60) as processes:
        night = FrameworkWorkers(processes)
        for _ in range(2):
            outcome = night.run(process_id, job_for("torch"))
            assert outcome == "torch cannot be imported (ImportError: half installed)"
        assert night.probes == {}


PROBE_THAT_IS_KILLED = """
import os, signal, sys
from importlib.abc import MetaPathFinder


class AtFirst(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["KILL_AT"] and len(os.listdir({folder!r})) < {times}:
            open(os.path.join({folder!r}, str(os.getpid())), "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return None


sys.meta_path.insert(0, AtFirst())
"""


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """A function that has workers killed as they import a module, a number of times."""

    def kill(*, importing, times):
        folder = tmp_path / "kills"
        folder.mkdir()
        sitecustomize = tmp_path / "site" / "sitecustomize.py"
        sitecustomize.parent.mkdir()
        sitecustomize.write_text(PROBE_THAT_IS_KILLED.format(folder=str(folder), times=times))
        before = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", f"{sitecustomize.parent}{os.pathsep}{before}")
        monkeypatch.setenv("KILL_AT", importing)
        return folder

    return kill


# The probe is imported in its worker by the job that runs it.
@pytest.mark.parametrize("moment", ["torch", "regressors.frameworks.parity"])
def test_a_worker_killed_as_it_starts_or_is_probed_is_replaced_and_probed_again(
    tmp_path, killed, moment
):
    killed(importing=moment, times=1)
    with Workers(("torch",), home=tmp_path, time_limit=60) as processes:
        night = FrameworkWorkers(processes)
        assert isinstance(night.run(process_id, job_for("torch")), int)
        assert night.probes["torch"].passed
        (warning,) = night.take_warnings()
        assert warning.startswith("The process of torch ")
        assert isinstance(night.run(process_id, job_for("torch")), int)
        assert night.take_warnings() == ()


def test_a_framework_whose_every_worker_is_killed_as_it_starts_is_left_out(tmp_path, killed):
    kills = killed(importing="torch", times=99)
    with Workers(("torch",), home=tmp_path, time_limit=60) as processes:
        night = FrameworkWorkers(processes)
        for _ in range(2):
            assert "lost its process 2 times" in str(night.run(process_id, job_for("torch")))
        assert night.probes == {}
    assert len(list(kills.iterdir())) == 2


def die_once(framework, job):
    """Die like a process that somebody kills, unless an earlier one did."""
    marker = Path(os.environ["DIE_ONCE"])
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_a_worker_that_replaces_another_is_probed_before_it_does_its_job(
    tmp_path, monkeypatch, forked_workers
):
    monkeypatch.setenv("DIE_ONCE", str(tmp_path / "died"))
    with Workers(("torch",), home=tmp_path, time_limit=60) as processes:
        night = FrameworkWorkers(processes)
        first = night.run(process_id, job_for("torch"))
        probe = night.probes["torch"]
        second = night.run(die_once, job_for("torch"))
        assert isinstance(second, int)
        assert second != first
        assert night.probes["torch"] is not probe
        assert len(night.take_warnings()) == 1
