"""How long a night waits for a cluster that has no worker with a framework left."""

import threading
import time
from collections.abc import Collection

from data.errors import ClusterError
from tasks.cluster.connection import Tell


class Watch:
    """Gives a cluster up that has had no worker with a framework for long; threads may ask."""

    def __init__(self, framework: str, wait: float, tell: Tell) -> None:
        self._framework, self._wait, self._tell = framework, wait, tell
        self._since: float | None = None
        self._lock = threading.Lock()

    def require(self, address: str, workers: Collection[str]) -> None:
        """Raise ClusterError if there has been none of these workers for too long."""
        with self._lock:
            self._require(address, workers)

    def _require(self, address: str, workers: Collection[str]) -> None:
        now = time.monotonic()
        if workers:
            self._since = None
        elif self._since is None:
            self._since = now
            self._tell(
                f"the cluster at {address} has lost its workers with {self._framework}, or they are"
                f" paused; waiting {self._wait:g} seconds for another one"
            )
        elif now - self._since > self._wait:
            raise ClusterError(
                f"the cluster lost its workers with {self._framework}, or Dask paused them because"
                f" their memory was used up, and for {self._wait:g} seconds no other one came.",
                where=address,
                next_step="See the logs of its workers.",
            )
