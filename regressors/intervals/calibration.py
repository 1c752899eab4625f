"""Intervals of rows without order, from out-of-fold residuals.

What the theorems give: with residuals of a model that was fitted on other rows, split conformal
prediction covers a new row of the same population with the probability of the level (Vovk et al.
2005). These residuals are of one model for each fold, and the model that serves is another one:
then nothing better than CV+'s 1 - 2 (1 - level) is proved (Barber et al. 2021), and not even that
for quantiles of signed residuals over an estimated scale. docs/trust.md has what was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from regressors.arrays import Array, Columns, Indices, Mask, Values
from regressors.blocks import blocks_of, rows_of
from regressors.encoding.columns import is_missing
from regressors.intervals.intervals import Intervals, Reach
from regressors.intervals.quantiles import interval_score, reaches
from regressors.intervals.rules import Rules
from regressors.intervals.scale import Scale
from regressors.intervals.scale_fit import ScaleFit

MAX_ROWS, MIN_ROWS, MAX_CELLS = 2**15, 2**12, 2**23
"""Intervals are calibrated with so many residuals, fewer where columns are many."""
MIN_SCALE_ROWS = 100
"""The scale needs so many residuals."""
MIN_GAIN = 1.0
"""The scale is used if it improves the interval score by so many standard errors."""
MIN_GROUP_ROWS = 50
"""A group needs so many residuals for intervals of its own."""

Ends = tuple[Array, Array]
"""The lower and the upper ends (n, L) of intervals, NaN where there is none."""


def fit_intervals(
    rules: Rules,
    *,
    columns: Columns,
    target: Array,
    predicted: Array,
    fold: Indices,
    weight: Array | None = None,
    group: Values | None = None,
) -> tuple[Array, Array, Intervals | None]:
    """Return the ends (n, L) of the intervals of n rows, and the intervals of rows to come.

    `predicted` (n,) are predictions by models that were not fitted on the row's `fold` (n,), NaN
    where there is none, and `group` (n,) are the rows' levels of the column `rules.by`. The ends of
    a row come from the residuals of all other folds, so that the share of rows inside their
    intervals is an honest one; only whether there is a scale, and its range, is decided on all.
    There are no intervals where rows are too few.
    """
    rows = Residuals.of(rules, columns, target, predicted, fold, weight=weight, group=group)
    calibration = Calibration(rows)
    lower, upper = np.full((2, len(target), len(rules.levels)), np.nan)
    for number in np.unique(fold).tolist():
        own = calibration.without(number)
        if own is not None:
            fill_ends((lower, upper), own, fold == number, columns, predicted, weight, group)
    return lower, upper, calibration.of_all()


def fill_ends(
    ends: Ends,
    intervals: Intervals,
    rows: Mask,
    columns: Columns,
    predicted: Array,
    weight: Array | None,
    group: Values | None,
) -> None:
    """Fill in the ends (n, L) of the intervals of some rows (a mask)."""
    chosen = np.flatnonzero(rows & ~np.isnan(predicted))
    needed = {name: columns[name] for name in intervals.columns if name in columns}
    if intervals.rules.by is not None and group is not None:
        needed[intervals.rules.by] = group
    for block in blocks_of(len(chosen)):
        at = chosen[block]
        own = None if weight is None else weight[at]
        reach = intervals.reach(rows_of(needed, at), predicted[at], own)
        for level, (lower, upper) in enumerate(intervals.ends(predicted[at], reach)):
            ends[0][at, level], ends[1][at, level] = lower, upper


@dataclass(frozen=True)
class Residuals:
    """Out-of-fold residuals (m,) of some rows, each times the root of its weight.

    `share` (m,) is what each counts for in quantiles, None where all count the same; `available`
    are how many there were to choose from.
    """

    rules: Rules
    columns: Columns
    predicted: Array
    residual: Array
    fold: Indices
    available: int
    mean_weight: float | None = None
    group: Values | None = None
    share: Array | None = None

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
    ) -> "Residuals":
        """Return the residuals of the rows with a prediction, of those in a mask if there is one.

        Of more than enough, those whose target and prediction have the smallest hash.
        """
        has_one = ~np.isnan(predicted) & ~np.isnan(target)
        chosen = np.flatnonzero(has_one if among is None else has_one & among)
        of = len(chosen)
        most = int(np.clip(MAX_CELLS // max(len(columns), 1), MIN_ROWS, MAX_ROWS))
        if of > most:
            smallest = np.argsort(_hashes(target[chosen], predicted[chosen]), kind="stable")
            chosen = np.sort(chosen[smallest[:most]])
        residual = target[chosen] - predicted[chosen]
        mean_weight = None
        if weight is not None:
            mean_weight = float((weight if among is None else weight[among]).mean())
            residual *= np.sqrt(weight[chosen] / mean_weight)
        return cls(
            rules,
            {name: np.asarray(values[chosen]) for name, values in columns.items()},
            predicted[chosen],
            residual,
            fold[chosen],
            of,
            mean_weight,
            None if group is None else np.asarray(group[chosen]),
            None if share is None else share[chosen],
        )


class Calibration:
    """What intervals are made of: scales by fold, scores in units of them, and their quantiles."""

    def __init__(self, rows: Residuals) -> None:
        self._rows = rows

    def of_all(self) -> Intervals | None:
        """Return the intervals from the residuals of all folds, None where these are too few."""
        return self._intervals(self._all_rows, self._scale_of_all, self._rows.rules.levels)

    def adapted(self, levels: Sequence[float]) -> Intervals | None:
        """Return the same intervals with quantiles for other `levels` (L,).

        Where residuals are enough for the declared levels, but not for these, the largest score
        stands for the quantile.
        """
        if not self._are_enough(self._all_rows):
            return None
        return self._intervals(self._all_rows, self._scale_of_all, levels, capped=True)

    def without(self, fold: int) -> Intervals | None:
        """Return the intervals from the residuals of all folds but one."""
        fit, _ = self._scale
        scale = None if fit is None else fit.by_fold.get(fold, fit.of_all)
        return self._intervals(self._rows.fold != fold, scale, self._rows.rules.levels)

    def _are_enough(self, chosen: Mask) -> bool:
        """Return whether some residuals (a mask) are enough for the widest declared level."""
        levels = self._rows.rules.levels
        return not np.isnan(self._reaches(self._scores, chosen, levels=levels, capped=False)[0][0])

    @property
    def _scores(self) -> Array:
        """Return the residuals (m,) in units of their scales."""
        fit, _ = self._scale
        return self._rows.residual if fit is None else self._rows.residual / fit.crossed

    @property
    def _all_rows(self) -> Mask:
        return np.ones(len(self._rows.residual), dtype=bool)

    @property
    def _scale_of_all(self) -> Scale | None:
        fit, _ = self._scale
        return None if fit is None else fit.of_all

    @cached_property
    def _scale(self) -> tuple[ScaleFit | None, dict[str, object]]:
        """Return the scale if it is of use, and what is to be told about it."""
        rows = self._rows
        size = np.abs(rows.residual)
        if len(size) < MIN_SCALE_ROWS:
            return None, {"scale": f"none: {len(size)} residuals, {MIN_SCALE_ROWS} are needed"}
        if len(np.unique(rows.fold)) < 2:
            return None, {"scale": "none: all residuals are of one fold"}
        if not np.median(size) > 0:
            return None, {"scale": "none: most predictions are without an error"}
        fit = ScaleFit(rows.columns, rows.predicted, size, rows.fold)
        of_one, of_scale = self._score(np.ones(len(size))), self._score(fit.crossed)
        gain = of_one - of_scale
        gain = gain[~np.isnan(gain)]
        if not gain.size:
            return None, {"scale": "none: too few residuals"}
        means = {"score_of_one_width": np.nanmean(of_one), "score_of_scale": np.nanmean(of_scale)}
        figures = {name: float(mean) for name, mean in means.items() if np.isfinite(mean)}
        if not gain.mean() > MIN_GAIN * gain.std() / np.sqrt(len(gain)):
            return None, {"scale": "none: it does not improve the interval score", **figures}
        return fit, {"scale": "by row", **figures}

    def _score(self, scale: Array) -> Array:
        """Return the interval score (m,) of the widest level, each row's by the other folds."""
        rows, level = self._rows, self._rows.rules.levels[0]
        score = np.full(len(scale), np.nan)
        for number in np.unique(rows.fold).tolist():
            own = rows.fold == number
            share = None if rows.share is None else rows.share[~own]
            scores = rows.residual[~own] / scale[~own]
            down, up = reaches(scores, [level], share)[0]
            score[own] = interval_score(
                rows.residual[own], -down * scale[own], up * scale[own], level
            )
        return score

    def _intervals(
        self, chosen: Mask, scale: Scale | None, levels: Sequence[float], *, capped: bool = False
    ) -> Intervals | None:
        rows = self._rows
        _, facts = self._scale
        reaches_of = partial(self._reaches, self._scores, levels=levels, capped=capped)
        of_all = reaches_of(chosen)
        if np.isnan(of_all[0][0]):
            return None
        groups, pooled = self._groups(chosen, reaches_of)
        facts = {"residuals": int(chosen.sum()), "of": rows.available, **facts}
        if pooled:
            facts["groups_of_all_rows"] = pooled
        return Intervals(rows.rules, of_all, rows.mean_weight, scale, groups, facts)

    def _reaches(
        self, scores: Array, chosen: Mask, *, levels: Sequence[float], capped: bool
    ) -> tuple[Reach, ...]:
        share = None if self._rows.share is None else self._rows.share[chosen]
        found = reaches(scores[chosen], levels, share, capped=capped)
        return tuple((float(down), float(up)) for down, up in found)

    def _groups(
        self, chosen: Mask, reaches_of: Callable[[Mask], tuple[Reach, ...]]
    ) -> tuple[Mapping[str, tuple[Reach, ...]], list[str]]:
        """Return the reaches of the groups with rows enough, and which groups have too few."""
        group = self._rows.group
        if group is None:
            return {}, []
        groups, pooled = {}, []
        for name in sorted(set(group[chosen & ~is_missing(group)].tolist())):
            own = chosen & (group == name)
            own_reaches = reaches_of(own)
            if own.sum() >= MIN_GROUP_ROWS and not np.isnan(own_reaches).any():
                groups[name] = own_reaches
            else:
                pooled.append(name)
        return groups, pooled


def _hashes(target: Array, predicted: Array) -> Indices:
    """Return a hash (n,) of the digits of each row, whatever its place."""
    mixed = target.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= predicted.view(np.uint64) + (mixed >> np.uint64(29))
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):  # splitmix64 (Steele et al. 2014)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(factor)
    return mixed
