"""`nightfit serve`: Prefect's server, nightfit's deployments and a worker for them, in one."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from data.errors import UserError
from data.settings import ROOT, settings
from data.store.database import open_store
from flows.keeper import kept_environment
from flows.terminal import make_folder, quiet_prefect

HOST = "127.0.0.1"
POOL = "nightfit"
PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")

START_SECONDS = 180.0
"""What the server may take to start: the first time it makes its own database."""

FIND_SECONDS = 15.0
"""What a server of the user's own may take to answer."""

STOP_SECONDS = 15.0
"""What the worker, and then the server, may take to end what they are doing."""


def run_serve(port: int) -> None:
    """Serve until Ctrl-C or SIGTERM; leave no process behind.

    Where the user's Prefect already has a server (PREFECT_API_URL), that one is used, and nothing
    listens on `port`.
    """
    logs = settings().home / "logs"
    make_folder(logs)
    _talkative_prefect()
    from prefect.settings import get_current_settings

    open_store(settings().database_url).dispose()  # a broken store is told before any work
    theirs = get_current_settings().api.url
    ours = f"http://{HOST}:{port}/api"
    if theirs is None:
        _refuse_taken(port)
    console = Console(stderr=True, highlight=False)
    with _until_signal(), kept_environment({"PREFECT_API_URL": theirs or ours}) as environment:
        parts = _Parts(environment, logs)
        try:
            if theirs is None:
                parts.start("server", "start", "--host", HOST, "--port", str(port))
            _serve(parts, theirs or ours, console)
        finally:
            console.print("Stopping …")
            parts.stop()


def _serve(parts: "_Parts", api: str, console: Console) -> NoReturn:
    own = bool(parts.running)
    with _telling(console, "starting Prefect's server" if own else f"looking for {api}"):
        parts.wait_for(lambda: _answers(api), START_SECONDS if own else FIND_SECONDS, api)
    with _telling(console, "deploying prefect.yaml"):
        parts.run("work-pool", "create", POOL, "--type", "process", unless="already exists")
        parts.run("deploy", "--all")
    with _telling(console, "starting the worker"):
        name = f"nightfit on {socket.gethostname()}"
        parts.start("worker", "start", "--pool", POOL, "--type", "process", "--name", name)
        parts.wait_for(lambda: _has_worker(api), START_SECONDS, f"the work pool at {api}")
    _tell_ready(api, parts.logs)
    while True:
        parts.refuse_dead()
        time.sleep(0.5)


@contextmanager
def _telling(console: Console, what: str) -> Iterator[None]:
    """Show what goes on: one moving line on a terminal, one line each in a file."""
    if console.is_terminal:
        with console.status(f"{what} …"):
            yield
    else:
        console.print(f"{what} …", soft_wrap=True)
        yield


def _tell_ready(api: str, logs: Path) -> None:
    from prefect.settings import PREFECT_UI_URL, temporary_settings

    with temporary_settings(_at(api)):
        page = PREFECT_UI_URL.value() or api.removesuffix("/api")
    console = Console(highlight=False)
    for line in (
        f"Prefect's page is at {page}",
        "  every night   the deployment nightly, as prefect.yaml says",
        "  by hand       Deployments > retrain > Run > Custom run",
        f"  logs          on the page, by run; and in {logs}",
        "Ctrl-C ends the server, the worker and what they run.",
    ):
        console.print(line, soft_wrap=True, markup=False)


class _Ended(Exception):
    """Somebody asked for the end: Ctrl-C, SIGTERM, or the terminal closed."""


@contextmanager
def _until_signal() -> Iterator[None]:
    """End the `with` at the first request to end; ignore those that come while it is ending."""
    requests = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(_number: int, _frame: object) -> NoReturn:
        for number in requests:
            signal.signal(number, signal.SIG_IGN)
        raise _Ended

    for number in requests:
        signal.signal(number, end)
    with suppress(_Ended):
        yield


def _talkative_prefect() -> None:
    """Set what the page should show of a run, where the user has not; then all the rest."""
    for name, value in {
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "nightfit",  # tasks.progress
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }.items():
        os.environ.setdefault(name, value)
    quiet_prefect()


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"port {port} cannot be used ({error.strerror}).",
                next_step="End what uses it, perhaps another `nightfit serve`, "
                "or choose another port with --port.",
            ) from None


class _Parts:
    """The parts of Prefect that run with us, each with a log of its name."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = environment

    def start(self, part: str, *arguments: str) -> None:
        """Start a part that stays."""
        with self._log(part).open("ab") as log:
            self.running[part] = subprocess.Popen(
                [*PREFECT, part, *arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is for us alone
            )

    def run(self, *arguments: str, unless: str | None = None) -> None:
        """Run a command to its end; one that fails is an error, unless it says that."""
        done = subprocess.run(
            [*PREFECT, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = " ".join((done.stdout + done.stderr).split())
        if done.returncode and not (unless and unless in said):
            raise UserError(
                f"it failed, saying: {said[-600:]}", where=" ".join(["prefect", *arguments])
            )

    def wait_for(self, ready: Callable[[], bool], seconds: float, what: str) -> None:
        """Return when it is ready; raise UserError where a part ends, or it takes too long."""
        limit = time.monotonic() + seconds
        while not ready():
            self.refuse_dead()
            if time.monotonic() > limit:
                raise UserError(
                    f"no answer within {seconds:.0f} seconds.",
                    where=what,
                    next_step=f"The logs in {self.logs} may say why.",
                )
            time.sleep(0.3)

    def refuse_dead(self) -> None:
        """Raise UserError where a part has ended by itself."""
        for part, process in self.running.items():
            if process.poll() is not None:
                raise UserError(
                    f"Prefect's {part} ended by itself, with exit code {process.returncode}.",
                    next_step=f"See the end of {self._log(part)}.",
                )

    def stop(self) -> None:
        """End the worker, which ends its runs and reports them; then the server."""
        for part in reversed(self.running):
            self.running[part].terminate()
            try:
                self.running[part].wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.running[part].kill()

    def _log(self, part: str) -> Path:
        return self.logs / f"prefect-{part}.log"


def _at(api: str) -> dict[Any, Any]:
    from prefect.settings import PREFECT_API_URL

    return {PREFECT_API_URL: api}


def _answers(api: str) -> bool:
    from prefect.client.orchestration import get_client
    from prefect.settings import temporary_settings

    with temporary_settings(_at(api)), get_client(sync_client=True) as client:
        return client.api_healthcheck() is None


def _has_worker(api: str) -> bool:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import WorkPoolStatus
    from prefect.settings import temporary_settings

    with temporary_settings(_at(api)), get_client(sync_client=True) as client:
        return client.read_work_pool(POOL).status is WorkPoolStatus.READY
