"""`nightfit serve`: Prefect's server, nightfit's deployments and a worker, in one command."""

import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from data.errors import UserError
from data.settings import settings
from data.store.session import Store
from flows.command.prefect_processes import PrefectProcesses
from flows.command.prefect_server import POOL, has_worker, is_healthy, mark_lost_runs, page_url
from flows.command.screen import Screen
from flows.command.session import make_folder, quiet_prefect, talking
from tasks.run.private import keep_private

HOST = "127.0.0.1"

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

START_SECONDS = 180.0
"""How long our server may take to start; the first time, it makes its own database."""

FIND_SECONDS = 15.0
"""How long a server of the user's own may take to answer."""


def run_serve(port: int) -> None:
    """Serve until Ctrl-C or SIGTERM, and leave no process behind.

    If the user's Prefect already has a server (PREFECT_API_URL), use that one; then nothing listens
    on `port`.
    """
    config = settings()
    logs = config.home / "logs"
    with talking():
        keep_private(config)
    make_folder(logs)  # before Prefect is imported: it looks at the folder above its own
    _verbose_prefect(config.home)
    from prefect.settings import get_current_settings

    Store(config.database_url).ensure_ready()  # report a broken store before any work
    prefect = get_current_settings()
    api = prefect.api.url or f"http://{HOST}:{port}/api"
    own_port = None if prefect.api.url else port
    console = Screen(stderr=True)
    with _until_signal(), ExitStack() as stack:
        if own_port is not None:
            stack.enter_context(_only_server(prefect.home))
            _check_port_is_free(own_port)
        processes = PrefectProcesses(api, logs)
        stack.callback(processes.stop)
        stack.callback(console.print, "Stopping …")
        stack.callback(_ignore_signals)
        _serve(processes, api, own_port, console)


def _serve(
    processes: PrefectProcesses, api: str, own_port: int | None, console: Screen
) -> NoReturn:
    if own_port is not None:
        processes.start("server", "start", "--host", HOST, "--port", str(own_port))
        with _step(console, "starting Prefect's server"):
            processes.wait_for(lambda: is_healthy(api), START_SECONDS, api)
        mark_lost_runs(api)
    else:
        with _step(console, f"looking for Prefect's server at {api}"):
            processes.wait_for(lambda: is_healthy(api), FIND_SECONDS, api)
    with _step(console, "starting the worker"):
        name = f"nightfit on {socket.gethostname()}"
        processes.start("worker", "start", "--pool", POOL, "--type", "process", "--name", name)
        processes.wait_for(lambda: has_worker(api), START_SECONDS, f"the work pool at {api}")
    with _step(console, "deploying prefect.yaml"):
        processes.run("deploy", "--all")  # needs the work pool, which the worker has made
    _print_ready(page_url(api), processes.logs)
    while True:
        processes.check_running()
        time.sleep(0.5)


@contextmanager
def _step(console: Screen, what: str) -> Iterator[None]:
    """Show what is going on: as a spinner on a terminal, or as one line in a file."""
    if console.is_terminal:
        with console.status(f"{what} …"):
            yield
    else:
        console.print(f"{what} …", soft_wrap=True)
        yield


def _print_ready(page: str, logs: Path) -> None:
    console = Screen()
    for line in (
        f"Prefect's page is at {page}",
        "  every night   the deployment nightly, on the schedule in prefect.yaml",
        "  by hand       Deployments > retrain > Run > Custom run",
        f"  logs          on the page, per run; and in {logs}",
        "Press Ctrl-C to stop, together with any runs in progress.",
    ):
        console.print(line, soft_wrap=True)


class _EndRequested(BaseException):
    """A signal asked us to end. Not an Exception: Prefect's client catches all of those."""


@contextmanager
def _until_signal() -> Iterator[None]:
    """Leave the `with` block at Ctrl-C, at SIGTERM, or when the terminal is closed."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise _EndRequested

    for number in END_SIGNALS:
        signal.signal(number, end)
    with suppress(_EndRequested):
        yield


def _ignore_signals() -> None:
    """Let no second Ctrl-C interrupt the stopping."""
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _verbose_prefect(home: Path) -> None:
    """Show a run's messages on Prefect's page, and set the rest as `quiet_prefect` does.

    Variables that the user has set stay.
    """
    for name, value in {
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_ROOT_LEVEL": "WARNING",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "nightfit",  # tasks.run.progress
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",  # that page calls an analytics service
    }.items():
        os.environ.setdefault(name, value)
    quiet_prefect(home)


@contextmanager
def _only_server(home: Path) -> Iterator[None]:
    """Lock Prefect's folder: two servers on one database would mark each other's runs as lost."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "another `nightfit serve` is using this folder.",
                where=str(home),
                next_step="Stop that one, or name another folder in NIGHTFIT_HOME.",
            ) from None
        yield


def _check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"port {port} cannot be used ({error.strerror}).",
                next_step="Stop the program that uses it, perhaps another `nightfit serve`, or"
                " choose another port with --port.",
            ) from None
