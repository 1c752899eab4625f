"""How far intervals reach: conformal quantiles of scores, and the score of an interval."""

from collections.abc import Sequence

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
    factors: Array | None = None,
    capped: bool = False,
) -> Array:
    """Return how far (L, 2) intervals reach down and up from a prediction, in units of the scores.

    `scores` (m,) are residuals in units of their scale, and `levels` (L,) the shares to cover, the
    widest first; none is narrower than the next, and none leaves the prediction out. The quantiles
    are those of split conformal prediction (Vovk et al. 2005), for each end apart where the tails
    have rows enough, and otherwise for both at once. With a `weight` (m,), of which a new row has
    1, they are those of nonexchangeable conformal prediction (Barber et al. 2023). NaN where rows
    are too few; where `capped`, the largest score instead, and more than that for a level above 1.

    With `factors` (m, L, 2), by which each row's interval reaches further down and up, the reaches
    are those of a row whose factors are 1.
    """
    weight = np.ones(len(scores)) if weight is None else weight
    total = float(weight.sum())
    ends = np.full((len(levels), 2), np.nan)
    for i, level in enumerate(levels):
        down, up = -scores, scores
        if factors is not None:
            down, up = down / factors[:, i, 0], up / factors[:, i, 1]
        if (total + 1) * (1 - level) / 2 >= MIN_TAIL:
            share = (1 + level) / 2
            ends[i] = [quantile(side, share, weight, capped=capped) for side in (down, up)]
        else:
            ends[i] = quantile(np.maximum(down, up), level, weight, capped=capped)
    np.maximum(ends, 0.0, out=ends)
    for i in range(len(levels) - 2, -1, -1):
        ends[i] = np.where(np.isnan(ends[i]), np.nan, np.fmax(ends[i], ends[i + 1]))
    return ends


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
