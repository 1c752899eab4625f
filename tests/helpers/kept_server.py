"""A program of the tests that keeps a server running, for as long as its standard input is open."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STOP_SECONDS = 60
"""How long a server may take to stop."""


@contextmanager
def kept(program: str, what: str) -> Iterator[str]:
    """Start the program, yield the first line that it prints, and have it stop its server."""
    keeper = subprocess.Popen(
        [sys.executable, "-W", "ignore", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
    )
    assert keeper.stdin and keeper.stdout
    try:
        line = keeper.stdout.readline().strip()
        assert line, f"{what} did not start"
        yield line
    finally:
        keeper.stdin.close()
        try:
            keeper.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # a process of a test has our end of its standard input
            keeper.terminate()
            keeper.wait()
        keeper.stdout.close()
