"""Rows per second of a processor's core that champions predict, each beside a bare product.

- A linear equation of 10M encoded rows, with and without intervals and notes, beside NumPy's
  product of the encoded matrix with the estimates, in the same run and of the same rows: of numbers
  alone, where nothing can be looked up, and of numbers and categories. The aim is 1.5 times its
  time.
- Five networks of 128 and 128 cells over 300 encoded columns, from columns to intervals, beside
  PyTorch's bare forward passes of the same networks over matrices that are there already.
- `nightfit predict` from a table of SQLite, and from Parquet, into Parquet: all that it does.

Times are CPU seconds of one thread, the fastest of several. `NIGHTFIT_BENCH_ROWS` scales the 10M
down. The models are random.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import process_time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from benchmarks.figures import record  # noqa: E402
from helpers.scoring import learned  # noqa: E402
from helpers.sources import shop  # noqa: E402

from flows.command.output_formats import write_batches  # noqa: E402
from regressors.arrays import CodedTexts, Columns  # noqa: E402
from regressors.candidate import Candidate  # noqa: E402
from regressors.encoding.matrices import Encoding  # noqa: E402
from regressors.intervals.intervals import Intervals  # noqa: E402
from regressors.model import LinearMember, Model, NetworkMember  # noqa: E402
from regressors.network.recipe import start_arrays  # noqa: E402
from tasks.score import scoring  # noqa: E402

ROWS = int(os.environ.get("NIGHTFIT_BENCH_ROWS", "10_000_000"))
BLOCK = 1_000_000
LABELS = np.array([*(f"level {number}" for number in range(12)), None], dtype=object)
NETWORK_ROWS, NETWORKS = 16_384, 5
TIMES = 3


def columns_of(rows: int, numbers: int, categories: int, seed: int = 1) -> Columns:
    rng = np.random.default_rng(seed)
    columns: dict = {f"x{number:02}": rng.normal(size=rows) for number in range(numbers)}
    for number in range(categories):
        codes = rng.integers(0, len(LABELS) - 1, rows).astype(np.int32)
        columns[f"c{number}"] = CodedTexts(codes, LABELS)
    return columns


def fastest(work: Callable[[], object], times: int = TIMES) -> float:
    """Return the CPU seconds of the fastest of several calls."""
    seconds = []
    for _ in range(times):
        begin = process_time()
        work()
        seconds.append(process_time() - begin)
    return min(seconds)


def linear(what: str, numbers: int, categories: int) -> None:
    """Print and record the times of a linear equation over those of a bare product."""
    rows = min(BLOCK, ROWS)
    columns = columns_of(rows, numbers, categories)
    encoding = Encoding.fit({name: column[:5000] for name, column in columns.items()}, pieces=False)
    design = encoding.design(columns)
    estimates = np.random.default_rng(2).normal(size=design.shape[1])
    model = Model(
        Candidate("torch", "least_squares"),
        (LinearMember(encoding, estimates),),
        Intervals.constant(1.5, 0.9),
    )
    seconds = dict.fromkeys(("product", "predict", "predicted"), 0.0)
    for _ in range(0, ROWS, rows):
        seconds["product"] += fastest(lambda: design @ estimates)
        seconds["predict"] += fastest(lambda: model.predict(columns))
        seconds["predicted"] += fastest(lambda: model.predicted(columns))
    bare = seconds["product"]
    print(
        f"{what}, {design.shape[1]} encoded columns, {ROWS:,} rows: X @ b {bare:.2f} s;"
        f" predictions {seconds['predict'] / bare:.2f} times that,"
        f" with intervals and notes {seconds['predicted'] / bare:.2f} times"
    )
    record("predict", f"{what}, predictions over X @ b", seconds["predict"] / bare, "times")
    record("predict", f"{what}, all over X @ b", seconds["predicted"] / bare, "times")


def networks() -> None:
    """Print and record the rows per second of five networks, and of PyTorch's bare passes."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(3)
    members = []
    for number in range(NETWORKS):
        encoding = Encoding.fit(_spelt_out(columns_of(1740, 8, 5, seed=number)))
        inputs = encoding.network(columns_of(10, 8, 5)).shape[1]
        ridge = rng.normal(size=encoding.standardised(columns_of(10, 8, 5)).shape[1])
        layers = tuple(start_arrays(rng, inputs, (128, 128)))
        members.append(NetworkMember(encoding, np.array([10.0, 2.0, 0.1]), ridge, layers))
    model = Model(Candidate("torch", "ann"), tuple(members), Intervals.constant(1.5, 0.9))
    columns = columns_of(NETWORK_ROWS, 8, 5)
    matrices = [torch.tensor(m.encoded(m.encoding.parts(columns))[1]) for m in members]
    passes = [_torch_network(torch, member.layers) for member in members]

    def bare() -> None:
        with torch.inference_mode():
            for start in range(0, NETWORK_ROWS, 1024):
                for run, matrix in zip(passes, matrices, strict=True):
                    run(matrix[start : start + 1024])

    ours, theirs = fastest(lambda: model.predicted(columns)), fastest(bare)
    print(
        f"{NETWORKS} networks over {matrices[0].shape[1]} encoded columns:"
        f" {NETWORK_ROWS / ours:,.0f} rows per second with all that belongs to a prediction,"
        f" PyTorch's bare passes {NETWORK_ROWS / theirs:,.0f}: {theirs / ours:.2f} of their speed"
    )
    record("predict", "five networks", NETWORK_ROWS / ours, "rows/s")
    record("predict", "five networks, PyTorch's bare passes", NETWORK_ROWS / theirs, "rows/s")


def _torch_network(torch, layers):
    modules = []
    for weights, bias in zip(layers[::2], layers[1::2], strict=True):
        layer = torch.nn.Linear(*weights.shape)
        layer.weight.data = torch.tensor(weights.T.copy())
        layer.bias.data = torch.tensor(bias)
        modules += [layer, torch.nn.GELU(approximate="tanh")]
    return torch.nn.Sequential(*modules[:-1])


def _spelt_out(columns: Columns) -> Columns:
    return {name: np.asarray(column) for name, column in columns.items()}


def table_of(rows: int, *, labelled: bool) -> pa.Table:
    """Return rows as a source has them: a key, five numbers, a count and two categories."""
    rng = np.random.default_rng(4)
    columns: dict[str, np.ndarray] = {"id": np.arange(rows)}
    columns |= {f"x{number}": rng.normal(size=rows).round(4) for number in range(5)}
    columns["count"] = rng.integers(0, 100, rows)
    columns["store"] = LABELS[rng.integers(0, 12, rows)].astype(str)
    columns["kind"] = LABELS[rng.integers(0, 3, rows)].astype(str)
    if labelled:
        columns["y"] = rng.normal(size=rows)
    return pa.table(columns)


def whole_command(folder: Path) -> None:
    """Print and record the rows per second from a source to a Parquet file."""
    rows = min(BLOCK, ROWS)
    pq.write_table(table_of(5000, labelled=True), folder / "shop.parquet")
    model = learned(shop(folder / "shop.parquet"), folder)
    new = table_of(rows, labelled=False)
    pq.write_table(new, folder / "new.parquet")
    with closing(sqlite3.connect(folder / "new.db")) as connection, connection:
        kinds = dict.fromkeys(new.column_names, "REAL") | {"id": "INTEGER", "count": "INTEGER"}
        kinds |= {"store": "TEXT", "kind": "TEXT"}
        declared = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        connection.execute(f"CREATE TABLE sales ({declared})")
        marks = ", ".join("?" * new.num_columns)
        for batch in new.to_batches(50_000):
            values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            connection.executemany(f"INSERT INTO sales VALUES ({marks})", values)
    for what, source, table in (("SQLite", "new.db", "sales"), ("Parquet", "new.parquet", None)):

        def work(source: str = source, table: str | None = table) -> None:
            place = str(folder / source)
            with scoring(model.serving, model.columns, place, table=table) as scored:
                write_batches(scored.batches(), scored.schema, "parquet", folder / "scored.parquet")

        seconds = fastest(work, 2)
        print(f"from {what} to Parquet, {rows:,} rows: {rows / seconds:,.0f} rows per second")
        record("predict", f"from {what} to Parquet", rows / seconds, "rows/s")


def main() -> None:
    """Measure all of them."""
    linear("20 numbers", 20, 0)
    linear("8 numbers and 3 categories", 8, 3)
    networks()
    with tempfile.TemporaryDirectory() as folder:
        whole_command(Path(folder))


if __name__ == "__main__":
    main()
