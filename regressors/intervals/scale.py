"""How large a row's residual is likely to be: the sum of what its columns and prediction add.

What a number adds is a line between knots, and what a category adds is one value for each level.
So the digits of a row depend on that row alone, and SQL can say the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from regressors.arrays import Array, CodedTexts, Columns, Values


@dataclass(frozen=True)
class Curve:
    """Lines between `heights` at ascending `knots`, constant beyond them; `missing` for NaN."""

    knots: tuple[float, ...]
    heights: tuple[float, ...]
    missing: float = 0.0

    def of(self, values: Array) -> Array:
        """Return the heights (n,) at some values."""
        heights: Array = np.interp(values, self.knots, self.heights)
        return np.where(np.isnan(values), self.missing, heights)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Curve":
        """Return the curve whose fields are in a mapping."""
        return cls(tuple(kept["knots"]), tuple(kept["heights"]), kept["missing"])


@dataclass(frozen=True)
class Effects:
    """What each level of a category adds; `missing` for None, and nothing for any other level."""

    levels: Mapping[str, float]
    missing: float = 0.0

    def of(self, values: Values) -> Array:
        """Return what some values (n,) add."""
        if isinstance(values, CodedTexts) and len(values.labels) <= len(values):
            of_labels: Array = self.of(values.labels)[values.codes]
            return of_labels
        own = self.levels
        found = (self.missing if text is None else own.get(text, 0.0) for text in values.tolist())
        return np.fromiter(found, float, len(values))


@dataclass(frozen=True)
class Scale:
    """The scale of a row's residual is the exponential of a sum, which is kept in a range.

    The sum is `intercept`, what the `numbers` and `categories` add, and the curve of `predicted`.
    It is at least `low`, at most `high`; the scale of a typical row is about 1.
    """

    intercept: float
    low: float
    high: float
    predicted: Curve
    numbers: Mapping[str, Curve] = field(default_factory=dict)
    categories: Mapping[str, Effects] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that it needs."""
        return (*self.numbers, *self.categories)

    def of(self, columns: Columns, predicted: Array) -> Array:
        """Return the scale (n,) of rows, whose predictions (n,) are in the target's units."""
        total = np.full(len(predicted), self.intercept)
        for name, curve in self.numbers.items():
            total += curve.of(np.asarray(columns[name], dtype=float))
        for name, effects in self.categories.items():
            total += effects.of(columns[name])
        total += self.predicted.of(predicted)
        scale: Array = np.exp(np.clip(total, self.low, self.high))
        return scale

    def to_json(self) -> dict[str, Any]:
        """Return the scale as values that JSON has."""
        return {
            "intercept": self.intercept,
            "low": self.low,
            "high": self.high,
            "predicted": vars(self.predicted),
            "numbers": {name: vars(curve) for name, curve in self.numbers.items()},
            "categories": {name: vars(effects) for name, effects in self.categories.items()},
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Scale":
        """Return the scale that `to_json` wrote."""
        return cls(
            kept["intercept"],
            kept["low"],
            kept["high"],
            Curve.from_json(kept["predicted"]),
            {name: Curve.from_json(curve) for name, curve in kept["numbers"].items()},
            {name: Effects(**effects) for name, effects in kept["categories"].items()},
        )
