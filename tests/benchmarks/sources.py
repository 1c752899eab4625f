"""Seconds and memory to read the same rows from each kind of source, beside others in one run.

    sources.py [--rows N] [KIND...]

A table of eleven columns (a key, a target, seven numbers of which one is whole and one has gaps, a
category of twelve levels and a boolean) is written as each kind of source and read in three ways:

- nightfit: from the source to a snapshot, with typed columns, a fingerprint and a Parquet file;
- pandas: its own reader of that kind of source, to a frame in memory;
- raw: what is least, such as pyarrow's reader, or the fetching of all rows by the driver.

Each reading is in a process of its own, with one thread for NumPy and two for Arrow, as on two
cores. The seconds are processor time of that process, without its imports; what a database's server
takes is in the seconds by the clock alone. Memory is the peak of the process (`VmHWM`), imports and
all.

A sheet has a tenth of the rows. `NIGHTFIT_BENCH_ROWS` scales the 1,000,000 rows down.
"""

import argparse
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from benchmarks.accuracy import ONE_THREAD
from benchmarks.figures import record

ROWS = 1_000_000
OF_SHEET = 10
"""A sheet has the rows divided by this."""

LEVELS, GAPS = 12, 0.05
READERS = ("nightfit", "pandas", "raw")
SERVED = ("postgresql", "mariadb", "s3")
"""The kinds that need a server."""

NAMES = {
    "csv": "rows.csv",
    "csv-decimal-comma": "comma.csv",
    "csv.gz": "rows.csv.gz",
    "csv.zst": "rows.csv.zst",
    "tsv": "rows.tsv",
    "jsonl": "rows.jsonl",
    "parquet": "rows.parquet",
    "arrow": "rows.arrow",
    "xlsx": "rows.xlsx",
    "sqlite": "rows.sqlite",
    "duckdb": "rows.duckdb",
}
"""The file of each kind of source."""

KINDS = (*NAMES, *SERVED)
DATABASES = ("sqlite", "duckdb", "postgresql", "mariadb")


# The table, and its sources


def table(rows: int) -> pa.Table:
    """Return the table."""
    rng = np.random.default_rng(1905)
    numbers = rng.normal(size=(6, rows))
    level, flag = rng.integers(LEVELS, size=rows), rng.random(rows) < 0.3
    target = numbers.T @ np.arange(1, 7) + level / 3 + 2 * flag + rng.normal(size=rows)
    numbers[5, rng.random(rows) < GAPS] = np.nan
    columns: dict[str, Any] = {"id": np.arange(rows)}
    columns |= {f"x{i}": column for i, column in enumerate(numbers)}
    columns["pieces"] = rng.integers(1000, size=rows)
    columns["grade"] = np.array([f"level {i}" for i in range(LEVELS)], dtype=object)[level]
    columns |= {"sold": flag, "y": target}
    return pa.table({name: pa.array(v, from_pandas=True) for name, v in columns.items()})


def write_source(kind: str, folder: Path, rows: int, served: dict[str, str]) -> str:
    """Write the table as a kind of source, and return its path or address."""
    made = table(rows // OF_SHEET if kind == "xlsx" else rows)
    path = folder / NAMES.get(kind, f"rows.{kind}")
    if kind in DATABASES:
        from data.connections.tables import write_table

        url = served.get(kind, f"{kind}:///{path}")
        write_table(url, "rows", made.schema, made.to_batches(), where="the benchmark", key=["id"])
        return url
    if kind == "s3":
        buffer = io.BytesIO()
        pyarrow.csv.write_csv(made, buffer)
        return _uploaded(buffer.getvalue())
    WRITERS[kind](made, path)
    return str(path)


def _uploaded(content: bytes) -> str:
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="bench")
    client.put_object(Bucket="bench", Key="rows.csv", Body=content)
    return "s3://bench/rows.csv"


def _csv(made: pa.Table, path: Path) -> None:
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.output_stream(path, compression=compression) as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        options = pyarrow.csv.WriteOptions(delimiter=delimiter)
        pyarrow.csv.write_csv(made, file, options)


def _decimal_comma(made: pa.Table, path: Path) -> None:
    made.to_pandas().to_csv(path, sep=";", decimal=",", index=False)


def _jsonl(made: pa.Table, path: Path) -> None:
    made.to_pandas().to_json(path, orient="records", lines=True, double_precision=15)


def _parquet(made: pa.Table, path: Path) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(made, path)


def _arrow(made: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, made.schema) as file:
        file.write_table(made)


def _xlsx(made: pa.Table, path: Path) -> None:
    from helpers.spreadsheets import xlsx

    rows = [made.column_names, *(list(row.values()) for row in made.to_pylist())]
    xlsx(path, {"rows": rows})


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    **dict.fromkeys(("csv", "csv.gz", "csv.zst", "tsv"), _csv),
    "csv-decimal-comma": _decimal_comma,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "arrow": _arrow,
    "xlsx": _xlsx,
}


@contextmanager
def servers(kinds: list[str]) -> Iterator[dict[str, str]]:
    """Yield the address of each server that is needed; a kind without one is left out."""
    from helpers import mariadb_server, object_store, postgres_server
    from helpers.databases import mariadb_database

    with ExitStack() as running:
        served = {}
        if "postgresql" in kinds:
            url = os.environ.get("NIGHTFIT_TEST_DATABASE_URL")
            served["postgresql"] = url or running.enter_context(postgres_server.running())
        if "mariadb" in kinds and (why := mariadb_server.why_absent()):
            print(f"mariadb is left out: {why}", flush=True)
        elif "mariadb" in kinds:
            port = running.enter_context(mariadb_server.running())
            served["mariadb"] = mariadb_database(port).url
        if "s3" in kinds:
            running.enter_context(object_store.running())
            served["s3"] = "s3://bench"
        yield served


# The readers, each in a process of its own


def by_nightfit(kind: str, source: str) -> Callable[[], object]:
    """Return what reads a source to a snapshot."""
    from data.declarations.model import Declaration
    from data.sources.read import read

    place = {"url": source, "table": "rows"} if kind in DATABASES else {"path": source}
    declared = {"name": "rows", "source": place, "key": "id", "target": "y"}
    declaration = Declaration.model_validate(declared)
    folder = Path(tempfile.mkdtemp())
    return lambda: read(declaration, folder=folder)


def by_pandas(kind: str, source: str) -> Callable[[], object]:
    """Return what reads a source to a frame."""
    import pandas as pd
    from sqlalchemy import create_engine, make_url

    if kind == "duckdb":
        import duckdb

        connection = duckdb.connect(source.removeprefix("duckdb:///"), read_only=True)
        return lambda: connection.sql("SELECT * FROM rows").df()
    if kind in DATABASES:
        drivers = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}
        url = make_url(source).set(drivername=drivers.get(kind, kind))
        return lambda: pd.read_sql(
            "SELECT * FROM `rows`".replace("`", "`" if kind == "mariadb" else '"'),
            create_engine(url),
        )
    readers: dict[str, Callable[[], object]] = {
        "csv-decimal-comma": lambda: pd.read_csv(source, sep=";", decimal=","),
        "tsv": lambda: pd.read_csv(source, sep="\t"),
        "jsonl": lambda: pd.read_json(source, lines=True),
        "parquet": lambda: pd.read_parquet(source),
        "arrow": lambda: pd.read_feather(source),
        "xlsx": lambda: pd.read_excel(source, engine="calamine"),
    }
    if kind == "csv.zst":  # pandas needs another package for that
        return lambda: pd.read_csv(pa.input_stream(source, compression="zstd"))
    return readers.get(kind, lambda: pd.read_csv(source))


def at_least(kind: str, source: str) -> Callable[[], object]:
    """Return the least that can be done to have the values of a source."""
    match kind:
        case "jsonl":
            import pyarrow.json

            return lambda: pyarrow.json.read_json(source)
        case "parquet":
            import pyarrow.parquet

            return lambda: pyarrow.parquet.read_table(source)
        case "arrow":
            return lambda: pa.ipc.open_file(pa.OSFile(source)).read_all()
        case "xlsx":
            import python_calamine

            book = python_calamine.CalamineWorkbook.from_path(source)
            return lambda: book.get_sheet_by_index(0).to_python()
        case "s3":
            import fsspec

            files = fsspec.filesystem("s3")
            return lambda: files.cat_file(source)
        case "sqlite" | "duckdb" | "postgresql" | "mariadb":
            return _fetched(kind, source)
    return lambda: _arrow_csv(source, kind)


def _arrow_csv(source: str, kind: str) -> pa.Table:
    delimiter = {"tsv": "\t", "csv-decimal-comma": ";"}.get(kind, ",")
    decimal = "," if kind == "csv-decimal-comma" else "."
    with pa.input_stream(source, compression="detect") as file:
        return pyarrow.csv.read_csv(
            file,
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
            convert_options=pyarrow.csv.ConvertOptions(decimal_point=decimal),
        )


def _fetched(kind: str, source: str) -> Callable[[], object]:
    if kind == "sqlite":
        import sqlite3

        file = sqlite3.connect(source.removeprefix("sqlite:///"))
        return lambda: sum(1 for _ in file.execute('SELECT * FROM "rows"'))
    if kind == "duckdb":
        import duckdb

        read = duckdb.connect(source.removeprefix("duckdb:///"), read_only=True)
        return lambda: read.sql("SELECT * FROM rows").to_arrow_table()
    if kind == "postgresql":
        import psycopg

        return lambda: _copied(psycopg.connect(source))
    import pymysql
    from sqlalchemy import make_url

    url = make_url(source)
    connection = pymysql.connect(
        host=url.host,
        port=url.port or 0,
        user=url.username,
        password=url.password or "",
        database=url.database,
        cursorclass=pymysql.cursors.SSCursor,
    )
    return lambda: _streamed(connection.cursor())


def _copied(connection: Any) -> int:
    with connection.cursor().copy('COPY "rows" TO STDOUT (FORMAT binary)') as copy:
        return sum(len(part) for part in copy)


def _streamed(cursor: Any) -> int:
    cursor.execute("SELECT * FROM `rows`")
    return sum(1 for _ in cursor)


def read_alone(reader: str, kind: str, source: str) -> None:
    """Read a source once and print what it took, as JSON: seconds, by the clock too, and GB."""
    readings = dict(zip(READERS, (by_nightfit, by_pandas, at_least), strict=True))
    call = readings[reader](kind, source)
    import pyarrow.parquet  # noqa: F401 - as a reading would

    begin, clock = time.process_time(), time.perf_counter()
    call()
    taken = time.process_time() - begin, time.perf_counter() - clock
    status = Path("/proc/self/status").read_text()
    kilobytes = int(status.split("VmHWM:")[1].split()[0])
    print(json.dumps([*taken, kilobytes / 1e6]))


# The table of figures


def measured(reader: str, kind: str, source: str) -> tuple[float, float, float]:
    """Return the seconds of a reading, those by the clock, and its peak memory in GB."""
    done = subprocess.run(
        [sys.executable, __file__, "--alone", reader, kind, source],
        env={**os.environ, **ONE_THREAD, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{reader} could not read {kind}: {done.stderr}", file=sys.stderr)
        return math.nan, math.nan, math.nan
    seconds, clock, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, clock, peak


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    rows = int(os.environ.get("NIGHTFIT_BENCH_ROWS", ROWS))
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS], default=[])
    parser.add_argument("--rows", type=int, default=rows)
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        read_alone(*arguments.alone)
        return
    kinds = arguments.kinds or list(KINDS)
    titles = [f"{reader} {unit}" for reader in READERS for unit in ("CPU s", "s", "GB")]
    print(f"| source | rows | {' | '.join(titles)} | over pandas | over raw |")
    print(f"|---|---:|{'---:|' * (len(titles) + 2)}")
    with servers(kinds) as served:
        for kind in kinds:
            if kind not in SERVED or kind in served:
                compare(kind, arguments.rows, served)


def compare(kind: str, rows: int, served: dict[str, str]) -> None:
    """Print the line of one kind of source."""
    with tempfile.TemporaryDirectory() as folder:
        source = write_source(kind, Path(folder), rows, served)
        taken = {reader: measured(reader, kind, source) for reader in READERS}
    count = rows // OF_SHEET if kind == "xlsx" else rows
    for reader, figures in taken.items():
        for value, unit in zip(figures, ("CPU s", "s", "GB"), strict=True):
            name = f"{kind}, {count} rows: {reader}"
            record("sources", name + (", memory" if unit == "GB" else ""), value, unit)
    own = taken["nightfit"][0]
    ratios = [own / max(taken[reader][0], 1e-3) for reader in ("pandas", "raw")]
    cells = [f"{value:.2f}" for figures in taken.values() for value in figures]
    shown = " | ".join((*cells, *(f"{ratio:.1f}" for ratio in ratios)))
    print(f"| {kind} | {count:,} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
