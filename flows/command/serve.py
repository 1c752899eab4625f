"""`nightfit serve`: Prefect's server, nightfit's deployments and a worker for them, in one."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from data.errors import UserError
from data.settings import ROOT, settings
from data.store.session import Store
from flows.command.prefect_server import POOL, answers, has_worker, page, tell_lost
from flows.command.process_keeper import end_marked, keep_family
from flows.command.session import Screen, make_folder, quiet_prefect

HOST = "127.0.0.1"
PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

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
    make_folder(logs)  # before Prefect is imported: it looks for the folder around its own
    _talkative_prefect()
    from prefect.settings import get_current_settings

    Store(settings().database_url).ensure_ready()  # report a broken store before any work
    prefect = get_current_settings()
    api = prefect.api.url or f"http://{HOST}:{port}/api"
    own_port = None if prefect.api.url else port
    console = Screen(stderr=True)
    with _until_signal(), ExitStack() as stack:
        if own_port is not None:
            stack.enter_context(_alone(prefect.home))
            _refuse_taken(own_port)
        parts = _Parts(api, logs)
        stack.callback(parts.stop)
        stack.callback(console.print, "Stopping …")
        stack.callback(_ignore_signals)
        _serve(parts, api, own_port, console)


def _serve(parts: "_Parts", api: str, own_port: int | None, console: Screen) -> NoReturn:
    if own_port is not None:
        parts.start("server", "start", "--host", HOST, "--port", str(own_port))
        with _telling(console, "starting Prefect's server"):
            parts.wait_for(lambda: answers(api), START_SECONDS, api)
        tell_lost(api)
    else:
        with _telling(console, f"looking for Prefect's server at {api}"):
            parts.wait_for(lambda: answers(api), FIND_SECONDS, api)
    with _telling(console, "starting the worker"):
        name = f"nightfit on {socket.gethostname()}"
        parts.start("worker", "start", "--pool", POOL, "--type", "process", "--name", name)
        parts.wait_for(lambda: has_worker(api), START_SECONDS, f"the work pool at {api}")
    with _telling(console, "deploying prefect.yaml"):
        parts.run("deploy", "--all")  # needs the work pool, which the worker has made
    _tell_ready(page(api), parts.logs)
    while True:
        parts.refuse_dead()
        time.sleep(0.5)


@contextmanager
def _telling(console: Screen, what: str) -> Iterator[None]:
    """Show what goes on: one moving line on a terminal, one line each in a file."""
    if console.is_terminal:
        with console.status(f"{what} …"):
            yield
    else:
        console.print(f"{what} …", soft_wrap=True)
        yield


def _tell_ready(address: str, logs: Path) -> None:
    console = Screen()
    for line in (
        f"Prefect's page is at {address}",
        "  every night   the deployment nightly, as prefect.yaml says",
        "  by hand       Deployments > retrain > Run > Custom run",
        f"  logs          on the page, by run; and in {logs}",
        "Ctrl-C ends this, and the runs that are under way.",
    ):
        console.print(line, soft_wrap=True)


class _Ended(BaseException):
    """Somebody asked for the end; no Exception, since Prefect's client catches all of those."""


@contextmanager
def _until_signal() -> Iterator[None]:
    """End the `with` when somebody asks for it: by Ctrl-C, by SIGTERM, by closing the terminal."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise _Ended

    for number in REQUESTS:
        signal.signal(number, end)
    with suppress(_Ended):
        yield


def _ignore_signals() -> None:
    """Let nobody who asks again disturb the ending."""
    for number in REQUESTS:
        signal.signal(number, signal.SIG_IGN)


def _talkative_prefect() -> None:
    """Set what the page should show of a run, where the user has not; then all the rest."""
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
    quiet_prefect()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold Prefect's folder for us: two servers on one database tell each other's runs lost."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "another `nightfit serve` is using this folder.",
                where=str(home),
                next_step="End that one, or name another folder with NIGHTFIT_HOME.",
            ) from None
        yield


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

    def __init__(self, api: str, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._api = api
        self._mark = keep_family()
        self._environment = {**os.environ, "PREFECT_API_URL": api}

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

    def run(self, *arguments: str) -> None:
        """Run a command to its end; one that fails is an error."""
        done = subprocess.run(
            [*PREFECT, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = " ".join((done.stdout + done.stderr).split())
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
                    next_step=f"See the logs in {self.logs}; a server of your own is named by "
                    "PREFECT_API_URL or your Prefect profile.",
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
        """End the worker and its runs, tell the server of it, and end the server."""
        server = self.running.pop("server", None)
        for process in self.running.values():
            _end(process)
        end_marked(self._mark, but=[server.pid] if server else [])
        if server is not None:
            if answers(self._api):  # not where it has yet to start, or has failed
                tell_lost(self._api)
            _end(server)

    def _log(self, part: str) -> Path:
        return self.logs / f"prefect-{part}.log"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
