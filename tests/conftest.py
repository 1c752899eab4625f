"""What is dear and shared by the tests of a session."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from regressors.workers import Workers

ROOT = Path(__file__).parents[1]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has its background commands ignore Ctrl-C, and these would have theirs ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """The three frameworks' processes, with the project's own folder of compiled code."""
    frameworks = ("tensorflow", "torch", "theano")
    with Workers(frameworks, home=ROOT / ".nightfit", time_limit=120) as started:
        yield started
