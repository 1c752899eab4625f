"""The night at hand on a cluster: it begins when it is asked for, and again when it was lost."""

import threading
from collections import Counter
from concurrent.futures import CancelledError

from data.cluster_address import ClusterAddress
from regressors.frameworks.registry import FRAMEWORK_NAMES
from tasks.cluster.connection import Connection, Tell, connected, joined
from tasks.cluster.night import Night
from tasks.cluster.shared import Host, Member
from tasks.cluster.worker_night import HostEnded, Limits


class Nights:
    """The night at hand; threads may ask for it. That of a `member` has the processes of a host."""

    def __init__(
        self,
        address: ClusterAddress,
        limits: Limits,
        wait: float,
        tell: Tell,
        member: Member | None = None,
    ) -> None:
        self._address, self._limits, self._wait, self._tell = address, limits, wait, tell
        self._member = member
        self._host: Host | None = None
        self._ended_host: str | None = None
        self._connecting, self._guard = threading.Lock(), threading.Lock()
        self._closed = self._was_connected = False
        self.latest: Night | None = None

    def current(self) -> Night:
        """Return the night at hand, which begins if there is none; CancelledError if it is over.

        Raises ClusterError if it cannot begin.
        """
        with self._connecting:
            night = self.latest
            if night is not None and night.connection.client.status != "running":
                self.lose(night)
                night = None
            if self._closed:
                raise CancelledError
            if night is None:
                night = self.latest = self._begun()
            if self._closed:  # meanwhile
                night.close()
                raise CancelledError
            return night

    def lose(self, night: Night, error: BaseException | None = None) -> None:
        """Give up a night that is lost, so that the next one begins when it is asked for."""
        with self._guard:
            if self.latest is night:
                self.latest = None
            if isinstance(error, HostEnded):
                self._ended_host = night.host
        night.close()

    def close(self) -> None:
        """End the night at hand; there is no other one after it."""
        self._closed = True
        with self._guard:
            night, self.latest = self.latest, None
        if night is not None:
            night.close()

    def shown(self) -> str:
        """Return where the night at hand is, as people read it."""
        shown = self.current().connection.shown()
        return shown if self._host is None else self._host.shown

    def as_host(self, ended: str | None) -> Host:
        """Return what a member needs to know; if the night has `ended` or is lost, of a new one."""
        night = self.current()
        night.there()  # which finds out whether it is lost
        if night.name == ended or night.is_lost():
            self.lose(night)
            night = self.current()
        connection = night.connection
        return Host(
            night.name,
            connection.client.scheduler.address,
            connection.address,
            connection.shown(),
            None if connection.local is None else connection.local.security,
        )

    def _begun(self) -> Night:
        if self._member is None:
            again, self._was_connected = self._was_connected, True
            night = self._on(connected(self._address, self._wait, self._tell, again=again))
            found = Counter(name for of in night.there().values() for name in of.frameworks)
            counts = ", ".join(f"{n} on {found[n]}" for n in FRAMEWORK_NAMES if found[n])
            self._tell(f"fitting on {night.connection.shown()}: {counts or 'no framework'}")
            return night
        host = self._host = self._member.host(self._ended_host)
        if host.security is None:
            return self._on(connected(self._address, self._wait, self._tell, again=True), host)
        return self._on(joined(host.url, host.security, host.address, self._wait), host)

    def _on(self, connection: Connection, host: Host | None = None) -> Night:
        try:
            name = None if host is None else host.night
            return Night(connection, self._limits, self._wait, self._tell, name)
        except BaseException:
            connection.close()
            raise
