"""Reading a store with 10M predictions: the views' first answers, and a stream of all rows.

There are five datasets, the largest with half of the predictions. The champion of each was promoted
on the first night. Then came many nights whose predictions are gone, as after pruning, and four
whose winner was refused. Each of the four stored all rows as predicted by its winner, and as
predicted by the champion the rows that had no target when it was trained: a fifth of most datasets,
nine tenths of one.

For each view: the milliseconds for the first 100 rows of one dataset and, if it has a key, for one
key; the median of several calls, for the slowest dataset. The aim is 50.

Then the peak memory of `nightfit query current_prediction --format csv`, for the first rows and for
all. `NIGHTFIT_BENCH_ROWS` scales the 10M down; `NIGHTFIT_TEST_DATABASE_URL` names a PostgreSQL
server.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from benchmarks.figures import record
from benchmarks.store import databases
from helpers.store_nights import candidate, kept, promoted, read, silenced, write
from sqlalchemy import text

from data.store.read.champions import champion_model
from data.store.row_columns import PredictionColumns
from data.store.session import Store
from data.store.views import VIEWS
from regressors.frameworks.registry import FRAMEWORK_NAMES

COMMAND = Path(sys.executable).with_name("nightfit")
ROWS = 10_000_000
DATASETS = {
    "sales": (0.5, 0.2),
    "wages": (0.25, 0.2),
    "trips": (0.125, 0.9),
    "homes": (0.075, 0.2),
    "loads": (0.05, 0.2),
}
"""A dataset's share of all predictions, and the share of its rows that have no target at first."""

QUIET, REFUSED = 60, 4
CALLS, AIM = 7, 50
FIRST = 100_000


def predicted_rows(model: str | int, number: np.ndarray, *, new: float) -> PredictionColumns:
    """Return predictions of rows, by their numbers; the share `new` of the rows has no target."""
    low, predicted, high = np.sort(np.random.default_rng(1).normal(size=(3, len(number))), axis=0)
    unknown = number % 100 < 100 * new
    return PredictionColumns(
        model=model,
        key=[f"{index:08d}" for index in number],
        actual=np.where(unknown, np.nan, predicted + 0.5),
        predicted=predicted,
        lower=low,
        upper=high,
        role=np.where(unknown | isinstance(model, int), "new", "train"),
    )


def fill(store: Store, dataset: str, rows: int, new: float) -> None:
    """Write the nights of a dataset, with `rows` predictions in all."""
    number = np.arange(int(rows / (1 + REFUSED * (1 + new))))
    shares = [silenced(tenths / 10, 2.0) for tenths in range(6)]
    champion = candidate(chosen=True, rank=1, resilience=shares)
    others = [candidate(f"{of}/least_squares", rank=2) for of in FRAMEWORK_NAMES]
    first = promoted(0, {}, dataset=dataset, candidates=[champion, *others])
    write(store, replace(first, predictions=[predicted_rows("torch/ann", number, new=new)]))
    serving = read(store, champion_model, dataset)
    assert serving is not None
    waiting = number[number % 100 < 100 * new]
    for night in range(1, QUIET + REFUSED + 1):
        batches = [
            predicted_rows("theano/least_squares", number, new=new / 2),
            predicted_rows(serving.model_id, waiting, new=new / 2),
        ]
        record = kept(night, serving.model_id, {}, dataset=dataset)
        write(store, replace(record, predictions=batches if night > QUIET else []))


def milliseconds(store: Store, statement: str, parameters: Sequence[dict[str, str]]) -> float:
    """Return how long a statement and its rows take: the median over the calls."""
    taken = []
    with store.reading() as connection:
        for values in parameters:
            start = time.perf_counter()
            connection.execute(text(statement), values).all()
            taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def answers(store: Store) -> list[tuple[float, str, str]]:
    """Return for each question its milliseconds, its text, and the slowest dataset."""
    timings = []
    for name, view in VIEWS.items():
        questions = {"first 100 rows": f"SELECT * FROM {name} WHERE dataset = :dataset LIMIT 100"}
        if "key" in view.columns:
            questions["one key"] = f"SELECT * FROM {name} WHERE dataset = :dataset AND key = :key"
        for question, statement in questions.items():
            times = {
                dataset: milliseconds(
                    store,
                    statement,
                    [
                        {"dataset": dataset, "key": f"{15 + 100 * call:08d}"}
                        for call in range(CALLS)
                    ],
                )
                for dataset in DATASETS
            }
            slowest = max(times, key=times.__getitem__)
            timings.append((times[slowest], f"{name}: {question}", slowest))
    return sorted(timings, reverse=True)


def streamed(address: str, *arguments: str) -> tuple[int, float, float]:
    """Return the rows, seconds and peak megabytes of a query whose CSV is thrown away."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(COMMAND), "query", "current_prediction", "--format", "csv", *arguments],
        env={**os.environ, "NIGHTFIT_DATABASE_URL": address},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    rows, peak, measured = -1, 0, psutil.Process(process.pid)
    while chunk := process.stdout.read(1 << 16):
        rows += chunk.count(b"\n")
        peak = max(peak, measured.memory_info().rss)
    assert process.wait() == 0
    return rows, time.perf_counter() - start, peak / 1e6


def main() -> None:
    """Print the tables."""
    rows = int(os.environ.get("NIGHTFIT_BENCH_ROWS", ROWS))
    with databases() as kinds:
        for kind, new_address in kinds.items():
            address = new_address()
            store = Store(address)
            start = time.perf_counter()
            for dataset, (share, new) in DATASETS.items():
                fill(store, dataset, int(rows * share), new)
            with store.writing() as connection:  # as PostgreSQL does by itself within a minute
                connection.execute(text("ANALYZE" if kind == "postgresql" else "SELECT 1"))
            print(f"{kind}: {rows:,} predictions, written in {time.perf_counter() - start:.0f} s")
            print(f"{'view':<40}{'ms':>8}{'aim':>8}  slowest of")
            for taken, question, slowest in answers(store):
                record("reads", f"{kind}: {question}", taken, "ms")
                print(f"{question:<40}{taken:>8.1f}{AIM:>8}  {slowest}", flush=True)
            for arguments in (["--limit", str(FIRST)], []):
                count, seconds, peak = streamed(address, *arguments)
                record("reads", f"{kind}: query to CSV, {count} rows", seconds, "s")
                record("reads", f"{kind}: query to CSV, {count} rows, memory", peak, "MB")
                print(f"query to CSV: {count:,} rows in {seconds:.0f} s, {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
