"""Which model serves each segment, of several that could: paired comparisons in every segment.

A segment leaves what serves it only where another model is surely better there, with the share of
false discoveries over all segments under control. docs/decisions/053-choice-per-segment.md says how
often a segment is moved wrongly. Nothing here knows which models the options are: they are numbers,
and 0 is the champion, which serves each segment that has no route of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtr, stdtrit

from regressors.arrays import Array, Indices, Mask
from regressors.judging.paired import MAX_REPORTED_GAIN, MIN_REPORTED_GAIN
from regressors.judging.ranking import ROUNDING
from regressors.judging.selection import MIN_SWITCH_ROWS, MIN_SWITCH_UNITS, PromotionRules

CHAMPION = 0
"""The option that is the champion of the dataset."""


class SegmentRows:
    """The n rows of S segments, gathered by segment and unit once for many comparisons.

    `segment` (n,) numbers the segment of each row, -1 for a row of none. Rows of one label in
    `unit` (n,), blocks of time or groups, are taken together; None: each row by itself. `rows` (S,)
    and `units` (S,) are how many of them each segment has.
    """

    def __init__(self, segment: Indices, segments: int, unit: Indices | None = None) -> None:
        keys = (segment,) if unit is None else (unit, segment)
        order = np.lexsort(keys)
        self.order: Indices = order[segment[order] >= 0]
        self.segment: Indices = segment[self.order]
        self.segments = segments
        self.rows: Indices = np.bincount(self.segment, minlength=segments)
        starts_unit = np.ones(len(self.order), dtype=bool)
        if unit is not None:
            own = unit[self.order]
            starts_unit = np.diff(own, prepend=own[:1]) != 0
            starts_unit |= np.diff(self.segment, prepend=-1) != 0
        self._cells = np.flatnonzero(starts_unit)
        self._segment_of_cell = self.segment[self._cells]
        self.units: Indices = np.bincount(self._segment_of_cell, minlength=segments)

    @property
    def too_few(self) -> Mask:
        """Return which segments (S,) have too few rows, or units, to be compared."""
        few: Mask = (self.rows < MIN_SWITCH_ROWS) | (self.units < MIN_SWITCH_UNITS)
        return few

    @cached_property
    def _first_row(self) -> Indices:
        return np.flatnonzero(np.diff(self.segment, prepend=-1))

    def gathered(self, values: Array) -> Array:
        """Return values (n,) of rows in the order of the segments, without those of none."""
        return values[self.order]

    def largest(self, values: Array) -> Array:
        """Return the largest of values, ordered as `gathered`, of each segment (S,) with rows."""
        found = np.zeros(self.segments)
        if len(values):
            found[self.segment[self._first_row]] = np.maximum.reduceat(values, self._first_row)
        return found

    def cell_sums(self, values: Array) -> Array:
        """Return the sums of values, in the order of `gathered`, in each unit of each segment."""
        sums: Array = np.add.reduceat(values, self._cells) if len(values) else np.zeros(0)
        return sums

    def of_cells(self, values: Array) -> Array:
        """Return what each unit (cells,) has of values of its segment (S,)."""
        return values[self._segment_of_cell]

    def sums(self, of_cells: Array) -> Array:
        """Return the sums (S,) of values of units (cells,)."""
        sums = np.bincount(self._segment_of_cell, of_cells, minlength=self.segments)
        return sums.astype(float)  # without any unit they are integers


@dataclass(frozen=True)
class SegmentGains:
    """How two options compare in each of S segments; NaN where a segment is not compared.

    `first` and `second` (S,) are means over units of squared errors, each divided by the same power
    of two; `first_apart` and `second_apart` (cells,) are how far each unit is from them.
    """

    first: Array
    second: Array
    first_apart: Array
    second_apart: Array
    rows: SegmentRows

    @property
    def log_ratio(self) -> Array:
        """Return the logarithm (S,) of first / second: negative where the first is better."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(self.first / self.second)
        return np.where((self.first == 0) & (self.second == 0), 0.0, ratio)

    @property
    def value(self) -> Array:
        """Return the gains (S,): 1 - MSE(first) / MSE(second)."""
        return _gain(self.log_ratio)

    def bounds(self, confidence: float) -> tuple[Array, Array]:
        """Return the one-sided bounds (S,) of the gains: each holds with this probability.

        The standard error is that of the log ratio, as in `paired.log_ratio_error`.
        """
        ratio = self.log_ratio
        with np.errstate(divide="ignore", invalid="ignore"):
            error = self._error(1 / self.first, 1 / self.second)
            reach = stdtrit(np.maximum(self.rows.units - 1, 1), confidence) * error
            low, high = _gain(ratio + reach), _gain(ratio - reach)
        unknown = ~np.isfinite(reach) & ~np.isnan(ratio)  # a model makes no error at all
        low[unknown], high[unknown] = MIN_REPORTED_GAIN, MAX_REPORTED_GAIN
        return low, high

    def p_better(self, min_gain: float) -> Array:
        """Return how likely (S,) such a gain is where the true one is at most `min_gain`."""
        return self._p_smaller(1.0, 1 - min_gain - ROUNDING)

    def p_worse(self, max_loss: float) -> Array:
        """Return how likely (S,) such a loss is where the true one is at most `max_loss`."""
        return self._p_smaller(-1.0, -(1 + max_loss + ROUNDING))

    def _p_smaller(self, of_first: float, of_second: float) -> Array:
        """Return the p (S,) of `of_first` first being smaller than `of_second` second."""
        distance = of_first * self.first - of_second * self.second
        with np.errstate(divide="ignore", invalid="ignore"):
            studentised = distance / self._error(of_first, of_second)
        studentised = np.where(np.isnan(studentised), np.inf, studentised)  # 0 / 0: no difference
        p: Array = stdtr(np.maximum(self.rows.units - 1, 1), studentised)
        return np.where(np.isnan(self.first), np.nan, p)

    def _error(self, of_first: Array | float, of_second: Array | float) -> Array:
        """Return the standard error (S,) of `of_first` first - `of_second` second."""
        a, b = (np.broadcast_to(own, self.rows.segments) for own in (of_first, of_second))
        apart = self.rows.of_cells(a) * self.first_apart
        apart -= self.rows.of_cells(b) * self.second_apart
        total = self.rows.sums(np.square(apart))
        error: Array = np.sqrt(total / (self.rows.units * (self.rows.units - 1)))
        return error


@dataclass(frozen=True)
class Routes:
    """The option of each of S segments, and how it compares with what served the segment before.

    `gain`, with its one-sided bounds `low` and `high`, is that of the option on the one before;
    where nothing moved, that of the best other option. All are NaN where nothing was compared.
    """

    option: Indices
    gain: Array
    low: Array
    high: Array


def segment_rmse(errors: Array, rows: SegmentRows) -> Array:
    """Return the root mean square (S,) of errors (n,) in each segment; NaN without rows."""
    own = np.abs(rows.gathered(errors))
    scale = _power_of_two(rows.largest(own))
    total = rows.sums(rows.cell_sums(np.square(own / scale[rows.segment])))
    with np.errstate(invalid="ignore"):
        rmse: Array = scale * np.sqrt(total / rows.rows)
    return rmse


def segment_gains(
    first: Array, second: Array, rows: SegmentRows, *, rounding: float = 0.0
) -> SegmentGains:
    """Compare two options by their errors (n,) in every segment that has at least two units.

    `rounding` is how large an error may be that is none, in the target's units: so two models that
    both fit exactly are equally good.
    """
    a, b = np.abs(rows.gathered(first)), np.abs(rows.gathered(second))
    scale = _power_of_two(rows.largest(np.maximum(a, b)))[rows.segment]
    floor = np.square(rounding / scale)
    a, b = (rows.cell_sums(np.maximum(np.square(own / scale), floor)) for own in (a, b))
    units = np.where(rows.units > 1, rows.units, np.nan)
    mean_a, mean_b = rows.sums(a) / units, rows.sums(b) / units
    return SegmentGains(mean_a, mean_b, a - rows.of_cells(mean_a), b - rows.of_cells(mean_b), rows)


def discovered(p: Array, share: float) -> Mask:
    """Return which hypotheses (S,) to reject, with at most this share of them wrongly rejected.

    The step-up procedure of Benjamini and Hochberg (1995); a p of NaN was not tested.
    """
    tested = np.sort(p[~np.isnan(p)])
    passes = np.flatnonzero(tested <= share * np.arange(1, len(tested) + 1) / max(len(tested), 1))
    limit = tested[passes[-1]] if passes.size else -1.0
    found: Mask = p <= limit
    return found


def choose_routes(
    errors: Sequence[Array],
    current: Indices,
    rows: SegmentRows,
    *,
    rules: PromotionRules,
    available: Mask | None = None,
    rounding: float = 0.0,
) -> Routes:
    """Choose the option of each segment by the out-of-fold errors (n,) of each of K options.

    `current` (S,) is the option that serves it now. It moves to another one only where that gains
    more than `rules.min_gain` with at most a share of 1 - `rules.confidence` of all moves being
    wrong. The p of a segment is that of its best other option times the number of those, which
    accounts for choosing the best of several (Benjamini and Bogomolov 2014 test families so); of
    the options that pass, the one with the lowest error is chosen. `available` (K, S) says which
    options a segment has. A segment with fewer than 30 rows, or 10 units, stays.
    """
    before = _by_segment(errors, current, rows)
    compared = [segment_gains(own, before, rows, rounding=rounding) for own in errors]
    may_serve = np.arange(len(errors))[:, None] != current
    if available is not None:
        may_serve &= available
    may_serve &= ~rows.too_few
    others = may_serve.sum(axis=0)
    p = np.array([gains.p_better(rules.min_gain) for gains in compared])
    p = np.where(may_serve, np.minimum(p * np.maximum(others, 1), 1.0), np.nan)
    best = np.min(np.where(may_serve, p, 2.0), axis=0)
    family = np.where(others > 0, best, np.nan)
    moved = discovered(family, 1 - rules.confidence)
    limit = family[moved].max(initial=-1.0)
    ratio = np.array([gains.log_ratio for gains in compared])
    lowest = np.where(may_serve & (p <= limit), ratio, np.inf).argmin(axis=0)
    otherwise = np.where(may_serve, ratio, np.inf).argmin(axis=0)
    option = np.where(moved, lowest, current)
    shown = np.where(moved, lowest, otherwise)
    return _routes(option, shown, compared, others > 0, rules)


def gate_routes(
    errors: Sequence[Array],
    current: Indices,
    proposed: Indices,
    rows: SegmentRows,
    *,
    rules: PromotionRules,
    rounding: float = 0.0,
) -> Routes:
    """Decide by the errors (n,) on test rows which segments take their proposed option.

    One that leaves the champion (option 0) does so unless it surely loses there more than
    `rules.max_loss`. One that has a route and enough test rows, 30 in 10 units, must surely gain
    more than `rules.min_gain` there, with the share of false discoveries over these segments under
    control; with fewer, the choice decides unless the test rows contradict it.
    """
    before = _by_segment(errors, current, rows)
    after = _by_segment(errors, proposed, rows)
    gains = segment_gains(after, before, rows, rounding=rounding)
    moving = proposed != current
    judged = moving & (current != CHAMPION) & ~rows.too_few
    p = np.where(judged, gains.p_better(rules.min_gain), np.nan)
    clearly = discovered(p, 1 - rules.confidence)
    contradicted = moving & (gains.p_worse(rules.max_loss) <= 1 - rules.confidence)
    option = np.where(moving & ~contradicted & (clearly | ~judged), proposed, current)
    return _routes(option, np.zeros_like(option), [gains], moving, rules)


def _by_segment(errors: Sequence[Array], option: Indices, rows: SegmentRows) -> Array:
    """Return the errors (n,) of each row by the option (S,) of its segment."""
    own = np.zeros(len(errors[0]))
    of_row = option[rows.segment]
    for number, of_option in enumerate(errors):
        chosen = rows.order[of_row == number]
        own[chosen] = of_option[chosen]
    return own


def _routes(
    option: Indices,
    shown: Indices,
    compared: Sequence[SegmentGains],
    is_compared: Mask,
    rules: PromotionRules,
) -> Routes:
    """Return the routes with the gains (K, S) of the `shown` (S,) options."""
    figures = np.array([(g.value, *g.bounds(rules.confidence)) for g in compared])  # (K, 3, S)
    gain, low, high = np.take_along_axis(figures, shown[None, None], axis=0)[0]
    nan = np.nan
    return Routes(
        option,
        np.where(is_compared, gain, nan),
        np.where(is_compared, low, nan),
        np.where(is_compared, high, nan),
    )


def _gain(log_ratio: Array) -> Array:
    gain: Array = np.clip(
        -np.expm1(np.minimum(log_ratio, 100.0)), MIN_REPORTED_GAIN, MAX_REPORTED_GAIN
    )
    return gain + 0.0  # not -0.0


def _power_of_two(largest: Array) -> Array:
    """Return the powers of two (S,) that are not larger than these numbers, 1 for zero."""
    exponent = np.frexp(largest)[1] - 1
    power: Array = np.where(largest > 0, np.ldexp(1.0, exponent), 1.0)
    return power
