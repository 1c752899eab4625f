"""One night on a cluster as its driver sees it: the plugin on the workers, and the jobs sent there.

A night is lost with the connection to the scheduler; `cluster_workers` then begins another one.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future as ThreadFuture
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from distributed import Future

from data.errors import ClusterError, UserError, first_line, listed
from regressors.frameworks.registry import FRAMEWORK_NAMES, NUMPY
from tasks.cluster.answers import ANSWER_SECONDS
from tasks.cluster.connection import Connection, Tell, require_none
from tasks.cluster.copies import Copies
from tasks.cluster.parcels import Parcel
from tasks.cluster.plugin import NightPlugin, begun, drop_copies, renew, resource, work
from tasks.cluster.silence import Silence
from tasks.cluster.slots import WorkerThere
from tasks.cluster.token_file import Token
from tasks.cluster.versions import Versions, differences, of_worker, versions
from tasks.cluster.worker_night import Limits

ABLE = (*FRAMEWORK_NAMES, NUMPY.name)
"""What a worker may be able to do jobs of."""

RENEW_SECONDS = 20.0
"""How often workers hear that the driver is there."""

SILENT_SECONDS = 120.0
"""After so long without a sign of a worker, others do its jobs; Dask itself waits for up to ten
minutes."""

SEEN_SECONDS = 1.0
"""So old may be what is known of which workers are there."""


@dataclass
class SentJob:
    """A job that was sent to a worker; `report` is how far it is."""

    name: str
    worker: str
    future: Future = None
    begun: bool = False
    report: tuple[float | None, str] | None = None

    def latest(self) -> tuple[float | None, str]:
        """Return how far the job is: the share that is done, and that in words."""
        share, done = self.report or (0.0, "begun" if self.begun else "sent")
        return share, f"{done} on {self.worker}"


class Night:
    """A night on the workers of a cluster, from its begin until it is closed.

    With a `host`, its framework processes are those of the night of that name.
    """

    def __init__(
        self,
        connection: Connection,
        limits: Limits,
        wait: float,
        tell: Tell,
        host: str | None = None,
    ) -> None:
        self.connection, self._wait, self._tell, self.host = connection, wait, tell, host
        self.name = f"nightfit-{uuid4().hex}"
        self.copies = Copies(connection.client, self.name)
        self._versions: Versions = versions()
        self._jobs: dict[str, SentJob] = {}
        self._lock, self._seen = threading.Lock(), -SEEN_SECONDS
        self._there: dict[str, WorkerThere] = {}
        self._silent_since: float | None = None
        self._is_lost = False
        self._silence, self._able = Silence(), set[str]()
        self._late: list[str] = []
        self._closed = threading.Event()
        try:
            self._begin(limits)
        except BaseException:  # a plugin that stayed would be given to each worker that comes
            self._unregister()
            raise
        threading.Thread(target=self._renew, name="cluster lease", daemon=True).start()

    def there(self) -> dict[str, WorkerThere]:
        """Return the workers that are there now, by address, as they were a second ago at most.

        One that is silent for long, or has not begun the night, is not there. While the scheduler
        does not answer, they are as they were before.
        """
        with self._lock:
            if time.monotonic() - self._seen > SEEN_SECONDS:
                self._look()
                self._seen = time.monotonic()
            return self._there

    def is_lost(self) -> bool:
        """Return whether the connection is gone, or the scheduler has been silent for too long."""
        return self._is_lost or self.connection.client.status == "closed"

    def having(self, framework: str) -> set[str]:
        """Return the workers that are there and have a framework."""
        return {worker for worker, of in self.there().items() if framework in of.frameworks}

    def _look(self) -> None:
        ours = {resource(name, self._versions): name for name in ABLE}
        where = self.connection.address
        try:
            workers = self.connection.workers()
        except OSError:  # a TimeoutError is one
            now = time.monotonic()
            if self._silent_since is None:
                self._silent_since = now
                self._tell(
                    f"the scheduler at {where} does not answer; what it was given is waited for"
                )
            self._is_lost = now - self._silent_since > self._wait
            return
        if self._silent_since is not None:
            self._silent_since, self._is_lost = None, False
            self._silence.begin_again()
            self._tell(f"the scheduler at {where} answers again")
        silent = self._silence.of(
            {address: worker["last_seen"] for address, worker in workers.items()}, SILENT_SECONDS
        )
        self._there = {
            address: WorkerThere(
                worker["nthreads"],
                frozenset(ours[name] for name in worker["resources"] if name in ours),
            )
            for address, worker in workers.items()
            if address in self._able and address not in silent
        }

    def take_late(self) -> list[str]:
        """Return what is to be said of workers that came since the last call, in sentences."""
        late, self._late = self._late, []
        return late

    def send(self, what: str, framework: str, parcel: Parcel, worker: str) -> SentJob:
        """Send a job to a worker; `what` is its name on Dask's dashboard."""
        name = f"{what}-{uuid4().hex}"
        job = self._jobs[name] = SentJob(name, worker)
        job.future = self.connection.client.submit(
            work,
            self.name,
            name,
            framework,
            parcel,
            key=name,
            pure=False,
            resources={resource(framework, self._versions): 1.0},
            workers=[worker],
        )
        return job

    def fetching(self, job: SentJob) -> ThreadFuture[Any]:
        """Return the future of what a job comes to, which a thread can wait for with a limit."""
        client = self.connection.client

        async def result() -> Any:
            return await client.gather(job.future, asynchronous=True)

        return asyncio.run_coroutine_threadsafe(result(), client.loop.asyncio_loop)

    def done(self, job: SentJob) -> None:
        """Forget a job."""
        self._jobs.pop(job.name, None)

    def cancel(self) -> None:
        """Have no worker go on with a job."""
        with suppress(Exception):
            self.connection.client.cancel([job.future for job in tuple(self._jobs.values())])

    def drop_copies(self) -> None:
        """Have the workers remove their copies of arrays."""
        self.copies.forget()
        self._ask(drop_copies)

    def close(self) -> None:
        """End the night on the workers, and leave the cluster."""
        self._closed.set()
        self.cancel()
        self._unregister()
        self.connection.close()

    def _unregister(self) -> None:
        client = self.connection.client
        with suppress(Exception):
            client.sync(
                client._unregister_worker_plugin, self.name, callback_timeout=ANSWER_SECONDS
            )

    def _begin(self, limits: Limits) -> None:
        client, where = self.connection.client, self.connection.address
        try:
            found = self.connection.answers(
                lambda some: client._run(of_worker(), workers=some, on_error="return"),
                self._wait,
            )
            lost = {worker for worker, told in found.items() if is_unreached(told)}
            require_none(
                {w: _differs(self._versions, found[w]) for w in found.keys() - lost}, where
            )
            client.subscribe_topic(self.name, self._hear)
            plugin = NightPlugin(self.name, self._versions, limits, Token.written(), self.host)
            registering = asyncio.run_coroutine_threadsafe(
                client._register_worker_plugin(plugin, self.name, False), client.loop.asyncio_loop
            )
            begun_on = self.connection.answers(
                lambda some: client._run(begun, self.name, workers=some, on_error="ignore"),
                self._wait,
            )
            self._able |= {worker for worker, has in begun_on.items() if has}
            if not all(begun_on.values()):
                registering.result(ANSWER_SECONDS)  # raises why it cannot begin there
            if not self._able:
                raise OSError("none of them answers")
            self._late += [
                f"The worker {worker} of the cluster does not answer, and gets no work until it"
                " does."
                for worker in sorted({*self.connection.silent, *lost} - self._able)
            ]
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001 - of a worker, or of a connection that is cut
            raise ClusterError(
                f"the night could not begin on its workers ({first_line(error)}).",
                where=where,
                next_step="See the logs of its scheduler and workers.",
            ) from None

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        message = event[1]
        if "able" in message:
            self._able.add(message["able"])
        if "late" in message:
            self._late.append(
                f"The worker {message['late']} of the cluster came later and gets no work: it has"
                f" {listed(message['differs'])}."
            )
        job = self._jobs.get(message.get("job", ""))
        if job is None:
            return
        if message.get("begun"):
            job.begun = True
        else:
            job.report = message["share"], message["done"]

    def _renew(self) -> None:
        while not self._closed.wait(RENEW_SECONDS):
            self._ask(renew)

    def _ask(self, function: Any) -> None:
        client = self.connection.client
        with suppress(Exception):  # whoever does not answer does not hear of it
            client.sync(
                client._run, function, self.name, on_error="ignore", callback_timeout=RENEW_SECONDS
            )


def is_unreached(told: object) -> bool:
    """Return whether an answer, or an error, is that a worker could not be asked."""
    return isinstance(told, OSError) and told.errno is None  # as Dask's are


def _differs(ours: Versions, told: object) -> tuple[str, ...]:
    """Return what a worker has in other versions; `told` is an error if it has no nightfit."""
    if isinstance(told, Mapping):
        return differences(ours, told)
    return (f"no nightfit like ours ({first_line(told)})",)
