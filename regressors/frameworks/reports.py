"""The pipe by which a framework's process reports to its parent how far a job is.

A report is one small write, which is whole or not there, whatever kills the process. Nobody waits:
one for which the pipe has no room is dropped.
"""

import json
import multiprocessing
import os
import time
from contextlib import suppress
from multiprocessing.connection import Connection

EVERY_SECONDS = 0.5
"""A job's reports are sent no more often than this."""


class ReportPipe:
    """The parent's side; `sender` is the end for the process."""

    def __init__(self) -> None:
        self._received, self.sender = multiprocessing.Pipe(duplex=False)

    def latest(self) -> tuple[float | None, str] | None:
        """Return the last report since the last call of this, None if there is none."""
        report = None
        while self._received.poll():
            share, done = json.loads(self._received.recv_bytes())
            report = share, done
        return report

    def close(self) -> None:
        """Close both ends."""
        self._received.close()
        self.sender.close()


class ReportSender:
    """The process's side: called with the share that is done and words, it sends them at times."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._next = time.monotonic() + EVERY_SECONDS
        os.set_blocking(pipe.fileno(), False)

    def __call__(self, share: float | None, done: str) -> None:
        """Send a report, unless it is too early for another one."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_SECONDS
        with suppress(OSError):  # the pipe is full, or the parent is gone
            self._pipe.send_bytes(json.dumps([share, done]).encode())
