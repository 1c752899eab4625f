"""Intervals of rows in order of time, whose relations drift.

The residuals of blocks before a block make its intervals, newer ones counting for more (Barber et
al. 2023), and the level is corrected by what came true: after each block in which too many rows
were outside, intervals become wider (adaptive conformal inference, Gibbs and Candes 2021). Over a
long run of blocks this covers the share of the level however the data drift. Where the theorem has
endless intervals, because the corrected level is above 1, these reach further than any residual so
far, the more so the longer that lasts.
"""

from collections.abc import Mapping

import numpy as np

from regressors.arrays import Array, Columns, Indices, Mask, Values
from regressors.intervals.calibration import Calibration, fill_ends
from regressors.intervals.intervals import Intervals
from regressors.intervals.residuals import Residuals
from regressors.intervals.rules import Rules

STEP = 0.1
"""By so much of what was missed the level is corrected after a block."""
PARTS = 6
"""What is decided by residuals of other rows is decided with so many parts of the past."""
HALF_LIVES, HALF_LIVES_OF_FEW, FEW = 4.0, 2.0, 200
"""In the time of all residuals, the weight of the oldest is halved so many times: less often where
there are few, whose quantiles need them all."""


def walk_intervals(
    rules: Rules,
    *,
    columns: Columns,
    target: Array,
    predicted: Array,
    block: Indices,
    time: Array | None = None,
    known: Indices | None = None,
    weight: Array | None = None,
    group: Values | None = None,
    spread: Array | None = None,
) -> tuple[Array, Array, Intervals | None]:
    """Return the ends (n, L) of the intervals of n rows, and the intervals of rows to come.

    `predicted` (n,) are predictions of the rows of each `block` (n,), from 1, by a model of earlier
    ones; NaN where there is none. `time` (n,) is in any unit; None has blocks be evenly spaced.
    `known` (n,) is the first block at whose time a row's target is known: the one after its own
    where None. `spread` (n,) is the SD of what the model of a row does not know of it, mostly 0: it
    widens the row's interval. The intervals of a block come from rows whose targets were known by
    then: there are none where these are too few.
    """
    known = block + 1 if known is None else known
    time = block.astype(float) if time is None else time
    lower, upper = np.full((2, len(target), len(rules.levels)), np.nan)
    missed: dict[int, Array] = {}
    last = int(block.max(initial=0))
    has_residual = (block > 0) & ~np.isnan(predicted) & ~np.isnan(target)
    intervals = None
    for number in range(1, last + 2):  # the last ones are those of rows to come
        past = has_residual & (known <= number) if number <= last else has_residual
        levels = _adapted(rules.levels, missed, known=known, block=block, by=number, last=last)
        intervals = None
        if past.any():
            rows = Residuals.of(
                rules,
                columns,
                target,
                predicted,
                _parts(block, past),
                weight=weight,
                group=group,
                among=past,
                share=_share(time, past),
            )
            intervals = Calibration(rows).adapted(levels)
        own = block == number
        if intervals is not None and own.any():
            fill_ends((lower, upper), intervals, own, columns, predicted, weight, group, spread)
            scored = own & has_residual
            if scored.any():
                value = target[scored, None]
                inside = (lower[scored] <= value) & (value <= upper[scored])
                missed[number] = 1 - inside.mean(axis=0)
    if intervals is not None:
        intervals = intervals.with_facts(levels_adapted_to=list(levels), blocks=len(missed))
    return lower, upper, intervals


def _adapted(
    levels: tuple[float, ...],
    missed: Mapping[int, Array],
    *,
    known: Indices,
    block: Indices,
    by: int,
    last: int,
) -> tuple[float, ...]:
    """Return the levels after what came true in the blocks all of whose targets are known."""
    allowed = 1 - np.array(levels)
    share = allowed.copy()
    for number, outside in missed.items():
        if by > last or int(known[block == number].max()) <= by:
            share += STEP * (allowed - outside)
    return tuple(float(level) for level in np.maximum(1 - share, 0.0))


def _share(time: Array, past: Mask) -> Array:
    """Return what each row (n,) counts for: the older it is among the past ones, the less."""
    newest, oldest = float(time[past].max()), float(time[past].min())
    span = newest - oldest
    if not span > 0:
        return np.ones(len(time))
    age = np.where(past, newest - time, 0.0) / span
    half_lives = HALF_LIVES if past.sum() >= FEW else HALF_LIVES_OF_FEW
    return np.asarray(0.5 ** (half_lives * age))


def _parts(block: Indices, past: Mask) -> Indices:
    """Return the part (n,) of each row: neighbouring blocks, of about as many past rows each."""
    rows = np.bincount(block[past])
    before = np.cumsum(rows) - rows
    of_block = before * PARTS // rows.sum()
    return np.asarray(of_block[np.minimum(block, len(rows) - 1)])
