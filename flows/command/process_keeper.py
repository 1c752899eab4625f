"""Ends every process that a command has started, however the command itself ends.

A command marks its processes with a variable in their environment, which they pass on to the
processes that they start: flow runs, and their framework workers. A process group would not do,
because Prefect gives each flow run a group of its own.
"""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Collection

import psutil

MARK = "NIGHTFIT_FAMILY"

TERMINATE_SECONDS = 5.0
"""Processes get this long to end after SIGTERM, before SIGKILL; framework workers need none."""

GIVE_UP_SECONDS = 20.0
"""After this time, processes that survive even SIGKILL (waiting for a broken disk) are ignored."""


def start_keeper() -> str:
    """Ensure that processes started from now on end with this one; return their mark.

    The keeper is a process that waits until a pipe from this one closes, which happens however this
    one ends. Without it, the server that Prefect starts for a night would outlive a SIGKILL.
    """
    mark = uuid.uuid4().hex
    keeper = subprocess.Popen(
        [sys.executable, "-m", "flows.command.process_keeper", mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that Ctrl-C on the terminal does not reach it
    )
    _keepers.append(keeper)
    os.environ[MARK] = mark
    return mark


_keepers: list[subprocess.Popen[bytes]] = []
"""Kept so that the pipes close when this process ends, and not before."""


def end_marked(mark: str, *, except_pids: Collection[int] = ()) -> None:
    """End every process with this mark: by SIGTERM first, and by SIGKILL after a while."""
    start = time.monotonic()
    terminated: set[int] = set()
    while processes := _marked(mark, except_pids):
        elapsed = time.monotonic() - start
        if elapsed > GIVE_UP_SECONDS:
            return
        for process in processes:
            try:
                if elapsed > TERMINATE_SECONDS:
                    process.kill()
                elif process.pid not in terminated:
                    process.terminate()
                    terminated.add(process.pid)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=0.5)


def _marked(mark: str, except_pids: Collection[int]) -> list[psutil.Process]:
    """Return the living processes with a mark."""
    matches = []
    for process in psutil.process_iter():
        try:
            if process.pid in except_pids or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) == mark:
                matches.append(process)
        except (psutil.Error, OSError):  # it has ended, or belongs to another user
            continue
    return matches


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_marked(sys.argv[1])


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Terminate a process, and kill it if it has not ended after so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
