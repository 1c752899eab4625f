"""Predictions that the workers of a cluster copy to PostgreSQL: the rows of one who does it all."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from helpers.dask_cluster import cluster_in, night_on, wait_for
from helpers.store_nights import candidate, promoted, read, run_sql
from sqlalchemy import create_engine, func, select, text

from data.split import ROLES
from data.store.read.integrity import damage_of_run
from data.store.row_columns import PredictionColumns
from data.store.session import Store
from data.store.tables import prediction
from data.store.write.run import write_run
from data.store.write.run_table_upkeep import run_tables
from data.texts import Texts
from tasks.cluster.token_file import Token
from tasks.run import copying
from tasks.run.row_files import RowFiles
from tasks.run.workers import FrameworkWorkers

ROWS = 9_000
DRAW = np.random.default_rng(35)


@pytest.fixture(scope="module")
def address(new_on_server):
    """The URL of the database that the workers know."""
    return new_on_server()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, address):
    with cluster_in(tmp_path_factory.mktemp("cluster"), NIGHTFIT_DATABASE_URL=address) as made:
        yield made


@pytest.fixture(scope="module")
def workers(cluster):
    """The workers of one night, whose processes are warm after the first test."""
    with night_on(cluster.address) as night:
        yield FrameworkWorkers(night, night)


@contextmanager
def another(cluster, workers, **environment):
    """Give one more worker, which has come to the night."""
    before = len(workers._cluster.having("numpy"))
    extra = cluster.start_worker(**environment)
    try:
        wait_for(lambda: len(workers._cluster.having("numpy")) > before, "it has not come")
        yield extra
    finally:
        extra.kill()
        wait_for(lambda: len(workers._cluster.having("numpy")) == before, "it is still there")


@pytest.fixture
def store(address):
    """A store without runs in that database."""
    made = Store(address)
    made.ensure_ready()
    with made.writing() as connection:
        names = ", ".join(prediction.metadata.tables)
        connection.execute(text(f"TRUNCATE {names}"))
        for table in run_tables(connection):
            connection.execute(text(f"DROP TABLE {table.name}"))
    return made


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files of a driver that workers see."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return RowFiles()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(copying, "MIN_ROWS", 5_000)
    monkeypatch.setattr(copying, "PART_ROWS", 700)


def columns(model, rows, **more):
    """Return predictions with every kind of value, in the order of their keys."""
    role = np.array(ROLES, dtype=object)[DRAW.integers(0, 3, rows)]
    role[:3] = "warmup"
    size = 10.0 ** DRAW.integers(-300, 300, rows)
    actual = np.where(role == "new", np.nan, DRAW.normal(size=rows) * size)
    predicted = DRAW.normal(size=rows)
    predicted[:3] = np.nan
    lower = np.where(DRAW.random(rows) < 0.1, np.nan, -0.0)
    numbers = {"actual": actual, "predicted": predicted, "lower": lower, "upper": DRAW.random(rows)}
    keys = sorted(f"é{number:x}'\t" for number in DRAW.permutation(rows))
    return PredictionColumns(model=model, key=Texts.of(keys), role=role, **numbers, **more)


def record(number=1):
    """Return a run with the predictions of three models, of which one has few rows."""
    notes: list[Any] = [None] * ROWS
    notes[4_000:4_200] = ["a level never seen"] * 100 + ["two gaps"] * 100
    segment = Texts.of([None if n % 7 == 0 else f"shop {n % 31}" for n in range(ROWS)])
    names = ("torch/ann", "torch/least_squares", "theano/ann")
    made = promoted(number, {"a": 1.0})
    return replace(
        made,
        candidates=[candidate(name) for name in names],
        predictions=(
            columns(names[0], ROWS, note=notes),
            columns(
                names[1],
                ROWS - 1_000,
                lower_2=DRAW.random(ROWS - 1_000),
                segment=segment[:-1_000],
                routed=DRAW.random(ROWS - 1_000) < 0.5,
            ),
            columns(names[2], 60),
        ),
    )


def stored(store, made, workers, files):
    """Store a run as a night does; return what is told of it."""
    told: list[str] = []
    with workers.copied(store, made, files) as copied, store.writing() as connection:
        run_id = write_run(connection, made, told=told.append, copied=copied)
    return run_id, [*workers.take_warnings(), *told]


def bits(store):
    """All stored predictions, floats by their bits."""
    with store.reading() as connection:
        rows = connection.execute(select(prediction).order_by(*prediction.primary_key)).all()
    return [
        tuple(v.hex() if isinstance(v, float) else v for v in row[1:2] + row[3:]) for row in rows
    ]


def of_tables(connection):
    """Return how many rows each table of predictions has, by its name without ids."""
    counted = select(func.count()).group_by(text("tableoid")).select_from(prediction)
    return sorted(connection.execute(counted).scalars())


def test_rows_that_workers_copied_are_those_that_the_driver_writes(
    workers, store, files, new_on_server
):
    made, plain = record(), Store(new_on_server())
    plain.ensure_ready()
    with plain.writing() as connection:
        write_run(connection, made)
    run_id, told = stored(store, made, workers, files)
    assert told == []
    assert bits(store) == bits(plain)
    assert read(store, of_tables) == [60, ROWS - 1_000, ROWS]
    assert read(store, damage_of_run, run_id) == ()
    sums = "SELECT rows, sha256 FROM prediction_checksum ORDER BY model_id"
    assert run_sql(store.url, sums) == run_sql(plain.url, sums)


def test_a_worker_that_is_killed_amid_its_copy_costs_no_row_and_adds_none(
    cluster, workers, store, files, monkeypatch
):
    made = replace(record(), predictions=record().predictions[:1])
    copies, holder = copying._copy, create_engine(store.url).connect()

    def held(processes, table, *more):
        """Have all workers wait amid their first copies until one of them is killed."""
        holder.execute(text(f"LOCK TABLE {table.name} IN SHARE MODE"))
        threading.Thread(target=kill_and_release).start()
        return copies(processes, table, *more)

    def kill_and_release():
        try:
            wait_for(lambda: waits(store, "extra"), "it does not copy")
            children = psutil.Process(extra.pid).children(recursive=True)
            extra.kill()
            wait_for(lambda: not any(map(is_there, children)), "a process goes on")
        finally:
            holder.close()

    monkeypatch.setattr(copying, "_copy", held)
    with another(cluster, workers, NIGHTFIT_DATABASE_URL=store.url, PGAPPNAME="extra") as extra:
        run_id, told = stored(store, made, workers, files)
    assert told
    assert all("was lost amid a job; another one does it again" in text for text in told)
    assert [table.is_part for table in read(store, run_tables)] == [True]
    assert read(store, of_tables) == [ROWS]
    assert read(store, damage_of_run, run_id) == ()


def waits(store, name):
    """Return whether a session of this name waits for a lock."""
    statement = (
        "SELECT count(*) FROM pg_stat_activity"
        f" WHERE application_name = '{name}' AND wait_event_type = 'Lock'"
    )
    return run_sql(store.url, statement)[0][0]


def is_there(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_worker_that_knows_no_database_leaves_its_share_to_others(cluster, workers, store, files):
    with another(cluster, workers):
        run_id, told = stored(store, record(), workers, files)
    (warning,) = told
    assert "cannot write to the database (NIGHTFIT_DATABASE_URL names no PostgreSQL" in warning
    assert warning.endswith("; others wrote its share of the predictions.")
    assert read(store, of_tables) == [60, ROWS - 1_000, ROWS]
    assert read(store, damage_of_run, run_id) == ()


@pytest.mark.parametrize("reason", ["names another database there", "does not see the home"])
def test_what_no_worker_can_copy_is_written_here_and_told(
    workers, store, files, new_on_server, tmp_path, monkeypatch, reason
):
    if reason == "does not see the home":
        hidden = Token(str(tmp_path / "not there"), "unread")
        monkeypatch.setattr("tasks.run.copying.Token", SimpleNamespace(written=lambda _: hidden))
    else:
        store = Store(new_on_server())
        store.ensure_ready()
    run_id, (warning,) = stored(store, record(), workers, files)
    assert warning.startswith("17,000 predictions could not be written to the database by the work")
    assert reason in warning
    assert read(store, of_tables) == [2 * ROWS - 1_000 + 60]
    assert read(store, run_tables) == []
    assert read(store, damage_of_run, run_id) == ()


def test_what_a_run_does_not_take_is_removed(workers, store, files):
    def failing():
        with workers.copied(store, record(), files):
            assert len(read(store, run_tables)) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert read(store, run_tables) == []
