"""What is dear and shared by the tests of a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from regressors.workers import Workers

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """The three frameworks' processes, with the project's own folder of compiled code."""
    frameworks = ("tensorflow", "torch", "theano")
    with Workers(frameworks, home=ROOT / ".nightfit", time_limit=120) as started:
        yield started
