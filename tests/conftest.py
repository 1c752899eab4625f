"""What takes long to start and is shared: the framework workers and a PostgreSQL server.

`NIGHTFIT_TEST_DATABASE_URL` names another PostgreSQL server, with a role that may create databases.
"""

import gc
import os
import signal
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from helpers import databases, mariadb_server, object_store, postgres_server, web_server
from helpers.one_for_all import RUN
from sqlalchemy import URL, create_engine, make_url, text
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from data.settings import settings
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers

ROOT = Path(__file__).parents[1]
TOGETHER = {
    "frameworks": (
        "test_ann_plan_of_a_night",
        "test_article",
        "test_battery",
        "test_digits",
        "test_frameworks",
        "test_network",
        "test_night_workers",
        "test_no_later_row",
        "test_segment_frameworks",
    ),
    "databases": ("test_database_sources", "test_sources_alike"),
    "night": ("test_backup", "test_bad_input", "test_night", "test_readme", "test_unusual_folders"),
    "served": ("test_page", "test_page_run", "test_serve_attacked", "test_served"),
}
"""Files that share a fixture (`workers`, `mariadb`, `night`, `served`), made once by one worker.

They come first: each of these groups takes longer than any other file.
"""

PREFECT = ("PREFECT_", "DO_NOT_TRACK")
"""How the names of the variables begin that a command sets for Prefect."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell makes its background commands ignore Ctrl-C, and the tests' commands would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ByFile(LoadScopeScheduling):
    """Hands out whole files, so that what a file's tests share is made once, too."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0]).stem
        return _group_of(file) or file


def _group_of(file: str) -> str | None:
    return next((group for group, files in TOGETHER.items() if file in files), None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage in what is imported: that takes a fourth of the time of most tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the groups of files begin before all other files."""
    items.sort(key=lambda item: _group_of(item.path.stem) is None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Have pytest-xdist distribute the tests by file."""
    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def run_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the workers of pytest-xdist find the servers that they share."""
    folder = tmp_path_factory.getbasetemp()
    RUN.folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    yield
    RUN.leave()


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    """Let each test, and what is made for the next file, read the settings anew."""
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(autouse=True)
def own_variables() -> Iterator[None]:
    """Take back the variables of Prefect that a command has set in the tests' own process."""
    before = {name: text for name, text in os.environ.items() if name.startswith(PREFECT)}
    yield
    for name in [name for name in os.environ if name.startswith(PREFECT)]:
        if name not in before:
            del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """The frameworks' processes, which use the project's own folder of compiled code."""
    with Workers(FRAMEWORK_NAMES, home=ROOT / ".nightfit", time_limit=120) as started:
        yield started


@pytest.fixture(scope="session")
def postgresql() -> Iterator[URL]:
    """The URL of a PostgreSQL server, with a role that may create databases."""
    named = os.environ.get("NIGHTFIT_TEST_DATABASE_URL")
    with nullcontext(named) if named else postgres_server.running() as address:
        yield make_url(address).set(drivername="postgresql+psycopg")


@pytest.fixture(scope="session")
def objects() -> Iterator[object_store.ObjectStore]:
    """A server of S3, whose address and keys are in the environment."""
    with object_store.running() as started:
        yield started


@pytest.fixture(scope="session")
def web() -> Iterator[web_server.WebServer]:
    """A web server that fails as it is told."""
    with web_server.running() as started:
        yield started


@pytest.fixture(scope="session")
def new_on_server(postgresql: URL) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database on the server and returns its URL.

    On a server that is not ours, the databases are dropped at the end of the session.
    """
    names: list[str] = []

    def make() -> str:
        names.append(f"nightfit_test_{uuid.uuid4().hex}")
        _execute(postgresql, f"CREATE DATABASE {names[-1]}")
        return postgresql.set(database=names[-1]).render_as_string(hide_password=False)

    yield make
    for name in names if "NIGHTFIT_TEST_DATABASE_URL" in os.environ else ():
        _execute(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[int]:
    """The port of a MariaDB server."""
    if absent := mariadb_server.why_absent():
        pytest.skip(absent)
    with mariadb_server.running() as port:
        yield port


@pytest.fixture(scope="session")
def new_source_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> databases.NewDatabase:
    """A function that makes an empty database of a kind of `databases.KINDS`."""

    def make(kind: str) -> databases.Database:
        if kind == "postgresql":
            return databases.postgresql_database(request.getfixturevalue("new_on_server")())
        if kind == "mariadb":
            return databases.mariadb_database(request.getfixturevalue("mariadb"))
        return databases.file_database(kind, tmp_path_factory.mktemp("source"))

    return make


def _execute(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
