"""Ends what a command has started, should the command itself be killed.

Prefect starts a server of its own for a night, and a process that is killed with SIGKILL cannot
stop it any more. So a small process waits at a pipe which closes when the command is gone,
however that came about, and then ends every process that carries the command's mark.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import psutil

MARK = "NIGHTFIT_FAMILY"
GRACE_SECONDS = 3.0
"""What a family gets to end by itself, and again to answer SIGTERM."""

_pipes: list[subprocess.Popen[bytes]] = []


def watch() -> None:
    """Mark what this process starts from now on, and have it ended with this process."""
    if _pipes:
        return
    mark = uuid.uuid4().hex
    _pipes.append(
        subprocess.Popen(
            [sys.executable, "-m", "flows.watchdog", mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    )
    os.environ[MARK] = mark


def _family(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                yield process
        except psutil.Error:  # ended meanwhile, or another user's
            continue


def _end_family(mark: str) -> None:
    _, left = psutil.wait_procs(list(_family(mark)), timeout=GRACE_SECONDS)
    for process in left:
        process.terminate()
    _, left = psutil.wait_procs(list(_family(mark)), timeout=GRACE_SECONDS)
    for process in left:
        process.kill()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    _end_family(sys.argv[1])
