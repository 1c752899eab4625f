"""Naive predictions: what needs no model, so that a model has to be better.

With times: the last value known, the value of the same season one cycle before, and the mean of
the values known, each at the origin from which the candidates predict the row. Without: the mean.
"""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices, Mask, Values
from regressors.judging.scoring import power_of_two

MEAN, LAST = "mean", "last value"


@dataclass(frozen=True)
class Season:
    """A season of the calendar, where the usual step between times is at least `days` long.

    Each time falls into a period: so many of NumPy's `unit`. `cycle` periods later the season is
    the same.
    """

    name: str
    days: float
    periods: int
    unit: str
    cycle: int


SEASONS = (
    Season("same quarter last year", 80.0, 3, "M", 4),
    Season("same month last year", 25.0, 1, "M", 12),
    Season("same week last year", 5.0, 7, "D", 52),
    Season("same weekday last week", 0.8, 1, "D", 7),
    Season("same hour last week", 0.0, 1, "h", 168),
)
MOST_DAYS = 200.0
"""With a longer step between times, a year or so, there is no season."""


def naive_over_time(
    target: Array,
    *,
    scored: Mask,
    block: Indices,
    known: Indices,
    time: Values,
    series: Indices | None = None,
    weight: Array | None = None,
) -> dict[str, Array]:
    """Return naive predictions (n,) of the `scored` rows by name; NaN in a row that has none.

    All arrays are (n,). A row of `block` b is predicted from the rows whose `known` is at most b,
    and of these from those of its own `series` alone, where there are some. Rows of one time are
    one value: their mean, by `weight`. `time` is datetime64 or float, and only the first has
    seasons. A name is left out where it predicts no scored row.

    The value of a season is that of one cycle before, or of as many cycles before as the newest
    known row is (Hyndman and Athanasopoulos 2021, section 5.2).
    """
    own = np.zeros(len(target), dtype=np.int64) if series is None else _numbered(series)
    moment, season = _numbered(time), season_of(time)
    period = None if season is None else _periods(time, season)
    ties = (target,) if weight is None else (weight, target)  # no sum depends on the rows' order
    order = np.lexsort((*ties, moment, own))
    result = {
        name: np.full(len(target), np.nan)
        for name in (LAST, *([season.name] if season else []), MEAN)
    }
    for origin in np.unique(block[scored]):
        rows, past = np.flatnonzero(scored & (block == origin)), order[known[order] <= origin]
        if not len(past):
            continue
        values = target[past], None if weight is None else weight[past]
        result[LAST][rows] = _Cells.of(own[past], moment[past], *values).last(own[rows])
        result[MEAN][rows] = _Cells.of(own[past], np.zeros_like(past), *values).last(own[rows])
        if season is not None and period is not None:
            cycles = -((period[past].max() - period[rows]) // season.cycle)
            then = period[rows] - season.cycle * np.maximum(cycles, 1)
            result[season.name][rows] = _Cells.of(own[past], period[past], *values).at(
                own[rows], then
            )
    return {name: values for name, values in result.items() if not np.isnan(values[scored]).all()}


def mean_of_training(
    target: Array, *, is_test: Mask, fold: Indices, weight: Array | None = None
) -> dict[str, Array]:
    """Return the mean as the naive prediction (n,) of every row, by its name.

    The rows (n,) have no order in time. A test row is predicted by the mean of the training rows,
    and a training row by that of the other folds of them.
    """
    predicted = np.full(len(target), np.nan)
    training = np.flatnonzero(~is_test)
    training = training[np.argsort(target[training], kind="stable")]
    for held in (is_test, *(~is_test & (fold == number) for number in np.unique(fold[training]))):
        others = training[~held[training]]
        if len(others):
            of = target[others], None if weight is None else weight[others]
            predicted[held] = _Cells.of(np.zeros_like(others), np.zeros_like(others), *of).mean[0]
    return {MEAN: predicted}


def series_over_time(label: Indices, time: Values) -> Indices | None:
    """Return the labels (n,) of series, such as one of each shop; None if they are not series.

    They are if most rows have one that also stands at another time.
    """
    numbers, moment = _numbered(label), _numbered(time)
    first = np.full(numbers.max(initial=-1) + 1, len(time))
    last = np.full(len(first), -1)
    np.minimum.at(first, numbers, moment)
    np.maximum.at(last, numbers, moment)
    return label if 2 * (first < last)[numbers].sum() > len(numbers) else None


def season_of(time: Values) -> Season | None:
    """Return the season that the usual step between times (n,) has; None if there is none."""
    if time.dtype.kind != "M":
        return None
    steps = np.diff(np.unique(time.astype("M8[us]")).astype(np.int64))
    days = float(np.median(steps)) / 86_400e6 if len(steps) else MOST_DAYS
    return None if days >= MOST_DAYS else next(s for s in SEASONS if days >= s.days)


def _periods(time: Values, season: Season) -> Indices:
    periods: Indices = time.astype(f"M8[{season.unit}]").astype(np.int64) // season.periods
    return periods


def _numbered(values: Values) -> Indices:
    """Number values (n,) from 0 in their order."""
    numbers: Indices = np.unique(values, return_inverse=True)[1]
    return numbers


@dataclass(frozen=True)
class _Cells:
    """Values by series and by period of time, each the mean of its rows, in the order of both."""

    own: Indices
    period: Indices
    mean: Array

    @classmethod
    def of(cls, own: Indices, period: Indices, target: Array, weight: Array | None) -> "_Cells":
        """Return the cells of rows (n,) in the order of their series and times."""
        is_first = np.ones(len(own), dtype=bool)
        is_first[1:] = (own[1:] != own[:-1]) | (period[1:] != period[:-1])
        first = np.flatnonzero(is_first)
        weight = np.ones(len(own)) if weight is None else weight / power_of_two(weight.max())
        scale = power_of_two(float(np.abs(target).max()))  # so that no sum is infinite
        sums = np.add.reduceat(weight * (target / scale), first)
        return cls(own[first], period[first], scale * (sums / np.add.reduceat(weight, first)))

    def last(self, own: Indices) -> Array:
        """Return the newest value of each series (m,), NaN where there is none."""
        at = np.searchsorted(self.own, own, side="right") - 1
        return np.where((at >= 0) & (self.own[at] == own), self.mean[at], np.nan)

    def at(self, own: Indices, period: Indices) -> Array:
        """Return the value of each series (m,) in a period (m,), NaN where there is none."""
        low, high = self.period.min(), self.period.max()
        codes = self.own * (high - low + 1) + (self.period - low)
        wanted = own * (high - low + 1) + (period - low)
        at = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        inside = (low <= period) & (period <= high)
        return np.where(inside & (codes[at] == wanted), self.mean[at], np.nan)
