"""The command in a process that is forked, not started: it has its libraries already.

Importing them takes a command longer than its work on a small table. A server imports once what a
command would, and forks for each call. From there on everything is as in a process of its own: the
environment, the standard streams, the processes that it starts, and how it ends. Its framework
processes are forked, too.
"""

import gc
import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

from helpers.forking import answer, ask, become, requested, tell
from helpers.warm_frameworks import fork_workers
from helpers.warm_prefect import PrefectAside

COMMAND = Path(sys.executable).with_name("nightfit")

LIBRARIES = (
    *("alembic.command", "httpx", "pandas", "psycopg", "pyarrow.parquet", "rich.status"),
    *("pydantic_settings", "scipy.special", "sqlalchemy.dialects.postgresql", "typer"),
    *("great_expectations", "great_expectations.expectations"),
    *("data.checks.check", "data.sources.read", "data.store.session", "data.store.write.run"),
    *("data.store.database.upgrades", "regressors.judging.selection", "regressors.fitting"),
    *("regressors.frameworks.workers", "regressors.frameworks.parity"),
    *("data.store.migrations.views_0101", "data.store.read.contract", "data.store.read.whole_run"),
    *("data.store.check.contents", "data.store.write.prune", "data.store.write.decision"),
    *("tasks.run.night", "tasks.run.predictions", "tasks.run.replay", "tasks.run.starts"),
    *("tasks.run.summary", "tasks.score", "flows.command.cli", "flows.command.nights"),
    *("flows.command.promote", "flows.command.query", "flows.command.status"),
    *("flows.command.verify", "flows.command.predict", "flows.command.history"),
)


@dataclass
class WarmCommand:
    """A server that forks for each call; it is started by the first one, and ends with us."""

    connection: socket.socket | None = None

    def run(
        self, args: Sequence[str], environment: Mapping[str, str], timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run `nightfit ARGS`; kill it after `timeout` seconds, and raise TimeoutExpired."""
        done = self.raw(args, environment, timeout)
        texts = (stream.decode() for stream in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, *texts)

    def raw(
        self, args: Sequence[str], environment: Mapping[str, str], timeout: float = 600
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `nightfit ARGS` as `run` does; return bytes."""
        if self.connection is None:
            self.connection = _start_server()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            request = (list(args), dict(environment), os.getcwd())
            process = ask(self.connection, request, [out.fileno(), err.fileno()])
            code = self._wait(process, timeout, args)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(list(args), code, out.read(), err.read())

    def _wait(self, process: int, timeout: float, args: Sequence[str]) -> int:
        self.connection.settimeout(timeout)
        try:
            return answer(self.connection)
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            self.connection.settimeout(None)
            answer(self.connection)
            raise subprocess.TimeoutExpired(list(args), timeout) from None
        finally:
            self.connection.settimeout(None)


WARM = WarmCommand()
"""The one of this process of tests."""


def _start_server() -> socket.socket:
    ours, theirs = socket.socketpair()
    subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        env={**os.environ, "GX_ANALYTICS_ENABLED": "False"},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    return ours


def _serve(connection: socket.socket) -> list[str]:
    """Fork for each request; return in the forked processes, with the arguments of the command."""
    fork_workers()
    for library in LIBRARIES:
        importlib.import_module(library)
    assert "prefect" not in sys.modules
    PrefectAside()
    gc.freeze()  # the children neither collect nor copy what they share with us
    while True:
        try:
            (args, environment, folder), streams = requested(connection)
        except EOFError:
            os._exit(0)
        child = os.fork()
        if child == 0:
            connection.close()
            become(environment, folder, streams, (1, 2))
            return args
        for stream in streams:
            os.close(stream)
        tell(connection, child)
        _, status = os.waitpid(child, 0)
        tell(connection, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    sys.path[0] = str(COMMAND.parent)
    sys.argv = [str(COMMAND), *_serve(socket.socket(fileno=int(sys.argv[1])))]
    # A framework's process imports the main file, as it does that of the command.
    sys.modules["__main__"].__file__ = str(COMMAND)
    from flows.command.cli import main

    main()
