"""Ends the processes of a command with it, however it ends.

Every process that a command starts carries a mark in its environment, and hands it on to
those that it starts itself: flow runs, and their framework workers. A process group would not do,
since Prefect gives each flow run its own.
"""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Collection

import psutil

MARK = "NIGHTFIT_FAMILY"

GRACE = 5.0
"""Seconds between the request to end and the order; framework workers need none of it."""

PATIENCE = 20.0
"""Seconds after which what does not even die when killed (a process in a hung disk) is left."""


def keep_family() -> str:
    """Have what this process starts from now on ended with it; return the mark of those processes.

    The keeper waits for the end of a pipe, which comes however this process ends. Prefect, for
    one, starts a server of its own for a night, which outlives a process killed by SIGKILL.
    """
    mark = uuid.uuid4().hex
    keeper = subprocess.Popen(
        [sys.executable, "-m", "flows.command.process_keeper", mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the terminal's Ctrl-C is not for it
    )
    _keepers.append(keeper)
    os.environ[MARK] = mark
    return mark


_keepers: list[subprocess.Popen[bytes]] = []
"""Held until this process ends: that is what closes the pipe."""


def end_marked(mark: str, *, but: Collection[int] = ()) -> None:
    """End every process with this mark, `but` some: asked at first, killed after a while."""
    start = time.monotonic()
    asked: set[int] = set()
    while (processes := marked(mark, but=but)) and time.monotonic() - start < PATIENCE:
        for process in processes:
            try:
                if time.monotonic() - start > GRACE:
                    process.kill()
                elif process.pid not in asked:
                    process.terminate()
                    asked.add(process.pid)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=0.5)


def marked(mark: str, *, but: Collection[int] = ()) -> list[psutil.Process]:
    """Return the living processes that carry a mark, `but` those with these ids."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid in but or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):  # ended meanwhile, or not of this user: none of ours
            continue
    return found


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_marked(sys.argv[1])
