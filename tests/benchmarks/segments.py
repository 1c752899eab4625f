"""Fits of 10,000 segments at once: seconds of CPU, beside a loop over statsmodels doing the same.

    segments.py [--segments S] [--rows N] [--columns P] [--frameworks NAME...]

Five folds, the twin and the refit, of each kind that has an equation for each segment, by NumPy in
place of a framework and by each framework, on one thread. A fit is what the equations take,
encodings and sums included; `all` has predictions and intervals as well. The loop is timed on 2,000
segments.
"""

import argparse
import importlib
import os
from dataclasses import replace
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import Any

from regressors.frameworks.environment import pinned
from regressors.frameworks.registry import FRAMEWORK_NAMES, framework_called

os.environ.update(pinned(1))  # before NumPy and the frameworks are imported

import numpy as np
import statsmodels.api as sm
from benchmarks.figures import aim, record
from helpers import numpy_framework

from regressors import fitting
from regressors.arrays import Coded, in_codes
from regressors.candidate import SEGMENT_KINDS, Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.segments.fit import SegmentParts

HOME = Path(__file__).parents[2] / ".nightfit"
"""Where compiled code is kept."""
FOLDS = 5
AIM = 4
"""So many times as fast as the loop."""
LOOPED = 2_000
WARM = 50
"""A framework compiles on so many segments first."""
SAMPLE = 40
"""So many segments of the first kind are compared with statsmodels, digit by digit."""


def made(segments: int, rows: int, columns: int) -> Job:
    """Return the job of segments with lines of their own."""
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(segments), rows)
    numbers = rng.normal(size=(columns, len(codes)))
    slopes = 1 + 0.3 * rng.normal(size=(columns, segments))
    target = (numbers * slopes[:, codes]).sum(axis=0) + rng.normal(size=len(codes))
    labels = np.array([*(f"s{i:06d}" for i in range(segments)), None], dtype=object)
    table = {f"x{i}": Coded(each) for i, each in enumerate(numbers)}
    return Job(
        dataset="segments",
        candidate=Candidate("numpy", SEGMENT_KINDS[0]),
        columns=in_codes({"shop": Coded(codes, labels), **table}),
        target=target,
        fold=1 + rng.integers(0, FOLDS, len(codes)),
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
        segment=("shop",),
        table="segments",
    )


def called(name: str) -> Any:
    """Return a framework, prepared as in its own process, or NumPy in the place of one."""
    if name == "numpy":
        return SimpleNamespace(**vars(numpy_framework))
    row = framework_called(name)
    if row.preparation is not None:
        importlib.import_module(row.preparation).prepare(HOME, None)
    return importlib.import_module(row.module)


def timed_fits() -> list[float]:
    """Count, from now on, the seconds of CPU of the equations of segments."""
    seconds = [0.0]
    solved = SegmentParts._solved

    def counted(self: SegmentParts, trained: Any) -> Any:
        start = process_time()
        lines = solved(self, trained)
        seconds[0] += process_time() - start
        return lines

    SegmentParts._solved = counted  # type: ignore[method-assign]
    return seconds


def looped(job: Job, rows: int) -> tuple[float, float]:
    """Return the seconds of CPU per segment of a loop over statsmodels that does all fits.

    The second figure is what the errors that hold for any variances (HC3) take of it.
    """
    matrix = np.column_stack([np.asarray(job.columns[n]) for n in job.columns if n != "shop"])
    some = min(LOOPED, len(job.target) // rows)
    start, robust = process_time(), 0.0
    for segment in range(some):
        own = slice(segment * rows, (segment + 1) * rows)
        design, target = sm.add_constant(matrix[own]), job.target[own]
        fold = job.fold[own]
        for number in range(1, FOLDS + 1):
            _ = sm.OLS(target[fold != number], design[fold != number]).fit().params
        for _part in ("twin", "refit"):
            fit = sm.OLS(target, design).fit()
            _ = fit.params, fit.bse, fit.tvalues, fit.pvalues, fit.conf_int(), fit.rsquared
            before = process_time()
            _ = fit.HC3_se
            robust += process_time() - before
    return (process_time() - start) / some, robust / some


def _first(job: Job, rows: int) -> dict[str, Any]:
    """Return the changes that leave the first rows of a job."""
    columns = {name: values[:rows] for name, values in job.columns.items()}
    changed = {"columns": columns, "target": job.target[:rows], "fold": job.fold[:rows]}
    return {**changed, "table": "warm"}


def furthest(job: Job, fitted: Any, rows: int) -> float:
    """Return by how much estimates of some segments differ from statsmodels', as shares."""
    matrix = np.column_stack([np.asarray(job.columns[n]) for n in job.columns if n != "shop"])
    apart = 0.0
    for segment in range(0, len(job.target) // rows, max(len(job.target) // rows // SAMPLE, 1)):
        own = slice(segment * rows, (segment + 1) * rows)
        fit = sm.OLS(job.target[own], sm.add_constant(matrix[own])).fit()
        apart = max(apart, float(np.abs(fitted.segments.estimates[segment] / fit.params - 1).max()))
        for errors, theirs in (
            (fitted.segments.standard_errors, fit.bse),
            (fitted.segments.robust_standard_errors, fit.HC3_se),
        ):
            apart = max(apart, float(np.abs(errors[segment] / theirs - 1).max()))
    return apart


def main() -> None:
    """Print and record the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--frameworks", nargs="*", default=["numpy", *FRAMEWORK_NAMES])
    asked = parser.parse_args()
    job, size = made(asked.segments, asked.rows, asked.columns), f"{asked.segments:,} segments"
    loop, robust = (asked.segments * each for each in looped(job, asked.rows))
    print(
        f"{size} of {asked.rows} x {asked.columns}: a loop over statsmodels {loop:.1f} s, of which"
        f" HC3 {robust:.1f} s"
    )
    record("segments", f"{size}: loop over statsmodels", loop, "s")
    record("segments", f"{size}: HC3 of that loop", robust, "s")
    seconds = timed_fits()
    for name in asked.frameworks:
        framework = called(name)
        for kind in SEGMENT_KINDS:
            of_kind = replace(job, candidate=Candidate(name, kind), table=f"{name} {kind}")
            fitting.validate(framework, replace(of_kind, **_first(job, WARM * asked.rows)))
            seconds[0], start = 0.0, process_time()
            fitting.validate(framework, of_kind)
            fitted = fitting.refit(framework, of_kind)
            whole = process_time() - start
            print(f"  {name}/{kind}: fits {seconds[0]:.1f} s, all {whole:.1f} s", end="")
            record("segments", f"{size}: {name}/{kind}: fits", seconds[0], "s")
            record("segments", f"{size}: {name}/{kind}: all", whole, "s")
            if kind == "segment_least_squares":
                apart = furthest(job, fitted, asked.rows)
                times = loop / seconds[0]
                print(f", {times:.1f} times as fast; apart by {apart:.1g}", end="")
                print(f"; {aim(f'at least {AIM} times', times >= AIM)}", end="")
                record("segments", f"{size}: {name}/{kind}: times as fast", times, "")
            print(flush=True)


if __name__ == "__main__":
    main()
