"""Seconds of CPU of least squares: its parts by size, and whole fits beside those of others.

    linear.py [--wide COLUMNS...] [--levels LEVELS...] [--memory COLUMNS]

With `--wide`, only designs of so many columns are fitted: of several condition numbers, and with
columns that depend on others. With `--levels`, only a night of numbers and a category of so many
levels; with `--memory`, only two folds and the twin of so many columns, for the peak of memory.

NumPy takes the place of a framework, since all of them only multiply matrices here. Each figure is
the best of a few rounds, in which everything takes turns.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from resource import RUSAGE_SELF, getrusage
from time import process_time
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import statsmodels.api as sm
from benchmarks.figures import record
from helpers.numpy_products import numpy_products

from regressors import fitting
from regressors.arrays import CodedTexts
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job, take
from regressors.linear.least_squares import solve_rows
from regressors.linear.rows import Rows
from regressors.linear.system import System
from regressors.linear.wide_factor import factored

SIZES = (
    (100_000, 10),
    (1_000_000, 10),
    (1_000_000, 22),
    (20_000, 100),
    (20_000, 400),
    (5_000, 2_000),
)
COMPARED = 1_000_000, 10
WIDE, WIDE_CONDITIONS = (100, 200, 400, 1000), (1e2, 1e6, 1e10, 1e14)
"""Columns that are fitted unless others are asked for; 2,000 take some minutes."""
ROUNDS = 3
NUMPY = SimpleNamespace(row_products=numpy_products)


def made(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a design of a constant and normal columns, and its target."""
    rng = np.random.default_rng(1)
    design = np.column_stack([np.ones(rows), rng.normal(size=(rows, columns - 1))])
    return design, design[:, 1] + rng.normal(size=rows)


def fit(design: np.ndarray, target: np.ndarray, *, robust: bool) -> None:
    """Fit all columns; with `robust`, the rows are read twice."""
    rows = Rows.of(design, target, None)
    terms = [f"x{i}" for i in range(rows.columns)]
    solve_rows(rows, rows.gram(numpy_products), terms, robust=robust)


def night(design: np.ndarray, target: np.ndarray, levels: int = 0) -> dict[str, float]:
    """Encode and fit five folds, the twin and the refit, and predict every fold.

    A fifth of the rows are test rows, which the refit alone is fitted on. There may be a category
    of so many levels, too. Return the seconds of CPU of both.
    """
    columns: dict[str, Any] = {f"x{i}": each for i, each in enumerate(design.T[1:].copy())}
    if levels:
        codes = np.random.default_rng(3).integers(levels, size=len(target))
        labels = np.array([*(f"level {i}" for i in range(levels)), None], dtype=object)
        columns["level"] = CodedTexts(codes, labels)
    is_test = np.arange(len(target)) % 5 == 0
    labelled = Job(
        dataset="made",
        candidate=Candidate("torch", "least_squares"),
        columns=columns,
        target=target,
        fold=1 + np.arange(len(target)) // 5 % 5,
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
        table=uuid4().hex,
        is_test=is_test,
    )
    training = replace(
        labelled,
        columns=take(columns, ~is_test),
        target=target[~is_test],
        fold=labelled.fold[~is_test],
        is_test=None,
    )
    start = process_time()
    fitting.validate(NUMPY, training)
    between = process_time()
    fitting.refit(NUMPY, labelled)
    return {"validate": between - start, "refit": process_time() - between}


def seconds(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least seconds of CPU of each call."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = process_time()
            call()
            best[name] = min(best[name], process_time() - start)
    return best


def parts(rows: int, columns: int) -> dict[str, float]:
    """Return the seconds of each part of a fit, and of NumPy's `lstsq`."""
    design, target = made(rows, columns)
    read = Rows.of(design, target, None)
    system = System.of(read.gram(numpy_products))
    factor = factored(system, columns)
    whole = seconds(
        {
            "sums": lambda: read.gram(numpy_products),
            "factors": lambda: factored(system, columns).condition_number,
            "solution": lambda: factor.solution(columns + 1).estimates,
            "one pass": partial(fit, design, target, robust=False),
            "two passes": partial(fit, design, target, robust=True),
            "lstsq": lambda: np.linalg.lstsq(design, target, rcond=None),
        },
        rounds=ROUNDS if columns <= 100 else 1,
    )
    second = max(0.0, whole.pop("two passes") - whole.pop("one pass"))
    return {**whole, "second pass": second}


def wide_designs(columns: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield designs of some condition numbers, and such as determine no unique fit."""
    rng = np.random.default_rng(1)
    rows = columns + 50
    left, right = (np.linalg.qr(rng.normal(size=(n, columns)))[0] for n in (rows, columns))
    for condition in WIDE_CONDITIONS:
        yield f"condition {condition:.0e}", left * np.geomspace(1, 1 / condition, columns) @ right.T
    normal = rng.normal(size=(rows, columns))
    doubled = normal.copy()
    doubled[:, -1] = doubled[:, 0]
    yield "a column twice", doubled
    levels = columns - columns // 2
    normal[:, columns // 2 :] = np.eye(levels)[rng.integers(levels, size=rows)]
    normal[:, 0] = 1
    yield "all levels and a constant", normal
    yield "fewer rows", rng.normal(size=(columns // 2, columns))


def statsmodels_errors(design: np.ndarray, target: np.ndarray) -> None:
    """Fit all columns with statsmodels, whatever it says of their dependences."""
    with warnings.catch_warnings(action="ignore"):
        _ = sm.OLS(target, design).fit().bse


def wide(columns: int) -> None:
    """Print the rows of a table of fits of so many columns."""
    target = np.random.default_rng(2).normal(size=columns + 50)
    for name, design in wide_designs(columns):
        observed = target[: len(design)]
        taken = seconds(
            {
                "nightfit": partial(fit, design, observed, robust=False),
                "lstsq": partial(np.linalg.lstsq, design, observed, rcond=None),
                "statsmodels": partial(statsmodels_errors, design, observed),
            },
            rounds=1,
        )
        print(f"| {columns:,} | {name} | {' | '.join(f'{each:.2f}' for each in taken.values())} |")
        for which, value in taken.items():
            record("linear", f"{columns} columns, {name}: {which}", value, "s")


def memory(columns: int) -> None:
    """Print the most memory that the fits of two folds and the twin take."""
    numbers = np.random.default_rng(1).normal(size=(columns, 2 * columns + 200))
    job = Job(
        dataset="memory",
        candidate=Candidate("numpy", "least_squares"),
        columns={f"x{i}": values for i, values in enumerate(numbers)},
        target=numbers.sum(axis=0) + numbers[0] ** 2,
        fold=1 + np.arange(numbers.shape[1]) % 2,
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
        table="memory",
    )
    before = getrusage(RUSAGE_SELF).ru_maxrss
    fitting.validate(NUMPY, job)
    peak = getrusage(RUSAGE_SELF).ru_maxrss
    print(f"{columns:,} columns: {(peak - before) / 1e3:,.0f} MB")
    record("linear", f"{columns} columns: memory", (peak - before) / 1e3, "MB")


def main() -> None:
    """Print all tables, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wide", type=int, nargs="+", metavar="COLUMNS")
    parser.add_argument("--levels", type=int, nargs="+", metavar="LEVELS")
    parser.add_argument("--memory", type=int, metavar="COLUMNS")
    asked = parser.parse_args()
    if asked.memory:
        memory(asked.memory)
        return
    if asked.levels:
        for levels in asked.levels:
            print(
                f"{levels} levels:", night(*made(*COMPARED), levels), "seconds of CPU", flush=True
            )
        return
    chosen = asked.wide
    if chosen is None:
        print_sizes()
    print("\n| columns | design | nightfit | NumPy's `lstsq` | statsmodels |")
    print("|---:|---|---:|---:|---:|", flush=True)
    for columns in chosen or WIDE:
        wide(columns)


def print_sizes() -> None:
    """Print the parts of a fit by size, and whole fits beside those of others."""
    names = ("sums", "factors", "solution", "second pass", "lstsq")
    print(f"| rows x columns | {' | '.join(names)} |")
    print(f"|---|{'---:|' * len(names)}")
    for rows, columns in SIZES:
        figures = parts(rows, columns)
        cells = " | ".join(f"{figures[name]:.2f}" for name in names)
        print(f"| {rows:,} x {columns:,} | {cells} |", flush=True)
        for name in names:
            record("linear", f"{rows} x {columns}: {name}", figures[name], "s")
    design, target = made(*COMPARED)
    compared = seconds(
        {
            "NumPy's `lstsq`": lambda: np.linalg.lstsq(design, target, rcond=None),
            "nightfit": partial(fit, design, target, robust=False),
            "nightfit with HC3": partial(fit, design, target, robust=True),
            "statsmodels": lambda: sm.OLS(target, design).fit().bse,
            "statsmodels with HC3": lambda: sm.OLS(target, design).fit().HC3_se,
            "nightfit's seven fits of a night": partial(night, design, target),
        },
        rounds=ROUNDS,
    )
    for name, taken in compared.items():
        ratio = taken / compared["NumPy's `lstsq`"]
        print(f"{name}: {taken:.2f} s, {ratio:.1f} times `lstsq`", flush=True)
        record("linear", name, taken, "s")


if __name__ == "__main__":
    main()
