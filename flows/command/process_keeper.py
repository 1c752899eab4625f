"""Ends every process that a command has started, however the command itself ends.

Then it clears up, if the command was killed.

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
from contextlib import suppress
from pathlib import Path

import psutil

from data.run_notes import killed_runs
from data.scratch import remove_abandoned

MARK = "NIGHTFIT_FAMILY"

TERMINATE_SECONDS = 5.0
"""Processes get this long to end after SIGTERM, before SIGKILL; framework workers need none."""

ANSWER_SECONDS = 5.0
"""How long Prefect's server may take to answer, which is told of killed runs."""

GIVE_UP_SECONDS = 20.0
"""After this time, processes that survive even SIGKILL (waiting for a broken disk) are ignored."""


def start_keeper(home: Path) -> str:
    """Ensure that processes started from now on end with this one; return their mark.

    The keeper is a process that waits until a pipe from this one closes, which happens however this
    one ends. Without it, the server that Prefect starts for a night would outlive a SIGKILL.
    """
    mark = uuid.uuid4().hex
    keeper = subprocess.Popen(
        [sys.executable, "-m", "flows.command.process_keeper", mark, str(home)],
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


def clear_up_after(home: Path) -> None:
    """Remove the temporary files of killed processes, and tell the user's Prefect of their runs.

    Nobody would read why that is not possible. What is left is seen to by the next night.
    """
    remove_abandoned(home)
    if not (killed := killed_runs(home)):
        return
    with suppress(Exception):
        from prefect.settings import get_current_settings

        from flows.page.killed import show_killed
        from tasks.run.prefect_client import hasty_client

        if get_current_settings().api.url is not None:
            with hasty_client(ANSWER_SECONDS, retries=1) as client:
                show_killed(client, killed.values())


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


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Terminate a process, and kill it if it has not ended after so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_marked(sys.argv[1])
    clear_up_after(Path(sys.argv[2]))
