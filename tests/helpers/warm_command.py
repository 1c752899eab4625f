"""The command in a process that is forked, not started: it has its libraries already.

Importing them takes a command longer than its work on a small table. A server imports once what a
command would, except Prefect, which reads its settings while it is imported, and forks for each
call. From there on everything is as in a process of its own: the environment, the standard streams,
the processes that it starts, and how it ends.
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
from typing import Any

COMMAND = Path(sys.executable).with_name("nightfit")

LIBRARIES = (
    *("alembic.command", "httpx", "pandas", "psycopg", "pyarrow.parquet", "rich.status"),
    *("pydantic_settings", "scipy.special", "sqlalchemy.dialects.postgresql", "typer"),
    *("great_expectations", "great_expectations.expectations"),
    *("data.checks.check", "data.sources.read", "data.store.session", "data.store.write.run"),
    *("data.store.database.upgrades", "regressors.judging.selection", "regressors.fitting"),
    *("regressors.frameworks.workers", "flows.command.cli"),
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
            request = repr((list(args), dict(environment), os.getcwd())).encode()
            self.connection.sendall(len(request).to_bytes(4, "big") + request)
            socket.send_fds(self.connection, [b"f"], [out.fileno(), err.fileno()])
            code = self._wait(timeout, args)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(list(args), code, out.read(), err.read())

    def _wait(self, timeout: float, args: Sequence[str]) -> int:
        process = int.from_bytes(_receive(self.connection, 4), "big")
        self.connection.settimeout(timeout)
        try:
            return int.from_bytes(_receive(self.connection, 4), "big", signed=True)
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            self.connection.settimeout(None)
            _receive(self.connection, 4)
            raise subprocess.TimeoutExpired(list(args), timeout) from None
        finally:
            self.connection.settimeout(None)


WARM = WarmCommand()
"""The one of this process of tests."""


def _start_server() -> socket.socket:
    ours, theirs = socket.socketpair()
    subprocess.Popen(
        [sys.executable, str(Path(__file__)), str(theirs.fileno())],
        env={**os.environ, "GX_ANALYTICS_ENABLED": "False"},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    return ours


def _receive(connection: Any, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise EOFError
        content += part
    return content


def _serve(connection: socket.socket) -> None:
    """Answer each request with the number of its process and then its exit code.

    Returns in the forked processes, which go on as the command.
    """
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # the children neither collect nor copy what they share with us
    assert "prefect" not in sys.modules
    while True:
        try:
            size = int.from_bytes(_receive(connection, 4), "big")
        except EOFError:
            os._exit(0)
        args, environment, folder = eval(_receive(connection, size))
        _, streams, _, _ = socket.recv_fds(connection, 1, 2)
        child = os.fork()
        if child == 0:
            connection.close()
            _become_the_command(args, environment, folder, streams)
            return
        for stream in streams:
            os.close(stream)
        connection.sendall(child.to_bytes(4, "big"))
        _, status = os.waitpid(child, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def _become_the_command(
    args: Sequence[str], environment: Mapping[str, str], folder: str, streams: Sequence[int]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = [str(COMMAND), *args]
    # A framework's process imports the main file, as it does that of the command.
    sys.modules["__main__"].__file__ = str(COMMAND)


if __name__ == "__main__":
    sys.path[0] = str(COMMAND.parent)
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from flows.command.cli import main

    main()
