"""Seconds of a cold and a warm night on the bundled data, and the share spent outside fitting.

A cold night starts in an empty folder: Prefect creates its database and Theano compiles. A warm one
finds what the previous night left. Fitting is the time from splitting a dataset's rows to storing
its run.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import record

WARM_NIGHTS = 3
LINE = re.compile(r"^\s*([\d.]+) s  (\w+): (split into|stored as run)")


def night(home: Path) -> tuple[float, float]:
    """Run one night; return its seconds, and the seconds of it spent fitting."""
    settings = {"NIGHTFIT_HOME": str(home), "NIGHTFIT_DATABASE_URL": f"sqlite:///{home}/store.db"}
    start = time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("nightfit")), "nightly", "--force"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    marks = [match.groups() for match in map(LINE.match, done.stderr.splitlines()) if match]
    begun = {dataset: float(at) for at, dataset, what in marks if what.startswith("split")}
    ended = {dataset: float(at) for at, dataset, what in marks if what.startswith("stored")}
    return seconds, sum(ended[dataset] - begun[dataset] for dataset in ended)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        print(f"{'night':<8}{'seconds':>9}{'fitting':>9}{'outside':>9}")
        for name in ("cold", *(f"warm {i + 1}" for i in range(WARM_NIGHTS))):
            seconds, fitting = night(home)
            outside = 1 - fitting / seconds
            record("nights", f"{name} night", seconds, "s")
            record("nights", f"{name} night: share outside fitting", outside, "share")
            print(f"{name:<8}{seconds:>9.1f}{fitting:>9.1f}{outside:>9.0%}", flush=True)


if __name__ == "__main__":
    main()
