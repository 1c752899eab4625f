"""What a cluster costs: a night on it beside a plain one, costs of a job and a byte, and a model.

    cluster.py [--ann-rows N]

The first night is of one small dataset, so that nearly all of the difference is the cluster's; the
second one is of an ANN whose folds are jobs of their own. The costs are of jobs that do nothing,
one after the other, and of an array that the worker does not see. From these, and from what the
parts of a table and of segments cost, `cluster_model.py` says what a night takes on fifty workers.
Two to four minutes on two quiet cores.
"""

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter
from unittest.mock import patch

import numpy as np
from benchmarks import cluster_parts, cluster_rows
from benchmarks.cluster_model import (
    COLUMNS,
    MEASURED_ROWS,
    MEASURED_SEGMENTS,
    night_of_rows,
    night_of_segments,
)
from benchmarks.figures import record
from helpers.workspace import LINE, LINE_ROWS, Workspace

from data.cluster_address import cluster_address
from data.scratch import temporary_files
from regressors.candidate import Candidate
from regressors.frameworks.worker_process import ready
from regressors.frameworks.workers import Workers
from regressors.intervals.rules import Rules
from regressors.job import Job
from tasks.cluster.cluster_workers import ClusterWorkers
from tasks.cluster.token_file import Token
from tasks.run.row_files import RowFiles

JOBS = 30
MEGABYTES = 200
ANN_ROWS = 5_000
ANN_ALONE = LINE.replace("[least_squares]", "[ann]")
ALL_KINDS = LINE.replace("[least_squares]", "[least_squares, gradient_descent, ann]")


def night(workspace: Workspace, cluster: str) -> tuple[float, float]:
    """Run a night; return its seconds, and those of CPU."""
    command = [Path(sys.executable).with_name("nightfit"), "nightly", "--force"]
    environment = {**workspace.environment, "NIGHTFIT_CLUSTER": cluster}
    begin, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - begin, cpu


def nights(name: str, declaration: str, rows: str) -> None:
    """Print what nights of a dataset take without and with a cluster, once its home is made."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        (workspace.folder / "datasets").mkdir()
        workspace.declare("line", LINE, rows)
        print("a first night, which makes the databases ...", flush=True)
        night(workspace, "")
        workspace.declare("line", declaration, rows)
        plain = 0.0
        for cluster in ("", "local:1", "local:2"):
            where = cluster or "plain"
            print(f"a night of {name}, {where} ...", flush=True)
            seconds, cpu = night(workspace, cluster)
            plain = plain or seconds
            record("cluster", f"night of {name}: {where}", seconds, "s")
            record("cluster", f"night of {name}, CPU: {where}", cpu, "s")
            print(
                f"a night of {name}, {where}: {seconds:.1f} s, {cpu:.1f} s of CPU"
                + (f"; overhead {seconds - plain:+.1f} s" if cluster else ""),
                flush=True,
            )


def waves(rows: int) -> str:
    """Return a file of numbers of which a network learns more than a line."""
    numbers = np.random.default_rng(65).normal(size=(rows, 5))
    target = np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2]
    lines = [
        ",".join([str(i), *(f"{value:.4f}" for value in (*row, y))])
        for i, (row, y) in enumerate(zip(numbers, target, strict=True))
    ]
    return "\n".join(["row,a,b,c,d,e,y", *lines, ""])


def touched(_framework: object, job: Job) -> int:
    """Return the rows of a job; runs in a framework's worker."""
    return len(job.columns["x"])


def seconds_per_job(processes: Workers | ClusterWorkers) -> float:
    """Return how long a job takes that does nothing, once its process is warm."""
    processes.result(processes.submit("torch", ready))
    begin = perf_counter()
    for _ in range(JOBS):
        processes.result(processes.submit("torch", ready))
    return (perf_counter() - begin) / JOBS


def seconds_to_copy(processes: ClusterWorkers, files: RowFiles) -> float:
    """Return how long it takes until a worker has an array that it does not see, and its job."""
    column = files.stored(np.random.default_rng(1).normal(size=MEGABYTES * 10**6 // 8))
    job = Job(
        dataset="made",
        candidate=Candidate("torch", "ann"),
        columns={"x": column},
        target=np.zeros(3),
        fold=np.array([1, 2, 1]),
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
    )
    begin = perf_counter()
    processes.result(processes.submit("torch", touched, job))
    return perf_counter() - begin


def costs() -> None:
    """Print what a job and a byte cost."""
    print("jobs that do nothing, and an array that the worker does not see ...", flush=True)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(temporary_files(home))
        plain = stack.enter_context(Workers(("torch",), home=home, time_limit=600))
        here = seconds_per_job(plain)
        hidden = Token(str(home / "not there"), "unread")
        stack.enter_context(patch("tasks.cluster.night.Token.written", lambda: hidden))
        on_cluster = stack.enter_context(
            ClusterWorkers(
                cluster_address("local:1"),
                wait=60,
                time_limit=600,
                memory_limit=None,
                tell=lambda _: None,
            )
        )
        there = seconds_per_job(on_cluster)
        copied = seconds_to_copy(on_cluster, RowFiles())
    record("cluster", "job that does nothing: plain", 1000 * here, "ms")
    record("cluster", "job that does nothing: cluster", 1000 * there, "ms")
    record("cluster", "copying rows to a worker", MEGABYTES / copied, "MB/s")
    print(f"a job that does nothing: {1000 * here:.1f} ms plain, {1000 * there:.1f} ms on a worker")
    print(f"rows that a worker does not see: {MEGABYTES / copied:.0f} MB/s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ann-rows", type=int, default=ANN_ROWS)
    rows = parser.parse_args().ann_rows
    begin = perf_counter()
    nights("one small dataset", ALL_KINDS, LINE_ROWS)
    nights(f"an ANN on {rows:,} rows", ANN_ALONE, waves(rows))
    costs()
    print("seconds of CPU of the parts of a table and of segments ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        cluster_rows.measure(Path(folder), 2**19)
    cluster_parts.of_table(MEASURED_ROWS, COLUMNS)
    cluster_parts.of_segments(MEASURED_SEGMENTS, 10)
    night_of_rows()
    night_of_segments()
    print(f"\nall of this took {perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
