"""How much better one model is than another on the same rows, and how sure that is.

The gain is one minus the ratio of the two mean squared errors. Its bounds are those of a
studentised bootstrap of the logarithm of the ratio. What is resampled are units: rows, or the
groups or blocks of time whose rows belong together. docs/decisions/010-gate.md compares the error
rates of this and other statistics.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.special import stdtrit

from regressors.arrays import Array, Indices

RESAMPLES = 10_000
MAX_RESAMPLED_UNITS = 5_000
"""Above this many units the bounds are Student's, which are then the same."""
BLOCK_ROWS = 30
"""Rows of a block of time: enough for most of the errors that are alike to share a block."""
MIN_TIME_BLOCKS, MAX_TIME_BLOCKS = 10, 20
"""With fewer the bounds are wide; more do not help."""
MIN_REPORTED_GAIN = -1e6
"""Stands for every gain below it, also where the incumbent makes no error at all."""
MAX_REPORTED_GAIN = 1.0
SEED = 20_240_331
_SAME_ERRORS = 1e-6
"""Models whose errors differ by a smaller share than this are compared by Student's quantile."""
_BATCH_RESAMPLES = 200
"""Resamples that are in memory at once."""


@dataclass(frozen=True)
class PairedGain:
    """Two models on the same rows: RMSEs in target units, the gain and its bounds.

    `value` is 1 - MSE(challenger) / MSE(incumbent), at least `MIN_REPORTED_GAIN`. `low` and `high`
    are its one-sided bounds: each holds with probability `confidence`. `units` is the number of
    rows, groups or blocks of time that were resampled.
    """

    challenger_rmse: float
    incumbent_rmse: float
    value: float
    low: float
    high: float
    rows: int
    units: int
    confidence: float


@dataclass(frozen=True)
class Sums:
    """Sums of squared errors per unit, of challenger and incumbent (k, m), in k comparisons.

    Each comparison has `rows` rows in m units; the order of the units does not depend on that of
    the rows. The errors were divided by `scale`, a power of two, so that no square overflows.
    """

    challenger: Array
    incumbent: Array
    rows: int
    scale: float = 1.0


def paired_gain(
    challenger: Array, incumbent: Array, *, confidence: float, unit: Indices | None = None
) -> PairedGain:
    """Compare two models by their errors (n,), actual minus predicted, on the same rows.

    Rows of one label in `unit` (n,) are resampled together; None: each row by itself. Where there
    is no evidence, for example with only one unit, the bounds are `MIN_REPORTED_GAIN` and 1. Raises
    ValueError for errors that are not finite, differ in number, or are empty.
    """
    return gains(unit_sums(challenger, incumbent, unit), confidence=confidence)[0]


def time_blocks(time: Array) -> Indices:
    """Return the block (n,) of each row's time (n,): 10 to 20 of equal size; ties share a block.

    Errors of neighbours in time are alike, so rows are not independent units; long blocks nearly
    are. Raises ValueError for a time that is not finite.
    """
    if not np.isfinite(time).all():
        raise ValueError("A row without a time has no block.")
    blocks = min(max(len(time) // BLOCK_ROWS, MIN_TIME_BLOCKS), MAX_TIME_BLOCKS)
    earlier = np.searchsorted(np.sort(time), time, side="left")
    return (earlier * blocks // max(len(time), 1)).astype(np.int64)


def standard_error(values: Array, unit: Indices | None = None) -> float:
    """Return the standard error of the mean of values (n,), those of one unit taken together.

    It is infinite where there is only one unit.
    """
    sums = values - values.mean()
    if unit is not None:
        sums = np.bincount(np.unique(unit, return_inverse=True)[1], sums)
    m = len(sums)
    if m < 2:
        return float("inf")
    np.square(sums, out=sums)
    return float(np.sqrt(m / (m - 1) * sums.sum())) / len(values)


def unit_sums(challenger: Array, incumbent: Array, unit: Indices | None) -> Sums:
    """Return the sums of one comparison; errors (n,) and their units (n,) as in `paired_gain`."""
    n = len(challenger)
    if n == 0 or len(incumbent) != n or (unit is not None and len(unit) != n):
        raise ValueError(f"{n} and {len(incumbent)} errors cannot be compared pair by pair.")
    if not (np.isfinite(challenger).all() and np.isfinite(incumbent).all()):
        raise ValueError("An error that is not finite cannot be compared.")
    largest = max(float(np.abs(challenger).max()), float(np.abs(incumbent).max()))
    scale = 2.0 ** float(np.frexp(largest)[1] - 1) if largest else 1.0
    pairs = np.square(np.stack([challenger, incumbent]) / scale)
    if unit is not None:
        pairs = pairs[:, np.lexsort((pairs[1], pairs[0], unit))]
        starts = np.flatnonzero(np.diff(np.sort(unit), prepend=unit.min() - 1))
        pairs = np.add.reduceat(pairs, starts, axis=1)
    pairs = pairs[:, np.lexsort((pairs[0], pairs.min(axis=0), pairs.max(axis=0)))]
    return Sums(pairs[:1], pairs[1:], n, scale)


def gains(sums: Sums, *, confidence: float, resamples: int = RESAMPLES) -> list[PairedGain]:
    """Return the gain of each of k comparisons.

    They share the resamples of their m units, which depend on m alone. Where one of the models
    makes no error at all, a sign test decides whether the other surely errs.
    """
    first, second = sums.challenger.mean(axis=1), sums.incumbent.mean(axis=1)
    value, low, high = np.zeros((3, len(first)))
    regular = (first > 0) & (second > 0)
    a = sums.challenger[regular] / first[regular, None]
    b = sums.incumbent[regular] / second[regular, None]
    ratio = np.log(first[regular] / second[regular])
    reach = studentised_quantile(a, b, confidence, resamples=resamples) * log_ratio_error(a, b)
    value[regular], low[regular], high[regular] = map(_gain, (ratio, ratio + reach, ratio - reach))
    for i in np.flatnonzero(~regular & (first + second > 0)):
        value[i] = MAX_REPORTED_GAIN if second[i] > 0 else MIN_REPORTED_GAIN
        erring = int(np.count_nonzero(sums.challenger[i] + sums.incumbent[i]))
        sure = 0.5**erring <= 1 - confidence
        low[i], high[i] = (value[i], value[i]) if sure else (MIN_REPORTED_GAIN, MAX_REPORTED_GAIN)
    units = sums.challenger.shape[1]
    rmse = sums.scale * np.sqrt(np.stack([first, second]) * units / sums.rows)
    return [
        PairedGain(
            challenger_rmse=float(rmse[0, i]),
            incumbent_rmse=float(rmse[1, i]),
            value=float(value[i]),
            low=float(low[i]),
            high=float(high[i]),
            rows=sums.rows,
            units=units,
            confidence=confidence,
        )
        for i in range(len(value))
    ]


def log_ratio_error(a: Array, b: Array) -> Array:
    """Return the standard error (k,) of the log ratio of the means of a and b, both (k, m).

    Both have means of 1, so that a - b is the influence of each unit. The error is infinite where
    there is only one unit.
    """
    k, m = a.shape
    if m < 2:
        return np.full(k, np.inf)
    squares = a - b
    np.square(squares, out=squares)
    error: Array = np.sqrt(squares.sum(axis=1) / (m * (m - 1)))
    return error


def _gain(log_ratio: Array) -> Array:
    gain: Array = np.maximum(-np.expm1(np.minimum(log_ratio, 100.0)), MIN_REPORTED_GAIN)
    return gain + 0.0  # not -0.0


def studentised_quantile(
    a: Array,
    b: Array,
    confidence: float,
    *,
    resamples: int = RESAMPLES,
    max_units: int = MAX_RESAMPLED_UNITS,
) -> Array:
    """Return the quantile (k,) of the studentised log ratio of a and b, both (k, m), means of 1.

    It is Student's above `max_units`, and infinite where too many resamples are without evidence.
    The distribution is symmetric where two models are equally good, so the quantile is that of its
    absolute value in the resamples (Hall 1992, section 3.6).
    """
    k, m = a.shape
    student = np.full(k, stdtrit(max(m - 1, 1), confidence))
    if m > max_units or m < 2:
        return student
    resampled = np.square(a - b).mean(axis=1) > _SAME_ERRORS**2
    if not resampled.any():
        return student
    a, b = a[resampled], b[resampled]
    moments = np.concatenate([a, b, a * a, a * b, b * b]).T
    studentised = np.concatenate(
        [_studentised(counts @ moments / m, m) for counts in _counts(m, resamples)]
    )
    order = min(ceil((resamples + 1) * max(2 * confidence - 1, 0.0)), resamples) - 1
    student[resampled] = np.partition(studentised, max(order, 0), axis=0)[max(order, 0)]
    return student


def _studentised(moments: Array, m: int) -> Array:
    """Return |log(a / b)| over its standard error; `moments` are the means of a, b, aa, ab, bb."""
    a, b, aa, ab, bb = np.split(moments, 5, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (aa / a**2 - 2 * ab / (a * b) + bb / b**2) / (m - 1)
        size = np.abs(np.log(a / b)) / np.sqrt(np.maximum(variance, 0))
    # A resample without any error, or with one unit alone, is no evidence.
    return np.where(np.isfinite(size), size, np.inf)


def _counts(m: int, resamples: int) -> Iterator[Array]:
    """Yield how often each of m units is drawn per resample, in batches (size, m)."""
    rng = np.random.default_rng([SEED, m])
    for start in range(0, resamples, _BATCH_RESAMPLES):
        size = min(_BATCH_RESAMPLES, resamples - start)
        draws = rng.integers(0, m, (size, m)) + m * np.arange(size)[:, None]
        yield np.bincount(draws.ravel(), minlength=size * m).reshape(size, m).astype(float)
