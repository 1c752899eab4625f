"""Errors of predictions, and prediction intervals."""

from dataclasses import dataclass
from math import ceil, exp, sqrt

import numpy as np
from scipy.special import stdtrit

from regressors.arrays import Array, Indices
from regressors.judging.paired import standard_error


@dataclass(frozen=True)
class Score:
    """The errors of one model on n rows, in the target's units; None where n is too small."""

    n: int
    rmse: float
    rmse_se: float | None
    rmse_low: float | None
    rmse_high: float | None
    mae: float
    r2: float | None
    coverage: float | None


@dataclass(frozen=True)
class Difference:
    """A paired difference of two RMSEs on the same rows, with its two-sided interval."""

    value: float
    low: float
    high: float


def score(
    actual: Array,
    predicted: Array,
    *,
    half_width: float | None,
    weight: Array | None = None,
    confidence: float = 0.95,
) -> Score:
    """Score predictions (n,) against actual values (n,), each row by its `weight`, 1 where None.

    The interval of the RMSE comes from the delta method on the logarithm of the mean squared error,
    so that it is never negative. R2 is about the mean of these rows. `coverage` is the unweighted
    share of rows within `half_width` of their prediction.
    """
    errors = actual - predicted
    n = len(errors)
    mean_one = np.square(roots(weight, n))
    squares = np.square(errors) * mean_one
    rmse = sqrt(float(squares.mean()))
    se = low = high = None
    if n >= 3 and rmse > 0:
        relative = float(squares.std(ddof=1)) / sqrt(n) / float(squares.mean())
        reach = float(stdtrit(n - 1, (1 + confidence) / 2)) * relative / 2
        se, low, high = rmse * relative / 2, rmse * exp(-reach), rmse * exp(min(reach, 50.0))
    around = spread(actual, weight)
    return Score(
        n=n,
        rmse=rmse,
        rmse_se=se,
        rmse_low=low,
        rmse_high=high,
        mae=float((np.abs(errors) * mean_one).mean()),
        r2=1 - float(squares.mean()) / around**2 if around else None,
        coverage=None if half_width is None else float((np.abs(errors) <= half_width).mean()),
    )


def roots(weight: Array | None, rows: int) -> Array:
    """Return the roots of weights (n,) scaled to a mean of 1.

    A weight is proportional to one over the variance of an error. So errors times these roots have
    equal variances, and can be compared as errors without weights.
    """
    return np.ones(rows) if weight is None else np.sqrt(weight / weight.mean())


def spread(target: Array, weight: Array | None) -> float:
    """Return the RMSE of the (weighted) mean of the target (n,)."""
    share = np.square(roots(weight, len(target))) / len(target)
    return sqrt(float(share @ np.square(target - share @ target)))


def interval_half_width(residuals: Array, coverage: float) -> float | None:
    """Return the ceil((m + 1) coverage)-th smallest absolute residual of m out-of-fold ones.

    Split conformal prediction (Vovk et al. 2005; Lei et al. 2018): a new row of the same population
    is inside the interval with a probability of at least `coverage`. None where m is too small.
    """
    m = len(residuals)
    order = ceil((m + 1) * coverage)
    return None if order > m else float(np.sort(np.abs(residuals))[order - 1])


def paired_difference(
    first: Array, second: Array, *, confidence: float, unit: Indices | None = None
) -> Difference | None:
    """Return RMSE(first) - RMSE(second) from errors (n,) on the same rows; None below 3 units.

    Student's interval of the mean difference of squared errors, divided by the sum of both RMSEs.
    Rows of one label in `unit` (n,) are one unit; None: each row is one.
    """
    units = len(first) if unit is None else len(np.unique(unit))
    if units < 3:
        return None
    squares = np.square(first) - np.square(second)
    scale = sqrt(float(np.square(first).mean())) + sqrt(float(np.square(second).mean()))
    if scale == 0:
        return Difference(0.0, 0.0, 0.0)
    mean = float(squares.mean())
    reach = float(stdtrit(units - 1, (1 + confidence) / 2)) * standard_error(squares, unit)
    return Difference(mean / scale, (mean - reach) / scale, (mean + reach) / scale)
