"""The measured figures: `docs/benchmarks.csv` has one row per figure and run of a benchmark.

Every benchmark appends its own rows, with the day, the commit and the machine, so that a figure can
be followed over time. `+` after a commit means that files had changed since.
"""

import csv
import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "benchmarks.csv"
COLUMNS = ("date", "commit", "cores", "cpu", "benchmark", "figure", "value", "unit")


_measured: dict[tuple[str, str], float] = {}


def latest(benchmark: str, name: str) -> float:
    """Return what this process has measured last, or else the last row of the file."""
    if (benchmark, name) not in _measured:
        with FILE.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if (row["benchmark"], row["figure"]) == (benchmark, name):
                    _measured[benchmark, name] = float(row["value"])
    return _measured[benchmark, name]


def record(benchmark: str, figure: str, value: float, unit: str) -> None:
    """Append a figure to the file, with six significant digits."""
    _measured[benchmark, figure] = value
    row = (datetime.now(UTC).date(), commit(), os.cpu_count(), cpu(), benchmark, figure)
    is_new = not FILE.exists()
    with FILE.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerow([*row, f"{value:.6g}", unit])


def aim(bound: str, is_met: bool) -> str:
    """Return in words whether a figure keeps within a bound."""
    return f"{'aim met' if is_met else 'AIM MISSED'}: {bound}"


@cache
def commit() -> str:
    """Return the short name of the commit that is measured; empty outside a repository."""
    try:
        name = _git("rev-parse", "--short=10", "HEAD")
        changes = _git("status", "--porcelain", "--", ".", f":!{FILE.relative_to(ROOT)}")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return name + ("+" if changes else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@cache
def cpu() -> str:
    """Return the model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
