"""What it takes to train several small datasets: plain, and on a cluster one or two at a time."""

import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

import numpy as np
from benchmarks.figures import record
from helpers.workspace import LINE, Workspace

DATASETS, ROWS = 6, 400
KINDS = LINE.replace("[least_squares]", "[least_squares, gradient_descent, ann]")
COMMAND = "from flows.command.start import main; main()"
ONE_AT_A_TIME = f"""
import psutil
real = psutil.virtual_memory
psutil.virtual_memory = lambda: real()._replace(available=0)  # so there is room for one process
{COMMAND}
"""
NIGHTS = (
    ("plain", "", COMMAND),
    ("local:2, one at a time", "local:2", ONE_AT_A_TIME),
    ("local:2, two at a time", "local:2", COMMAND),
)


def rows(seed: int) -> str:
    """Return a file of numbers of which a network learns more than a line."""
    numbers = np.random.default_rng(seed).normal(size=(ROWS, 3))
    target = np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2]
    lines = [
        ",".join([str(i), *(f"{value:.4f}" for value in (*row, y))])
        for i, (row, y) in enumerate(zip(numbers, target, strict=True))
    ]
    return "\n".join(["row,a,b,c,y", *lines, ""])


def main() -> None:
    """Print and record the seconds of the second of two nights of each sort, and those of CPU."""
    for name, cluster, code in NIGHTS:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder))
            (workspace.folder / "datasets").mkdir()
            for number in range(DATASETS):
                text = KINDS.replace("line.csv", f"d{number}.csv")
                workspace.declare(f"d{number}", text, rows(number))
            environment = {**workspace.environment, "NIGHTFIT_CLUSTER": cluster}
            for _ in range(2):
                begin, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
                subprocess.run(
                    [sys.executable, "-c", code, "nightly", "--force"],
                    env=environment,
                    check=True,
                    capture_output=True,
                )
            wall, after = perf_counter() - begin, getrusage(RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        record("cluster", f"night of {DATASETS} datasets: {name}", wall, "s")
        print(f"a night of {DATASETS} datasets, {name}: {wall:.1f} s, {cpu:.1f} s of CPU")


if __name__ == "__main__":
    main()
