"""Writing a night's predictions into each database, beside `DataFrame.to_sql` in the same run.

Both write the same rows into the same table, with its key, its index and its checks, in one
transaction that is committed, three times in turn; the fastest counts, as the one that the machine
disturbed least. `to_sql` is given `chunksize=20_000`, and its default `method`.
Memory is what the process took at most above the data itself.
Asks for `NIGHTFIT_TEST_DATABASE_URL` or starts a PostgreSQL server of its own.
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
from helpers import postgres_server
from sqlalchemy import create_engine, make_url, text

from data.store.session import Store
from data.store.tables import prediction
from data.store.write.bulk import insert_columns

ROWS = 1_000_000
TIMES = 3
WANTED = {"sqlite": 3, "postgresql": 15}
"""How many times as fast as `to_sql` the writer is to be."""


def columns(rows: int) -> dict[str, Any]:
    """Predictions of numbered rows, a fifth of them without a target."""
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


def written(address: str, way: str, rows: int, told: Any) -> None:
    """Write the rows in a process of its own; tell the seconds, and the bytes above the data."""
    given: Any = columns(rows)
    if way == "to_sql":
        given = pd.DataFrame(given)
    store = Store(address)
    process = psutil.Process()
    before = process.memory_info().rss
    started = time.perf_counter()
    with store.writing() as connection:
        if way == "to_sql":
            given.to_sql(
                "prediction", connection, if_exists="append", index=False, chunksize=20_000
            )
        else:
            insert_columns(connection, prediction, given)
    seconds = time.perf_counter() - started
    peak = process.memory_info().rss if sys.platform != "linux" else _peak()
    told.put((seconds, peak - before))


def _peak() -> int:
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(status.split()[0]) * 1024


def measured(new_address: Any, way: str, rows: int) -> tuple[float, float]:
    """Return rows a second, and megabytes above the data."""
    spawn = multiprocessing.get_context("spawn")
    told = spawn.Queue()
    writer = spawn.Process(target=written, args=(new_address(), way, rows, told))
    writer.start()
    seconds, memory = told.get()
    writer.join()
    return rows / seconds, memory / 1e6


@contextmanager
def databases() -> Iterator[dict[str, Callable[[], str]]]:
    """Give for each kind of database what makes an empty one and returns its URL.

    SQLite's are files in a temporary folder; PostgreSQL's are on `NIGHTFIT_TEST_DATABASE_URL`, and
    stay there, or on a server of their own.
    """
    given = os.environ.get("NIGHTFIT_TEST_DATABASE_URL")
    with (
        tempfile.TemporaryDirectory() as folder,
        nullcontext(given) if given else postgres_server.running() as server,
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
    print(f"{rows:,} predictions, rows a second")
    print(f"{'database':<12}{'to_sql':>10}{'nightfit':>10}{'ratio':>8}{'wanted':>8}{'memory':>10}")
    with databases() as kinds:
        for name, new_address in kinds.items():
            found: dict[str, list[tuple[float, float]]] = {"to_sql": [], "nightfit": []}
            for way in list(found) * TIMES:
                found[way].append(measured(new_address, way, rows))
            slow, quick = (max(speed for speed, _ in runs) for runs in found.values())
            memory = max(memory for _, memory in found["nightfit"])
            print(
                f"{name:<12}{slow:>10,.0f}{quick:>10,.0f}{quick / slow:>8.1f}{WANTED[name]:>8}"
                f"{memory:>7.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
