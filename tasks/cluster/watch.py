"""How long a night waits for a cluster that has lost all its workers."""

import time
from collections.abc import Collection

from data.errors import ClusterError
from tasks.cluster.connection import Tell


class Watch:
    """Gives a cluster up that has had no worker for long."""

    def __init__(self, wait: float, tell: Tell) -> None:
        self._wait, self._tell = wait, tell
        self._since: float | None = None

    def require(self, address: str, workers: Collection[str]) -> None:
        """Raise ClusterError if there has been none of these workers for too long."""
        now = time.monotonic()
        if workers:
            self._since = None
        elif self._since is None:
            self._since = now
            self._tell(
                f"the cluster at {address} has lost its workers; waiting {self._wait:g} seconds for"
                " another one"
            )
        elif now - self._since > self._wait:
            raise ClusterError(
                f"the cluster lost its workers, and for {self._wait:g} seconds no other one came.",
                where=address,
                next_step="See the logs of its workers.",
            )
