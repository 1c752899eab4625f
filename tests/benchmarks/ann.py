"""Seconds, error and memory of the ANN of one table, by rows, beside LightGBM.

    ann.py [ROWS...] [--frameworks torch ...]

The table is made: eight numbers, of which one has gaps, and two categories, with a noisy target
that curves and jumps. A fifth of the rows are for the test, and all models get the same others.
nightfit's ANN fits its folds on them (`validate`), and then on all rows the networks that would
serve (`refit`). LightGBM trains up to 1,000 trees with its other defaults, until a tenth of the
rows, held out, gains no more.

The error is the RMSE on the test rows over the target's SD there; that of the ANN is of `validate`,
which never saw them. Each model runs in a process of its own, with one thread. The seconds are
processor time, imports left out, and the memory is the peak of the process (`VmHWM`), imports and
table included. Theano compiles once before. Needs the extra `bench`.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
from benchmarks.accuracy import FOLDS, HIDDEN, ONE_THREAD, SHARE, relative_error
from benchmarks.figures import record
from benchmarks.size import peaks_of

from regressors import fitting
from regressors.arrays import Columns
from regressors.blocks import rows_of
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers
from regressors.intervals.rules import Rules
from regressors.job import Job

ROWS = 10_000, 100_000, 1_000_000
TREES, PATIENCE, HELD_OUT = 1000, 10, 0.1
LIGHTGBM = "LightGBM"

Array = np.ndarray
Result = tuple[float, float, float]
"""Seconds of the fit, seconds of the refit (0 if there is none), and error."""


def table(rows: int) -> tuple[Columns, Array]:
    """Return the columns and the target of the made table."""
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(8, rows))
    level, kind = rng.integers(0, 12, rows), rng.integers(0, 3, rows)
    effects = np.random.default_rng(0).normal(size=12)
    target = (
        np.sin(2 * x[0])
        + x[1] * x[2]
        + np.abs(x[3])
        + 0.5 * x[4] ** 2 * (kind == 1)
        + np.exp(-(x[5] ** 2)) * x[6]
        + 0.7 * effects[level]
        + 0.3 * x[7]
        + ((x[0] > 0.5) & (x[1] > 0))
        + 0.7 * rng.normal(size=rows)
    )
    x[0, rng.random(rows) < 0.05] = np.nan
    levels = np.array([f"level {i}" for i in range(12)], dtype=object)
    kinds = np.array(["a", "b", "c"], dtype=object)
    numbers = {f"x{i}": column for i, column in enumerate(x)}
    return {**numbers, "level": levels[level], "kind": kinds[kind]}, target


def fitted(framework: FrameworkModule, name: str, rows: int) -> Result:
    """Fit and refit the ANN; runs in the framework's worker."""
    columns, target = table(rows)
    is_test = np.random.default_rng(rows + 1).random(rows) < SHARE
    everything = Job(
        dataset="made",
        candidate=Candidate(name, "ann"),
        columns=columns,
        target=target,
        fold=1 + np.random.default_rng(rows + 2).integers(0, FOLDS, rows),
        chained=False,
        hidden=HIDDEN,
        interval=Rules((0.9,)),
    )
    job = replace(
        everything,
        columns=rows_of(columns, ~is_test),
        target=target[~is_test],
        fold=everything.fold[~is_test],
    )
    start = process_time()
    fit = fitting.validate(framework, job)
    middle = process_time()
    chosen = {name: getattr(fit, name) for name in ("grouping", "refit_epochs", "plan")}
    fitting.refit(framework, replace(everything, **chosen))
    end = process_time()
    predicted = fit.model.predict(rows_of(columns, is_test))
    return middle - start, end - middle, relative_error(predicted, target[is_test])


def boosted(rows: int) -> Result:
    """Fit LightGBM."""
    lightgbm = importlib.import_module("lightgbm")
    pd = importlib.import_module("pandas")
    columns, target = table(rows)
    is_test = np.random.default_rng(rows + 1).random(rows) < SHARE
    is_held = ~is_test & (np.random.default_rng(rows + 3).random(rows) < HELD_OUT)
    is_trained = ~is_test & ~is_held
    frame = pd.DataFrame(
        {name: pd.Categorical(v) if v.dtype == object else v for name, v in columns.items()}
    )
    model = lightgbm.LGBMRegressor(n_estimators=TREES, n_jobs=1, verbosity=-1)
    start = process_time()
    model.fit(
        frame[is_trained],
        target[is_trained],
        eval_set=[(frame[is_held], target[is_held])],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    seconds = process_time() - start
    return seconds, 0.0, relative_error(model.predict(frame[is_test]), target[is_test])


def peak() -> float:
    """Return the peak memory of this process in GB."""
    return next(value for name, value in peaks_of(os.getpid()) if name == "night")


def in_worker(framework: FrameworkModule, name: str, rows: int) -> tuple[Result, float]:
    """Fit the ANN; return the result, and the peak memory of the worker in GB."""
    if name == "theano":  # it keeps what it has compiled, here for this process
        fitted(framework, name, 500)
    result = fitted(framework, name, rows)
    return result, peak()


def ann(framework: str, rows: int, home: Path) -> tuple[Result, float]:
    """Fit the ANN in a worker of its own."""
    with Workers([framework], home=home, time_limit=24 * 3600) as workers:
        os.environ.update(ONE_THREAD)  # the worker starts with its first job
        return workers.result(workers.submit(framework, in_worker, framework, rows))


def lightgbm_alone(rows: int) -> tuple[Result, float]:
    """Fit LightGBM in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--boosted", str(rows)],
        check=True,
        capture_output=True,
        text=True,
    )
    result, memory = json.loads(done.stdout)
    return tuple(result), memory


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", type=int, default=list(ROWS))
    parser.add_argument("--frameworks", nargs="+", choices=FRAMEWORK_NAMES, default=FRAMEWORK_NAMES)
    parser.add_argument("--boosted", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.boosted:
        print(json.dumps([boosted(chosen.boosted), peak()]))
        return
    os.environ.update(ONE_THREAD)
    print("| rows | model | fit and refit | of it refit | test RMSE / SD | peak memory |")
    print("|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as home:
        for rows in chosen.rows:
            models: dict[str, Callable[[], tuple[Result, float]]] = {
                LIGHTGBM: partial(lightgbm_alone, rows)
            }
            for name in chosen.frameworks:
                models[name] = partial(ann, name, rows, Path(home))
            for model, fit in models.items():
                (first, second, error), memory = fit()
                record("ann", f"{rows} rows: {model}", first + second, "s")
                record("ann", f"{rows} rows: {model}, test RMSE / SD", error, "ratio")
                record("ann", f"{rows} rows: memory of {model}", memory, "GB")
                refit = f"{second:.1f} s" if second else ""
                print(
                    f"| {rows:,} | {model} | {first + second:.1f} s | {refit}"
                    f" | {error:.4f} | {memory:.2f} GB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
