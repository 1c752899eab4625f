"""Whatever ends a run while it is being stored, it leaves nothing, and the next one works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.store_nights import counts, kind_of, promoted, rows, write
from sqlalchemy import Engine, event, make_url, text

from data.errors import StoreError
from data.settings import ROOT
from data.store.session import Store

WRITER = """
import sys
import numpy as np
from helpers.store_nights import change, kind_of, predictions, promoted
from data.errors import StoreError
from data.store.session import Store
from data.store.write.run import write_run
n = 400_000
numbers = np.zeros(n)
many = predictions("torch/ann", {})
columns = dict(actual=numbers, predicted=numbers, lower=numbers, upper=numbers)
many = type(many)(model=many.model, key=[f"{i:08}" for i in range(n)],
                  role=np.full(n, "train"), **columns)
store = Store(sys.argv[1])
print("ready", flush=True)
try:
    with store.writing() as connection:
        write_run(connection, promoted(2, {}, predictions=[many], against=1))
except StoreError as error:
    sys.exit(str(error))
"""


def size_on_disk(store: Store) -> int:
    """How many bytes the predictions take, including those of an unfinished transaction."""
    if kind_of(store) == "sqlite":
        journal = Path(f"{make_url(store.url).database}-wal")
        return journal.stat().st_size if journal.exists() else 0
    with store.reading() as connection:
        size = "SELECT pg_total_relation_size('prediction')"
        return connection.execute(text(size)).scalar_one()


@pytest.fixture
def writer(store: Store):
    """A process that is busy writing many predictions into a store with one night in it."""
    write(store, promoted(1, {"a": 1.0}))
    small = size_on_disk(store)
    url = store.url
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, url],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while size_on_disk(store) < small + 3_000_000 and time.monotonic() < deadline:
        assert process.poll() is None, "the writer ended before it could be disturbed"
        time.sleep(0.01)
    yield process
    process.kill()
    process.communicate()


def kill(_store: Store, process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)


def cut_off(store: Store, _process: subprocess.Popen[str]) -> None:
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' AND state <> 'idle'"
    )
    with store.reading() as connection:
        assert connection.execute(text(others)).scalars().all() == [True]


@pytest.mark.parametrize(
    ("database_kind", "disturb", "expected"),
    [("sqlite", kill, ""), ("postgresql", kill, ""), ("postgresql", cut_off, "the database")],
    indirect=["database_kind"],
)
def test_a_run_killed_while_it_writes_leaves_nothing(
    store: Store,
    writer: subprocess.Popen[str],
    disturb: Callable[[Store, subprocess.Popen[str]], None],
    expected: str,
):
    before = counts(store)
    disturb(store, writer)
    _, message = writer.communicate(timeout=60)
    assert writer.returncode == (1 if expected else -signal.SIGKILL)
    assert expected in message
    assert "Traceback" not in message
    assert counts(store) == before
    if kind_of(store) == "sqlite":
        with store.reading() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    write(store, promoted(3, {"a": 1.0, "b": 2.0}))
    assert len(rows(store, "current_prediction")) == 2


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_run_that_fills_the_disk_leaves_nothing(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    before = counts(store)

    def full(connection, _record) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")

    event.listen(Engine, "connect", full)
    many = {f"key {number}": 1.0 for number in range(5_000)}
    with pytest.raises(StoreError, match="the disk is full; nothing from this run was stored"):
        write(store, promoted(2, many))
    event.remove(Engine, "connect", full)
    assert counts(store) == before
    write(store, promoted(2, many))
    assert len(rows(store, "current_prediction")) == 5_000
