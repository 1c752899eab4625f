"""A night on a cluster that the processes of one command share, each with a run of its own.

One of them, the host, has the framework processes on the workers, and says which worker does which
job. The others are its members, which ask it through a pipe each.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from distributed import Security

from data.errors import ClusterError
from tasks.cluster.slots import Slots, WorkerThere

ASK_SECONDS = 0.2
"""How long a member does not ask again for a worker when none was free."""


@dataclass(frozen=True)
class Host:
    """The name of the host's night, and the `url` of its scheduler.

    `address` and `shown` are where that is, as people read it. `security` lets others into a
    cluster of this machine alone; None for any other one.
    """

    night: str
    url: str
    address: str
    shown: str
    security: Security | None


class SharedNight:
    """The side of the host, with its `slots`.

    `host` returns its night: a new one if it is the one named, which has ended on a worker.
    """

    def __init__(self, host: Callable[[str | None], Host], slots: Slots) -> None:
        self._host, self._slots = host, slots

    def serve(self, pipe: Connection) -> None:
        """Answer a member until it ends, however it does; what it has taken is then free."""
        taken: Counter[tuple[str, str]] = Counter()
        with suppress(EOFError, OSError, CancelledError):
            while True:
                pipe.send(self._answer(taken, *pipe.recv()))
        pipe.close()
        for framework, worker in taken.elements():
            self._slots.give_back(framework, worker)

    def _answer(self, taken: Counter[tuple[str, str]], what: str, *args: Any) -> Any:
        if what == "take":
            framework, there, preferred, excluded = args
            worker = self._slots.take(framework, there, preferred=preferred, excluded=excluded)
            if worker is not None:
                taken[framework, worker] += 1
            return worker
        if what == "give back":
            taken[args] -= 1
            return self._slots.give_back(*args)
        try:
            return self._host(*args)
        except ClusterError as error:
            return error


class Member:
    """The side of another process; its threads may use it at the same time."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()
        self.slots = MemberSlots(self._ask)

    def host(self, ended: str | None = None) -> Host:
        """Return the host, which waits for the cluster; raise ClusterError if it cannot be used.

        `ended` is the name of its night if that has ended on a worker.
        """
        answer = self._ask("host", ended)
        if isinstance(answer, ClusterError):
            raise answer
        host: Host = answer
        return host

    def _ask(self, *what: Any) -> Any:
        try:
            with self._lock:
                self._pipe.send(what)
                return self._pipe.recv()
        except (EOFError, OSError):  # the host has ended, and so does this process
            raise CancelledError from None


class MemberSlots(Slots):
    """The slots of all members, which the host keeps."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        super().__init__()
        self._ask, self._none_until = ask, dict[str, float]()

    def take(
        self,
        framework: str,
        there: Mapping[str, WorkerThere],
        *,
        preferred: Sequence[str] = (),
        excluded: Collection[str] = (),
    ) -> str | None:
        """Return a worker that is free for a job, as `Slots` does; None if there is none."""
        with self._changed:
            now = time.monotonic()
            if now < self._none_until.get(framework, now):
                return None
            worker: str | None = self._ask("take", framework, there, preferred, excluded)
            if worker is None:
                self._none_until[framework] = now + ASK_SECONDS
            return worker

    def give_back(self, framework: str, worker: str) -> None:
        """Note that a worker has done a job, or is lost."""
        with self._changed:
            self._ask("give back", framework, worker)
            self._none_until.clear()
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until a job of this process is done, or another one may have left a worker."""
        super().wait(min(seconds, ASK_SECONDS))
