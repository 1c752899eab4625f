"""The databases of the tests: SQLite files, and a PostgreSQL server that the tests start.

`NIGHTFIT_TEST_DATABASE_URL` names another PostgreSQL server, by a role that may create databases.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import postgres_server
import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text

from data.store.database import open_store
from data.store.tables import metadata

NewDatabase = Callable[[str], str]


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


@pytest.fixture(scope="session")
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NewDatabase:
    """Make an empty database of a kind, `sqlite` or `postgresql`, and return its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
        return str(request.getfixturevalue("new_on_server")())

    return make


@pytest.fixture(scope="session")
def made_store(new_database: NewDatabase) -> Callable[[str], str]:
    """Return the URL of a store without a run in it, made once for all tests of a session."""
    made: dict[str, str] = {}

    def make(kind: str) -> str:
        if kind not in made:
            made[kind] = new_database(kind)
            open_store(made[kind]).dispose()
        return made[kind]

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that a test runs on: each of them, unless it says which."""
    return request.param


@pytest.fixture
def address(database_kind: str, new_database: NewDatabase) -> str:
    """The URL of an empty database of the test's own."""
    return new_database(database_kind)


@pytest.fixture
def store(database_kind: str, made_store: Callable[[str], str], tmp_path: Path) -> Iterator[Engine]:
    """An open store without a run in it."""
    made = make_url(made_store(database_kind))
    if database_kind == "sqlite":
        path = tmp_path / "store.db"
        shutil.copyfile(str(made.database), path)
        made = made.set(database=str(path))
    engine = open_store(made.render_as_string(hide_password=False))
    if database_kind == "postgresql":
        with engine.begin() as connection:
            tables = ", ".join(metadata.tables)
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    yield engine
    engine.dispose()


def _tell(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
