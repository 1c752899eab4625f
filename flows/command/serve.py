"""`nightfit serve`: Prefect's server, nightfit's deployments and a worker, in one command."""

import fcntl
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from data.errors import UserError, shortened
from data.scratch import temporary_files
from data.settings import Settings, settings
from data.store.session import Store
from flows.command.deployments import Deployments
from flows.command.folders import make_folder
from flows.command.own_server import OwnServer, own_server
from flows.command.prefect_database import SERVERS_DATABASE
from flows.command.prefect_defaults import set_prefect_defaults
from flows.command.prefect_login import LOGIN_VARIABLE
from flows.command.prefect_origins import Address, address_of
from flows.command.prefect_processes import PrefectProcesses
from flows.command.prefect_server import (
    POOL,
    api_url,
    has_worker,
    is_healthy,
    mark_lost_runs,
    page_url,
    server_errors,
    set_up_pool,
)
from flows.command.prefect_settings import (
    import_prefect,
    keep_results_temporary,
    prepare_own_server,
)
from flows.command.screen import Screen
from flows.command.session import talking
from tasks.run.private import keep_private

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

MAX_QUOTED = 200

START_SECONDS = 180.0
"""How long our server may take to start; the first time, it makes its own database."""

FIND_SECONDS = 15.0
"""How long a server of the user's own may take to answer."""


def run_serve(host: str, port: int, *, behind_tls: str | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM, and leave no process behind.

    If the user's Prefect already has a server (PREFECT_API_URL), use that one; then nothing listens
    here. Otherwise our own one answers only those who have its login, and only under the names of
    this machine and of `behind_tls`, the URL of a proxy that leads to it.
    """
    address = address_of(host, port, behind_tls)
    config = settings()
    logs = config.home / "logs"
    with talking():
        keep_private(config)
    make_folder(logs)  # before Prefect is imported: it looks at the folder above its own
    set_prefect_defaults(config.home, serving=True)
    with temporary_files(config.home):
        _serve_from(config, address, logs)


def _serve_from(config: Settings, address: Address, logs: Path) -> None:
    keep_results_temporary()
    import_prefect()
    from prefect.settings import get_current_settings

    from flows.command.alarm_watch import alarm_watch
    from tasks.alarms.recipients import recipients_of

    Store(config.database_url).ensure_ready()  # report a broken store before any work
    recipients = recipients_of(config.notify or "")  # and a mistake in the setting
    deployments = Deployments(config.prefect_file, config.datasets)
    prefect = get_current_settings()
    console = Screen(stderr=True)
    report = partial(console.print, soft_wrap=True)
    with _until_signal(), ExitStack() as stack:
        own = None
        if prefect.api.url is None:
            stack.enter_context(_only_server(prefect.home))
            with talking():
                prepare_own_server(SERVERS_DATABASE)
            own = own_server(address, config.home, report)
            stack.enter_context(own.listener)
            stack.enter_context(own.as_client())
        processes = PrefectProcesses(own.client if own else {}, logs)
        stack.callback(processes.stop)
        stack.callback(report, "Stopping …")
        stack.callback(_ignore_signals)
        stack.enter_context(server_errors())
        stack.enter_context(alarm_watch(config, own.page if own else None, recipients))
        told = [recipient.name for recipient in recipients]
        _serve(processes, own, deployments, console, told)


def _serve(
    processes: PrefectProcesses,
    own: OwnServer | None,
    deployments: Deployments,
    console: Screen,
    told: Sequence[str],
) -> NoReturn:
    report = partial(console.print, soft_wrap=True)
    if own:
        processes.start_server(own.listener, own.address.origins, own.environment)
        with _step(console, "starting Prefect's server"):
            processes.wait_for(is_healthy, START_SECONDS, own.address.api)
        if lost := mark_lost_runs("It ended together with the `nightfit serve` that ran it."):
            names = shortened(", ".join(lost), MAX_QUOTED)
            report(f"These runs ended with the last `nightfit serve`: {names}.")
    else:
        with _step(console, f"looking for Prefect's server at {api_url()}"):
            processes.wait_for(is_healthy, FIND_SECONDS, api_url())
    if set_up_pool():
        report(
            f"Runs of the work pool '{POOL}' could bring a command, variables and a folder of their"
            " own; now they cannot."
        )
    with _step(console, f"deploying {deployments.file.name}"):
        deployments.deploy(processes.run)
    for sentence in deployments.strangers():
        report(sentence)
    with _step(console, "starting the worker"):
        processes.start_worker(POOL)
        processes.wait_for(has_worker, START_SECONDS, f"the work pool at {api_url()}")
    _print_ready(own, processes.logs, told)
    while True:
        while ended := processes.ended():
            _restart(ended[0], processes, report, owns_server=own is not None)
        processes.shorten_logs()
        deployments.follow(report)
        time.sleep(0.5)


def _restart(
    name: str,
    processes: PrefectProcesses,
    report: Callable[[str], object],
    *,
    owns_server: bool,
) -> None:
    """Start the server or the worker again, which has ended by itself.

    A worker's runs end with it: nobody could cancel them, nor would anybody read what they print.
    On a server of the user's own, workers of other machines may have runs, too, which go on.
    """
    if name == "worker":
        processes.end_runs()
    if name == "worker" and owns_server:
        _wait_for_server(processes, report)
        if lost := mark_lost_runs("It ended together with Prefect's worker, which ran it."):
            names = shortened(", ".join(lost), MAX_QUOTED)
            report(f"These runs ended with Prefect's worker: {names}.")
    processes.restart(name, report)


def _wait_for_server(processes: PrefectProcesses, report: Callable[[str], object]) -> None:
    """Return when the server answers, which may have ended, too; raise UserError if it does not."""
    until = time.monotonic() + START_SECONDS
    while not is_healthy():
        if "server" in processes.ended():
            processes.restart("server", report)
        elif time.monotonic() > until:
            raise processes.no_answer(START_SECONDS, api_url())
        time.sleep(0.3)


@contextmanager
def _step(console: Screen, what: str) -> Iterator[None]:
    """Show what is going on: as a spinner on a terminal, or as one line in a file."""
    if console.is_terminal:
        with console.status(f"{what} …"):
            yield
    else:
        console.print(f"{what} …", soft_wrap=True)
        yield


def _print_ready(own: OwnServer | None, logs: Path, told: Sequence[str]) -> None:
    console = Screen()
    for line in (
        f"Prefect's page is at {own.page if own else page_url()}",
        *([f"  login         {_login_hint(own, console)}"] if own else []),
        "  every night   the deployment nightly, on the schedule in prefect.yaml",
        "  by hand       Deployments > retrain > Run > Custom run",
        *([f"  reports       {own.page}/reports/, with the same login"] if own else []),
        *([f"  alarms        to {'; '.join(told)}"] if told else []),
        f"  logs          on the page, per run; and in {logs}",
        "Press Ctrl-C to stop, together with any runs in progress.",
    ):
        console.print(line, soft_wrap=True)


def _login_hint(own: OwnServer, console: Screen) -> str:
    """Return how to log in; the login itself is shown to a person at a terminal alone."""
    if own.login.text is None:
        return "none"
    if own.login.file is None:
        return f"the page asks once; it is the value of {LOGIN_VARIABLE}"
    if console.is_terminal:
        return f"the page asks once; enter {own.login.text}"
    return f"the page asks once; it is in {own.login.file}"


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
