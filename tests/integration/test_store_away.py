"""A database that goes away for a while costs no run, and stores none twice."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from helpers.cut_line import Line, cuttable_store
from helpers.store_nights import kind_of, promoted, rows, write
from sqlalchemy import Connection, create_engine, make_url, text

from data.declarations.file import load_dataset
from data.errors import Busy, LockLost, RunFailed, StoreAway, StoreError
from data.store.database import retry, sqlite
from data.store.database.lock import dataset_lock
from data.store.session import Store
from data.store.write.run import write_run
from tasks.store import new_attempt

ON_POSTGRESQL = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.05)


@pytest.fixture
def line_and_url(store: Store) -> Iterator[tuple[Line, str]]:
    """A line to the PostgreSQL server of `store` that the test may cut, and the store's URL."""
    with cuttable_store(make_url(store.url)) as line_and_url:
        yield line_and_url


@pytest.fixture
def line(line_and_url: tuple[Line, str]) -> Line:
    return line_and_url[0]


@pytest.fixture
def url(line_and_url: tuple[Line, str]) -> str:
    return line_and_url[1]


def stored(connection: Connection, tries: Iterator[int], number: int = 2) -> int:
    return write_run(connection, promoted(number, {"a": 1.0}, against=1), again=next(tries) > 0)


def end_session(store: Store, where: str) -> int:
    """End the sessions of other processes, as an administrator or a restart would."""
    statement = (
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND {where}"
    )
    with store.reading() as connection:
        return connection.execute(text(statement)).scalar_one()


@ON_POSTGRESQL
@pytest.mark.parametrize("lost", ["commit", "answer"])
def test_a_commit_whose_answer_was_lost_is_stored_exactly_once(store: Store, line: Line, url, lost):
    write(store, promoted(1, {"a": 1.0}))
    through, tries = Store(url, retry_time=10), count()
    line.loses_next_commit = lost
    run_id = through.write(lambda connection: stored(connection, tries))
    assert line.commits_lost == 1
    assert next(tries) == 2
    assert sorted(row["run_id"] for row in rows(store, "run_history")) == [1, run_id]
    assert len(rows(store, "current_prediction")) == 1


@ON_POSTGRESQL
def test_a_writer_whose_session_is_ended_amid_its_transaction_stores_the_run_all_the_same(
    store: Store,
):
    write(store, promoted(1, {"a": 1.0}))
    tries, ended = count(), count()

    def write_and_lose(connection: Connection) -> int:
        run_id = stored(connection, tries)
        if next(ended) == 0:
            assert end_session(store, "state = 'idle in transaction'") == 1
        return run_id

    run_id = Store(store.url, retry_time=10).write(write_and_lose)
    assert next(tries) == 2
    assert sorted(row["run_id"] for row in rows(store, "run_history")) == [1, run_id]


@ON_POSTGRESQL
def test_a_store_that_is_away_for_a_while_is_waited_for_and_each_try_is_told(
    line: Line, url: str, caplog: pytest.LogCaptureFixture
):
    patient = Store(url, retry_time=10)
    line.refuses = True
    threading.Timer(0.3, lambda: setattr(line, "refuses", False)).start()
    reasons: list[StoreAway] = []
    with caplog.at_level("INFO", "nightfit"):
        assert patient.write(lambda _connection: "stored", on_retry=reasons.append) == "stored"
    assert reasons
    assert "Trying again in" in caplog.text
    assert "answers again" in caplog.text


@ON_POSTGRESQL
def test_a_reader_waits_for_a_store_that_is_away(line: Line, url: str):
    line.refuses = True
    threading.Timer(0.3, lambda: setattr(line, "refuses", False)).start()
    with Store(url, retry_time=10).reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@ON_POSTGRESQL
def test_a_store_that_stays_away_is_given_up_after_the_stated_time(line: Line, url: str):
    line.refuses = True
    start = time.monotonic()
    with pytest.raises(StoreAway, match=r"tried again for 0\.4 seconds"):
        Store(url, retry_time=0.4).read(lambda _connection: None)
    assert 0.4 <= time.monotonic() - start < 5


@ON_POSTGRESQL
def test_a_server_without_a_free_connection_is_waited_for(store: Store):
    url = make_url(store.url)
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"ALTER DATABASE {url.database} CONNECTION LIMIT 1"))
        connection.execute(text("DROP ROLE IF EXISTS crowd"))
        connection.execute(text("CREATE ROLE crowd LOGIN PASSWORD 'crowd' CONNECTION LIMIT 0"))
        try:
            crowd = url.set(username="crowd", password="crowd").render_as_string(False)
            with pytest.raises(StoreAway, match="too many connections"):
                Store(crowd).read(lambda _connection: None)
        finally:
            connection.execute(text("DROP ROLE crowd"))
            connection.execute(text(f"ALTER DATABASE {url.database} CONNECTION LIMIT -1"))


@ON_POSTGRESQL
def test_a_wrong_password_or_database_is_not_tried_again(store: Store):
    wrong = make_url(store.url).set(database="no_such_database")
    start = time.monotonic()
    with pytest.raises(StoreError, match="does not exist") as caught:
        Store(wrong.render_as_string(False), retry_time=60).read(lambda _connection: None)
    assert not isinstance(caught.value, StoreAway)
    assert time.monotonic() - start < 10


def test_an_address_where_nothing_answers_is_tried_only_shortly_at_first(monkeypatch):
    monkeypatch.setattr("data.store.session.FIRST_CONTACT_SECONDS", 0.2)
    nobody = Store("postgresql://ann:secret@127.0.0.1:1/shop", retry_time=600)
    with pytest.raises(StoreAway, match="refused") as caught:
        nobody.ensure_ready(first_contact=True)
    assert "secret" not in str(caught.value)


@ON_POSTGRESQL
def test_a_lock_whose_session_was_ended_is_taken_again(
    store: Store, caplog: pytest.LogCaptureFixture
):
    with dataset_lock(store.url, "wages") as lock:
        lock.ensure_held()
        assert end_session(store, "state = 'idle'")
        lock.ensure_held()
        assert "taking it again" in caplog.text
        with pytest.raises(Busy), dataset_lock(store.url, "wages", wait=False):
            pass


@ON_POSTGRESQL
def test_a_run_stores_nothing_if_another_process_took_its_lock_meanwhile(store: Store):
    with dataset_lock(store.url, "wages") as lock:
        end_session(store, "state = 'idle'")
        with dataset_lock(store.url, "wages", wait=False):
            for _ in range(2):
                with pytest.raises(LockLost, match="another process has begun to work"):
                    lock.ensure_held()
        lock.ensure_held()


@ON_POSTGRESQL
def test_a_run_that_lost_its_lock_is_stored_as_failed_with_that_reason_alone(
    store: Store, tmp_path: Path
):
    (tmp_path / "wages.yaml").write_text("source: {path: wages.csv}\nkey: id\ntarget: y\n")
    declaration = load_dataset("wages", tmp_path)
    attempt = new_attempt(declaration, store, home=tmp_path, as_of=None, dry_run=False)

    def lose_the_lock() -> None:
        with dataset_lock(store.url, "wages") as lock, attempt:
            end_session(store, "state = 'idle'")
            with dataset_lock(store.url, "wages", wait=False):
                lock.ensure_held()

    with pytest.raises(RunFailed, match="another process has begun"):
        lose_the_lock()
    (run,) = rows(store, "run_history")
    assert run["status"] == "failed"
    assert run["reason"].startswith("the database ended the session that held this run's lock")


@ON_POSTGRESQL
def test_a_lock_is_waited_for_while_the_database_is_away(line: Line, url: str):
    line.refuses = True
    threading.Timer(0.3, lambda: setattr(line, "refuses", False)).start()
    with dataset_lock(url, "wages", wait=False, retry_time=10) as lock:
        lock.ensure_held()
        with pytest.raises(Busy), dataset_lock(url, "wages", wait=False):
            pass


@ON_SQLITE
def test_a_file_that_stays_locked_beyond_its_wait_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.1)
    assert kind_of(store) == "sqlite"
    with closing(sqlite3.connect(str(make_url(store.url).database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        reasons: list[StoreAway] = []

        def leave(error: StoreAway) -> None:
            reasons.append(error)
            if len(reasons) == 2:
                other.execute("ROLLBACK")

        patient = Store(store.url, retry_time=20)
        run_id = patient.write(lambda c: write_run(c, promoted(1, {"a": 1.0})), on_retry=leave)
    assert run_id == 1
    assert all("has kept it locked" in error.what for error in reasons)


@ON_SQLITE
def test_the_retry_of_a_run_that_is_stored_already_returns_it(store: Store):
    record = promoted(1, {"a": 1.0})
    assert store.write(lambda c: write_run(c, record)) == 1
    assert store.write(lambda c: write_run(c, record, again=True)) == 1
    with pytest.raises(StoreError, match="stored already, as run 1"):
        store.write(lambda c: write_run(c, record))


@ON_POSTGRESQL
def test_ctrl_c_amid_statements_is_not_taken_for_a_failure_of_the_database(store: Store):
    def interrupted(connection: Connection) -> None:
        # As if it came while the driver sends many statements: then it cannot roll them back.
        connection.connection.driver_connection.pgconn.enter_pipeline_mode()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(interrupted)
