"""Which workers are silent though the scheduler has not lost them: frozen, or cut off."""

import time
from collections.abc import Mapping


class Silence:
    """Watches when the scheduler last heard of each worker."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def of(self, last_seen: Mapping[str, float], seconds: float) -> set[str]:
        """Return the workers that have not been heard of for so long; times are the scheduler's."""
        now = time.monotonic()
        self._last = {
            worker: (seen, since if seen == before else now)
            for worker, seen in last_seen.items()
            for before, since in [self._last.get(worker, (seen, now))]
        }
        return {worker for worker, (_, since) in self._last.items() if now - since > seconds}

    def begin_again(self) -> None:
        """Forget what was seen, as when the scheduler itself was away and heard of nobody."""
        self._last = {}
