"""How a model errs, in figures for charts: its residuals beside a normal's, and its coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from regressors.arrays import Array, Mask
from regressors.judging.scoring import Interval, interval_half_width, roots
from tasks.report.run_figures import Coverage, Residuals, rounded

MAX_QUANTILES = 200
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""The shares that the intervals of a chart of coverage are made for."""
Z = 1.96
"""The normal quantile of an interval of 95%."""


def residuals(model: str, errors: Array) -> Residuals | None:
    """Return quantiles of honest errors (n,), NaN where there is none; None if they do not vary.

    Of many, those at evenly spaced quantiles of a normal distribution, the extremes included.
    """
    present = np.sort(errors[np.isfinite(errors)])
    count = len(present)
    if count < 2:
        return None
    scale = float(np.abs(present).max())
    sd = float((present / scale).std() * scale) if scale > 0 else 0.0
    if not sd > 0:
        return None
    at = np.arange(count)
    if count > MAX_QUANTILES:
        end = float(ndtri(1 - 0.5 / count))
        shares = ndtr(np.linspace(-end, end, MAX_QUANTILES))
        at = np.unique(np.clip(np.round(shares * count - 0.5).astype(int), 0, count - 1))
    normal = ndtri((at + 0.5) / count)
    return Residuals(model, count, sd, rounded(normal), rounded(present[at] / sd))


def coverage(
    out_of_fold: Array,
    test: Array,
    declared: float,
    reach: float = 1.0,
    narrower: Mapping[float, tuple[Array, float]] | None = None,
) -> tuple[Coverage, ...]:
    """Return how many errors (m,) of the test rows are within what out-of-fold errors (n,) suggest.

    Both are in units of how far the row's interval reaches, which is `reach` in the mean, and NaN
    where there is none. The declared level is that of the intervals themselves, and out-of-fold
    errors say how much wider or narrower those of other levels are. A level for which there are too
    few of them is left out. `narrower` has, by level, the errors in units of intervals that were
    made for that level, and the mean of these units.
    """
    honest, errors = (np.abs(each[~np.isnan(each)]) for each in (out_of_fold, test))
    if not len(errors) or not len(honest):
        return ()
    found = []
    of_declared = interval_half_width(honest, declared) or 1.0
    made = {
        level: (np.abs(own[~np.isnan(own)]), own_reach)
        for level, (own, own_reach) in (narrower or {}).items()
    }
    for level in sorted({*LEVELS, declared, *made}):
        if level in made and len(made[level][0]) and isfinite(made[level][1]):
            own, own_reach = made[level]
            found.append(_covered(level, own_reach, own <= 1))
            continue
        width = interval_half_width(honest, level)
        if width is not None and isfinite(width := width / of_declared) and isfinite(width * reach):
            found.append(_covered(level, width * reach, errors <= width))
    return tuple(found)


def _covered(level: float, reach: float, inside: Mask) -> Coverage:
    share = float(inside.mean())
    low, high = wilson(share, len(inside))
    return Coverage(level, reach, share, low, high, len(inside))


@dataclass(frozen=True)
class PredictedRows:
    """Rows (n,) and what a model predicts for them; None: for none of them.

    `ends` are those of the intervals, the widest first.
    """

    target: Array
    weight: Array | None
    predicted: Array | None
    ends: tuple[Interval, ...] = ()

    def plain_errors(self) -> Array:
        """Return the errors (n,), actual minus predicted."""
        if self.predicted is None:
            return np.full(len(self.target), np.nan)
        return self.target - self.predicted

    def errors(self) -> Array:
        """Return the weighted errors (n,)."""
        return self.plain_errors() * roots(self.weight, len(self.target))

    def in_intervals(self, ends: Interval) -> tuple[Array, Array]:
        """Return the errors (n,) in units of intervals, and these units."""
        assert self.predicted is not None
        down, up = self.predicted - ends[0], ends[1] - self.predicted
        return in_intervals(self.plain_errors(), down, up), down / 2 + up / 2


def residual_figures(model: str, parts: Sequence[PredictedRows]) -> Residuals | None:
    """Return quantiles of the errors of all rows in some parts."""
    return residuals(model, np.concatenate([part.errors() for part in parts]))


def coverage_figures(
    train: PredictedRows, test: PredictedRows, levels: Sequence[float], has_intervals: bool
) -> tuple[Coverage, ...]:
    """Return how many test rows are in the intervals of these levels, the widest first.

    Where rows were too few for intervals, the errors themselves are compared, in units of 1.
    """
    narrower = {}
    for level, ends in list(zip(levels, test.ends, strict=False))[1:]:
        errors, reach = test.in_intervals(ends)
        if not np.isnan(reach).all():
            narrower[level] = errors, float(np.nanmean(reach))
    if not has_intervals:
        return coverage(train.errors(), test.errors(), levels[0], 1.0, narrower)
    out_of_fold, _ = train.in_intervals(train.ends[0])
    errors, reach = test.in_intervals(test.ends[0])
    return coverage(out_of_fold, errors, levels[0], float(np.nanmean(reach)), narrower)


def in_intervals(errors: Array, down: Array, up: Array) -> Array:
    """Return errors (n,) over how far their interval reaches to their side, NaN without one.

    Within the interval this is between -1 and 1.
    """
    side = np.where(errors > 0, up, down)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside: Array = np.where(errors == 0, 0.0, errors / np.maximum(side, 0.0))
    return np.where(np.isnan(side), np.nan, inside)


def wilson(share: float, rows: int) -> tuple[float, float]:
    """Return Wilson's interval of 95% of a share of so many rows (Wilson 1927)."""
    z2 = Z * Z / rows
    centre = (share + z2 / 2) / (1 + z2)
    reach = Z / (1 + z2) * sqrt(share * (1 - share) / rows + z2 / (4 * rows))
    return max(centre - reach, 0.0), min(centre + reach, 1.0)
