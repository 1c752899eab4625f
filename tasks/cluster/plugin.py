"""What a night puts on every worker of Dask, also on one that comes later or in another's place."""

import asyncio
import multiprocessing
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from regressors.frameworks.registry import NUMPY
from tasks.cluster.parcels import Parcel, Piece
from tasks.cluster.token_file import Token
from tasks.cluster.versions import Versions, differences, installed_frameworks, versions
from tasks.cluster.worker_night import Limits, NightEnded, Outcome, WorkerNight

LOOK_SECONDS = 10.0
"""How often a worker looks whether the driver of a night is gone."""

LOOKS = 12
"""A driver that has not been heard of in so many looks is gone. A worker that was frozen itself has
not looked meanwhile."""

BEGIN_SECONDS = 0.1
"""How often it is looked whether a night has begun."""


class NightPlugin(WorkerPlugin):  # type: ignore[misc]
    """Keeps the framework processes of a night on a worker.

    A worker of other versions than the driver gets no jobs, for it has no share of the resource
    that each job needs. Messages to the driver have the night's name as their topic. With a `host`,
    the processes are those of the night of that name, where the worker has it.
    """

    def __init__(
        self,
        night: str,
        driver: Versions,
        limits: Limits,
        token: Token,
        host: str | None = None,
    ) -> None:
        self.name = self.night = night
        self._driver, self._limits, self._token, self._host = driver, limits, token, host
        self.on_worker: WorkerNight | None = None
        self.has_begun = False
        self._looks = 0

    async def setup(self, worker: Worker) -> None:
        """Begin the night on a worker."""
        try:
            await self._begin(worker)
        finally:
            self.has_begun = True

    async def _begin(self, worker: Worker) -> None:
        self._worker = worker
        differs = differences(self._driver, await asyncio.to_thread(versions))
        if differs:
            worker.log_event(self.night, {"late": worker.address, "differs": list(differs)})
            return
        # Dask's own processes may have no children, so that none is left behind; these end with
        # their parent all the same.
        multiprocessing.current_process().daemon = False
        self.on_worker = WorkerNight(
            worker.address,
            self._limits,
            self._token,
            threads=worker.state.nthreads,
            memory=worker.memory_manager.memory_limit,
            spare=Path(worker.local_directory) / "nightfit",
            host=self._host_here,
        )
        able = (*installed_frameworks(), NUMPY.name)
        wanted = {resource(name, self._driver): 1.0 for name in able}
        # To set what is set already would have the scheduler forget what is in use.
        if new := {k: v for k, v in wanted.items() if k not in worker.state.total_resources}:
            await worker.set_resources(**new)
        self._lease = asyncio.create_task(self._end_if_abandoned(worker))
        worker.log_event(self.night, {"able": worker.address})

    def heard(self) -> None:
        """Note that the driver is there."""
        self._looks = 0

    async def teardown(self, worker: Worker) -> None:
        """End the night on a worker."""
        if self.on_worker is not None:
            self._lease.cancel()
            night, self.on_worker = self.on_worker, None
            await asyncio.to_thread(night.end)

    def transition(self, key: Any, start: Any, finish: Any, **_: Any) -> None:
        """End the process of a job that was cancelled, as when the driver is gone."""
        if (start, finish) == ("executing", "released") and self.on_worker:
            threading.Thread(target=self.on_worker.cancel, args=(str(key),)).start()

    def _host_here(self) -> WorkerNight | None:
        plugin = self._worker.plugins.get(self._host)
        return plugin.on_worker if isinstance(plugin, NightPlugin) else None

    def do(self, job: str, framework: str, parcel: Parcel) -> Outcome:
        """Do a job in the process of its framework, and report how far it is."""
        assert self.on_worker is not None
        address = self.on_worker.worker

        def send(**message: Any) -> None:
            self._worker.log_event(self.night, {"job": job, "worker": address, **message})

        send(begun=True)
        return self.on_worker.do(
            job, framework, parcel, lambda share, done: send(share=share, done=done)
        )

    async def _end_if_abandoned(self, worker: Worker) -> None:
        while self._looks < LOOKS:
            self._looks += 1
            await asyncio.sleep(LOOK_SECONDS)
        # Of all workers, so that one which comes later does not get it either.
        await worker.scheduler.unregister_worker_plugin(name=self.name)


def resource(framework: str, driver: Versions) -> str:
    """Return the name of the resource that a worker has which can do jobs of a framework.

    It is of these versions, because another night may have others.
    """
    of = sha256(repr(sorted(driver.items())).encode()).hexdigest()[:8]
    return f"nightfit {framework} {of}"


def work(night: str, job: str, framework: str, parcel: Parcel) -> Outcome:
    """Do a job on the worker of Dask that runs this task."""
    plugin = get_worker().plugins.get(night)
    if not isinstance(plugin, NightPlugin) or plugin.on_worker is None:
        raise NightEnded(night)
    return plugin.do(job, framework, parcel)


# What the driver asks of workers in between; each runs in a worker's event loop.


async def begun(night: str, dask_worker: Worker) -> bool:
    """Wait until a worker has begun a night, or cannot; return whether it has."""
    for _ in range(round(LOOKS * LOOK_SECONDS / BEGIN_SECONDS)):
        plugin = dask_worker.plugins.get(night)
        if plugin is not None and plugin.has_begun:
            return plugin.on_worker is not None
        await asyncio.sleep(BEGIN_SECONDS)
    return False


def renew(night: str, dask_worker: Worker) -> None:
    """Tell a worker that the driver is there."""
    plugin = dask_worker.plugins.get(night)
    if plugin is not None:
        plugin.heard()


def write(night: str, piece: Piece, offset: int, data: bytes, dask_worker: Worker) -> None:
    """Write a part of an array to a worker's copy."""
    dask_worker.plugins[night].on_worker.write(piece, offset, data)


def read(night: str, piece: Piece, offset: int, length: int, dask_worker: Worker) -> bytes:
    """Return a part of an array from a worker's copy."""
    data: bytes = dask_worker.plugins[night].on_worker.read(piece, offset, length)
    return data


def read_file(path: Path, offset: int, length: int) -> bytes:
    """Return a part of a file of a worker."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def drop_copies(night: str, dask_worker: Worker) -> None:
    """Have a worker remove its copies of arrays."""
    plugin = dask_worker.plugins.get(night)
    if plugin is not None and plugin.on_worker is not None:
        plugin.on_worker.drop_copies()
