"""The processes of Prefect that `nightfit serve` runs: its server, a worker, a deployment."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from data.errors import UserError
from data.settings import ROOT
from flows.command.prefect_server import is_healthy, mark_lost_runs
from flows.command.process_keeper import end, end_marked, start_keeper
from regressors.frameworks import log_file

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")

STOP_SECONDS = 15.0
"""How long the worker, and then the server, may take to stop."""


class PrefectProcesses:
    """Prefect's server and worker; each writes to a log file of its own.

    `client` are the variables with which Prefect's programs reach the server: its URL and login.
    """

    def __init__(self, client: Mapping[str, str], logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._mark = start_keeper()
        self._environment = {**os.environ, **client}

    def start_server(
        self, listener: socket.socket, origins: Collection[str], settings: Mapping[str, str]
    ) -> None:
        """Start our own server on a socket that listens, which is then closed here."""
        with listener:
            number = listener.fileno()
            command = [sys.executable, "-m", "flows.command.prefect_app", str(number), *origins]
            self._start("server", command, settings, pass_fds=[number])

    def start(self, name: str, *arguments: str) -> None:
        """Start `prefect NAME ARGUMENTS` and leave it running."""
        self._start(name, [*PREFECT, name, *arguments], {})

    def _start(
        self,
        name: str,
        command: list[str],
        settings: Mapping[str, str],
        *,
        pass_fds: Collection[int] = (),
    ) -> None:
        log_file.shorten(self._log(name))
        with self._log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self._environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
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
                raise UserError(
                    f"no answer within {seconds:.0f} seconds.",
                    where=what,
                    next_step=f"See the logs in {self.logs}. If the server is your own, check"
                    " PREFECT_API_URL or your Prefect profile, which name it.",
                )
            time.sleep(0.3)

    def shorten_logs(self) -> None:
        """Keep the logs from growing for ever: these processes may run for months."""
        for name in self.running:
            log_file.shorten(self._log(name))

    def check_running(self) -> None:
        """Raise UserError if a process has ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise UserError(
                    f"Prefect's {name} ended by itself, with exit code {process.returncode}.",
                    next_step=f"See the end of {self._log(name)}.",
                )

    def stop(self) -> None:
        """Stop the worker and its runs, report them to the server, and stop the server."""
        server = self.running.pop("server", None)
        for process in self.running.values():
            end(process, STOP_SECONDS)
        end_marked(self._mark, except_pids=[server.pid] if server else [])
        if server is not None:
            if is_healthy():  # it may not have started yet, or may have failed
                mark_lost_runs()
            end(server, STOP_SECONDS)

    def _log(self, name: str) -> Path:
        return self.logs / f"prefect-{name}.log"
