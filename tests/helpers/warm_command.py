"""The command in a process that is forked, not started: it has its libraries already.

Importing them takes a command longer than its work on a small table. A server imports once what a
command would, and forks for each call. From there on everything is as in a process of its own: the
environment, the standard streams, the processes that it starts, and how it ends. Its framework
processes are forked, too, and one Vega draws for all commands.

The server is shared by all workers of pytest-xdist: the first that runs a command starts it, and it
ends with the last that has asked it for one.
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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

from helpers.forking import answer, ask, become, requested, tell
from helpers.one_for_all import RUN, Unused
from helpers.warm_frameworks import fork_workers
from helpers.warm_prefect import PrefectAside
from helpers.warm_vega import start_drawing

from tasks.report import rendering, vega

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
    *("tasks.report.write", "tasks.report.charts", "tasks.report.figures", "tasks.run.copying"),
    *("tasks.run.judged_over_time", "tasks.run.hold", "tasks.run.splitting", "tasks.run.doubts"),
    *("tasks.run.differences", "tasks.run.segment_record", "tasks.run.row_work"),
    *("flows.command.promote", "flows.command.query", "flows.command.status"),
    *("flows.command.verify", "flows.command.predict", "flows.command.history"),
)


@dataclass
class WarmCommand:
    """The line to a server that forks for each call; the first call starts it, if none runs."""

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
            self.connection = _connected()
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


def _connected() -> socket.socket:
    """Return a line to the server of this run of the tests, which is started if there is none."""
    address = RUN.server("command", _start_server)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    answer(connection)
    return connection


def _start_server(folder: Path) -> str:
    """Start the server; it listens at once, and answers when it has imported the libraries."""
    address = folder / "socket"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen(100)
        subprocess.Popen(
            [sys.executable, __file__, str(folder), str(listener.fileno())],
            env={**os.environ, "GX_ANALYTICS_ENABLED": "False"},
            stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
    return str(address)


def _serve(folder: Path, listener: socket.socket) -> list[str]:
    """Fork for each request; return in the forked processes, with the arguments of the command."""
    fork_workers()
    for library in LIBRARIES:
        importlib.import_module(library)
    assert "prefect" not in sys.modules
    for template in rendering._environment().list_templates(["j2"]):
        rendering._environment().get_template(template)
    PrefectAside()
    vega.PROCESS = start_drawing(folder)
    gc.freeze()  # the children neither collect nor copy what they share with us
    connection = _line_of_a_worker(folder, listener)
    tell(connection, os.getpid())
    while True:
        try:
            (args, environment, current), streams = requested(connection)
        except EOFError:
            os._exit(0)
        child = os.fork()
        if child == 0:
            connection.close()
            become(environment, current, streams, (1, 2))
            return args
        for stream in streams:
            os.close(stream)
        tell(connection, child)
        _, status = os.waitpid(child, 0)
        tell(connection, os.waitstatus_to_exitcode(status))


def _line_of_a_worker(folder: Path, listener: socket.socket) -> socket.socket:
    """Fork for each worker of the tests; return in the forked processes, with the line to it.

    The server itself ends when it is unused.
    """
    unused = Unused(folder)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener.settimeout(0.5)
    while not unused():
        with suppress(TimeoutError):
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                unused.close()
                connection.setblocking(True)
                return connection
            connection.close()
    os._exit(0)


if __name__ == "__main__":
    sys.path[0] = str(COMMAND.parent)
    sys.argv = [str(COMMAND), *_serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))]
    # A framework's process imports the main file, as it does that of the command.
    sys.modules["__main__"].__file__ = str(COMMAND)
    from flows.command.cli import main

    main()
