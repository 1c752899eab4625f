"""Epochs of gradient descent on a table that grows every night: cold starts and `start: last`.

Each night adds one row per thousand. `start: last` continues where the same fold, or the refit,
ended the night before; a cold start begins at zero. Both are counted until the loss is within one
millionth of that of least squares.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.figures import record

from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers
from regressors.intervals.rules import Rules
from regressors.job import Job, Start

NIGHTS, ROWS, GROWTH, FOLDS = 8, 5000, 5, 5


def table(rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return features that are correlated, as measurements often are, and a noisy target."""
    rng = np.random.default_rng(1905)
    common = rng.normal(size=(rows, 1))
    inputs = 0.9 * common + 0.5 * rng.normal(size=(rows, 8))
    target = inputs @ np.arange(1.0, 9.0) + 5 * rng.normal(size=rows)
    return {f"x{i}": inputs[:, i].copy() for i in range(8)}, target


def nights(workers: Workers, framework: str, rate: float | None) -> Iterator[tuple[float, float]]:
    """Yield each night's epochs to the solution, cold and from last night; means over the fits."""
    starts: dict[str, Start] = {}
    for night in range(NIGHTS):
        rows = ROWS + GROWTH * night
        columns, target = table(ROWS + GROWTH * NIGHTS)
        cold = Job(
            dataset="growing",
            candidate=Candidate(framework, "gradient_descent"),
            columns={name: values[:rows] for name, values in columns.items()},
            target=target[:rows],
            fold=1 + np.arange(rows) % FOLDS,
            chained=False,
            hidden=(),
            interval=Rules((0.9,)),
            learning_rate=rate,
            epochs=20_000,
        )
        details = [
            workers.result(workers.submit(framework, fitting.validate, job)).details
            for job in (cold, replace(cold, starts=starts))
        ]
        starts = {
            name: Start(part["end"], part["split_rules"], part["until"])
            for name, part in details[1].items()
        }
        first, again = (
            float(np.mean([part["epochs_to_solution"] for part in parts.values()]))
            for parts in details
        )
        yield first, again


def main() -> None:
    """Print the table."""
    print(f"{'framework':<12}{'learning rate':>14}{'cold':>9}{'start: last':>13}{'ratio':>8}")
    with (
        tempfile.TemporaryDirectory() as home,
        Workers(FRAMEWORK_NAMES, home=Path(home), time_limit=600) as workers,
    ):
        for framework in FRAMEWORK_NAMES:
            for rate in (0.01, None):
                epochs = list(nights(workers, framework, rate))[1:]  # the first has no last night
                cold, again = np.mean(epochs, axis=0)
                shown = "best" if rate is None else f"{rate:g}"
                name = f"{framework}, learning rate {shown}"
                record("starts", f"{name}: cold", cold, "epochs")
                record("starts", f"{name}: start: last", again, "epochs")
                print(
                    f"{framework:<12}{shown:>14}{cold:>9.0f}{again:>13.1f}{again / cold:>8.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
