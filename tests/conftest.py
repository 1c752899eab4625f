"""What is dear and shared by the tests of a session: framework workers, a PostgreSQL server.

`NIGHTFIT_TEST_DATABASE_URL` names another PostgreSQL server, by a role that may create databases.
"""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from helpers import postgres_server
from sqlalchemy import URL, create_engine, make_url, text

from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers

ROOT = Path(__file__).parents[1]
SHARED = ("workers", "night")
"""Fixtures that several files use and that are made once, by keeping their tests on one worker."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has its background commands ignore Ctrl-C, and these would have theirs ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have pytest-xdist keep a file's tests together, and those that share something expensive."""
    for item in items:
        shared = next((name for name in SHARED if name in getattr(item, "fixturenames", ())), None)
        item.add_marker(pytest.mark.xdist_group(shared or item.path.stem))


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """The frameworks' processes, with the project's own folder of compiled code."""
    with Workers(FRAMEWORK_NAMES, home=ROOT / ".nightfit", time_limit=120) as started:
        yield started


@pytest.fixture(scope="session")
def postgresql() -> Iterator[URL]:
    """A PostgreSQL server, as a role that may create databases."""
    given = os.environ.get("NIGHTFIT_TEST_DATABASE_URL")
    with nullcontext(given) if given else postgres_server.running() as address:
        yield make_url(address).set(drivername="postgresql+psycopg")


@pytest.fixture(scope="session")
def new_on_server(postgresql: URL) -> Iterator[Callable[[], str]]:
    """Make an empty database on the server, and return its URL; gone at the end."""
    made: list[str] = []

    def make() -> str:
        made.append(f"nightfit_test_{uuid.uuid4().hex}")
        _tell(postgresql, f"CREATE DATABASE {made[-1]}")
        return postgresql.set(database=made[-1]).render_as_string(hide_password=False)

    yield make
    for name in made:
        _tell(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


def _tell(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
