"""Sums that the workers of a cluster gather: a scheduler, two workers, and one that is killed."""

import os
import signal
from dataclasses import replace
from threading import Thread

import numpy as np
import psutil
import pytest
from helpers.dask_cluster import Cluster, wait_for

from data.cluster_address import cluster_address
from regressors import fitting, gathering
from regressors.arrays import CodedTexts
from regressors.candidate import SEGMENT_KINDS, Candidate
from regressors.intervals.rules import Rules
from regressors.job import Fitted, Job
from regressors.linear import gathered_sums
from regressors.segments import gathered_segments
from tasks.cluster.cluster_workers import ClusterWorkers
from tasks.run.row_files import RowFiles
from tasks.run.workers import FrameworkWorkers

ROWS = 24_000
NUMBERS = np.arange(ROWS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start_scheduler()
        made.start_worker()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A job whose columns are in files of the driver, as those of a night are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("rows")))
        files = RowFiles()
        rng = np.random.default_rng(33)
        columns = {name: files.stored(rng.normal(size=ROWS)) for name in "xyz"}
        columns["gappy"] = files.stored(np.where(NUMBERS % 9, rng.normal(size=ROWS), np.nan))
        yield Job(
            dataset="made",
            candidate=Candidate("torch", "least_squares"),
            columns=columns,
            target=files.stored(columns["x"] + rng.normal(size=ROWS)),
            fold=files.stored(1 + NUMBERS % 5),
            chained=False,
            hidden=(),
            interval=Rules((0.9,)),
            weight=files.stored(1.0 + NUMBERS % 3),
            table="made",
        )


@pytest.fixture(scope="module")
def on_cluster(cluster):
    with ClusterWorkers(
        cluster_address(cluster.address),
        wait=60.0,
        time_limit=60,
        memory_limit=8.0,
        tell=lambda _: None,
    ) as night:
        yield night


@pytest.fixture(scope="module")
def workers(on_cluster):
    return FrameworkWorkers(on_cluster, on_cluster)


@pytest.fixture(autouse=True)
def nothing_kept(workers):
    yield
    workers._gathered.drop()


def bits(fitted):
    assert isinstance(fitted, Fitted), fitted
    arrays = (fitted.out_of_fold, *(end for ends in fitted.ends for end in ends))
    return fitted.model.to_bytes(), fitted.coefficients, [array.tobytes() for array in arrays]


@pytest.fixture(scope="module")
def alone(workers, made):
    """The bits of a fit that one worker does alone."""
    return bits(workers.run(fitting.validate, made))


def test_one_worker_gathers_the_sums_of_one_process(workers, made, alone, monkeypatch):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 10_000)
    assert bits(workers.run(fitting.validate, made, gather=gathering.for_validate)) == alone


@pytest.fixture(scope="module")
def second(cluster, on_cluster):
    """A second worker: its process, and its address."""
    process = psutil.Process(cluster.start_worker().pid)
    night = on_cluster._connected()
    wait_for(
        lambda: sum("torch" in each.frameworks for each in night.there().values()) == 2,
        "the worker has not come",
    )
    pids = night.connection.client.run(os.getpid)
    return process, next(where for where, pid in pids.items() if pid == process.pid)


def test_two_workers_gather_them_from_other_parts(
    cluster, second, workers, made, alone, monkeypatch
):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 500)
    assert bits(workers.run(fitting.validate, made, gather=gathering.for_validate)) == alone
    assert len(cluster.framework_processes()) == 2


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
def test_two_workers_solve_segments_in_batches(second, workers, made, kind, monkeypatch):
    monkeypatch.setattr(gathered_segments, "BATCH_ROWS", 4_000)
    monkeypatch.setattr(gathered_segments, "MIN_BATCH_SEGMENTS", 10)
    labels = np.array([*(f"s{i:03d}" for i in range(200)), None], dtype=object)
    by_segment = replace(
        made,
        candidate=Candidate("torch", kind),
        columns={"shop": CodedTexts(NUMBERS % 201 - 1, labels), **made.columns},
        segment=("shop",),
        epochs=50,
    )
    together = workers.run(fitting.validate, by_segment)
    with_batches = workers.run(fitting.validate, by_segment, gather=gathering.for_validate)
    assert bits(with_batches) == bits(together)
    for name, values in vars(together.segments).items():
        assert repr(np.asarray(values).tolist()) == repr(
            np.asarray(getattr(with_batches.segments, name)).tolist()
        )


def test_a_worker_that_is_killed_amid_the_parts_changes_no_bit(
    on_cluster, second, workers, made, alone, monkeypatch
):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 200)
    process, address = second
    night, results = on_cluster._connected(), []

    def fit():
        results.append(workers.run(fitting.validate, made, gather=gathering.for_validate))

    def has_a_part():
        return any(job.worker == address for job in list(night._jobs.values()))

    thread = Thread(target=fit)
    thread.start()
    wait_for(has_a_part, "no part has come to the worker")
    process.send_signal(signal.SIGSTOP)  # so that the next part is not done before the end
    wait_for(has_a_part, "no further part has come")
    process.kill()
    thread.join()
    (warning,) = on_cluster.take_warnings()
    assert warning.startswith(f"The worker {address} of the cluster was lost amid a job")
    assert bits(results[0]) == alone
