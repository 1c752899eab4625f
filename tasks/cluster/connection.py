"""The way to a cluster's scheduler: a client of Dask, and why there can be none, in a sentence."""

import asyncio
import importlib.util
import logging
import socket
import ssl
import time
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import dask
from distributed import Client, LocalCluster, Security, rpc
from distributed.versions import VersionMismatchWarning, get_versions

from data.cluster_address import ClusterAddress
from data.errors import ClusterError, listed, shortened
from regressors.frameworks.environment import cores

TELL_SECONDS = 3.0
"""Who waits for longer is told what for."""

ANSWER_SECONDS = 15.0
"""So long a scheduler may take to answer once something listens at its address, and a worker."""

LIST_SECONDS = 5.0
"""So long it may take to say which workers are there; longer, and it is as if nobody answers."""

GREETING, GREETING_BYTES = b"pickle-protocol", 4096
"""What a process of Dask says as soon as it is called, among other things."""

TLS_FILES = ("ca-file", "client.cert", "client.key")
"""Where Dask's configuration names the files of a client, in distributed.comm.tls."""

TLS_REASONS = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not of the authority in our ca-file",
    "UNKNOWN_CA": "it does not accept our certificate, which is not of its authority",
    "DECRYPT_ERROR": "it does not accept our certificate, which is not of its authority",
    "CERTIFICATE_REQUIRED": "it wants a certificate, and Dask's configuration names none of ours",
    "WRONG_VERSION_NUMBER": "it does not encrypt",
}
"""The usual reasons why there is no encrypted connection, by their names in an SSLError."""

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

    client: Client
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

    def answers(self, ask: Callable[[list[str]], Awaitable[Mapping[str, Any]]]) -> dict[str, Any]:
        """Return what each worker answers, by address; a frozen one is left out.

        `ask` asks the workers in a list. Dask waits for all of them, perhaps for ten minutes.
        """
        workers = self.workers().keys() - self.silent

        async def asked() -> dict[str, Any]:
            asking = {asyncio.ensure_future(ask([worker])): worker for worker in workers}
            done, late = await asyncio.wait(asking, timeout=ANSWER_SECONDS)
            for task in late:
                task.cancel()
                self.silent.add(asking[task])
            return {worker: answer for task in done for worker, answer in task.result().items()}

        return self.client.sync(asked) if workers else {}

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
    if address.url is None:
        connection = _local(address)
    else:
        connection = _remote(address, until, wait, tell, again=again)
    try:
        _wait_for_worker(connection, until, wait, tell)
        _require_same_dask(connection)
    except BaseException:
        connection.close()
        raise
    return connection


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
        client = Client(cluster, set_as_default=False)
    except (OSError, RuntimeError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask cluster of {workers} workers can be started on this machine:"
            f" {first_line(error)}.",
            where="NIGHTFIT_CLUSTER",
            next_step="Ask for fewer workers, or unset it.",
        ) from None
    return Connection(client, f"this machine, {workers} workers", cluster)


def joined(url: str, security: Security, address: str) -> Connection:
    """Return a connection to a cluster that another process has on this machine, and checked."""
    _keep_quiet()
    try:
        client = Client(url, security=security, timeout=ANSWER_SECONDS, set_as_default=False)
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
            return _called(address)
        except ClusterError as error:  # of a proxy, say, while the network is cut
            if not again or time.monotonic() >= until:
                raise
            if not told:
                told = True
                tell(f"waiting for the scheduler at {address.url}: {error.what}")
        time.sleep(1.0)


def _called(address: ClusterAddress) -> Connection:
    """Return a connection to the scheduler at an address where something listens."""
    url = str(address.url)
    try:
        _require_greeting(address)
        asyncio.run(_require_scheduler(url))
        # Cut while the scheduler is busy or the network is away, a client would give up its work.
        with dask.config.set({"distributed.comm.timeouts.tcp": "120s"}):
            client = Client(url, timeout=ANSWER_SECONDS, set_as_default=False)
    except ClusterError:
        raise
    except ssl.SSLError as error:
        raise _not_encrypted(url, _tls_reason(error)) from None
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
    context = _tls_context(url) if url.startswith("tls") else None
    called = socket.create_connection((address.host, address.port), timeout=ANSWER_SECONDS)
    with called, called if context is None else context.wrap_socket(called) as stream:
        try:
            said = stream.recv(GREETING_BYTES)
        except TimeoutError:
            said = b""
    if GREETING not in said:
        raise OSError(f"it says {said[:20]!r}" if said else "it says nothing")


def _tls_context(url: str) -> ssl.SSLContext:
    """Return what Dask's configuration says of certificates."""
    try:
        context: ssl.SSLContext | None = Security().get_connection_args("client")["ssl_context"]
    except OSError as error:  # also of a file that is no certificate, which is an SSLError
        names = [dask.config.get(f"distributed.comm.tls.{key}") for key in TLS_FILES]
        files = ", ".join(str(name) for name in names if name)
        raise _not_encrypted(url, f"one of {files} cannot be used ({first_line(error)})") from None
    if context is None:
        raise _not_encrypted(url, "Dask's configuration names no certificates")
    return context


def _not_encrypted(url: str, reason: str) -> ClusterError:
    return ClusterError(
        f"no encrypted connection can be made: {reason}.",
        where=url,
        next_step="Give scheduler, workers and nightfit certificates of one authority, in"
        " distributed.comm.tls of Dask's configuration; with none, write tcp://.",
    )


def _tls_reason(error: ssl.SSLError) -> str:
    """Return why there is no encrypted connection, in words for the usual reasons."""
    text = str(error)
    for name, reason in TLS_REASONS.items():
        if name in text:
            return reason
    return first_line(error)


async def _require_scheduler(url: str) -> None:
    """Raise OSError if another process of Dask listens, such as a worker.

    A client that finds that out by itself is hard to get rid of.
    """
    async with rpc(url, connection_args=Security().get_connection_args("client")) as other:
        found = await asyncio.wait_for(other.identity(), ANSWER_SECONDS)
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


def _wait_for_worker(connection: Connection, until: float, wait: float, tell: Tell) -> None:
    told, begin = False, time.monotonic()
    while True:
        try:
            if connection.workers():
                return
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


def _require_same_dask(connection: Connection) -> None:
    """Raise ClusterError where a process of the cluster has another Dask or Python than ours."""
    client = connection.client
    ask = partial(client.scheduler.broadcast, msg={"op": "versions", "packages": []})
    try:
        ours = get_versions()["packages"]
        scheduler = client.sync(client.scheduler.versions, callback_timeout=ANSWER_SECONDS)
        workers = connection.answers(lambda some: ask(workers=some, on_error="ignore"))
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


def first_line(error: object) -> str:
    """Return what a library's error says, as a part of a sentence."""
    text = str(error).strip().partition("\n")[0]
    return shortened(text, 150).rstrip(".") or type(error).__name__
