"""What a night does with the rows of a table beside its fits, which workers of a cluster share.

    cluster_rows.py [--rows N]

Seconds of CPU of one process, by the function that is called, and of what is left for the driver;
bytes of pickled answers. The table is that of `size.py`, with four rules. Fits are made up, since
what is compared, drawn and stored of them does not depend on what they are.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any, cast

from benchmarks.figures import record
from benchmarks.size import write_table
from helpers.shop_rows import drawn_of, fits_of, rolled_of

from data.calls import Call
from data.checks.rule_engine import implementations
from data.declarations.file import load_dataset
from data.declarations.sections import Expectation
from data.sources.read import read
from tasks.check import check
from tasks.choose import choose
from tasks.rank import rank
from tasks.run.row_files import RowColumns, RowFiles
from tasks.run.row_jobs import RowJob, do_row_job, unpacked
from tasks.run.row_work import RowWork
from tasks.split import split

RULES = [
    Expectation(
        type="expect_column_values_to_be_between",
        kwargs={"column": f"x{number}", "min_value": -9, "max_value": 9},
    )
    for number in range(4)
]


class MeasuredWork:
    """Makes calls in this process as a worker makes them, and counts seconds and bytes."""

    def __init__(self) -> None:
        self.files = RowFiles()
        self.seconds: dict[str, float] = {}
        self.bytes = 0

    def do(self, _what: str, calls: Sequence[Call]) -> Iterator[Any]:
        """Yield the values of calls."""
        for function, args in calls:
            start, name = process_time(), function.__name__
            made = do_row_job(None, RowJob(function, args, self.files.folder))
            assert isinstance(made, bytes)
            self.seconds[name] = self.seconds.get(name, 0.0) + process_time() - start
            self.bytes += len(made)
            yield unpacked(made)


def told(what: str, value: float, unit: str) -> None:
    """Print and record a figure."""
    record("cluster", what, value, unit)
    print(f"{what}: {value:.4g} {unit}", flush=True)


def measure(folder: Path, rows: int) -> None:
    """Print what the steps before the first fit do with the rows of a table."""
    write_table(folder, rows)
    declaration = load_dataset("size", folder).model_copy(update={"expectations": RULES})
    start = process_time()
    snapshot = read(declaration, folder=folder / "snapshots")
    millions = rows / 1e6
    told("reading, of 1,000,000 rows", (process_time() - start) / millions, "s")
    implementations()  # of Great Expectations, whose import takes a second
    measured, start = MeasuredWork(), process_time()
    work = cast("RowWork", measured)
    checked = check.fn(declaration, snapshot, work=work)
    ready = split.fn(declaration, snapshot, checked, work)
    for part in (ready.train, ready.labelled, ready.test, ready.new):
        assert isinstance(part.columns, RowColumns)
        part.columns.in_codes()
    left = process_time() - start - sum(measured.seconds.values())
    fits, rolled = fits_of(ready), rolled_of(ready)
    choice = choose.fn(ready, rank.fn(ready, fits), rolled, None)
    drawn_of(ready, fits[choice.winner], rolled[choice.winner])
    for function, seconds in measured.seconds.items():
        told(f"{function}, of 1,000,000 rows", seconds / millions, "s")
    told("checks and split, by the driver, of 1,000,000 rows", left / millions, "s")
    told("answers of all", measured.bytes / 1e3, "kB")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2**21)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), asked.rows)


if __name__ == "__main__":
    main()
