"""The out-of-fold residuals that intervals are made of."""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Columns, Indices, Mask, Values
from regressors.intervals.rules import Rules

MAX_ROWS, MIN_ROWS, MAX_CELLS = 2**15, 2**12, 2**23
"""Intervals are calibrated with so many residuals, fewer where columns are many."""


@dataclass(frozen=True)
class Residuals:
    """Out-of-fold residuals (m,) of some rows, each times the root of its weight.

    `room` (m, 2) is how far the bounds of the target are below and above each prediction, times
    the same root, and infinite where there is none. `share` (m,) is what each counts for in
    quantiles, None where all count the same; `available` are how many there were to choose from.
    `age` (m,) is 0 for the newest row and 1 for the oldest, None where rows have no order.
    """

    rules: Rules
    columns: Columns
    predicted: Array
    residual: Array
    room: Array
    fold: Indices
    available: int
    mean_weight: float | None = None
    group: Values | None = None
    share: Array | None = None
    age: Array | None = None

    @classmethod
    def of(
        cls,
        rules: Rules,
        columns: Columns,
        target: Array,
        predicted: Array,
        fold: Indices,
        *,
        weight: Array | None = None,
        group: Values | None = None,
        among: Mask | None = None,
        share: Array | None = None,
        age: Array | None = None,
    ) -> "Residuals":
        """Return the residuals of the rows with a prediction, of those in a mask if there is one.

        Of more than enough, those whose target and prediction have the smallest hash.
        """
        has_one = ~np.isnan(predicted) & ~np.isnan(target)
        chosen = np.flatnonzero(has_one if among is None else has_one & among)
        of = len(chosen)
        most = int(np.clip(MAX_CELLS // max(len(columns), 1), MIN_ROWS, MAX_ROWS))
        if of > most:
            chosen = chosen[_smallest(_hashes(target[chosen], predicted[chosen]), most)]
        residual = target[chosen] - predicted[chosen]
        lowest = -np.inf if rules.lowest is None else rules.lowest
        highest = np.inf if rules.highest is None else rules.highest
        room = np.column_stack([predicted[chosen] - lowest, highest - predicted[chosen]])
        np.maximum(room, 0.0, out=room)
        mean_weight = None
        if weight is not None:
            mean_weight = float((weight if among is None else weight[among]).mean())
            root = np.sqrt(weight[chosen] / mean_weight)
            residual, room = residual * root, room * root[:, None]
        return cls(
            rules,
            {name: np.asarray(values[chosen]) for name, values in columns.items()},
            predicted[chosen],
            residual,
            room,
            fold[chosen],
            of,
            mean_weight,
            None if group is None else np.asarray(group[chosen]),
            None if share is None else share[chosen],
            None if age is None else age[chosen],
        )


def _smallest(values: Indices, number: int) -> Indices:
    """Return the places of the smallest values (n,), in order; of equal ones the first."""
    limit = np.partition(values, number - 1)[number - 1]
    below = values < limit
    at_limit = np.flatnonzero(values == limit)[: number - np.count_nonzero(below)]
    below[at_limit] = True
    return np.flatnonzero(below)


def _hashes(target: Array, predicted: Array) -> Indices:
    """Return a hash (n,) of the digits of each row, whatever its place."""
    mixed = target.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= predicted.view(np.uint64) + (mixed >> np.uint64(29))
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):  # splitmix64 (Steele et al. 2014)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(factor)
    return mixed
