"""An interrupt while the command is still importing its libraries."""

import os
import signal
import subprocess
import sys

from data.settings import ROOT

INTERRUPTED = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
START = "import signal; {}; from flows.command.entry import main; main()"
IN_FOREGROUND = "signal.signal(signal.SIGINT, signal.default_int_handler)"
IN_BACKGROUND = "signal.signal(signal.SIGINT, signal.SIG_IGN)"


def started(folder, how):
    """Run `nightfit --version` with a library that gets Ctrl-C while it is imported."""
    (folder / "typer.py").write_text(INTERRUPTED)
    return subprocess.run(
        [sys.executable, "-c", START.format(how), "--version"],
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ctrl_c_while_the_libraries_are_imported_ends_without_a_traceback(tmp_path):
    done = started(tmp_path, IN_FOREGROUND)
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""


def test_a_command_whose_shell_ignores_ctrl_c_goes_on_ignoring_it(tmp_path):
    done = started(tmp_path, IN_BACKGROUND)
    assert done.returncode == 1
    assert "typer" in done.stderr  # it went on, and the library was not the real one
