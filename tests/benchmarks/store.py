"""Writing a night's predictions into each database, compared with `DataFrame.to_sql`.

Both write the same rows into the same table, with its key, its index and its checks, in one
committed transaction, three times in turn. The fastest counts, because other work on the machine
disturbed it least. `to_sql` gets `chunksize=20_000` and its default `method`. Memory is the peak
above the data itself. What the rows take on the disk, with their indexes, is what a night adds to
the database for each model whose predictions of that many rows it stores.

`NIGHTFIT_TEST_DATABASE_URL` names the PostgreSQL server; without it, one is started.
"""

import multiprocessing
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from benchmarks.figures import record
from helpers import postgres_server
from sqlalchemy import Connection, create_engine, make_url, text

from data.store.session import Store
from data.store.tables import prediction
from data.store.write.bulk import insert_columns

ROWS = 1_000_000
TIMES = 3
WANTED = {"sqlite": 3, "postgresql": 15}
"""How many times as fast as `to_sql` the writer should be."""


def columns(rows: int) -> dict[str, Any]:
    """Return predictions of numbered rows, a fifth of which have no target."""
    draw = np.random.default_rng(1)
    actual = draw.normal(size=rows)
    role = np.where(draw.random(rows) < 0.2, "new", "train")
    actual[role == "new"] = np.nan
    return {
        "model_id": 1,
        "key": [str(number) for number in range(rows)],
        "run_id": 1,
        "dataset": "wages",
        "actual": actual,
        "predicted": draw.normal(size=rows),
        "lower": draw.normal(size=rows),
        "upper": draw.normal(size=rows),
        "role": role,
    }


def write_rows(address: str, way: str, rows: int, results: Any) -> None:
    """Write the rows in a process of its own; report seconds, bytes above the data and on disk."""
    data: Any = columns(rows)
    if way == "to_sql":
        data = pd.DataFrame(data)
    store = Store(address)
    process = psutil.Process()
    before = process.memory_info().rss
    started = time.perf_counter()
    with store.writing() as connection:
        if way == "to_sql":
            data.to_sql("prediction", connection, if_exists="append", index=False, chunksize=20_000)
        else:
            insert_columns(connection, prediction, data)
    seconds = time.perf_counter() - started
    peak = process.memory_info().rss if sys.platform != "linux" else _peak()
    with store.reading() as connection:
        results.put((seconds, peak - before, size_on_disk(connection)))


def size_on_disk(connection: Connection) -> int:
    """Return how many bytes the table of predictions takes on the disk, with its indexes."""
    if connection.dialect.name == "postgresql":
        return int(connection.scalar(text("SELECT pg_total_relation_size('prediction')")) or 0)
    address = make_url(connection.engine.url)
    return Path(str(address.database)).stat().st_size  # its other tables are empty


def _peak() -> int:
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(status.split()[0]) * 1024


def measured(new_address: Any, way: str, rows: int) -> tuple[float, float, float]:
    """Return the rows per second, the megabytes above the data, and those on the disk."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    writer = spawn.Process(target=write_rows, args=(new_address(), way, rows, results))
    writer.start()
    seconds, memory, size = results.get()
    writer.join()
    return rows / seconds, memory / 1e6, size / 1e6


@contextmanager
def databases() -> Iterator[dict[str, Callable[[], str]]]:
    """Yield, for each kind of database, a function that makes an empty one and returns its URL.

    SQLite's are files in a temporary folder. PostgreSQL's are on the server that
    `NIGHTFIT_TEST_DATABASE_URL` names, and stay there, or on a server of their own.
    """
    named = os.environ.get("NIGHTFIT_TEST_DATABASE_URL")
    with (
        tempfile.TemporaryDirectory() as folder,
        nullcontext(named) if named else postgres_server.running() as server,
    ):

        def sqlite() -> str:
            return f"sqlite:///{folder}/{uuid.uuid4().hex}.db"

        def postgresql() -> str:
            url = make_url(server).set(drivername="postgresql+psycopg")
            name = f"nightfit_bench_{uuid.uuid4().hex}"
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            return url.set(database=name).render_as_string(hide_password=False)

        yield {"sqlite": sqlite, "postgresql": postgresql}


def main() -> None:
    """Print the table."""
    rows = int(os.environ.get("NIGHTFIT_BENCH_ROWS", ROWS))
    print(f"{rows:,} predictions, rows per second")
    print(
        f"{'database':<12}{'to_sql':>10}{'nightfit':>10}{'ratio':>8}{'wanted':>8}{'memory':>10}"
        f"{'on disk':>10}"
    )
    with databases() as kinds:
        for name, new_address in kinds.items():
            runs: dict[str, list[tuple[float, float, float]]] = {"to_sql": [], "nightfit": []}
            for way in list(runs) * TIMES:
                runs[way].append(measured(new_address, way, rows))
            slow, quick = (max(speed for speed, *_ in figures) for figures in runs.values())
            _, memory, size = map(max, zip(*runs["nightfit"], strict=True))
            record("store", f"{name}: to_sql", slow, "rows/s")
            record("store", f"{name}: nightfit", quick, "rows/s")
            record("store", f"{name}: nightfit, memory above the data", memory, "MB")
            record("store", f"{name}: nightfit, on the disk", size, "MB")
            print(
                f"{name:<12}{slow:>10,.0f}{quick:>10,.0f}{quick / slow:>8.1f}{WANTED[name]:>8}"
                f"{memory:>7.0f} MB{size:>7.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
