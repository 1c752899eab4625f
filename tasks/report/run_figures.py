"""What is kept of a run for its pictures: a few thousand plain values, from which they are drawn.

The rows themselves are in snapshots, which are removed some day; a run can be drawn for ever.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from math import floor, isfinite, log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import TypeAdapter, ValidationError

from tasks.run.segment_summary import SegmentFigures
from tasks.run.step_times import StepTime

Numbers = tuple[float | None, ...]
"""Values to about a hundred-thousandth of their range; None where there is none."""

DIGITS = 5
"""Decimal places of a range: more are not seen on a screen."""


@dataclass(frozen=True)
class DrawnModel:
    """A model that is drawn: the champion, and tonight's best of each kind.

    `predicted` are its predictions of the points, those of training rows out of fold; None for the
    rows it may have been trained with. `half_width` is that of its prediction intervals, None where
    they differ by row, and `inside` the share of drawn test rows inside theirs.
    """

    name: str
    kind: str
    is_champion: bool = False
    half_width: float | None = None
    predicted: Numbers = ()
    inside: float | None = None


@dataclass(frozen=True)
class Points:
    """Some labelled rows, as columns of one length (n,): the same ones every night.

    Of the test rows, which come first, and of the training rows at most 1,000 each: those with the
    smallest SHA-256 of dataset and key, and those with the extremes of each column. `x` is the only
    feature, where it is a number; `time` is in milliseconds since 1970, or the number itself.
    `of_test` and `of_training` are how many rows there were to choose from.
    """

    actual: Numbers = ()
    tests: int = 0
    x: Numbers | None = None
    time: Numbers | None = None
    time_is_number: bool = False
    of_test: int = 0
    of_training: int = 0


@dataclass(frozen=True)
class Line:
    """The regression line of one numeric feature, `intercept + slope * x`, by least squares.

    `correlation` is Pearson's, over all `rows` with a target and a feature.
    """

    intercept: float
    slope: float
    correlation: float | None
    rows: int


@dataclass(frozen=True)
class Curve:
    """What a model predicts along one numeric feature, with the ends of its intervals."""

    model: str
    x: Numbers
    predicted: Numbers
    lower: Numbers
    upper: Numbers


@dataclass(frozen=True)
class Importance:
    """How far predictions move, in the target's units, when a feature's values are shuffled.

    That is the root mean square, over a sample of rows.
    """

    feature: str
    moves: float


@dataclass(frozen=True)
class Effect:
    """How predictions depend on one feature, the others staying as they are (partial dependence).

    `values` are numbers, for a time milliseconds since 1970, or the most frequent levels as texts;
    `predicted` are the mean predictions at each over a sample of rows, by model.
    """

    feature: str
    kind: str
    values: tuple[float | str | None, ...]
    predicted: dict[str, Numbers]


@dataclass(frozen=True)
class Residuals:
    """The residuals of a model over all its honest predictions: quantiles beside those of a normal.

    `sd` is in the target's units; `observed` are residuals divided by it.
    """

    model: str
    rows: int
    sd: float
    normal: Numbers
    observed: Numbers


@dataclass(frozen=True)
class Coverage:
    """What share of the test rows lies within intervals around a candidate's predictions.

    The intervals are those of the rows, all made wider or narrower by the same factor, so that they
    reach `half_width` to each side in the mean.
    `expected` is the share of out-of-fold predictions that do; `low` and `high` are the ends of
    Wilson's interval of 95%.
    """

    expected: float
    half_width: float
    share: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class RunFigures:
    """All that is kept of a run for its pictures; empty where a run has not come so far."""

    models: tuple[DrawnModel, ...] = ()
    points: Points = Points()
    line: Line | None = None
    curves: tuple[Curve, ...] = ()
    importance: tuple[Importance, ...] = ()
    effects: tuple[Effect, ...] = ()
    residuals: Residuals | None = None
    covered_by: str | None = None
    """The candidate of tonight whose intervals `coverage` is about."""
    coverage: tuple[Coverage, ...] = ()
    term_scale: dict[str, float] = field(default_factory=dict)
    """What makes the coefficients of least squares comparable, by term: two standard deviations of
    its values over a sample of rows, or 1 where these are zeros and ones (Gelman 2008)."""
    steps: tuple[StepTime, ...] = ()
    segments: SegmentFigures | None = None

    def plain(self) -> dict[str, Any]:
        """Return the figures as values that JSON has."""
        return asdict(self)


def read_figures(stored: Mapping[str, Any]) -> RunFigures | None:
    """Return figures that `plain` wrote, None where another version of nightfit wrote others."""
    try:
        return _adapter().validate_python(stored)
    except ValidationError:
        return None


@cache
def _adapter() -> TypeAdapter[RunFigures]:
    return TypeAdapter(RunFigures)


def rounded(values: ArrayLike) -> Numbers:
    """Return values (n,) with as many digits as a chart of them shows."""
    array = np.asarray(values, dtype=float)
    present = array[np.isfinite(array)]
    if not present.size:
        return (None,) * len(array)
    largest = float(np.abs(present).max())
    spread = min(float(present.max() / 2 - present.min() / 2) * 2, largest) or largest
    places = DIGITS - floor(log10(spread)) if spread > 0 and isfinite(spread) else DIGITS
    if abs(places) < 300:
        array = np.round(array, places)
    return tuple(value if isfinite(value) else None for value in array.tolist())
