"""A scheduler of Dask and workers, each a process of its own; and jobs that run there."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from helpers.workspace import ROOT, free_port, outside

from data.cluster_address import cluster_address
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job, NetworkFit
from tasks.cluster.cluster_workers import ClusterWorkers
from tasks.cluster.shared import Member
from tasks.run.row_files import RowFiles

SECONDS = 180.0
ROWS = 100_000


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return when something is so; fail if it is not in time."""
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


@dataclass
class Cluster:
    """A scheduler at a port, and workers by number; logs are in a folder."""

    folder: Path
    port: int = field(default_factory=free_port)
    protocol: str = "tcp"
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return the address of the scheduler."""
        return f"{self.protocol}://127.0.0.1:{self.port}"

    def start_scheduler(self, **environment: str) -> None:
        """Start the scheduler, and wait until it listens."""
        self.scheduler = self._start(
            "scheduler",
            "dask_scheduler",
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--dashboard-address", "127.0.0.1:0", "--protocol", self.protocol),
            **environment,
        )
        log = self.folder / "scheduler.log"
        wait_for(lambda: "Scheduler at:" in log.read_text(), "the scheduler has not started")

    def start_worker(
        self, *options: str, under: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker, perhaps `under` a command; it need not have come to the scheduler yet."""
        number = len(self.workers)
        folder = self.folder / f"worker{number}"
        folder.mkdir()
        worker = self._start(
            f"worker{number}",
            "dask_worker",
            self.address,
            *("--nthreads", "2", "--local-directory", str(folder), "--no-dashboard"),
            *(options or ("--no-nanny",)),
            under=under,
            NIGHTFIT_HOME=str(self.folder / "home"),
            **environment,
        )
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """End all processes."""
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def framework_processes(self) -> list[psutil.Process]:
        """Return the processes that the workers have started."""
        found = []
        for worker in self.workers:
            with suppress(psutil.NoSuchProcess):
                found += psutil.Process(worker.pid).children(recursive=True)
        return [process for process in found if _does_jobs(process)]

    def _start(
        self, name: str, module: str, *args: str, under: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [*under, sys.executable, "-m", f"distributed.cli.{module}", *args],
                env={**outside(), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
                | environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )


def _does_jobs(process: psutil.Process) -> bool:
    """Return whether a process is no keeper of Python's, which stays as long as the worker."""
    with suppress(psutil.NoSuchProcess):
        return "spawn_main" in " ".join(process.cmdline())
    return False


@contextmanager
def cluster_in(folder: Path, workers: int = 2, **environment: str) -> Iterator[Cluster]:
    """Give a scheduler and some workers whose files are in a folder."""
    made = Cluster(folder)
    try:
        made.start_scheduler()
        for _ in range(workers):
            made.start_worker(**environment)
        yield made
    finally:
        made.stop()


@contextmanager
def night_on(
    address: str,
    told: list[str] | None = None,
    *,
    wait: float = 60.0,
    memory: float = 8.0,
    member: Member | None = None,
) -> Iterator[ClusterWorkers]:
    """Give the processes of a night on a cluster; what is told of it goes into a list."""
    with ClusterWorkers(
        cluster_address(address),
        wait=wait,
        time_limit=60,
        memory_limit=memory,
        tell=(told if told is not None else []).append,
        member=member,
    ) as night:
        yield night


def job_on(files: RowFiles, dataset: str | Path = "shop", kind: str = "ann") -> Job:
    """Return a job on a column `x`, which is in a file: 0, 1, ... ROWS - 1."""
    return Job(
        dataset=str(dataset),
        candidate=Candidate("torch", kind),
        columns={"x": files.stored(np.arange(ROWS, dtype=float))},
        target=np.zeros(3),
        fold=np.array([1, 2, 1]),
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
    )


def begun_in(folder: Path) -> list[int]:
    """Return the processes that have begun `wait_for_file` in a folder."""
    return [int(path.name.removeprefix("begun-")) for path in folder.glob("begun-*")]


# Jobs: each is called with the framework's module and a job.


def process_id(_, job):
    """Return the process that does the job."""
    return os.getpid(), os.getppid()


def total(_, job):
    """Return the sum of a column."""
    return float(job.columns["x"].sum())


def wait_for_file(_, job):
    """Write which process began in the folder that a job names, and wait for a file `go` there."""
    folder = Path(job.dataset)
    (folder / f"begun-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    return total(_, job)


def much(_, job):
    """Return so much that it takes a while to fetch."""
    return bytes(2**27)


def use_memory(_, job):
    """Use more memory than any limit allows."""
    return len(bytearray(2**40))


def fit_of_50_seconds(_, job):
    """Return a network that seems to have taken so long."""
    return NetworkFit(None, np.zeros(0), (), 0, {"seconds": 50.0})


def fit_of_50_seconds_more(_, job):
    """Return such a network once a process has begun `wait_for_file`."""
    while not begun_in(Path(job.dataset)):
        time.sleep(0.02)
    return fit_of_50_seconds(_, job)


# What is asked of a worker itself.


async def answer_slowly():
    """Answer after a while, in which the worker does other things."""
    await asyncio.sleep(7)
    return True
