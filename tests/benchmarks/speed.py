"""Microseconds per step and rows per second of training an ANN, by framework, once warm.

Each framework trains the recipe's network (128 and 128 hidden units, float32, one thread) on tables
of noise, taking turns. The fastest epoch is reported, from shuffling its rows to the averaged
weights, because other work on the machine disturbs it least.
"""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
from benchmarks.accuracy import HIDDEN, ONE_THREAD
from benchmarks.figures import record

from regressors.frameworks.contract import FrameworkModule
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers
from regressors.network import recipe
from regressors.network.progress import Progress

ROUNDS = 4


@dataclass(frozen=True)
class Shape:
    """Rows, network inputs, rows per batch, and epochs per round."""

    rows: int
    inputs: int
    batch: int
    epochs: int


SHAPES = (Shape(5_000, 110, 64, 10), Shape(5_000, 110, 128, 10), Shape(43_000, 260, 256, 3))
"""The recipe's own batch is 128 at 5,000 rows, and 256 at 43,000."""


@dataclass(frozen=True)
class Batches(recipe.Program):
    """The recipe's program with batches of another size."""

    size: int = 64

    @property
    def bounds(self) -> np.ndarray:
        """Return where each batch begins and ends: (steps + 1,)."""
        steps = -(-self.rows // self.size)
        return np.arange(steps + 1) * self.rows // steps


@dataclass
class Clock(Progress):
    """The progress of a training, which also records when each epoch ended."""

    ends: list[float] = field(default_factory=list)

    def record(self, predictions, weights, loss=None) -> bool:
        """Record the time, and everything that a training records."""
        self.ends.append(perf_counter())
        return super().record(predictions, weights, loss)


def fastest_epoch(framework: FrameworkModule, shape: Shape) -> float:
    """Return the seconds of the fastest epoch of a round; runs in a framework's worker."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(shape.rows, shape.inputs)).astype(np.float32)
    target = rng.normal(size=shape.rows).astype(np.float32)
    clock = Clock(held_target=target[:0], epochs=shape.epochs)
    framework.train(
        recipe.start_arrays(rng, shape.inputs, HIDDEN),
        inputs,
        target,
        np.ones_like(target),
        inputs[:0],
        Batches(shape.rows, seed=1, size=shape.batch),
        clock,
    )
    return float(np.diff(clock.ends).min())


def main() -> None:
    """Print the table, in Markdown."""
    print("| rows | inputs | batch | framework | microseconds per step | rows per second | ratio |")
    print("|---:|---:|---:|---|---:|---:|---:|")
    with (
        tempfile.TemporaryDirectory() as home,
        Workers(FRAMEWORK_NAMES, home=Path(home), time_limit=600) as workers,
    ):
        os.environ.update(ONE_THREAD)
        for shape in SHAPES:
            rounds = [
                [
                    workers.result(workers.submit(framework, fastest_epoch, shape))
                    for framework in FRAMEWORK_NAMES
                ]
                for _ in range(ROUNDS)
            ]
            seconds = np.min(rounds, axis=0)
            steps = len(Batches(shape.rows, seed=1, size=shape.batch).bounds) - 1
            for framework, epoch in zip(FRAMEWORK_NAMES, seconds, strict=True):
                name = f"{shape.rows} rows, batch {shape.batch}: {framework}"
                record("speed", name, 1e6 * epoch / steps, "us/step")
                print(
                    f"| {shape.rows:,} | {shape.inputs} | {shape.batch} | {framework}"
                    f" | {1e6 * epoch / steps:.0f} | {shape.rows / epoch:,.0f}"
                    f" | {epoch / seconds.min():.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
