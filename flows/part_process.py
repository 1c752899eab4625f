"""A process that does runs of a night one after the other, while others do other runs of it.

It is a child of the night's process, which asks for each run, and prints and stores what became of
it if this process is killed. The flow runs in it are parts of the night's on Prefect's page.
"""

import logging
import signal
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
from prefect.context import hydrated_context, serialize_context

from data.called_from import called_from_page, is_called_from_page
from data.scratch import temporary_files
from data.settings import settings
from flows.alarm import leave_alarms_to_night
from flows.command.endings import ending_in_order
from flows.command.prefect_server import TEMPORARY
from flows.noted import leave_killed_to_night
from regressors.frameworks.worker_process import end_with_parent
from tasks.run.progress import LOG
from tasks.run.workers import framework_workers

SAID, ENDED, READY = "said", "ended", "ready"
"""What this process sends: a line of its log, the summary of a run, and that it has put in order
what the run has left."""


@dataclass(frozen=True)
class Around:
    """What a run has around it in the process of its night: Prefect's context, and where it is."""

    prefect: bytes
    temporary_servers: tuple[str, ...]
    from_page: bool
    log_propagates: bool

    @classmethod
    def here(cls) -> "Around":
        """Return what is around the caller."""
        context = serialize_context()
        del context["flow_run_context"]["flow"]  # which is imported, since it cannot be pickled
        return cls(
            cloudpickle.dumps(context), tuple(TEMPORARY), is_called_from_page(), LOG.propagate
        )


def do_runs(orders: Connection, host: Connection, around: Around) -> None:
    """Do each run that is asked for, until there are no more; `host` has the cluster's processes.

    SIGTERM ends a run as it ends a command.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the night passes on that it ends
    threading.Thread(target=end_with_parent, daemon=True).start()
    config = settings()
    with ending_in_order(), temporary_files(config.home), ExitStack() as stack:
        to_night = _ToNight(orders)
        LOG.addHandler(to_night)
        LOG.propagate = around.log_propagates
        TEMPORARY.extend(around.temporary_servers)
        leave_alarms_to_night()
        leave_killed_to_night()
        if around.from_page:
            stack.enter_context(called_from_page())
        from flows.dataset_run import prune_dataset, run_dataset
        from flows.nightly import nightly  # which imports this file

        context = cloudpickle.loads(around.prefect)
        context["flow_run_context"]["flow"] = nightly
        stack.enter_context(hydrated_context(context))
        stack.enter_context(framework_workers(config, host))
        with suppress(EOFError):  # there are no more
            while True:
                asked = orders.recv()
                to_night.dataset = asked.dataset
                to_night.send(ENDED, run_dataset(asked, config))
                prune_dataset(asked.dataset, config)
                to_night.send(READY)


class _ToNight(logging.Handler):
    """Sends the lines of the log to the night's process; each says of which dataset it is."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe, self._sending = pipe, threading.Lock()
        self.dataset = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line."""
        text, start = record.getMessage(), f"{self.dataset}: " if self.dataset else ""
        self.send(SAID, record.levelno, text if text.startswith(start) else start + text)

    def send(self, *what: Any) -> None:
        """Send something, if the night's process is there to hear it."""
        with self._sending, suppress(OSError):
            self._pipe.send(what)
