"""The processes of Prefect that `nightfit serve` runs: its server, a worker, a deployment."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from data.errors import UserError
from data.settings import ROOT
from flows.command.prefect_server import is_healthy, mark_lost_runs
from flows.command.process_keeper import end, end_marked, start_keeper
from regressors.frameworks import log_file

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")

STOP_SECONDS = 15.0
"""How long the worker, and then the server, may take to stop."""

RESTART_PAUSES = (1.0, 10.0, 30.0)
"""The seconds before a process that has ended by itself is started again, each time longer."""

RESTART_WINDOW = 600.0
"""Seconds; a process that ends oftener than it may be restarted in this time is given up."""


@dataclass(frozen=True)
class Program:
    """How a process is started: its command, its own variables, and the sockets that it gets."""

    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    sockets: Collection[int] = ()


class PrefectProcesses:
    """Prefect's server and worker; each writes to a log file of its own.

    `client` are the variables with which Prefect's programs reach the server: its URL and login.
    """

    def __init__(self, client: Mapping[str, str], logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._programs: dict[str, Program] = {}
        self._restarts: dict[str, list[float]] = {}
        self._mark = start_keeper(logs.parent)
        ours = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        self._environment = {**os.environ, **client, "PATH": ours}  # the pool names no folder

    def start_server(
        self, listener: socket.socket, origins: Collection[str], settings: Mapping[str, str]
    ) -> None:
        """Start our own server on a socket that listens, which must stay open for a restart."""
        number = listener.fileno()
        command = [sys.executable, "-m", "flows.command.prefect_app", str(number), *origins]
        self.start("server", Program(command, settings, [number]))

    def start_worker(self, pool: str) -> None:
        """Start a worker for the runs of a work pool."""
        name = f"nightfit on {socket.gethostname()}"
        options = ("--pool", pool, "--type", "process", "--name", name)
        command = [sys.executable, "-m", "flows.command.prefect_worker", *options]
        self.start("worker", Program(command))

    def start(self, name: str, program: Program) -> None:
        """Start a program and leave it running."""
        self._programs[name] = program
        log_file.shorten(self._log(name))
        with self._log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                program.command,
                cwd=ROOT,
                env={**self._environment, **program.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=program.sockets,
                start_new_session=True,  # only we react to Ctrl-C on the terminal
            )

    def run(self, *arguments: str) -> None:
        """Run `prefect ARGUMENTS` to its end; raise UserError if it fails."""
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
            output = " ".join((done.stdout + done.stderr).split())
            raise UserError(
                f"it failed with this output: {output[-600:]}",
                where=" ".join(["prefect", *arguments]),
            )

    def wait_for(self, ready: Callable[[], bool], seconds: float, what: str) -> None:
        """Return when `ready`; raise UserError if a process ends or it takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check_running()
            if time.monotonic() > deadline:
                raise self.no_answer(seconds, what)
            time.sleep(0.3)

    def no_answer(self, seconds: float, what: str) -> UserError:
        """Return the error for a server, or a work pool, that takes too long to answer."""
        return UserError(
            f"no answer within {seconds:.0f} seconds.",
            where=what,
            next_step=f"See the logs in {self.logs}. If the server is your own, check"
            " PREFECT_API_URL or your Prefect profile, which name it.",
        )

    def shorten_logs(self) -> None:
        """Keep the logs from growing for ever: these processes may run for months."""
        for name in self.running:
            log_file.shorten(self._log(name))

    def check_running(self) -> None:
        """Raise UserError if a process has ended by itself."""
        if ended := self.ended():
            raise self._gave_up(ended[0], "ended by itself,")

    def ended(self) -> list[str]:
        """Return the names of those that have ended by themselves."""
        return [name for name, process in self.running.items() if process.poll() is not None]

    def restart(self, name: str, report: Callable[[str], object]) -> None:
        """Start a process again that has ended by itself, after a pause.

        Raises UserError if it has ended too often.
        """
        now = time.monotonic()
        recent = [at for at in self._restarts.get(name, ()) if now - at < RESTART_WINDOW]
        if len(recent) >= len(RESTART_PAUSES):
            times = f"{len(recent) + 1} times in {RESTART_WINDOW / 60:.0f} minutes"
            raise self._gave_up(name, f"ended by itself {times}, the last time")
        self._restarts[name] = [*recent, now]
        code = self.running.pop(name).returncode
        report(
            f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: Prefect's {name} ended by itself, with"
            f" exit code {code}. It is started again; see the end of {self._log(name)}."
        )
        time.sleep(RESTART_PAUSES[len(recent)])
        self.start(name, self._programs[name])

    def _gave_up(self, name: str, what: str) -> UserError:
        return UserError(
            f"Prefect's {name} {what} with exit code {self.running[name].returncode}.",
            next_step=f"See the end of {self._log(name)}.",
        )

    def end_runs(self) -> None:
        """End all that these processes have started, except for the server and the worker."""
        end_marked(self._mark, except_pids=[each.pid for each in self.running.values()])

    def stop(self) -> None:
        """Stop the worker and its runs, report them to the server, and stop the server."""
        server = self.running.pop("server", None)
        for process in self.running.values():
            end(process, STOP_SECONDS)
        end_marked(self._mark, except_pids=[server.pid] if server else [])
        if server is not None:
            # it may not have started yet, or may have failed
            if server.poll() is None and is_healthy():
                mark_lost_runs("It ended together with the `nightfit serve` that ran it.")
            end(server, STOP_SECONDS)

    def _log(self, name: str) -> Path:
        return self.logs / f"prefect-{name}.log"
