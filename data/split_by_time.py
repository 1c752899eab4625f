"""The blocks of time that rows are walked through, and what the fit of each block may know.

Each origin is the first time of a block: the candidates are fitted on the rows whose target was
known a horizon before it, and predict the block. So no row is predicted by a fit that has seen it,
or anything of its time or later.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.declarations.lags import in_words
from data.declarations.lengths import Length
from data.errors import CannotSplit
from data.time_steps import usual_step

MAX_BLOCKS = 12
"""Blocks of the training rows, and of the test rows; where there are fewer times, each is one."""

WARMUP = 1 / 3
"""The share of the training rows that the first fit knows."""
MIN_KNOWN_ROWS = 3
"""Rows that the first fit must know, if a horizon is declared."""

Times = NDArray[Any]
"""Times or numbers (n,)."""


@dataclass(frozen=True)
class Blocks:
    """The blocks (n,) of labelled rows: 0 the warm-up, then those of training and of test rows.

    `first_test` is the first block of test rows. A row is `known` (n,) to the fits of blocks from
    this one on. `test_blocks` is how many of them have test rows, and `scheme` says in words how
    the errors of these are measured.
    """

    block: NDArray[np.int16]
    known: NDArray[np.int16]
    first_test: int
    test_blocks: int
    scheme: str


def blocks_of_time(
    dataset: str, time: Times, *, share: float, folds: int, horizon: Length | float | None
) -> Blocks:
    """Return the blocks of n labelled rows, every cut between two different times.

    The newest `share` of them are test rows. The training rows are those of the warm-up, which is
    the oldest third as far as it is known a horizon later, and then at least `folds` blocks.
    Raises `CannotSplit` if there are too few times for that.
    """
    values, value_of_row, counts = np.unique(time, return_inverse=True, return_counts=True)
    if len(values) < folds + 2:
        raise CannotSplit(
            f"There are {len(values)} different times, but {folds + 2} are needed: for {folds}"
            " folds, a first block to learn from, and the test rows.",
            where=dataset,
            next_step="Collect more rows, or declare fewer 'folds'.",
        )
    # Cut c has the c oldest times before it; `before[c]` is how many rows they have.
    before = np.concatenate([[0], np.cumsum(counts)])
    train_times = _nearest(before, (1 - share) * before[-1], folds + 1, len(values) - 1)
    known_times = _known_times(values, horizon)
    known_rows = before[known_times]
    latest = train_times - folds
    first = _nearest(known_rows, WARMUP * before[train_times], 1, latest)
    if horizon is not None and known_rows[first] < MIN_KNOWN_ROWS:
        raise CannotSplit(
            f"With a horizon of {in_words(horizon)}, a fit at {_shown(values[latest])} would know"
            f" {known_rows[latest]} of the {before[train_times]} training rows, which end at"
            f" {_shown(values[train_times - 1])}, and {folds} folds must follow; at least"
            f" {MIN_KNOWN_ROWS} are needed.",
            where=dataset,
            next_step="Collect more rows, or declare a shorter 'horizon' or fewer 'folds'.",
        )
    most = max(folds, MAX_BLOCKS)
    cuts = [
        *_cuts(before, first, train_times, most),
        *_cuts(before, train_times, len(values), MAX_BLOCKS),
    ]
    first_test = 1 + cuts.index(train_times)
    tests = len(cuts) + 1 - first_test
    ahead = usual_step(values) if horizon is None else in_words(horizon)
    least = "" if tests == len(values) - train_times else "at least "
    block = np.searchsorted(cuts, np.arange(len(values)), side="right")
    # The first block whose fit knows a time; one after the last where none does.
    known = 1 + np.searchsorted(known_times[cuts], np.arange(len(values)), side="right")
    return Blocks(
        block[value_of_row].astype(np.int16),
        known[value_of_row].astype(np.int16),
        first_test,
        tests,
        f"rolling origins: {tests} blocks, {least}{ahead} ahead",
    )


def _known_times(values: Times, horizon: Length | float | None) -> NDArray[np.int64]:
    """Return how many of the times (n,), in order, are known to a fit at each."""
    if horizon is None:
        return np.arange(len(values))
    until = horizon.before(values) if isinstance(horizon, Length) else values - horizon
    # Never its own time: a number may be too large for the horizon to lower it.
    known: NDArray[np.int64] = np.searchsorted(values, until, side="right")
    return np.minimum(known, np.arange(len(values)))


def _shown(time: Any) -> str:
    return str(time).removesuffix("T00:00:00.000000").replace("T", " ")


def _cuts(before: NDArray[np.int64], first: int, end: int, most: int) -> list[int]:
    """Return the first times of at most so many blocks of about equal rows, from `first` on."""
    number = min(most, end - first)
    cuts = [first]
    for block in range(1, number):
        wanted = before[first] + (before[end] - before[first]) * block / number
        cuts.append(_nearest(before, wanted, cuts[-1] + 1, end - (number - block)))
    return cuts


def _nearest(before: NDArray[np.int64], wanted: float, low: int, high: int) -> int:
    """Return the cut from low to high with about `wanted` rows before it; of two, the later."""
    distance = np.abs(before[low : high + 1] - wanted)
    return high - int(np.argmin(distance[::-1]))
