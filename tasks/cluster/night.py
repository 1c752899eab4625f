"""One night on a cluster as its driver sees it: the plugin on the workers, and the jobs sent there.

A night is lost with the connection to the scheduler; `cluster_workers` then begins another one.
"""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from distributed import Future

from data.errors import ClusterError
from regressors.frameworks.registry import FRAMEWORK_NAMES, NUMPY
from tasks.cluster.connection import Connection, require_none
from tasks.cluster.copies import Copies
from tasks.cluster.parcels import Parcel
from tasks.cluster.plugin import NightPlugin, differing, drop_copies, renew, resource, work
from tasks.cluster.slots import WorkerThere
from tasks.cluster.token_file import Token
from tasks.cluster.versions import Versions, versions
from tasks.cluster.worker_night import Limits

ABLE = (*FRAMEWORK_NAMES, NUMPY.name)
"""What a worker may be able to do jobs of."""

RENEW_SECONDS = 20.0
"""How often workers hear that the driver is there."""

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
        where = "begun" if self.begun else "sent"
        return self.report or (0.0, f"{where} on {self.worker}")


class Night:
    """A night on the workers of a cluster, from its begin until it is closed."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self.connection = connection
        self.name = f"nightfit-{uuid4().hex}"
        self.copies = Copies(connection.client, self.name)
        self._versions: Versions = versions()
        self._jobs: dict[str, SentJob] = {}
        self._lock, self._seen = threading.Lock(), -SEEN_SECONDS
        self._there: dict[str, WorkerThere] = {}
        self._closed = threading.Event()
        self._begin(limits)
        threading.Thread(target=self._renew, name="cluster lease", daemon=True).start()

    def there(self) -> dict[str, WorkerThere]:
        """Return the workers that are there now, by address, as they were a second ago at most."""
        with self._lock:
            if time.monotonic() - self._seen > SEEN_SECONDS:
                ours = {resource(name, self._versions): name for name in ABLE}
                self._there = {
                    address: WorkerThere(
                        worker["nthreads"],
                        frozenset(ours[name] for name in worker["resources"] if name in ours),
                    )
                    for address, worker in self.connection.workers().items()
                }
                self._seen = time.monotonic()
            return self._there

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
        with suppress(Exception):
            client = self.connection.client
            client.sync(client._unregister_worker_plugin, self.name, callback_timeout=15)
        self.connection.close()

    def _begin(self, limits: Limits) -> None:
        client, where = self.connection.client, self.connection.address
        plugin = NightPlugin(self.name, self._versions, limits, Token.written())
        client.subscribe_topic(self.name, self._hear)
        client.register_plugin(plugin, name=self.name)
        found = client.run(differing, self.name, on_error="return")
        require_none(
            {worker: _differs(told) for worker, told in found.items()},
            where,
        )

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        message = event[1]
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


def _differs(told: Any) -> tuple[str, ...]:
    if isinstance(told, tuple):
        return told
    if isinstance(told, ImportError):
        return ("no nightfit",)
    if isinstance(told, Exception):
        return (f"no part in the night ({told})",)
    raise ClusterError(f"a worker answers {told!r}.", where="the cluster")
