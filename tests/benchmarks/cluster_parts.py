"""What a table and its segments cost that several workers of a cluster share: by part, and by byte.

    cluster_parts.py [--rows N] [--columns P] [--segments S] [--ann-rows N]

Seconds of CPU of one process, with NumPy in place of a framework: of the encodings that one worker
fits, of the sums of a part of the rows, of their addition in the driver, of the second pass over a
part, and of the fit that is left for one worker once it has these; of predictions of new rows; and
of a batch of segments of 100 rows. Bytes are those of pickled answers. The folds of an ANN are
trained by PyTorch, on one thread.
"""

import argparse
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import numpy as np
from benchmarks.figures import record
from benchmarks.segments import made as segments_made
from helpers import numpy_framework

from data.declarations.sections import Ann
from data.scratch import temporary_files
from regressors import fitting, gathering
from regressors.arrays import Coded, in_codes
from regressors.candidate import SEGMENT_KINDS, Candidate
from regressors.file_arrays import ArraysInParts
from regressors.frameworks.worker_process import ready
from regressors.frameworks.workers import Workers
from regressors.gathered_predictions import arrays_of, predicted_in_parts
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.linear.kept_sums import KeptSums
from regressors.shared_work import Calls, shared


class Measured:
    """Does calls in this process, and counts the seconds and the bytes of their answers."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.bytes: dict[str, int] = {}
        self.calls: dict[str, int] = {}

    def do(self, calls: Calls) -> Iterator[Any]:
        """Yield the results of calls."""
        for function, args in calls.each:
            start = process_time()
            made = function(numpy_framework, *args)
            name = function.__name__
            self.seconds[name] = self.seconds.get(name, 0.0) + process_time() - start
            self.bytes[name] = self.bytes.get(name, 0) + len(pickle.dumps(made))
            self.calls[name] = self.calls.get(name, 0) + 1
            yield made


def table(rows: int, columns: int) -> Job:
    """Return a job of numbers and nothing else."""
    rng = np.random.default_rng(1)
    numbers = {f"x{i}": Coded(rng.normal(size=rows)) for i in range(columns)}
    return Job(
        dataset="parts",
        candidate=Candidate("numpy", "least_squares"),
        columns=in_codes(numbers),
        target=rng.normal(size=rows),
        fold=1 + rng.integers(0, 5, rows),
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
        table="parts",
    )


def told(what: str, value: float, unit: str) -> None:
    """Print and record a figure."""
    record("cluster", what, value, unit)
    print(f"{what}: {value:.4g} {unit}", flush=True)


def of_table(rows: int, columns: int) -> None:
    """Print what the parts of a table cost, whose predictions are in files of a shared folder."""
    with tempfile.TemporaryDirectory() as folder:
        of_table_in(Path(folder), rows, columns)


def of_table_in(folder: Path, rows: int, columns: int) -> None:
    """Print what the parts of a table cost."""
    job, measured = table(rows, columns), Measured()
    job = replace(job, predictions_file=str(folder / "predictions"))
    start = process_time()
    ready = shared(gathering.for_validate(job, KeptSums()), measured.do)
    whole = process_time() - start
    seconds, millions, parts = measured.seconds, rows / 1e6, measured.calls["sums_of_range"]
    inside = sum(seconds.values())
    by_one, by_all = "of 1,000,000 rows, by one worker", "of 1,000,000 rows, by all workers"
    told(f"figures of columns {by_all}", seconds["figures_of_columns"] / millions, "s")
    told(f"the rest of encodings {by_one}", seconds["fold_design"] / millions, "s")
    told(f"sums {by_all}", seconds["sums_of_range"] / millions, "s")
    told("answer of a part", measured.bytes["sums_of_range"] / parts / 1e3, "kB")
    told("equations of folds and twin, by one worker", seconds["equations_of_folds"], "s")
    told(f"second pass {by_all}", seconds["pass_range"] / millions, "s")
    passed = measured.calls["pass_range"]
    told("answer of a part of that", measured.bytes["pass_range"] / passed / 1e3, "kB")
    told("addition of a part of each, by the driver", 1000 * (whole - inside) / parts, "ms")
    start = process_time()
    fitted = fitting.validate(numpy_framework, ready)
    told(f"what is left of a fit {by_one}", (process_time() - start) / millions, "s")
    into = ArraysInParts.made(folder / "new", arrays_of(fitted.model), rows)
    shared(predicted_in_parts(fitted.model, job.columns, None, into), measured.do)
    told(f"predictions {by_all}", seconds["predict_part"] / millions, "s")


def of_segments(segments: int, columns: int) -> None:
    """Print what segments cost, by kind."""
    for kind in SEGMENT_KINDS:
        job = replace(
            segments_made(segments, 100, columns), candidate=Candidate("numpy", kind), table=""
        )
        measured = Measured()
        start = process_time()
        ready = shared(gathering.for_validate(job, KeptSums()), measured.do)
        whole = process_time() - start
        inside, batches = sum(measured.seconds.values()), measured.calls["solved_batch"]
        solved = 1e6 * measured.seconds["solved_batch"] / segments
        told(f"{kind}: batches per segment, by all workers", solved, "us")
        told(f"{kind}: segments per batch", segments / batches, "")
        each = measured.bytes["solved_batch"] / segments
        told(f"{kind}: answer per segment", each, "bytes")
        told(
            f"{kind}: plan per segment, by one worker",
            1e6 * measured.seconds["segment_plan"] / segments,
            "us",
        )
        told(f"{kind}: driver per segment", 1e6 * (whole - inside) / segments, "us")
        start = process_time()
        fitting.validate(numpy_framework, ready)
        left = 1e6 * (process_time() - start) / segments
        told(f"{kind}: what is left per segment, for one worker", left, "us")


def timed(framework: Any, function: Any, *args: Any) -> tuple[float, Any]:
    """Return the seconds of CPU of a call in a framework's process, and what it comes to."""
    start = process_time()
    made = function(framework, *args)
    return process_time() - start, made


def of_network(rows: int, columns: int) -> None:
    """Print what the folds of an ANN cost that are a job each, and what is left for one worker."""
    made = replace(table(rows, columns), table="", hidden=Ann().hidden)
    rng = np.random.default_rng(2)
    target = np.sin(2 * made.columns["x0"]) + rng.normal(size=rows)
    job = replace(made, candidate=Candidate("torch", "ann"), target=target)
    seconds: list[float] = []
    sizes: list[int] = []
    with tempfile.TemporaryDirectory() as folder, temporary_files(Path(folder)):
        home = Path(folder)
        with Workers(("torch",), home=home, time_limit=3600, threads=1) as process:

            def of(function: Any, *args: Any) -> tuple[float, Any]:
                answer = process.result(process.submit("torch", timed, function, *args))
                return cast(tuple[float, Any], answer)

            def do(calls: Calls) -> Iterator[Any]:
                for function, args in calls.each:
                    took, fit = of(function, *args)
                    seconds.append(took)
                    sizes.append(len(pickle.dumps(fit)))
                    yield fit

            begin = perf_counter()
            process.result(process.submit("torch", ready))
            told("start of a process of PyTorch", perf_counter() - begin, "s")
            job = replace(job, plan=of(fitting.plan, job)[1])
            gathered = shared(gathering.for_validate(job, KeptSums()), do)
            left, _ = of(fitting.validate, gathered)
    name = f"ANN on {rows:,} rows"
    told(f"{name}: trainings", len(seconds), "")
    told(f"{name}: a training, by all workers", sum(seconds) / len(seconds), "s")
    told(f"{name}: the longest of them", max(seconds), "s")
    told(f"{name}: answer of a fold", max(sizes) / 1e3, "kB")
    told(f"{name}: what is left, by one worker", left, "s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2**22)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--segments", type=int, default=10_000)
    parser.add_argument("--ann-rows", type=int, nargs="*", default=[20_000, 50_000])
    asked = parser.parse_args()
    for rows in asked.ann_rows:
        of_network(rows, asked.columns)
    if asked.rows:
        of_table(asked.rows, asked.columns)
    if asked.segments:
        of_segments(asked.segments, 10)


if __name__ == "__main__":
    main()
