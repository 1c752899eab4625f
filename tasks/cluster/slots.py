"""Which worker does a job next: one that has the framework free, and a thread."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerThere:
    """A worker of the cluster that is there now: its threads, and the frameworks that it has.

    One that Dask has paused, because its memory is nearly used up, begins no job.
    """

    threads: int
    frameworks: frozenset[str]
    is_paused: bool = False


class Slots:
    """The jobs that the workers of a cluster have of one night; threads may take some at once.

    A worker has one process per framework, and does no more jobs at a time than it has threads. Who
    must wait does so here, because a job that waits at a worker stays there while others are idle.
    """

    def __init__(self) -> None:
        self._taken: Counter[tuple[str, str]] = Counter()
        self._changed = threading.Condition()

    def take(
        self,
        framework: str,
        there: Mapping[str, WorkerThere],
        *,
        preferred: Sequence[str] = (),
        excluded: Collection[str] = (),
    ) -> str | None:
        """Return a worker that is free for a job, the first of those `preferred` if one is.

        Else it is the one with the most threads left. None if there is none.
        """
        with self._changed:
            free = {
                worker: left
                for worker, of in there.items()
                if framework in of.frameworks
                and not of.is_paused
                and worker not in excluded
                and not self._taken[worker, framework]
                and (left := of.threads - self._jobs_of(worker)) > 0
            }
            if not free:
                return None
            best = next((worker for worker in preferred if worker in free), None)
            chosen = best or max(free, key=lambda worker: free[worker])
            self._taken[chosen, framework] += 1
            return chosen

    def give_back(self, framework: str, worker: str) -> None:
        """Note that a worker has done a job, or is lost."""
        with self._changed:
            self._taken[worker, framework] -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until a job is done somewhere, but no longer than this."""
        with self._changed:
            self._changed.wait(seconds)

    def _jobs_of(self, worker: str) -> int:
        return sum(count for (where, _), count in self._taken.items() if where == worker)
