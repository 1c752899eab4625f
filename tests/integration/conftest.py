"""Stores in SQLite files and on the server of `tests/conftest.py`, and framework processes."""

import multiprocessing.popen_spawn_posix
import multiprocessing.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest
from helpers import warm_frameworks
from helpers.databases import SALES
from sqlalchemy import Connection, create_engine, make_url, text

from data.connections import retry
from data.store.database import version
from data.store.database.version import head
from data.store.session import Store
from data.store.tables import metadata

NewDatabase = Callable[[str], str]


@pytest.fixture(scope="session")
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NewDatabase:
    """A function that makes an empty database of a kind, `sqlite` or `postgresql`.

    It returns the URL.
    """

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
        return str(request.getfixturevalue("new_on_server")())

    return make


@pytest.fixture(scope="session")
def made_store(new_database: NewDatabase) -> Callable[[str], str]:
    """A function that returns the URL of a store without runs, made once per kind and session."""
    made: dict[str, str] = {}

    def make(kind: str) -> str:
        if kind not in made:
            made[kind] = new_database(kind)
            Store(made[kind]).ensure_ready()
        return made[kind]

    return make


@pytest.fixture
def postgres(new_on_server: Callable[[], str]) -> Iterator[Connection]:
    """A connection to an empty database of PostgreSQL."""
    engine = create_engine(new_on_server())
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that a test runs on: both in turn, unless the test names one."""
    return request.param


@pytest.fixture
def address(database_kind: str, new_database: NewDatabase) -> str:
    """The URL of an empty database for this test alone."""
    return new_database(database_kind)


@pytest.fixture
def store(database_kind: str, made_store: Callable[[str], str], tmp_path: Path) -> Store:
    """A store without runs."""
    made = make_url(made_store(database_kind))
    if database_kind == "sqlite":
        path = tmp_path / "store.db"
        shutil.copyfile(str(made.database), path)
        made = made.set(database=str(path))
    store = Store(made.render_as_string(hide_password=False))
    if database_kind == "postgresql":
        with store.writing() as connection:
            tables = ", ".join(metadata.tables)
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    return store


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this code have one more migration."""
    later = tmp_path / "100% migrations"
    shutil.copytree(version.MIGRATIONS, later, ignore=shutil.ignore_patterns("__pycache__"))
    (later / "versions" / "9999_next.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision, new_names = '9999', '{head()}', ('extra',)\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE extra (x INTEGER)')\n"
        "    op.execute('INSERT INTO extra SELECT run_id FROM run')\n"
    )
    monkeypatch.setattr(version, "MIGRATIONS", later)


@pytest.fixture(scope="session")
def framework_servers() -> None:
    """The servers that fork framework processes."""
    warm_frameworks.start_servers()


@pytest.fixture
def forked_workers(framework_servers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the framework processes of a test that is not about how they start."""
    fork, forked = warm_frameworks.fork_or_spawn, warm_frameworks.Forked
    monkeypatch.setattr(multiprocessing.util, "spawnv_passfds", fork)
    monkeypatch.setattr(multiprocessing.popen_spawn_posix, "Popen", forked)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts that nobody notices."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.001)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """The files at memory:// addresses, which are those of this process; there are none."""
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


@pytest.fixture(scope="module")
def sales(new_source_database):
    """A function that returns a database of a kind with a table `sales`, made once each."""
    made = {}

    def of_kind(kind):
        if kind not in made:
            made[kind] = new_source_database(kind)
            made[kind].fill("sales", SALES)
        return made[kind]

    return of_kind
