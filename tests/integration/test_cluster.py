"""Jobs on a real cluster: a scheduler of Dask and two workers, all processes of their own."""

import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import psutil
import pytest
from helpers.dask_cluster import (
    ROWS,
    Cluster,
    answer_slowly,
    begun_in,
    cluster_in,
    go_on,
    job_on,
    night_on,
    pause,
    process_id,
    total,
    use_memory,
    wait_for,
    wait_for_file,
)
from helpers.web_server import running
from helpers.workspace import free_port

from data.errors import ClusterError
from regressors.frameworks.workers import WorkerFailed
from tasks.cluster.token_file import Token
from tasks.run.row_files import RowFiles


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def told():
    return []


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files of a driver that workers see."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return RowFiles()


def test_jobs_of_one_framework_are_done_on_two_workers_at_once(cluster, files, tmp_path, told):
    with night_on(cluster.address, told) as night:
        jobs = [night.submit("torch", wait_for_file, job_on(files, tmp_path)) for _ in range(2)]
        wait_for(lambda: len(begun_in(tmp_path)) == 2, "only one has begun")
        (tmp_path / "go").touch()
        assert [night.result(job) for job in jobs] == [ROWS * (ROWS - 1) / 2] * 2
        parents = {psutil.Process(pid).ppid() for pid in begun_in(tmp_path)}
        assert parents == {worker.pid for worker in cluster.workers}
        first, _ = night.result(night.submit("torch", process_id, job_on(files)))
        assert first in begun_in(tmp_path)  # it is warm
    assert any("torch on 2" in text for text in told)
    wait_for(lambda: not cluster.framework_processes(), "a framework's process is left")


def test_a_job_whose_worker_is_killed_is_done_by_another(cluster, files, tmp_path, told):
    extra = cluster.start_worker()
    cluster.wait_for_workers()
    with night_on(cluster.address, told) as night:
        jobs = [night.submit("numpy", wait_for_file, job_on(files, tmp_path)) for _ in range(3)]
        wait_for(lambda: len(begun_in(tmp_path)) == 3, "not all have begun")
        victim = psutil.Process(extra.pid)
        (child,) = [pid for pid in begun_in(tmp_path) if psutil.Process(pid).ppid() == extra.pid]
        victim.kill()
        wait_for(lambda: not psutil.pid_exists(child), "a process outlived its worker")
        (tmp_path / "go").touch()
        assert [night.result(job) for job in jobs] == [ROWS * (ROWS - 1) / 2] * 3
        (warning,) = night.take_warnings()
        assert "was lost amid a fit; another one does it again" in warning
        assert night.take_warnings() == ()


def test_a_frozen_worker_loses_its_job_to_another_and_the_next_night_begins_without_it(
    cluster, files, tmp_path, told, monkeypatch
):
    frozen = None
    try:
        with night_on(cluster.address, told) as night:
            job = night.submit("numpy", wait_for_file, job_on(files, tmp_path))
            wait_for(lambda: begun_in(tmp_path), "it has not begun")
            frozen = psutil.Process(begun_in(tmp_path)[0]).parent()
            monkeypatch.setattr("tasks.cluster.night.SILENT_SECONDS", 3.0)
            monkeypatch.setattr("tasks.cluster.night.ANSWER_SECONDS", 3.0)
            frozen.suspend()
            wait_for(lambda: len(begun_in(tmp_path)) == 2, "no other one has begun")
            (tmp_path / "go").touch()
            assert night.result(job) == ROWS * (ROWS - 1) / 2
            assert any("was lost amid a fit; another one does it again" in text for text in told)
        monkeypatch.setattr("tasks.cluster.answers.ANSWER_SECONDS", 3.0)
        with night_on(cluster.address, told) as night:
            assert (
                night.result(night.submit("numpy", total, job_on(files))) == ROWS * (ROWS - 1) / 2
            )
            assert any("does not answer, and gets no work until" in text for text in told)
            assert night.take_warnings()
            frozen.resume()
            wait_for(lambda: len(night.having("numpy")) == 2, "it gets no work")
    finally:
        if frozen is not None:
            frozen.resume()
    wait_for(lambda: not cluster.framework_processes(), "a process of the frozen worker is left")


def test_a_worker_that_is_slow_to_answer_is_not_taken_for_a_frozen_one(cluster, monkeypatch):
    monkeypatch.setattr("tasks.cluster.answers.ANSWER_SECONDS", 5.0)
    with night_on(cluster.address) as night:
        night.connect()
        connection = night._nights.latest.connection
        slow = partial(connection.client._run, answer_slowly)
        assert [*connection.answers(lambda some: slow(workers=some), 60).values()] == [True, True]
        assert not connection.silent
        assert connection.answers(lambda some: slow(workers=some), 0) == {}
        assert len(connection.silent) == 2


def test_a_worker_that_dask_has_paused_keeps_no_job_from_another_one(
    cluster, files, tmp_path, told
):
    with night_on(cluster.address, told) as night:
        night.connect()
        connection = night._nights.latest.connection
        client = connection.client

        def pause_now(worker):
            client.run(pause, workers=[worker])
            wait_for(lambda: connection.workers()[worker]["status"] == "paused", "it is not paused")

        paused, other = sorted(night.having("numpy"))
        try:
            pause_now(paused)
            jobs = [night.submit("numpy", wait_for_file, job_on(files, tmp_path)) for _ in range(2)]
            wait_for(
                lambda: any(f"{paused} of the cluster is paused" in text for text in told), told
            )
            (tmp_path / "go").touch()
            assert [night.result(job) for job in jobs] == [ROWS * (ROWS - 1) / 2] * 2
            pause_now(other)
            night._watches["numpy"]._wait = 2.0
            with pytest.raises(ClusterError, match="or Dask paused them"):
                night.result(night.submit("numpy", total, job_on(files)))
        finally:
            client.run(go_on)


def test_no_worker_is_thought_lost_while_the_client_asks_for_something_else(cluster):
    with night_on(cluster.address) as night:
        night.connect()
        connection, done = night._nights.latest.connection, threading.Event()

        def ask():
            while not done.is_set():
                connection.client.sync(connection.client._update_scheduler_info)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            assert {len(connection.workers()) for _ in range(200)} == {2}
        finally:
            done.set()
            asking.join()


def test_a_job_that_needs_too_much_memory_fails_in_a_sentence_and_the_next_one_runs(cluster, files):
    with night_on(cluster.address) as night:
        with pytest.raises(WorkerFailed, match="ran out of memory; its limit is 8 GiB"):
            night.result(night.submit("torch", use_memory, job_on(files)))
        assert night.result(night.submit("torch", total, job_on(files))) == ROWS * (ROWS - 1) / 2


def test_rows_that_workers_do_not_see_go_there_once(cluster, files, tmp_path, monkeypatch):
    hidden = Token(str(tmp_path / "not there"), "unread")
    monkeypatch.setattr("tasks.cluster.night.Token.written", lambda: hidden)
    job = job_on(files, tmp_path)
    with night_on(cluster.address) as night:
        sent = [night.submit("numpy", wait_for_file, job) for _ in range(2)]
        wait_for(lambda: len(begun_in(tmp_path)) == 2, "only one has begun")
        (tmp_path / "go").touch()
        assert [night.result(one) for one in sent] == [ROWS * (ROWS - 1) / 2] * 2
        assert night.result(night.submit("numpy", total, job)) == ROWS * (ROWS - 1) / 2
        copies = night._nights.latest.copies
        assert copies.sent_bytes == ROWS * 8  # one worker has it from the other
        night.drop_rows()
        assert night.result(night.submit("numpy", total, job)) == ROWS * (ROWS - 1) / 2
        assert copies.sent_bytes == ROWS * 8 * 2


def test_a_scheduler_that_is_away_is_a_sentence_with_the_time_that_was_waited(told):
    address = f"tcp://127.0.0.1:{free_port()}"
    with night_on(address, told, wait=4) as night, pytest.raises(ClusterError) as refused:
        night.connect()
    assert str(refused.value).startswith(f"{address}: no scheduler of Dask has answered for 4 s")
    assert told == [f"waiting for the scheduler at {address} (Connection refused)"]


def test_a_server_that_is_not_dasks_is_a_sentence(monkeypatch):
    monkeypatch.setattr("tasks.cluster.connection.ANSWER_SECONDS", 1.0)
    with (
        running() as server,
        night_on(server.url.replace("http", "tcp"), wait=10) as night,
        pytest.raises(ClusterError, match="does not answer as a scheduler of Dask"),
    ):
        night.connect()


def test_a_cluster_without_workers_is_waited_for_and_then_given_up(tmp_path, told):
    empty = Cluster(tmp_path)
    try:
        empty.start_scheduler()
        with (
            night_on(empty.address, told, wait=5) as night,
            pytest.raises(ClusterError, match="has had no worker for 5 seconds"),
        ):
            night.connect()
        assert told == [f"the cluster at {empty.address} has no worker yet; waiting for one"]
    finally:
        empty.stop()


def test_a_frozen_or_lost_scheduler_ends_what_waits_for_it_in_a_sentence(
    tmp_path, files, told, monkeypatch
):
    for module in ("connection", "night"):
        monkeypatch.setattr(f"tasks.cluster.{module}.ANSWER_SECONDS", 2.0)
    monkeypatch.setattr("tasks.cluster.connection.LIST_SECONDS", 0.5)
    lost = Cluster(tmp_path / "lost")
    lost.folder.mkdir()
    try:
        lost.start_scheduler()
        lost.start_worker()
        for how, reason in (
            (signal.SIGSTOP, "does not answer as a scheduler of Dask"),
            (signal.SIGKILL, "no scheduler of Dask has answered for 5 seconds"),
        ):
            folder = tmp_path / how.name
            folder.mkdir()
            with night_on(lost.address, told) as night:
                job = night.submit("numpy", wait_for_file, job_on(files, folder))
                wait_for(lambda: begun_in(folder), "it has not begun")  # noqa: B023
                (child,) = begun_in(folder)
                night._wait = night._nights._wait = night._nights.latest._wait = 5.0
                told.clear()
                lost.scheduler.send_signal(how)
                with pytest.raises(ClusterError, match=reason):
                    night.result(job)
                assert any("was lost, and with it what it was fitting" in text for text in told)
                told.clear()
            lost.scheduler.send_signal(signal.SIGCONT)
            wait_for(lambda: not psutil.pid_exists(child), "a process goes on")  # noqa: B023
    finally:
        lost.stop()


DRIVER = """
import sys
sys.path[:0] = {path!r}
from test_cluster import RowFiles, job_on, night_on, wait_for_file
files = RowFiles()
with night_on({address!r}) as night:
    night.result(night.submit("numpy", wait_for_file, job_on(files, {folder!r})))
"""


def test_nothing_goes_on_after_a_driver_that_is_killed(cluster, tmp_path):
    path = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    script = DRIVER.format(path=path, address=cluster.address, folder=str(tmp_path))
    driver = subprocess.Popen([sys.executable, "-c", script])
    wait_for(lambda: begun_in(tmp_path), "it has not begun")
    (child,) = begun_in(tmp_path)
    driver.kill()
    driver.wait()
    wait_for(lambda: not psutil.pid_exists(child), "its job goes on")
    assert begun_in(tmp_path) == [child]  # nobody has begun it again
