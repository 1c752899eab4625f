"""What it costs to store predictions in PostgreSQL, by one machine and by workers of a cluster.

    copying.py [--rows N] [--tables N]

Seconds of CPU per million rows: of this machine, which writes them all into `prediction`, and of
the server; and for rows that workers copy into a table of their own, of this machine, of a worker
and of the server, which makes the key of that table at the end. Seconds of waiting are not counted,
so that other work on the machine disturbs the figures little. Files are in a temporary folder.
Then, how long a row of `current_prediction` takes by its key, with no such table and with so many.

`NIGHTFIT_TEST_DATABASE_URL` names a PostgreSQL server on this machine; without it, one is started.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, process_time
from unittest.mock import patch

import numpy as np
import psutil
import pyarrow as pa
from benchmarks.figures import record
from benchmarks.store import databases
from sqlalchemy import Connection, event, text

from data.store.checksums import in_key_order
from data.store.database.engine import engine_on
from data.store.row_columns import PredictionColumns
from data.store.session import Store
from data.store.write.checksums import insert_prediction_checksum
from data.store.write.rows import insert_predictions
from data.store.write.run_tables import CopiedRows, attach, copy_part, make_run_table
from data.texts import Texts
from regressors.blocks import blocks_of
from tasks.cluster.copy_job import PlacedRows, RowsToCopy, checksum, copy_rows
from tasks.cluster.token_file import Token
from tasks.run.copying import PART_ROWS
from tasks.run.row_files import RowFiles

QUERIES = 20


def predicted(rows: int) -> PredictionColumns:
    """Return predictions of numbered rows, a fifth of which have no target, in files."""
    files, draw = RowFiles(), np.random.default_rng(1)
    role = np.where(draw.random(rows) < 0.2, "new", "test").astype(object)
    numbers = {name: draw.normal(size=rows) for name in ("actual", "predicted", "lower", "upper")}
    numbers["actual"][role == "new"] = np.nan
    keys = pa.array(np.sort(np.arange(rows).astype(str)), pa.large_string())
    stored = {name: files.stored(values) for name, values in numbers.items()}
    return PredictionColumns(
        model="torch/ann", key=files.stored_texts(Texts.of(keys)), role=role, **stored
    )


class Costs:
    """Adds up seconds of CPU of this process and of the server, per million rows, by what for."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, here: str, server: str = "", session: Connection | None = None) -> Iterator[None]:
        """Count what is done in between, `here` and in a session of the server."""
        backend = None if session is None else backend_of(session)
        own, theirs = process_time(), used_by(backend)
        yield
        self._add(here, process_time() - own)
        if server:
            self._add(server, used_by(backend) - theirs)

    def _add(self, what: str, seconds: float) -> None:
        self.seconds[what] = self.seconds.get(what, 0.0) + seconds * 1e6 / self._rows

    def told(self) -> None:
        """Print and record all."""
        for what, seconds in self.seconds.items():
            record("copying", what, seconds, "s of CPU per million rows")
            print(f"{what}: {seconds:.3g} s of CPU per million rows", flush=True)


def backend_of(session: Connection) -> psutil.Process:
    """Return the server's process for a session."""
    return psutil.Process(session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def used_by(process: psutil.Process | None) -> float:
    """Return the seconds of CPU that a process has used."""
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def by_this_machine(store: Store, rows: PredictionColumns, costs: Costs) -> None:
    """Write all rows as a night does without a cluster."""
    with store.writing() as session, costs.of("here, alone", "server, alone", session):
        insert_predictions(session, 1, 1, "sales", rows)
        insert_prediction_checksum(session, 1, 1, in_key_order(rows))


def by_workers(store: Store, rows: PredictionColumns, costs: Costs) -> None:
    """Copy all rows as workers do, one part after the other, and add their table."""
    files = RowFiles()
    with store.writing() as session, costs.of("here, with workers"):
        table = make_run_table(session, "sales", run_id=2, model_id=2)
    with costs.of("here, with workers"):
        placed = PlacedRows.of(rows, files.stored, Token.written(files.folder))
    whole = RowsToCopy(table, placed, slice(0, len(rows.key)), url=store.url)
    with costs.of("one worker: checksum"):
        summed = checksum(None, whole)
    assert isinstance(summed, tuple)
    transactions = []
    for part in blocks_of(placed.rows, PART_ROWS):
        job = RowsToCopy(table, placed, part, url=store.url)
        with costs.of("all workers: copying"), counting(store, costs):
            transactions.append(copy_rows(None, job))
    done = CopiedRows(table, *summed, frozenset(int(number) for number in transactions))
    with (
        store.writing() as session,
        costs.of("here, with workers", "server: key and index", session),
    ):
        assert attach(session, done) is None


@contextmanager
def counting(store: Store, costs: Costs) -> Iterator[None]:
    """Count what the server uses for a session that begins and ends in between."""
    engine = engine_on(store.url, read_only=True)

    def ended(session: Connection) -> None:
        backend = backend_of(session)
        costs._add("server: copying", used_by(backend))

    event.listen(engine, "commit", ended)
    try:
        yield
    finally:
        event.remove(engine, "commit", ended)


def milliseconds_by_key(store: Store) -> float:
    """Return how long a query of one row takes; the fastest counts."""
    query = text("SELECT * FROM current_prediction WHERE dataset = 'sales' AND key = '55'")
    with store.reading() as session:
        times = []
        for _ in range(QUERIES):
            begin = perf_counter()
            session.execute(query).all()
            times.append(perf_counter() - begin)
        return min(times) * 1e3


def with_tables(store: Store, number: int) -> None:
    """Print how long a query takes before and after so many tables of a few rows are added."""
    times = {0: milliseconds_by_key(store)}
    few = predicted(200)
    for run_id in range(1, number + 1):
        with store.writing() as session:
            table = make_run_table(session, "sales", run_id=run_id, model_id=run_id)
        numbers = frozenset([copy_part(store.url, table, few)])
        with store.writing() as session:
            attach(session, CopiedRows(table, len(few.key), "", numbers))
    times[number] = milliseconds_by_key(store)
    for tables, value in times.items():
        record("copying", f"a row by its key, {tables} tables", value, "ms")
        print(
            f"a row of current_prediction by its key, {tables:,} tables: {value:.2g} ms", flush=True
        )


def main() -> None:
    """Print the costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--tables", type=int, default=64)
    options = parser.parse_args()
    rows = options.rows
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("tempfile.tempdir", folder),
        databases() as of,
    ):
        store, costs = Store(of["postgresql"]()), Costs(rows)
        store.ensure_ready()
        made = predicted(rows)
        by_this_machine(store, made, costs)
        by_workers(store, made, costs)
        costs.told()
        store = Store(of["postgresql"]())
        store.ensure_ready()
        with_tables(store, options.tables)


if __name__ == "__main__":
    main()
