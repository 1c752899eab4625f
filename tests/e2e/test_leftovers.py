"""A night that was killed, and the one after it, leave the files of one night and its report."""

import signal
import subprocess

import psutil
from helpers.warm_command import COMMAND
from helpers.workspace import LINE, LINE_ROWS

WHILE_OPEN = ("-wal", "-shm")
"""Endings of the files that SQLite may leave or remove beside a database, as it likes."""


def files(workspace):
    """Return the sizes of the files that nights have left, apart from the store itself.

    Those in `dlq` are Prefect's, on a busy machine; the next night removes them.
    """
    return {
        path.relative_to(workspace.folder).as_posix(): path.stat().st_size
        for top in ("home", "tmp")
        for path in (workspace.folder / top).rglob("*")
        if path.is_file() and not path.name.endswith(WHILE_OPEN) and path.parent.name != "dlq"
    }


def kill(workspace, environment):
    """Kill a night, with all that it has started, as it begins to fit."""
    night = subprocess.Popen(
        [str(COMMAND), "nightly", "--force"], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert any("split" in line for line in night.stderr)
    family = [psutil.Process(night.pid), *psutil.Process(night.pid).children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGKILL)
    night.communicate()
    psutil.wait_procs(family[1:], timeout=30)


def test_a_killed_night_and_the_next_leave_what_one_night_leaves(new_workspace):
    workspace = new_workspace(prefect="own")
    temporary = workspace.folder / "tmp"
    temporary.mkdir()
    workspace.declare("line", LINE, LINE_ROWS)
    assert workspace.run("nightly", TMPDIR=str(temporary)).returncode == 0
    first = files(workspace)
    kill(workspace, {**workspace.environment, "TMPDIR": str(temporary)})
    done = workspace.run("nightly", "--force", TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    last = files(workspace)
    assert last.keys() - first.keys() == {"home/reports/line/2.html"}
    assert first.keys() <= last.keys()
    grown = {name for name in first if last[name] > 1.5 * first[name] + 100_000}
    assert grown == set()
    assert workspace.sql("SELECT count(*) FROM run") == [(2,)]
