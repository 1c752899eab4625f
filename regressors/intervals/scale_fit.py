"""The fit of the scale: ridge on the log absolute out-of-fold residual, cross-fitted.

A residual says something about the scale of its row where it is compared with others: the target
is log(|r| / median + 1/20), so that a residual that is zero by chance does not count for much.
"""

from collections import Counter
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regressors.arrays import Array, Columns, Indices, Mask, Values
from regressors.encoding.columns import is_missing
from regressors.intervals.scale import Curve, Effects, Scale

SMALLEST = 1 / 20
"""What is added to |r|, in medians of it."""
PENALTY = 15.0
"""Of the squares of the estimates. A level needs so many rows for half of its effect."""
FLOOR = 0.02
"""The share of rows whose scale is raised to that of the next, so that none is nearly zero."""
MIN_LEVEL_ROWS, MAX_LEVELS = 10, 64
"""A level needs so many rows for an effect of its own, and a column has the most frequent ones."""
MAX_COLUMNS = 2_000
"""With more columns of the design, the scale depends on the prediction alone."""
AGE = 2.0
"""The age of the oldest row in the design, so that its penalty is like that of a rank."""
SHARES = np.linspace(0, 1, 17)
PREDICTED_SHARES = np.unique([0.02, 0.98, *SHARES])
"""Of which quantiles the knots of a number and of the prediction are."""
MIN_STEP = 1e-4
"""Knots of the prediction are so far apart, of their range without the extremes."""
STEPS = 2.0**12
"""Values of the design are multiples of 1 / 4096, so that no sum of products of them is rounded:
neither the order of rows nor the number of threads changes a digit."""
ESTIMATE_STEPS = 2.0**20


@dataclass(frozen=True)
class _Part:
    """Columns of the design from `start` on: those of a number, its gaps, or of a category."""

    start: int
    knots: Array
    basis: Array
    has_gaps: bool = False
    levels: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return int(self.basis.shape[1]) + self.has_gaps + len(self.levels)

    def of(self, values: Values) -> list[Array]:
        """Return the columns (n,) of some values."""
        if self.knots.size:
            values = np.asarray(values, dtype=float)
        missing = is_missing(values)
        columns = []
        for heights in self.basis.T:
            columns.append(np.where(missing, 0.0, np.interp(values, self.knots, heights)))
        if self.has_gaps:
            columns.append(missing.astype(float))
        for level in self.levels:
            columns.append(Effects({level: 1.0}).of(values))
        return columns

    def curve(self, estimates: Array) -> Curve:
        """Return what the number adds, by all estimates (p,)."""
        own = estimates[self.start : self.start + self.size]
        heights = self.basis @ own[: self.basis.shape[1]]
        return Curve(tuple(self.knots.tolist()), tuple(heights.tolist()), self._of_gaps(own))

    def effects(self, estimates: Array) -> Effects:
        """Return what the levels add, by all estimates (p,)."""
        own = estimates[self.start : self.start + self.size]
        of_levels = own[self.size - len(self.levels) :].tolist()
        return Effects(dict(zip(self.levels, of_levels, strict=True)), self._of_gaps(own))

    def _of_gaps(self, own: Array) -> float:
        return float(own[self.basis.shape[1]]) if self.has_gaps else 0.0


class ScaleFit:
    """The scale fitted on m rows, and on those of all folds but one for each fold.

    `size` (m,) are absolute residuals with a median above zero, `fold` (m,) whole numbers. Columns
    that are neither numbers nor texts, such as times, are left out. With the `age` (m,) of rows,
    from 0 to 1, errors may grow or shrink steadily, and the scale is that of age 0.
    """

    def __init__(
        self,
        columns: Columns,
        predicted: Array,
        size: Array,
        fold: Indices,
        age: Array | None = None,
    ) -> None:
        self._columns, self._predicted, self._fold, self._age = columns, predicted, fold, age
        self._numbers: dict[str, _Part] = {}
        self._categories: dict[str, _Part] = {}
        self._of_predicted = _predicted_part(1, predicted)
        self._columns_of_design = 1 + self._of_predicted.size
        self._add_columns()
        of_age = [] if age is None else [AGE * age]
        design = np.column_stack([np.ones(len(size)), *self._blocks(), *of_age])
        design = np.rint(design * STEPS) / STEPS
        logs = np.log(size / np.median(size) + SMALLEST)
        logs = np.rint(logs * STEPS) / STEPS
        self._grams = {
            number: _sums(design, logs, fold == number) for number in np.unique(fold).tolist()
        }
        self._limit()

    def without_age(self) -> "ScaleFit":
        """Return the scale of the same rows without a part for their age."""
        fit = copy(self)
        fit._age = None
        fit._grams = {n: (gram[:-1, :-1], right[:-1]) for n, (gram, right) in self._grams.items()}
        fit._limit()
        return fit

    def _limit(self) -> None:
        """Keep the scale in the range of what the fits without a row's fold say of it."""
        self._range = (-np.inf, np.inf)
        self._forget()
        at_age_0 = self._crossed_at_age_0
        low, high = np.log(np.quantile(at_age_0, FLOOR)), np.log(at_age_0.max())
        self._range = _rounded(low), _rounded(high)
        self._forget()

    def _forget(self) -> None:
        for name in ("of_all", "by_fold", "crossed", "_crossed_at_age_0"):
            self.__dict__.pop(name, None)

    @cached_property
    def of_all(self) -> Scale:
        """Return the scale that is fitted on all rows."""
        return self._fitted(None)

    @cached_property
    def by_fold(self) -> Mapping[int, Scale]:
        """Return the scale of each fold, fitted on all rows but its own."""
        return {number: self._fitted(number) for number in self._grams}

    @cached_property
    def crossed(self) -> Array:
        """Return the scale (m,) of each row, by the fit without the row's fold, and of its age."""
        if self._age is None:
            return self._crossed_at_age_0
        growth = np.empty(len(self._predicted))
        for number in self._grams:
            growth[self._fold == number] = self._estimates(number)[-1]
        scale: Array = self._crossed_at_age_0 * np.exp(growth * AGE * self._age)
        return scale

    @property
    def growth(self) -> float:
        """Return by what errors have grown: the scale at age 0 over that at age 1."""
        return 1.0 if self._age is None else float(np.exp(-AGE * self._estimates(None)[-1]))

    @cached_property
    def _crossed_at_age_0(self) -> Array:
        scale = np.empty(len(self._predicted))
        for number, fitted in self.by_fold.items():
            rows = self._fold == number
            own = {name: self._columns[name][rows] for name in fitted.columns}
            scale[rows] = fitted.of(own, self._predicted[rows])
        return scale

    def _add_columns(self) -> None:
        for name in sorted(self._columns):
            values, at = self._columns[name], self._columns_of_design
            kind, is_known = values.dtype.kind, self._numbers
            part = None
            if kind == "f":
                part = _number_part(at, values)
            elif kind == "O":
                part, is_known = _category_part(at, values), self._categories
            if part is not None and part.size:
                is_known[name] = part
                self._columns_of_design += part.size
        if self._columns_of_design > MAX_COLUMNS:
            self._numbers, self._categories = {}, {}

    def _blocks(self) -> list[Array]:
        blocks = self._of_predicted.of(self._predicted)
        for name, part in sorted({**self._numbers, **self._categories}.items()):
            blocks += part.of(self._columns[name])
        return blocks

    def _estimates(self, left_out: int | None) -> Array:
        """Return the estimates (p,) of the fit on all rows but those of a fold."""
        others = [sums for number, sums in self._grams.items() if number != left_out]
        gram, right = (np.sum([sums[i] for sums in others], axis=0) for i in (0, 1))
        penalty = np.full(len(right), PENALTY)
        penalty[0] = 0.0
        estimates = np.linalg.solve(gram + np.diag(penalty), right)
        rounded: Array = np.rint(estimates * ESTIMATE_STEPS) / ESTIMATE_STEPS
        return rounded

    def _fitted(self, left_out: int | None) -> Scale:
        estimates = self._estimates(left_out)
        return Scale(
            float(estimates[0]),
            *self._range,
            self._of_predicted.curve(estimates),
            {name: part.curve(estimates) for name, part in self._numbers.items()},
            {name: part.effects(estimates) for name, part in self._categories.items()},
        )


def _sums(design: Array, logs: Array, rows: Mask) -> tuple[Array, Array]:
    own = design[rows]
    return own.T @ own, own.T @ logs[rows]


def _rounded(value: float) -> float:
    return float(np.rint(value * ESTIMATE_STEPS) / ESTIMATE_STEPS)


def _ranks(present: Array, knots: Array) -> Array:
    """Return the shares of values below the knots, ties counted by half, from -1 to 1."""
    ordered = np.sort(present)
    below = np.searchsorted(ordered, knots, "left") + np.searchsorted(ordered, knots, "right")
    ranks: Array = below / len(ordered) - 1
    return ranks


def _number_part(start: int, values: Array) -> _Part | None:
    missing = np.isnan(values)
    has_gaps = bool(MIN_LEVEL_ROWS <= missing.sum() <= len(values) - MIN_LEVEL_ROWS)
    present = values[~missing]
    knots = np.unique(np.quantile(present, SHARES, method="lower")) if present.size else present
    if len(knots) < 2:
        return _Part(start, knots, np.empty((len(knots), 0)), True) if has_gaps else None
    rank = _ranks(present, knots)
    curves = [rank**power for power in range(1, min(len(knots), 4))]
    return _Part(start, knots, np.column_stack(curves), has_gaps)


def _predicted_part(start: int, predicted: Array) -> _Part:
    """Return the rank, its square and cube, and the log size of the prediction."""
    quantiles = np.quantile(predicted, PREDICTED_SHARES, method="lower")
    least = MIN_STEP * float(quantiles[-2] - quantiles[1])
    knots = [float(quantiles[0])]
    for knot in quantiles[1:].tolist():
        if knot - knots[-1] > least:
            knots.append(knot)
    at = np.array(knots)
    rank = _ranks(predicted, at)
    size = float(np.median(np.abs(predicted))) / 10 or 1.0
    logs = np.log(np.abs(at) / size + 1)
    basis = np.column_stack([rank, rank**2, rank**3, np.clip(logs - logs.mean(), -8, 8)])
    return _Part(start, at, basis)


def _category_part(start: int, values: Values) -> _Part:
    counts = Counter(values.tolist())
    missing = counts.pop(None, 0)
    frequent = sorted(
        (level for level, count in counts.items() if count >= MIN_LEVEL_ROWS),
        key=lambda level: (-counts[level], level),
    )
    none = np.empty((0, 0))
    return _Part(
        start, np.empty(0), none, missing >= MIN_LEVEL_ROWS, tuple(sorted(frequent[:MAX_LEVELS]))
    )
