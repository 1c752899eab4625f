"""Running flows from a terminal: quiet Prefect, and progress on standard error."""

import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from data.errors import HomeError, UserError
from data.settings import Settings
from data.store.session import Store
from flows.command.prefect_server import refuse_unusable_server, unusable_server
from flows.command.process_keeper import start_keeper
from flows.command.screen import Screen


def quiet_prefect(home: Path) -> None:
    """Set what Prefect reads when it is imported; variables that the user has set stay."""
    defaults = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",  # its server's database complains as it stops
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_CLI_PROMPT": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


@contextmanager
def working(config: Settings) -> Iterator[None]:
    """Prepare for a flow and show its progress on standard error.

    SIGTERM ends it in the same way as Ctrl-C, so that no worker process outlives us. Raises
    UserError if the home, the store or Prefect's server cannot be used.
    """
    quiet_prefect(config.home)
    make_folder(config.home)
    store = Store(config.database_url, config.store_retry_time)
    with talking():
        store.ensure_ready(first_contact=True)  # report a broken store before any work
    start_keeper()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with talking("starting Prefect …"), _without_heartbeat(), _server_errors():
        refuse_unusable_server()
        yield


@contextmanager
def talking(opening: str | None = None) -> Iterator[None]:
    """Show what is logged on standard error, one line per message.

    With an `opening` message, a terminal also shows a spinner with the latest message.
    """
    log = logging.getLogger("nightfit")
    if log.handlers:  # our caller shows the messages already
        yield
        return
    console = Screen(stderr=True)
    handler = _ProgressLines(console)
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    spinner = console.status(opening) if opening and console.is_terminal else nullcontext()
    try:
        with spinner as handler.status:
            yield
    finally:
        log.removeHandler(handler)


class _ProgressLines(logging.Handler):
    """Prints each message with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._start = time.monotonic()
        self.status: Status | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        seconds = time.monotonic() - self._start
        message = record.getMessage()
        style = "yellow" if record.levelno >= logging.WARNING else ""
        self._console.print(
            Text.assemble((f"{seconds:6.1f} s  ", "dim"), (message, style)), soft_wrap=True
        )
        if self.status is not None:
            self.status.update(Text(f"{message} …"))


@contextmanager
def _server_errors() -> Iterator[None]:
    """Turn what Prefect raises when its server is lost in the middle of a flow into a UserError."""
    import httpx

    try:
        yield
    except (httpx.TransportError, httpx.HTTPStatusError) as error:
        lost = unusable_server(error)
        raise UserError(lost.what, where=lost.where, next_step=lost.next_step) from None


@contextmanager
def _without_heartbeat() -> Iterator[None]:
    """Turn Prefect's heartbeat off, unless the user has set one: it costs a second per flow run.

    The heartbeat lets a server notice dead runs, if the user has set up an automation for that.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings(set_defaults={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def make_folder(folder: Path) -> None:
    """Make a folder that nightfit writes to; raise HomeError if it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise HomeError(
            f"the folder cannot be written to ({error.strerror}).",
            where=str(folder),
            next_step="Make it writable for this user, or name another one in NIGHTFIT_HOME.",
        ) from None
