"""Processes of one command share a night on a real cluster; here they are threads."""

import threading
from contextlib import ExitStack
from multiprocessing import Pipe

import psutil
import pytest
from helpers.dask_cluster import (
    ROWS,
    begun_in,
    cluster_in,
    job_on,
    night_on,
    process_id,
    total,
    wait_for,
    wait_for_file,
)

from tasks.cluster.shared import Member
from tasks.run.row_files import RowFiles

TOTAL = ROWS * (ROWS - 1) / 2


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files of a driver that workers see."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return RowFiles()


def joined(stack, address, host):
    """Return a member of a night, which ends with the stack."""
    theirs, ours = Pipe()
    serving = threading.Thread(target=host.serve, args=(theirs,))
    serving.start()
    stack.callback(serving.join)
    stack.callback(ours.close)
    return stack.enter_context(night_on(address, member=Member(ours)))


def test_runs_at_the_same_time_share_the_processes_of_the_workers(tmp_path, files):
    with cluster_in(tmp_path) as cluster, night_on(cluster.address) as host:
        with ExitStack() as ends_first, ExitStack() as ends_last:
            first = joined(ends_first, cluster.address, host)
            second = joined(ends_last, cluster.address, host)
            assert first.connect() == second.connect() == host.connect()
            jobs = [
                (run, run.submit("numpy", wait_for_file, job_on(files, tmp_path)))
                for run in (first, second)
            ]
            wait_for(lambda: len(begun_in(tmp_path)) == 2, "only one has begun")
            waiting = second.submit("numpy", process_id, job_on(files))
            (tmp_path / "go").touch()
            assert [run.result(job) for run, job in jobs] == [TOTAL] * 2
            parents = {psutil.Process(pid).ppid() for pid in begun_in(tmp_path)}
            assert parents == {worker.pid for worker in cluster.workers}
            assert second.result(waiting)[0] in begun_in(tmp_path)  # one that both have used

            ends_first.close()
            process, _ = second.result(second.submit("numpy", process_id, job_on(files)))
            assert process in begun_in(tmp_path)  # it has outlived one of its runs

            nights = host._nights
            nights.lose(nights.latest)  # as if the machine had been frozen for minutes
            assert second.result(second.submit("numpy", total, job_on(files))) == TOTAL
            assert second._nights.latest.host == nights.latest.name
            assert any("it was fitting; that is done again" in w for w in second.take_warnings())
        wait_for(cluster.framework_processes, "the processes of the host are gone")
        host.stop()
        wait_for(lambda: not cluster.framework_processes(), "a framework's process is left")
