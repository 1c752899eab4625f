"""How far intervals reach: conformal quantiles of scores, and the score of an interval."""

from collections.abc import Sequence
from math import fsum

import numpy as np

from regressors.arrays import Array

MIN_TAIL = 5
"""With so many rows expected outside at each end, the two ends are calibrated apart."""
STRETCH = 20.0
"""By so much of a share above 1 the largest score is exceeded."""
_ROUNDING = 1e-9


def reaches(
    scores: Array,
    levels: Sequence[float],
    weight: Array | None = None,
    *,
    room: Array | None = None,
    factors: Array | None = None,
    tails: Array | None = None,
    capped: bool = False,
) -> Array:
    """Return how far (L, 2) intervals reach down and up from a prediction, in units of the scores.

    `scores` (m,) are residuals in units of their scale, and `levels` (L,) the shares to cover, the
    widest first; none is narrower than the next, and none leaves the prediction out. The quantiles
    are those of split conformal prediction (Vovk et al. 2005), for each end apart where the tails
    have rows enough, and otherwise for both at once. With a `weight` (m,), of which a new row has
    1, they are those of nonexchangeable conformal prediction (Barber et al. 2023). NaN where rows
    are too few; where `capped`, the largest score instead, and more than that for a level above 1.

    `room` (m, 2) is how far the bounds of the target are, infinite or None where there are none,
    and `tails` are as in `shares_of_ends`, which decides on them where they are None. With
    `factors` (m, L, 2), by which each row's interval reaches further down and up, the reaches are
    those of a row whose factors are 1.
    """
    weight = np.ones(len(scores)) if weight is None else weight
    total = float(weight.sum())
    ends = np.full((len(levels), 2), np.nan)
    room = no_bounds(len(scores)) if room is None else room
    tails = shares_of_ends(scores, levels, weight, room) if tails is None else tails
    for i, level in enumerate(levels):
        own = np.ones(2) if factors is None else factors[:, i]
        rooms, (down, up) = room / own, (np.column_stack([-scores, scores]) / own).T
        if (total + 1) * (1 - level) / 2 >= MIN_TAIL:
            for end, each in enumerate((down, up)):
                missed = float(tails[i, end]) * (1 - level)
                ends[i, end] = reach_missing(each, missed, weight, rooms[:, end], capped=capped)
        else:
            ends[i] = quantile(np.maximum(down, up), level, weight, capped=capped)
    np.maximum(ends, 0.0, out=ends)
    for i in range(len(levels) - 2, -1, -1):
        ends[i] = np.where(np.isnan(ends[i]), np.nan, np.fmax(ends[i], ends[i + 1]))
    return ends


def no_bounds(rows: int) -> Array:
    """Return how far (rows, 2) the bounds are of a target that has none."""
    return np.full((rows, 2), np.inf)


def reach_missing(
    scores: Array, missed: float, weight: Array, room: Array, *, capped: bool = False
) -> float:
    """Return how far one end reaches of intervals that leave out a share of m rows there.

    To leave out none it reaches to the bound of all of them, where there is one.
    """
    if missed == 0 and np.isfinite(room).all():
        return float(room.max())
    return quantile(scores, 1 - missed, weight, capped=capped)


def shares_of_ends(scores: Array, levels: Sequence[float], weight: Array, room: Array) -> Array:
    """Return which share (L, 2) of the rows outside of their intervals is below, and above.

    It is half of them, but where intervals that reach to the bound of the target at one end, so
    that all are outside at the other, are narrower in the mean. `room` (m, 2) is how far the bounds
    are from the predictions, in units of the scores.
    """
    tails = np.full((len(levels), 2), 0.5)
    for i, level in enumerate(levels):
        choices = [(0.5, 0.5)]
        for to_bound, tail in ((0, (0.0, 1.0)), (1, (1.0, 0.0))):
            is_open = i == 0 or tails[i - 1, to_bound] == 0  # the wider one reaches there, too
            if is_open and np.isfinite(room[:, to_bound]).all():
                other = scores if to_bound == 0 else -scores
                if quantile(other, level, weight, capped=True) > 0:
                    choices.append(tail)
        if len(choices) > 1:
            widths = [_width(scores, level, tail, weight, room) for tail in choices]
            tails[i] = choices[int(np.argmin(widths))]
    return tails


def _width(
    scores: Array, level: float, tails: tuple[float, float], weight: Array, room: Array
) -> float:
    """Return the mean width of intervals within the bounds, in units of the scores."""
    width = np.zeros(len(scores))
    for end, each in enumerate((-scores, scores)):
        missed = tails[end] * (1 - level)
        reach = reach_missing(each, missed, weight, room[:, end], capped=True)
        width += np.minimum(max(reach, 0.0), room[:, end])
    return fsum((width * weight).tolist())  # not rounded: rows have no order


def quantile(values: Array, share: float, weight: Array, *, capped: bool = False) -> float:
    """Return the smallest of m values up to which `share` of all weight lies, a new row's included.

    Without weights this is the ceil((m + 1) share)-th smallest value. NaN where m is too small, or
    where `capped`, the largest value; for a share above 1, more than that in proportion.
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    needed = share * (float(reached[-1]) + 1 if len(reached) else 1.0)
    at = int(np.searchsorted(reached, needed * (1 - _ROUNDING)))
    if at >= len(values):
        stretch = 1 + STRETCH * max(share - 1, 0.0)
        return float(values[order[-1]]) * stretch if capped and len(values) else np.nan
    return float(values[order[at]])


def interval_score(actual: Array, lower: Array, upper: Array, level: float) -> Array:
    """Return the width (n,) of each interval, and the penalty for what is outside of it.

    The interval score of Gneiting and Raftery (2007): 2 / (1 - level) times the distance. Lower is
    better, and the true quantiles have the lowest mean.
    """
    outside = np.maximum(lower - actual, 0.0) + np.maximum(actual - upper, 0.0)
    score: Array = upper - lower + 2 / (1 - level) * outside
    return score
