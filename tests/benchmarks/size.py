"""Seconds and memory of a night with linear kinds, by rows, and one fit beside those of others.

    size.py [ROWS...]

Each night retrains one table in all three frameworks, by least squares and gradient descent, in a
home that Prefect has seen before. The table has a key, a target and eleven features: nine numbers,
one of which has gaps, a category of twelve levels and a boolean. The seconds are those that the
night itself reports. Memory is the peak of each process that the night starts (`VmHWM`), whatever
it does: reading included.

The exponent is the slope of the logarithm of the seconds on that of the rows between one size and
the next, without the seconds of a night of 1,000 rows in the same home: 1 is linear.

Then one fit of nightfit on the same rows, beside statsmodels, scikit-learn and NumPy: all get a
design of doubles that is in memory already. Each runs in a process of its own; the seconds are
processor time, with one thread. (`linear.py` has the seven fits of a night.)
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.accuracy import ONE_THREAD
from benchmarks.figures import record

ROWS = 100_000, 1_000_000, 10_000_000
BLOCK = 500_000
"""Rows of the table that are made at once, and of a row group of its file."""

LEVELS, GAPS = 12, 0.05
FEW = 1_000
COMMAND = Path(sys.executable).with_name("nightfit")
LINE = re.compile(r"^\s*([\d.]+) s  size: (\w+)")
STEPS = {
    "read": "read",
    "checked": "checked",
    "split": "split",
    "fitted": "fit",
    "stored": "stored",
}
"""The first word of the line that ends a step, and the step."""

MAX_GB, MAX_EXPONENT = 2.0, 1.05


# The table


def blocks(rows: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield the columns of the table, some rows at a time."""
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        rng = np.random.default_rng(start)
        numbers = rng.normal(size=(9, count))
        level, flag = rng.integers(LEVELS, size=count), rng.random(count) < 0.3
        target = numbers.T @ np.arange(1, 10) + level / 3 + 2 * flag + rng.normal(size=count)
        numbers[8, rng.random(count) < GAPS] = np.nan
        columns = {f"x{i}": column for i, column in enumerate(numbers)}
        named = np.array([f"level {i}" for i in range(LEVELS)], dtype=object)[level]
        key = np.arange(start, start + count)
        yield {"id": key, **columns, "grade": named, "sold": flag, "y": target}


def write_table(folder: Path, rows: int) -> None:
    """Write the table, and its declaration beside it."""
    writer = None
    for columns in blocks(rows):
        table = pa.table({name: pa.array(v, from_pandas=True) for name, v in columns.items()})
        writer = writer or pq.ParquetWriter(folder / "size.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    (folder / "size.yaml").write_text(
        "source: {path: size.parquet}\nkey: id\ntarget: y\npredictions: new\n"
        "candidates: {kinds: [least_squares, gradient_descent]}\n"
    )


# The night


def night(folder: Path, home: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Run one night; return the seconds of each step, and the peak of each process in GB."""
    settings = {
        "NIGHTFIT_DATASETS": str(folder),
        "NIGHTFIT_HOME": str(home),
        "NIGHTFIT_DATABASE_URL": f"sqlite:///{folder}/store.db",
    }
    with (folder / "night.log").open("w") as log:
        process = subprocess.Popen(
            [str(COMMAND), "nightly", "--force"],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        peaks: dict[str, float] = {}
        while process.poll() is None:
            for name, peak in peaks_of(process.pid):
                peaks[name] = max(peak, peaks.get(name, 0.0))
            time.sleep(0.2)
    lines = (folder / "night.log").read_text().splitlines()
    if process.returncode:
        sys.exit("\n".join(lines[-20:]))
    marks = [(float(found[1]), found[2]) for line in lines if (found := LINE.match(line))]
    ends = {STEPS[word]: at for at, word in marks if word in STEPS}
    seconds, before = {}, 0.0
    for step in ("read", "checked", "split", "fit", "stored"):
        seconds[step], before = ends[step] - before, ends[step]
    return {"start and read": seconds.pop("read"), **seconds, "whole night": before}, peaks


def peaks_of(process: int) -> Iterator[tuple[str, float]]:
    """Yield the name and the peak memory in GB of a process and of those that it has started."""
    try:
        parent = psutil.Process(process)
        family = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return
    for member in family:
        try:
            facts = Path(f"/proc/{member.pid}/status").read_text()
            opened = {Path(file.path).name for file in member.open_files()}
        except (OSError, psutil.Error):
            continue
        peak = next((line for line in facts.splitlines() if line.startswith("VmHWM")), None)
        if peak is None:
            continue
        logs = sorted(name for name in opened if name.startswith("worker-"))
        name = logs[0].removesuffix(".log") if logs else "other"
        yield "night" if member == parent else name, int(peak.split()[1]) / 1e6


# One fit


def design(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the design of the table as doubles, gaps filled, and its target."""
    parts, targets = [], []
    for columns in blocks(rows):
        numbers = np.column_stack([columns[f"x{i}"] for i in range(9)])
        gaps = np.isnan(numbers[:, 8])
        numbers[gaps, 8] = 0
        levels = [columns["grade"] == f"level {i}" for i in range(1, LEVELS)]
        parts.append(np.column_stack([np.ones(len(gaps)), numbers, gaps, *levels, columns["sold"]]))
        targets.append(columns["y"])
    return np.vstack(parts), np.concatenate(targets)


def nightfit_once(matrix: np.ndarray, target: np.ndarray) -> None:
    """Fit all columns, as nightfit does."""
    from helpers.numpy_products import numpy_products

    from regressors.linear.least_squares import solve_rows
    from regressors.linear.rows import Rows

    rows = Rows.of(matrix, target, None)
    names = [f"x{i}" for i in range(rows.columns)]
    solve_rows(rows, rows.gram(numpy_products), names, robust=False)


def statsmodels_once(matrix: np.ndarray, target: np.ndarray) -> None:
    """Fit all columns with statsmodels, standard errors included."""
    import statsmodels.api as sm

    _ = sm.OLS(target, matrix).fit().bse


def sklearn_once(matrix: np.ndarray, target: np.ndarray) -> None:
    """Fit all columns with scikit-learn."""
    from sklearn.linear_model import LinearRegression

    LinearRegression(fit_intercept=False).fit(matrix, target)


def lstsq_once(matrix: np.ndarray, target: np.ndarray) -> None:
    """Fit all columns with NumPy."""
    np.linalg.lstsq(matrix, target, rcond=None)


FITS: Mapping[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "nightfit": nightfit_once,
    "NumPy's `lstsq`": lstsq_once,
    "scikit-learn": sklearn_once,
    "statsmodels": statsmodels_once,
}


def fit_alone(name: str, rows: int) -> None:
    """Print the processor's seconds of one fit; runs in a process of its own."""
    matrix, target = design(rows)
    FITS[name](matrix[:1000], target[:1000])  # imports
    start = time.process_time()
    FITS[name](matrix, target)
    print(time.process_time() - start)


def seconds_of(name: str, rows: int) -> float | None:
    """Return the seconds of one fit, None if its process did not get through."""
    done = subprocess.run(
        [sys.executable, __file__, "--fit", name, str(rows)],
        check=False,
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
    )
    return float(done.stdout) if done.returncode == 0 else None


# The tables


def main() -> None:
    """Print the tables, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", type=int, default=list(ROWS))
    parser.add_argument("--fit", choices=FITS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit_alone(arguments.fit, *arguments.rows)
        return
    nights(arguments.rows)
    print()
    fits(arguments.rows)


def nights(sizes: list[int]) -> None:
    """Print the table of nights."""
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as parent:
        home = Path(parent) / "home"
        for number, rows in enumerate([FEW, FEW, *sizes]):  # the first only sets up the home
            folder = Path(parent) / str(rows)
            folder.mkdir(exist_ok=True)
            write_table(folder, rows)
            seconds, peaks = night(folder, home)
            for file in folder.iterdir():
                file.unlink()
            if number < 2:
                fixed = seconds["whole night"]
            if number == 0:
                steps = list(seconds)
                print(f"| rows | {' | '.join(steps)} | exponent | peak memory |")
                print(f"|---:|{'---:|' * len(steps)}---:|---|")
                continue
            more = seconds["whole night"] - fixed
            exponent = np.nan
            if before is not None:
                exponent = np.log(more / before[1]) / np.log(rows / before[0])
                record("size", f"{rows} rows: exponent", exponent, "")
            before = (rows, more) if number > 1 else None
            for name, value in seconds.items():
                record("size", f"{rows} rows: {name}", value, "s")
            for name, value in peaks.items():
                record("size", f"{rows} rows: memory of {name}", value, "GB")
            shown = ", ".join(f"{name} {peak:.2f} GB" for name, peak in sorted(peaks.items()))
            over = max(peaks.values()) > MAX_GB or exponent > MAX_EXPONENT
            cells = " | ".join(f"{value:.1f}" for value in seconds.values())
            mark = " (above the aim)" if over else ""
            print(f"| {rows:,} | {cells} | {exponent:.2f} | {shown}{mark} |", flush=True)


def fits(sizes: list[int]) -> None:
    """Print the table of single fits, with each one's time over that of NumPy's `lstsq`."""
    print(f"| rows | {' | '.join(FITS)} |")
    print(f"|---:|{'---:|' * len(FITS)}")
    for rows in sizes:
        taken = {name: seconds_of(name, rows) for name in FITS}
        unit = taken["NumPy's `lstsq`"]
        cells = []
        for name, value in taken.items():
            if value is None:
                cells.append("not done")
                continue
            record("size", f"{rows} rows, one fit: {name}", value, "s")
            cells.append(f"{value:.2f} s" + (f" ({value / unit:.1f})" if unit else ""))
        print(f"| {rows:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
