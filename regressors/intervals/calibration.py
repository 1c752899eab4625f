"""Intervals of rows without order, from out-of-fold residuals.

What the theorems give: with residuals of a model that was fitted on other rows, split conformal
prediction covers a new row of the same population with the probability of the level (Vovk et al.
2005). These residuals are of one model for each fold, and the model that serves is another one:
then nothing better than CV+'s 1 - 2 (1 - level) is proved (Barber et al. 2021), and not even that
for quantiles of signed residuals over an estimated scale. docs/trust.md has what was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial

import numpy as np

from regressors.arrays import Array, Columns, Indices, Mask, Values
from regressors.blocks import blocks_of, rows_of
from regressors.encoding.columns import is_missing
from regressors.intervals.by_prediction import ByPrediction
from regressors.intervals.intervals import Intervals, Reach
from regressors.intervals.quantiles import interval_score, reaches
from regressors.intervals.residuals import Residuals
from regressors.intervals.rules import Rules
from regressors.intervals.scale import Scale
from regressors.intervals.scale_fit import ScaleFit

MIN_SCALE_ROWS = 100
"""The scale needs so many residuals."""
MIN_GAIN = 1.0
"""A scale, or factors by prediction, must improve the interval score by so many standard errors."""
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
    spread: Array | None = None,
) -> None:
    """Fill in the ends (n, L) of the intervals of some rows (a mask).

    `spread` (n,) is the SD of what the models do not know of each row.
    """
    chosen = np.flatnonzero(rows & ~np.isnan(predicted))
    needed = {name: columns[name] for name in intervals.columns if name in columns}
    if intervals.rules.by is not None and group is not None:
        needed[intervals.rules.by] = group
    for block in blocks_of(len(chosen)):
        at = chosen[block]
        own = None if weight is None else weight[at]
        reach = intervals.reach(rows_of(needed, at), predicted[at], own)
        if spread is not None:
            reach = np.where(
                spread[at, None, None] > 0, intervals.widened(reach, spread[at]), reach
            )
        for level, (lower, upper) in enumerate(intervals.ends(predicted[at], reach)):
            ends[0][at, level], ends[1][at, level] = lower, upper


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
        return not np.isnan(self._reaches(chosen, None, None, levels=levels, capped=False)[0][0])

    @property
    def _scales(self) -> Array:
        """Return the scale (m,) of each residual: 1 where there is none."""
        fit, _ = self._scale
        return np.ones(len(self._rows.residual)) if fit is None else fit.crossed

    @cached_property
    def _scores(self) -> Array:
        """Return the residuals (m,) in units of their scales."""
        return self._rows.residual / self._scales

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
        fit = ScaleFit(rows.columns, rows.predicted, size, rows.fold, rows.age)
        ageless = fit if rows.age is None else fit.without_age()
        of_one, of_scale = self._score(np.ones(len(size))), self._score(ageless.crossed)
        if np.isnan(of_one - of_scale).all():
            return None, {"scale": "none: too few residuals"}
        facts = _means(score_of_one_width=of_one, score_of_scale=of_scale)
        is_better = _is_better(of_scale, of_one)
        if rows.age is not None:
            with_age = self._score(fit.crossed)
            facts |= _means(score_of_growing_scale=with_age)
            if _is_better(with_age, of_scale if is_better else of_one):
                return fit, {"scale": "by row, growing", "growth": fit.growth, **facts}
        if not is_better:
            return None, {"scale": "none: it does not improve the interval score", **facts}
        return ageless, {"scale": "by row", **facts}

    @cached_property
    def _by_prediction(self) -> tuple[bool, dict[str, object]]:
        """Return whether it is of use to calibrate by the prediction, and what is to be told."""
        if len(np.unique(self._rows.fold)) < 2:
            return False, {}
        without, by_prediction = (
            self._score(self._scales, by_prediction=by) for by in (False, True)
        )
        is_used = _is_better(by_prediction, without)
        facts = {"by_prediction": is_used} | _means(score_by_prediction=by_prediction)
        return is_used, facts

    def _score(self, scale: Array, *, by_prediction: bool = False) -> Array:
        """Return the interval score (m,) of the widest level, each row's by the other folds."""
        rows, level = self._rows, self._rows.rules.levels[0]
        score = np.full(len(scale), np.nan)
        for number in np.unique(rows.fold).tolist():
            own = rows.fold == number
            share = None if rows.share is None else rows.share[~own]
            scores, factors, tails = rows.residual[~own] / scale[~own], None, None
            room = self._room(scale, ~own)
            reach = np.ones((own.sum(), 2)) * scale[own, None]
            if by_prediction:
                fitted = ByPrediction.fitted(scores, rows.predicted[~own], [level], share, room)
                if fitted is not None:
                    factors, tails = fitted[0].of(rows.predicted[~own]), fitted[1]
                    reach *= fitted[0].of(rows.predicted[own])[:, 0]
            found = reaches(scores, [level], share, room=room, factors=factors, tails=tails)
            reach *= found[0]
            reach = np.minimum(reach, self._room(np.ones(len(scale)), own))
            score[own] = interval_score(rows.residual[own], -reach[:, 0], reach[:, 1], level)
        return score

    def _intervals(
        self, chosen: Mask, scale: Scale | None, levels: Sequence[float], *, capped: bool = False
    ) -> Intervals | None:
        rows = self._rows
        (_, facts), (is_used, more) = self._scale, self._by_prediction
        by_prediction = factors = tails = None
        if is_used:
            share = None if rows.share is None else rows.share[chosen]
            room = self._room(self._scales, chosen)
            fitted = ByPrediction.fitted(
                self._scores[chosen], rows.predicted[chosen], rows.rules.levels, share, room
            )
            if fitted is not None:
                by_prediction, tails = fitted
                factors = by_prediction.of(rows.predicted)
        reaches_of = partial(
            self._reaches, factors=factors, tails=tails, levels=levels, capped=capped
        )
        of_all = reaches_of(chosen)
        if np.isnan(of_all[0][0]):
            return None
        groups, pooled = self._groups(chosen, reaches_of)
        facts = {"residuals": int(chosen.sum()), "of": rows.available, **facts, **more}
        if pooled:
            facts["groups_of_all_rows"] = pooled
        return Intervals(rows.rules, of_all, rows.mean_weight, scale, by_prediction, groups, facts)

    def _room(self, scale: Array, chosen: Mask) -> Array:
        """Return how far (n, 2) the bounds are from the predictions of some rows (a mask).

        It is in units of the scale (m,) of each residual, and infinite where there is no bound.
        """
        room: Array = self._rows.room[chosen] / scale[chosen, None]
        return room

    def _reaches(
        self,
        chosen: Mask,
        factors: Array | None,
        tails: Array | None,
        *,
        levels: Sequence[float],
        capped: bool,
    ) -> tuple[Reach, ...]:
        share = None if self._rows.share is None else self._rows.share[chosen]
        own = None if factors is None else factors[chosen]
        found = reaches(
            self._scores[chosen],
            levels,
            share,
            room=self._room(self._scales, chosen),
            factors=own,
            tails=tails,
            capped=capped,
        )
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


def _is_better(score: Array, than: Array) -> bool:
    """Return whether interval scores (m,) are clearly lower in the mean than others (m,)."""
    gain = than - score
    gain = gain[~np.isnan(gain)]
    return bool(gain.size and gain.mean() > MIN_GAIN * gain.std() / np.sqrt(len(gain)))


def _means(**scores: Array) -> dict[str, object]:
    """Return the mean of each of some scores (m,) that has one."""
    means = {
        name: float(np.nanmean(own)) for name, own in scores.items() if not np.isnan(own).all()
    }
    return {name: mean for name, mean in means.items() if np.isfinite(mean)}
