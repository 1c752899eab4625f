"""One night on a cluster as its driver sees it: the plugin on the workers, and the jobs sent there.

A night is lost with the connection to the scheduler; `cluster_workers` then begins another one.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from distributed import Future

from data.errors import ClusterError
from tasks.cluster.connection import Connection, require_none
from tasks.cluster.copies import Copies
from tasks.cluster.parcels import Parcel
from tasks.cluster.plugin import NightPlugin, drop_copies, renew, resource, standing, work
from tasks.cluster.versions import Versions, versions
from tasks.cluster.worker_night import Limits, Token

RENEW_SECONDS = 20.0
"""How often workers hear that the driver is there."""


@dataclass
class SentJob:
    """A job that was sent, to one of the workers it `must` go to if any are named.

    `workers` are those that began it, the last one last, and `report` is how far it is.
    """

    name: str
    must: tuple[str, ...] = ()
    future: Future = None
    workers: list[str] = field(default_factory=list)
    report: tuple[float | None, str] | None = None

    def latest(self) -> tuple[float | None, str]:
        """Return how far the job is: the share that is done, and that in words."""
        if self.report is not None:
            return self.report
        return 0.0, f"begun on {self.workers[-1]}" if self.workers else "waiting for a worker"


class Night:
    """A night on the workers of a cluster, from its begin until it is closed."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self.connection = connection
        self.name = f"nightfit-{uuid4().hex}"
        self.copies = Copies(connection.client, self.name)
        self._versions: Versions = versions()
        self._jobs: dict[str, SentJob] = {}
        self._closed = threading.Event()
        self._begin(limits)
        threading.Thread(target=self._renew, name="cluster lease", daemon=True).start()

    def frameworks(self) -> dict[str, list[str]]:
        """Return the workers that are there now for each framework, by its name."""
        found: dict[str, list[str]] = {}
        ours = f" {resource('', self._versions).rsplit(' ', 1)[1]}"
        for address, resources in self.connection.workers().items():
            for name in resources:
                if name.startswith("nightfit ") and name.endswith(ours):
                    found.setdefault(name.split(" ")[1], []).append(address)
        return found

    def send(
        self,
        what: str,
        framework: str,
        parcel: Parcel,
        workers: list[str] | None = None,
        *,
        only: bool = False,
    ) -> SentJob:
        """Send a job to a worker that has the framework: one of `workers` if it can, or `only` so.

        `what` is its name on Dask's dashboard.
        """
        name = f"{what}-{uuid4().hex}"
        job = self._jobs[name] = SentJob(name, tuple(workers or ()) if only else ())
        job.future = self.connection.client.submit(
            work,
            self.name,
            name,
            framework,
            parcel,
            key=name,
            pure=False,
            resources={resource(framework, self._versions): 1.0},
            workers=workers or None,
            allow_other_workers=bool(workers) and not only,
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
        found = client.run(standing, self.name, on_error="return")
        require_none(
            {worker: _differs(told) for worker, told in found.items()},
            where,
        )
        self.shared = {worker for worker, told in found.items() if told[1]}

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        message = event[1]
        job = self._jobs.get(message.get("job", ""))
        if job is None:
            return
        if message.get("begun"):
            job.workers.append(message["worker"])
            job.report = None
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
        return tuple(told[0])
    if isinstance(told, ImportError):
        return ("no nightfit",)
    if isinstance(told, Exception):
        return (f"no part in the night ({told})",)
    raise ClusterError(f"a worker answers {told!r}.", where="the cluster")
