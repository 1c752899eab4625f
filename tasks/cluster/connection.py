"""The way to a cluster's scheduler: a client of Dask, and why there can be none, in a sentence."""

import asyncio
import importlib.util
import logging
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import dask
from distributed import LocalCluster, Security, rpc
from distributed.versions import VersionMismatchWarning, get_versions

from data.cluster_address import ClusterAddress
from data.errors import ClusterError, first_line, listed
from regressors.frameworks.environment import cores
from tasks.cluster.answers import ANSWER_SECONDS, Ask, answers
from tasks.cluster.client import OneConnectionClient
from tasks.cluster.encryption import encrypts, not_encrypted, tls_context, tls_reason

TELL_SECONDS = 3.0
"""Who waits for longer is told what for."""

LIST_SECONDS = 5.0
"""So long it may take to say which workers are there; longer, and it is as if nobody answers."""

GREETING, GREETING_BYTES = b"pickle-protocol", 4096
"""What a process of Dask says as soon as it is called, among other things."""

GREETING_SECONDS = 3.0
"""What has said nothing for so long may wait for an encrypted connection."""

LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado.application")
"""Those for which Dask sets levels of their own."""

Tell = Callable[[str], None]
"""Says something to whoever waits."""

IN_COMMON = ("python", "dask", "distributed", "msgpack", "cloudpickle")
"""What all processes of a cluster, the scheduler included, must have in the same version."""


@dataclass(frozen=True)
class Connection:
    """A client of Dask at the `address` of a scheduler; `local` is a cluster of our own.

    Workers that are `silent` have not answered, and are not asked again.
    """

    client: OneConnectionClient
    address: str
    local: LocalCluster | None = None
    silent: set[str] = field(default_factory=set)

    def shown(self) -> str:
        """Return where the cluster and Dask's page about it are, as people read it."""
        dashboard = self.dashboard()
        return f"the Dask cluster at {self.address}" + (f" ({dashboard})" if dashboard else "")

    def dashboard(self) -> str | None:
        """Return the address of Dask's dashboard, None if there is none."""
        if self.local is not None and not _has_dashboard():
            return None
        link: str = self.client.dashboard_link
        return link or None

    def workers(self) -> dict[str, Mapping[str, Any]]:
        """Return what the scheduler says of each worker that is there, by its address.

        Raises OSError if it does not answer soon, as when the network is cut. The client's own
        `scheduler_info` would then return what it was told last, which may be without workers.
        """
        ask = self.client.scheduler.identity
        try:
            told = self.client.sync(ask, n_workers=-1, callback_timeout=LIST_SECONDS)
        except (AttributeError, RuntimeError):  # the client has just been closed
            raise OSError("the connection is closed") from None
        except MemoryError:  # Dask takes the answer of a proxy, say, for a length
            raise OSError("something else answers") from None
        return dict(told["workers"])

    def answers(self, ask: Ask, wait: float) -> dict[str, Any]:
        """Return what each worker answers, as `tasks.cluster.answers` does."""
        return answers(self.client, ask, silent=self.silent, wait=wait)

    def close(self) -> None:
        """Leave the cluster, and end it if it is our own."""
        with suppress(Exception):  # the scheduler may be gone, and what it says then is of no use
            self.client.close(timeout=5)
        if self.local is not None:
            with suppress(Exception):
                self.local.close(timeout=10)


def connected(
    address: ClusterAddress, wait: float, tell: Tell, *, again: bool = False
) -> Connection:
    """Return a connection with at least one worker; raise ClusterError if there is none in time.

    Those of other versions of Dask or Python than ours are refused, and so is what is no scheduler:
    at once, unless there was one before (`again`).
    """
    _keep_quiet()
    until = time.monotonic() + wait
    while True:
        if address.url is None:
            connection = _local(address)
        else:
            connection = _remote(address, until, wait, tell, again=again)
        try:
            if _has_worker(connection, until, wait, tell):
                _require_same_dask(connection, wait)
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()


def _local(address: ClusterAddress) -> Connection:
    """Return a cluster on this machine, which nobody else on it can send work to."""
    workers = address.workers or cores()
    try:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=max(1, cores() // workers),
            dashboard_address="127.0.0.1:0",
            security=True,
            silence_logs=logging.CRITICAL,
        )
        client = OneConnectionClient(cluster, set_as_default=False)
    except (OSError, RuntimeError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask cluster of {workers} workers can be started on this machine:"
            f" {first_line(error)}.",
            where="NIGHTFIT_CLUSTER",
            next_step="Ask for fewer workers, or unset it.",
        ) from None
    return Connection(client, f"this machine, {workers} workers", cluster)


def joined(url: str, security: Security, address: str, wait: float) -> Connection:
    """Return a connection to a cluster that another process has on this machine, and checked."""
    _keep_quiet()
    try:
        client = OneConnectionClient(url, security=security, timeout=wait, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"the cluster of this night does not answer any more ({first_line(error)}).",
            where=address,
            next_step="Start the night again.",
        ) from None
    return Connection(client, address)


def _remote(
    address: ClusterAddress, until: float, wait: float, tell: Tell, *, again: bool
) -> Connection:
    told = False
    while True:
        _wait_for_listener(address, until, wait, tell)
        try:
            return _called(address, max(ANSWER_SECONDS, until - time.monotonic()))
        except ClusterError as error:  # of a proxy, say, while the network is cut
            if not again or time.monotonic() >= until:
                raise
            if not told:
                told = True
                tell(f"waiting for the scheduler at {address.url}: {error.what}")
        time.sleep(1.0)


def _called(address: ClusterAddress, wait: float) -> Connection:
    """Return a connection to the scheduler at an address where something listens.

    What says that it is Dask may be slow: it has `wait` seconds to answer.
    """
    url = str(address.url)
    try:
        _require_greeting(address)
        asyncio.run(_require_scheduler(url, wait))
        # Cut while the scheduler is busy or the network is away, a client would give up its work.
        with dask.config.set({"distributed.comm.timeouts.tcp": "120s"}):
            client = OneConnectionClient(url, timeout=wait, set_as_default=False)
    except ClusterError:
        raise
    except ssl.SSLError as error:
        raise not_encrypted(url, tls_reason(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever does not speak Dask's language
        raise ClusterError(
            "something listens there, but it does not answer as a scheduler of Dask"
            f" ({first_line(error)}).",
            where=url,
            next_step="Write the address that 'dask scheduler' shows into NIGHTFIT_CLUSTER.",
        ) from None
    return Connection(client, url)


def _require_greeting(address: ClusterAddress) -> None:
    """Raise OSError unless a process of Dask listens: it says at once what it understands.

    ClusterError is raised if Dask's configuration has no certificates and they are needed.

    For an answer of another kind Dask itself would wait for ever, or make room for its length.
    """
    url = str(address.url)
    context = tls_context(url) if url.startswith("tls") else None
    called = socket.create_connection((address.host, address.port), timeout=ANSWER_SECONDS)
    with called, called if context is None else context.wrap_socket(called) as stream:
        said = _said(stream, GREETING_SECONDS)
        if not said and context is None and encrypts((address.host, address.port), ANSWER_SECONDS):
            raise ClusterError(
                "what listens there wants encrypted connections.",
                where=url,
                next_step="Write tls:// in place of tcp://, and give nightfit a certificate.",
            )
        said = said or _said(stream, ANSWER_SECONDS)
    if GREETING not in said:
        raise OSError(f"it says {said[:20]!r}" if said else "it says nothing")


def _said(stream: socket.socket, seconds: float) -> bytes:
    """Return what is said first, nothing if that takes too long."""
    stream.settimeout(seconds)
    try:
        return stream.recv(GREETING_BYTES)
    except TimeoutError:
        return b""


async def _require_scheduler(url: str, wait: float) -> None:
    """Raise OSError if another process of Dask listens, such as a worker.

    A client that finds that out by itself is hard to get rid of.
    """
    async with rpc(url, connection_args=Security().get_connection_args("client")) as other:
        found = await asyncio.wait_for(other.identity(), wait)
    if found["type"] != "Scheduler":
        raise OSError(f"it is a {found['type']}")


def _wait_for_listener(address: ClusterAddress, until: float, wait: float, tell: Tell) -> None:
    """Return when something listens at an address; raise ClusterError if nothing does in time."""
    told, begin = False, time.monotonic()
    while True:
        try:
            left = max(0.1, until - time.monotonic())
            socket.create_connection((address.host, address.port), timeout=min(left, 10)).close()
            return
        except OSError as error:
            now, reason = time.monotonic(), error.strerror or first_line(error)
        if now >= until:
            raise ClusterError(
                f"no scheduler of Dask has answered for {wait:g} seconds: {reason}.",
                where=str(address.url),
                next_step="Start it, correct NIGHTFIT_CLUSTER, or unset it to fit on this machine.",
            )
        if not told and now - begin >= TELL_SECONDS:
            told = True
            tell(f"waiting for the scheduler at {address.url} ({reason})")
        time.sleep(min(1.0, max(0.0, until - now)))


def _has_worker(connection: Connection, until: float, wait: float, tell: Tell) -> bool:
    """Wait for a worker; return whether there is one, or the connection was lost meanwhile."""
    told, begin = False, time.monotonic()
    while connection.client.status == "running":
        try:
            if connection.workers():
                return True
            found = "the cluster has had no worker"
        except OSError:
            found = "the scheduler has not answered"
        now = time.monotonic()
        if now >= until:
            raise ClusterError(
                f"{found} for {wait:g} seconds.",
                where=connection.address,
                next_step="Start one with 'dask worker ADDRESS', or set NIGHTFIT_CLUSTER_WAIT to"
                " more seconds.",
            )
        if not told and now - begin >= TELL_SECONDS:
            told = True
            tell(f"the cluster at {connection.address} has no worker yet; waiting for one")
        time.sleep(0.2)
    return False


def _require_same_dask(connection: Connection, wait: float) -> None:
    """Raise ClusterError where a process of the cluster has another Dask or Python than ours."""
    client = connection.client
    ask = partial(client.scheduler.broadcast, msg={"op": "versions", "packages": []})
    try:
        ours = get_versions()["packages"]
        scheduler = client.sync(client.scheduler.versions, callback_timeout=wait)
        workers = connection.answers(lambda some: ask(workers=some, on_error="ignore"), wait)
    except Exception as error:  # noqa: BLE001 - of another Dask, whatever it raises
        raise ClusterError(
            f"its processes do not say which versions they have ({first_line(error)}).",
            where=connection.address,
            next_step="Install the same Dask everywhere.",
        ) from None
    others = {"the scheduler": scheduler, **workers}
    require_none(
        {
            name: tuple(
                f"{library} {info['packages'].get(library)} and not {ours[library]}"
                for library in IN_COMMON
                if info["packages"].get(library) != ours[library]
            )
            for name, info in others.items()
            if info is not None
        },
        connection.address,
    )


def require_none(differences: Mapping[str, Iterable[str]], where: str) -> None:
    """Raise ClusterError if any process differs, by its name, from the driver in something."""
    found = {name: tuple(parts) for name, parts in differences.items()}
    differing = {name: parts for name, parts in found.items() if parts}
    if not differing:
        return
    name, parts = next(iter(differing.items()))
    others = f", and {len(differing) - 1} more differ, too" if len(differing) > 1 else ""
    raise ClusterError(
        f"{name} has {listed(parts)}{others}: it would not compute the same digits.",
        where=where,
        next_step="Install the same versions everywhere, and start its workers again.",
    )


def _has_dashboard() -> bool:
    return importlib.util.find_spec("bokeh") is not None


def _keep_quiet() -> None:
    """Have Dask write no lines of its own: what matters is said in sentences."""
    warnings.simplefilter("ignore", VersionMismatchWarning)
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
