"""A framework's process that is forked, not started: it has its framework already.

Importing TensorFlow takes longer than what most tests have it do. One server per framework imports
it for the first process that is to have it, and forks for each; from there on everything is as in a
process of its own. Once `fork_workers` has been called, multiprocessing asks these servers instead
of spawning a framework's process; it still spawns one whose environment differs from theirs.
"""

import gc
import importlib
import multiprocessing.popen_spawn_posix
import multiprocessing.util
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.popen_spawn_posix import Popen
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

from helpers.forking import answer, ask, become, requested, tell

from regressors.frameworks.registry import FRAMEWORK_NAMES, framework_called

JOBS = ("regressors.fitting", "regressors.frameworks.parity")
BEFORE_FOLDER = ("scipy.signal", "scipy.sparse", "scipy.stats", "setuptools", "ssl")
"""What Theano imports, which itself is imported when the folder of its compiled code is known."""
READ_AT_START = ("PATH", "PYTHON")
READ_AT_IMPORT = ("THREADS", "TF_", "CUDA")
"""Parts of the names of variables that Python and the libraries read then."""
NO = 0
"""The answer where a process is to be spawned."""

_spawn = multiprocessing.util.spawnv_passfds
_lines: dict[str, socket.socket] = {}
"""To the server of each framework; it ends when they are closed, here and in what we fork."""
_launch = threading.local()


def fork_workers() -> None:
    """Have the framework processes of this process and of those that it forks be forked."""
    start_servers()
    multiprocessing.util.spawnv_passfds = fork_or_spawn  # type: ignore[assignment]
    multiprocessing.popen_spawn_posix.Popen = Forked  # type: ignore[misc]


def start_servers() -> None:
    """Start the servers, which import nothing yet."""
    for name in FRAMEWORK_NAMES:
        _lines[name], theirs = socket.socketpair()
        subprocess.Popen(
            [sys.executable, __file__, name, str(theirs.fileno())],
            env={**os.environ, "PYTHONHASHSEED": "0"},  # as every framework's process has it
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()


class Forked(Popen):
    """A process that may be the child of a server, which then reports how it ends."""

    server: socket.socket | None = None

    def _launch(self, process: Any) -> None:
        _launch.framework, _launch.server = _framework_of(process), None
        self.lock = threading.Lock()
        try:
            super()._launch(process)  # type: ignore[misc]
        finally:
            self.server, _launch.framework = _launch.server, None

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code, None if there is none yet."""
        if self.server is None:
            return super().poll(flag)
        with self.lock:
            waits = flag != os.WNOHANG
            if self.returncode is None and wait([self.server], None if waits else 0):
                self.returncode = answer(self.server)
                self.server.close()
        return self.returncode


def _framework_of(process: Any) -> str | None:
    """Return the framework of a process, which Pebble's pool is about to start."""
    of_pool = next((args for args in process._args if hasattr(args, "initargs")), None)
    return of_pool.initargs[0] if of_pool and of_pool.initargs else None


def fork_or_spawn(path: bytes, args: Sequence[Any], files: Sequence[int]) -> int:
    """Take the place of `multiprocessing.util.spawnv_passfds`."""
    framework = getattr(_launch, "framework", None)
    if framework not in _lines:
        return _spawn(path, args, files)
    server, theirs = socket.socketpair()
    socket.send_fds(_lines[framework], [b"f"], [theirs.fileno()])
    theirs.close()
    code = args[args.index("-c") + 1]
    process = ask(server, (code, dict(os.environ), os.getcwd(), list(files)), files)
    if process == NO:
        server.close()
        return _spawn(path, args, files)
    _launch.server = server
    return process


def _serve(framework: str, line: socket.socket) -> str:
    """Fork for each request; return in the forked processes, with the code that they are to run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    started_with = _named(os.environ, READ_AT_START)
    imported_with: Mapping[str, str] | None = None
    while True:
        _, ends, _, _ = socket.recv_fds(line, 1, 1)
        if not ends:
            os._exit(0)
        connection = socket.socket(fileno=ends[0])
        (code, environment, folder, numbers), files = requested(connection)
        is_alike = _named(environment, READ_AT_START) == started_with
        if is_alike and imported_with is None:
            imported_with = _named(environment, READ_AT_IMPORT)
            _import(framework, environment)
        if not is_alike or _named(environment, READ_AT_IMPORT) != imported_with:
            tell(connection, NO)
        elif os.fork() == 0:
            line.close()
            if _is_worker(connection, files):
                become(environment, folder, files, numbers)
                return code
        connection.close()
        for file in files:
            os.close(file)


def _named(environment: Mapping[str, str], parts: Sequence[str]) -> Mapping[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if any(part in name for part in parts) and not name.startswith(("NIGHTFIT_", "PREFECT_"))
    }


def _import(framework: str, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    row = framework_called(framework)
    for module in (*JOBS, *(BEFORE_FOLDER if row.preparation else [row.module])):
        importlib.import_module(module)
    gc.freeze()  # the children neither collect nor copy what they share with us


def _is_worker(connection: socket.socket, files: Sequence[int]) -> bool:
    """Fork once more; return in the child, and in the parent report its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    worker = os.fork()
    if worker == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        connection.close()
        return True
    for file in files:
        os.close(file)
    with suppress(OSError):  # whoever has asked may have ended
        tell(connection, worker)
        _, status = os.waitpid(worker, 0)
        tell(connection, os.waitstatus_to_exitcode(status))
    os._exit(0)


if __name__ == "__main__":
    run = _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
    sys.argv = ["-c", "--multiprocessing-fork"]
    exec(run)
