"""The seconds of a whole night of 10,000 segments of 100 rows and ten columns, in PyTorch.

    segment_night.py [--segments S] [--rows N]

All three kinds with a line for each segment, with folds, twin, refit and store, in a fresh home:
that of `segments.py`, as a user runs it. The aim is 60 s on two cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.figures import aim, record
from benchmarks.segments import made

from regressors.candidate import SEGMENT_KINDS

AIM = 60.0
COLUMNS = 10


def write_table(folder: Path, segments: int, rows: int) -> None:
    """Write the table of so many segments, and its declaration beside it."""
    job = made(segments, rows, COLUMNS)
    columns = {name: np.asarray(values) for name, values in job.columns.items()}
    table = pa.table({"id": np.arange(len(job.target)), **columns, "y": job.target})
    pq.write_table(table, folder / "shops.parquet")
    kinds = ", ".join(SEGMENT_KINDS)
    (folder / "shops.yaml").write_text(
        "source: {path: shops.parquet}\nkey: id\ntarget: y\nsegment: shop\n"
        f"candidates: {{frameworks: [torch], kinds: [{kinds}]}}\n"
    )


def main() -> None:
    """Print and record the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder, asked.segments, asked.rows)
        settings = {
            "NIGHTFIT_DATASETS": name,
            "NIGHTFIT_HOME": str(folder / "home"),
            "NIGHTFIT_DATABASE_URL": f"sqlite:///{name}/store.db",
        }
        print(f"a night of {asked.segments:,} segments ...", flush=True)
        command = [Path(sys.executable).with_name("nightfit"), "nightly"]
        begin, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
        subprocess.run(command, env={**os.environ, **settings}, check=True, capture_output=True)
        seconds, after = perf_counter() - begin, getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record("segments", f"{asked.segments:,} segments: whole night", seconds, "s")
    record("segments", f"{asked.segments:,} segments: whole night, CPU", cpu, "s")
    print(f"  {seconds:.1f} s, {cpu:.1f} s of CPU; {aim(f'at most {AIM:.0f} s', seconds <= AIM)}")


if __name__ == "__main__":
    main()
