"""Errors of predictions, and prediction intervals."""

from dataclasses import dataclass
from math import ceil, exp, inf, sqrt

import numpy as np
from scipy.special import betainc, stdtr, stdtrit

from regressors.arrays import Array, Indices
from regressors.judging.paired import log_ratio_error, standard_error, studentised_quantile

Interval = tuple[Array, Array]
"""The lower and the upper ends (n,) of prediction intervals, NaN where there is none."""
MIN_UNITS = 3
"""With fewer test rows, groups or blocks of time there is no interval of an error."""
RMSE_RESAMPLES = 2_000
MAX_RESAMPLED_RMSE_UNITS = 200
"""With more units the interval of an RMSE is Student's, which is then the same."""
MAX_TIMES_STUDENT = 2.0
"""The quantile of resamples is at most so many times Student's."""


@dataclass(frozen=True)
class Score:
    """The errors of one model on n rows, in the target's units; None where n is too small.

    `rmse_low` and `rmse_high` are the ends of an interval of 95%.
    """

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
    interval: Interval | None = None,
    weight: Array | None = None,
    unit: Indices | None = None,
    confidence: float = 0.95,
) -> Score:
    """Score predictions (n,) against actual values (n,), each row by its `weight`, 1 where None.

    Rows of one label in `unit` (n,), a group or a block of time, are taken together in the interval
    of the RMSE. R2 is about the mean of these rows. `coverage` is the unweighted share of rows
    inside their prediction `interval`, of those that have one.
    """
    errors = weighted_errors(actual, predicted, weight)
    rmse, around = root_mean_square(errors), spread(actual, weight)
    se = low = high = None
    if rmse > 0 and np.isfinite(rmse):
        error, reach = _log_mean_square(errors, rmse, unit, confidence)
        se = rmse * error / 2 if np.isfinite(error) else None
        if np.isfinite(reach):
            low, high = rmse * exp(-reach / 2), rmse * exp(min(reach / 2, 50.0))
    np.abs(errors, out=errors)
    if weight is not None:
        errors *= roots(weight, len(errors))
    return Score(
        n=len(actual),
        rmse=rmse,
        rmse_se=se,
        rmse_low=low,
        rmse_high=high,
        mae=float(errors.mean()),
        r2=1 - (rmse / around) ** 2 if around else None,
        coverage=None if interval is None else coverage_of(actual, interval),
    )


def coverage_of(actual: Array, interval: Interval) -> float | None:
    """Return the share of actual values (n,) inside their intervals, of those that have one."""
    lower, upper = interval
    has_one = ~np.isnan(lower)
    if not has_one.any():
        return None
    return float(((lower <= actual) & (actual <= upper))[has_one].mean())


def undercoverage_p(
    actual: Array, interval: Interval, level: float, unit: Indices | None = None
) -> float | None:
    """Return the chance that intervals of this level cover as few actual values, or fewer.

    The larger one of the binomial probability, with as many rows as those of the units (n,) are
    worth, and of Student's t over the units. None where there is no interval.
    """
    lower, upper = interval
    has_one = ~np.isnan(lower)
    if not has_one.any():
        return None
    inside = ((lower <= actual) & (actual <= upper))[has_one].astype(float)
    unit = None if unit is None else unit[has_one]
    share, n = float(inside.mean()), len(inside)
    if unit is None:
        return _binomial(share, n, level)
    units = len(np.unique(unit))
    if units < 2:
        return 1.0
    # So many rows of a unit are worth one independent row; undefined where all or none are inside.
    independent = sqrt(share * (1 - share) / n)
    alike = (
        max(1.0, (standard_error(inside, unit) / independent) ** 2) if independent else n / units
    )
    student = stdtr(units - 1, (share - level) / sqrt(level * (1 - level) * alike / n))
    return max(_binomial(share, n / alike, level), float(student))


def _binomial(share: float, n: float, level: float) -> float:
    """Return the probability of at most this share of n; n need not be a whole number."""
    return float(betainc((1 - share) * n, share * n + 1, 1 - level)) if share < 1 else 1.0


def root_mean_square(errors: Array) -> float:
    """Return the root of the mean square of errors (n,), without an overflow of the squares."""
    largest = max(float(errors.max()), -float(errors.min()))
    if not largest or not np.isfinite(largest):
        return largest
    scale = power_of_two(largest)
    squares = errors / scale
    np.square(squares, out=squares)
    return scale * sqrt(float(squares.mean()))


def _log_mean_square(
    errors: Array, rmse: float, unit: Indices | None, confidence: float
) -> tuple[float, float]:
    """Return the standard error of the log mean square of errors (n,), and how far it may be off.

    `rmse` is the root of that mean square, by which the errors are divided before all else.
    The mean is the ratio of two sums over units, of squares and of rows (Cochran 1977, section
    6.3). Its quantile is that of the size of the studentised log ratio in resamples of the units,
    or Student's above 200 units. Infinite for fewer than three.
    """
    squares = errors / rmse
    np.square(squares, out=squares)
    sums, sizes = _by_unit(squares, unit)
    m = sums.shape[1]
    if m < MIN_UNITS:
        return inf, inf
    # Each unit is compared with the mean of the others, as by the jackknife: with few units their
    # common mean is too near to each.
    error = m / (m - 1) * float(log_ratio_error(sums, sizes)[0])
    level = (1 + confidence) / 2
    quantile = studentised_quantile(
        sums, sizes, level, resamples=RMSE_RESAMPLES, max_units=MAX_RESAMPLED_RMSE_UNITS
    )
    # Where one unit has most of the squares, resamples without it are far off.
    return error, min(float(quantile[0]), MAX_TIMES_STUDENT * float(stdtrit(m - 1, level))) * error


def _by_unit(squares: Array, unit: Indices | None) -> tuple[Array, Array]:
    """Return the sum of squares of each unit and its rows, (1, m) each, with means of 1.

    They are in the order of the sums, so that the order of the rows changes no digit. The squares
    (n,) are not to be used again: those of all rows are sorted where they are.
    """
    if unit is None:
        total = squares.mean()
        squares.sort()
        squares /= total
        return squares[None], np.broadcast_to(1.0, (1, len(squares)))
    label = np.unique(unit, return_inverse=True)[1]
    sizes, sums = np.bincount(label).astype(float), np.bincount(label, squares)
    order = np.lexsort((sizes, sums))
    return sums[None, order] / sums.mean(), sizes[None, order] / sizes.mean()


def weighted_errors(actual: Array, predicted: Array, weight: Array | None) -> Array:
    """Return actual minus predicted (n,), times the roots of the weights (n,) where there are some.

    A weight is proportional to one over the variance of an error. So these errors have equal
    variances, and can be compared as errors without weights.
    """
    errors = actual - predicted
    if weight is not None:
        errors *= roots(weight, len(errors))
    return errors


def roots(weight: Array | None, rows: int) -> Array:
    """Return the roots of weights (n,) scaled to a mean of 1."""
    return np.broadcast_to(1.0, rows) if weight is None else np.sqrt(weight / weight.mean())


def spread(target: Array, weight: Array | None) -> float:
    """Return the RMSE of the (weighted) mean of the target (n,)."""
    around = target - _mean(target, weight)
    if weight is not None:
        around *= roots(weight, len(around))
    return root_mean_square(around)


def _mean(values: Array, weight: Array | None) -> float:
    share = np.square(roots(weight, len(values)))
    share /= len(values)
    return float(share @ values)


def interval_half_width(residuals: Array, coverage: float) -> float | None:
    """Return the ceil((m + 1) coverage)-th smallest absolute residual of m out-of-fold ones.

    Split conformal prediction (Vovk et al. 2005; Lei et al. 2018): a new row of the same population
    is inside the interval with a probability of at least `coverage`. None where m is too small.
    """
    m = len(residuals)
    order = ceil((m + 1) * coverage)
    if order > m:
        return None
    residuals = np.abs(residuals)
    residuals.partition(order - 1)
    return float(residuals[order - 1])


def paired_difference(
    first: Array, second: Array, *, confidence: float, unit: Indices | None = None
) -> Difference | None:
    """Return RMSE(first) - RMSE(second) from errors (n,) on the same rows; None below 3 units.

    Student's interval of the mean difference of squared errors, divided by the sum of both RMSEs.
    Rows of one label in `unit` (n,) are one unit; None: each row is one.
    """
    units = len(first) if unit is None else len(np.unique(unit))
    if units < MIN_UNITS:
        return None
    # The scale, a power of two, keeps the squares of enormous errors finite.
    unscale = power_of_two(max(float(np.abs(first).max()), float(np.abs(second).max())))
    squares = np.square(first / unscale) - np.square(second / unscale)
    scale = (root_mean_square(first) + root_mean_square(second)) / unscale
    if scale == 0:
        return Difference(0.0, 0.0, 0.0)
    mean = float(squares.mean())
    reach = float(stdtrit(units - 1, (1 + confidence) / 2)) * standard_error(squares, unit)
    low, value, high = (unscale * end / scale for end in (mean - reach, mean, mean + reach))
    return Difference(value, low, high)


def power_of_two(largest: float) -> float:
    """Return the power of two that is not larger than a positive number, 1 for zero."""
    return 2.0 ** float(np.frexp(largest)[1] - 1) if largest else 1.0
