"""Opening a store: new, foreign, older, newer, read-only and unreachable databases."""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.store_nights import change, promoted, read, rows, run_sql
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from data.errors import StoreError
from data.store.database import version
from data.store.database.upgrades import upgrade
from data.store.database.version import VERSION_TABLE, head
from data.store.read.datasets import dataset_statuses
from data.store.session import Store
from data.store.write.run import write_run

HEAD = head()
NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an ordinary user can reach, unlike pytest's own where the tests run as root."""
    made = Path(tempfile.mkdtemp(prefix="nightfit-store-"))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Make file permissions apply to this test even where it runs as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def filled(address: str) -> None:
    """Make a store with one run in it."""
    change(Store(address), write_run, promoted(1, {"a": 1.0}))


def made(path: Path) -> Path:
    filled(url(path))
    return path


def names(address: str) -> set[str]:
    """The tables and views of a database."""
    engine = create_engine(address)
    existing = {*inspect(engine).get_table_names(), *inspect(engine).get_view_names()}
    engine.dispose()
    return existing


def refusal(address: str, *, reading: bool = False) -> str:
    with pytest.raises(StoreError) as caught:
        read(Store(address), dataset_statuses) if reading else Store(address).ensure_ready()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_empty_database_gets_its_tables(address: str):
    assert change(Store(address), dataset_statuses) == ()
    assert str(upgrade(address)).endswith(f": already at version {HEAD}.")


def test_a_file_is_made_with_its_folder_and_safe_settings(tmp_path: Path):
    path = tmp_path / "new" / "deeper" / "night 100%.db"
    with Store(url(path)).writing() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    assert path.exists()


def test_opening_again_finds_what_was_written(address: str):
    filled(address)
    assert rows(Store(address), "current_prediction", columns=["key"]) == [{"key": "a"}]


def test_tables_of_another_program_stay_as_they_are(address: str):
    run_sql(
        address,
        "CREATE TABLE sales (id INTEGER, amount DOUBLE PRECISION)",
        "INSERT INTO sales VALUES (1, 2.5)",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('x9')",
    )
    Store(address).ensure_ready()
    assert run_sql(address, "SELECT * FROM sales") == [(1, 2.5)]
    assert run_sql(address, "SELECT * FROM alembic_version") == [("x9",)]


def test_a_table_of_another_program_with_a_name_of_ours_is_refused_and_kept(address: str):
    run_sql(address, "CREATE TABLE model (car TEXT)")
    assert "already has a table or view named 'model'" in refusal(address)
    assert names(address) == {"model"}


def test_a_database_of_a_newer_version_is_refused(address: str):
    filled(address)
    run_sql(address, f"UPDATE {VERSION_TABLE} SET version_num = 'x999'")
    assert "made by a newer nightfit" in refusal(address)
    assert "x999" in refusal(address, reading=True)
    with pytest.raises(StoreError, match="newer nightfit"):
        upgrade(address)


def test_a_database_that_is_behind_names_the_command_that_upgrades_it(
    address: str, request: pytest.FixtureRequest
):
    filled(address)
    request.getfixturevalue("next_version")
    assert "Run `nightfit db upgrade`" in refusal(address)
    assert str(upgrade(address)).endswith(f": upgraded from version {HEAD} to 9999.")
    Store(address).ensure_ready()
    assert run_sql(address, "SELECT x FROM extra") == [(1,)]


def test_an_upgrade_that_fails_changes_nothing(address: str, request: pytest.FixtureRequest):
    filled(address)
    request.getfixturevalue("next_version")
    broken = version.MIGRATIONS / "versions" / "9999_next.py"
    broken.write_text(broken.read_text() + "    op.execute('SELECT 1 FROM nowhere')\n")
    with pytest.raises((StoreError, ProgrammingError), match="nowhere"):
        upgrade(address)
    assert "extra" not in names(address)
    assert run_sql(address, f"SELECT version_num FROM {VERSION_TABLE}") == [(HEAD,)]


def test_an_upgrade_keeps_a_table_of_another_program_with_a_new_name(
    address: str, request: pytest.FixtureRequest
):
    filled(address)
    run_sql(address, "CREATE TABLE extra (car TEXT)")
    request.getfixturevalue("next_version")
    with pytest.raises(StoreError, match="already has a table or view named 'extra'") as caught:
        upgrade(address)
    assert caught.value.next_step == "Rename it, then run `nightfit db upgrade` again."
    run_sql(address, "INSERT INTO extra (car) VALUES ('mini')")


def _open(address: str) -> None:
    Store(address).ensure_ready()


def test_processes_that_open_an_empty_database_at_once_all_succeed(address: str):
    spawn = multiprocessing.get_context("spawn")
    openers = [spawn.Process(target=_open, args=(address,)) for _ in range(3)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert [opener.exitcode for opener in openers] == [0, 0, 0]


def test_of_two_upgrades_at_once_one_waits(address: str, request: pytest.FixtureRequest):
    filled(address)
    request.getfixturevalue("next_version")
    slow = version.MIGRATIONS / "versions" / "9999_next.py"
    pause = "    import time; time.sleep(0.5)\n"
    slow.write_text(slow.read_text() + pause)
    with ThreadPoolExecutor(2) as pool:
        done = sorted(
            str(outcome).partition(": ")[2] for outcome in pool.map(upgrade, [address] * 2)
        )
    assert done == ["already at version 9999.", f"upgraded from version {HEAD} to 9999."]
    assert run_sql(address, "SELECT x FROM extra") == [(1,)]


@pytest.mark.parametrize("content", ["hello", "worker,wage\n1,2\n" * 200])
def test_a_file_that_is_not_a_database_is_refused_and_kept(tmp_path: Path, content: str):
    path = tmp_path / "wages.csv"
    path.write_text(content)
    message = refusal(url(path))
    assert str(path) in message
    assert "not an SQLite database" in message
    assert path.read_text() == content


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path):
    assert "cannot be opened" in refusal(url(tmp_path))


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    message = refusal(url(tmp_path / "file" / "store.db"))
    assert f"{tmp_path / 'file'}: the folder cannot be created" in message


def test_a_read_only_folder_is_refused_for_writing(folder: Path, request: pytest.FixtureRequest):
    folder.chmod(0o555)
    request.getfixturevalue("ordinary_user")
    assert f"{folder}: the database's folder is read-only" in refusal(url(folder / "store.db"))


def test_a_read_only_file_is_refused_for_writing(folder: Path, request: pytest.FixtureRequest):
    path = made(folder / "store.db")
    path.chmod(0o444)
    folder.chmod(0o777)
    request.getfixturevalue("ordinary_user")
    assert f"{path}: the database's file is read-only" in refusal(url(path))


def test_a_read_only_database_can_be_read(folder: Path, request: pytest.FixtureRequest):
    path = made(folder / "store.db")
    path.chmod(0o444)
    folder.chmod(0o555)
    request.getfixturevalue("ordinary_user")
    assert rows(Store(url(path)), "champion", columns=["dataset"]) == [{"dataset": "wages"}]
    assert [entry.name for entry in folder.iterdir()] == ["store.db"]


def test_a_reader_of_a_missing_database_makes_none(tmp_path: Path):
    path = tmp_path / "store.db"
    assert "no database here yet" in refusal(url(path), reading=True)
    assert not path.exists()


def test_a_reader_of_an_empty_database_leaves_it_empty(tmp_path: Path):
    path = tmp_path / "store.db"
    path.write_bytes(b"")
    assert "has no store yet" in refusal(url(path), reading=True)
    assert path.read_bytes() == b""


def test_a_reader_cannot_write(tmp_path: Path):
    store = Store(url(made(tmp_path / "store.db")))
    with pytest.raises(StoreError, match="read-only"), store.reading() as connection:
        connection.execute(text("DELETE FROM prediction"))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:pass-w0rd@127.0.0.1:1/shop",
        "postgresql://ann@127.0.0.1:1/shop?password=pass-w0rd",
        "postgresql+nodriver://ann:pass-w0rd@127.0.0.1/shop",
        "nodatabase://ann:pass-w0rd@127.0.0.1/shop",
        "pass-w0rd",
    ],
)
def test_a_database_that_cannot_be_reached_is_named_without_its_password(address: str):
    message = refusal(address)
    assert "pass-w0rd" not in message
    assert message.count(".") >= 1


def test_another_database_is_refused_with_the_two_that_there_are():
    message = refusal("mssql+pymssql://ann:pass-w0rd@127.0.0.1/shop")
    assert "sqlite:///file.db or postgresql://user:password@host/name" in message
    assert "pass-w0rd" not in message
