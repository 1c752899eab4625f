"""The prediction intervals of a model: plain values, which are stored with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any

import numpy as np
from scipy.special import ndtri

from regressors.arrays import Array, CodedTexts, Columns, Indices, Mask, Values
from regressors.intervals.by_prediction import ByPrediction
from regressors.intervals.rules import Rules
from regressors.intervals.scale import Scale

Reach = tuple[float, float]
"""How far an interval reaches down and up from a prediction."""


@dataclass(frozen=True)
class Intervals:
    """How far the intervals of each level reach, the widest first.

    `reaches` (L) are those of a row of scale 1 and of `mean_weight`, None where training rows had
    no weights; without a `scale` all rows have scale 1. Rows whose level of the column `rules.by`
    is in `groups` have reaches of their own. All are multiplied `by_prediction`, if that is not
    None. `facts` are what is to be told about the calibration.
    """

    rules: Rules
    reaches: tuple[Reach, ...]
    mean_weight: float | None = None
    scale: Scale | None = None
    by_prediction: ByPrediction | None = None
    groups: Mapping[str, tuple[Reach, ...]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def constant(
        cls, half_width: float, level: float, mean_weight: float | None = None
    ) -> "Intervals":
        """Return intervals of one half-width for every row, as in earlier releases."""
        return cls(Rules((level,)), ((half_width, half_width),), mean_weight)

    @property
    def levels(self) -> tuple[float, ...]:
        """Return the shares of true values that they should cover, the widest first."""
        return self.rules.levels

    @property
    def column_types(self) -> dict[str, str]:
        """Return the type of each column that `reach` needs: number, category or boolean."""
        scale = self.scale
        texts = {} if scale is None else {n: set(e.levels) for n, e in scale.categories.items()}
        if self.rules.by is not None:
            texts[self.rules.by] = set(self.groups)
        types = {} if scale is None else dict.fromkeys(scale.numbers, "number")
        for name, levels in texts.items():
            is_boolean = bool(levels) and levels <= {"true", "false"}
            types[name] = "boolean" if is_boolean else "category"
        return types

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that `reach` needs."""
        own = self.scale.columns if self.scale else ()
        return tuple(dict.fromkeys([*own, *filter(None, [self.rules.by])]))

    @property
    def differ_by_row(self) -> bool:
        """Return whether intervals of two rows may reach differently far, or two sides of one."""
        rules = self.rules
        even = all(down == up for down, up in self.reaches)
        bounded = rules.lowest is not None or rules.highest is not None
        parts = (self.scale, self.by_prediction, self.mean_weight)
        varied = any(part is not None for part in parts) or bool(self.groups)
        return varied or bounded or not even

    def reach(self, columns: Columns, predicted: Array, weight: Array | None = None) -> Array:
        """Return how far (n, L, 2) intervals reach down and up from n predictions.

        The weight of a row is proportional to one over the variance of its error, so its interval
        is narrower by the root of it. A row of unknown `weight` (n,) has the interval of the mean.
        Rows have the reaches of all rows where `columns` lacks that of the groups.
        """
        table = np.array([self.reaches, *self.groups.values()])
        reach: Array = table[self._groups_of(columns, len(predicted))]
        if self.scale is not None:
            reach *= self.scale.of(columns, predicted)[:, None, None]
        if self.by_prediction is not None:
            reach *= self.by_prediction.of(predicted)
            np.minimum.accumulate(reach, axis=1, out=reach)  # no level reaches beyond a wider one
        if self.mean_weight is not None and weight is not None:
            known = np.where(is_known(weight, len(predicted)), weight, self.mean_weight)
            reach *= np.sqrt(self.mean_weight / known)[:, None, None]
        return reach

    def widened(self, reach: Array, spread: Array) -> Array:
        """Return reaches (n, L, 2) of rows with a further, normal part of their error, of SD (n,).

        The SD times the normal quantile of the level widens an interval to both sides, as the root
        of the sum of squares with what it would be.
        """
        normal = ndtri((1 + np.array(self.levels)) / 2)[:, None]
        more = normal * spread[:, None, None]
        wider: Array = np.sqrt(np.square(reach) + np.square(more))
        return wider

    def ends(self, predicted: Array, reach: Array) -> tuple[tuple[Array, Array], ...]:
        """Return the lower and upper ends (n,) of each level, within the bounds of the target."""
        rules = self.rules
        return tuple(
            (
                _within(predicted - reach[:, i, 0], rules.lowest, rules.highest),
                _within(predicted + reach[:, i, 1], rules.lowest, rules.highest),
            )
            for i in range(len(self.levels))
        )

    def _groups_of(self, columns: Columns, rows: int) -> Indices:
        """Return which reaches (n,) rows have: 0 are those of all rows."""
        by = self.rules.by
        if by is None or by not in columns or not self.groups:
            return np.zeros(rows, dtype=np.int64)
        return _positions(columns[by], {name: i for i, name in enumerate(self.groups, 1)})

    def to_json(self) -> dict[str, Any]:
        """Return the intervals as values that JSON has."""
        return {
            "rules": vars(self.rules),
            "reaches": self.reaches,
            "mean_weight": self.mean_weight,
            "scale": None if self.scale is None else self.scale.to_json(),
            "by_prediction": self.by_prediction and self.by_prediction.to_json(),
            "groups": dict(self.groups),
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Intervals":
        """Return the intervals that `to_json` wrote."""
        rules = Rules(**{**kept["rules"], "levels": tuple(kept["rules"]["levels"])})
        by_prediction = kept.get("by_prediction")  # those of earlier releases have none
        return cls(
            rules,
            _reaches(kept["reaches"]),
            kept["mean_weight"],
            None if kept["scale"] is None else Scale.from_json(kept["scale"]),
            None if by_prediction is None else ByPrediction.from_json(by_prediction),
            {name: _reaches(reaches) for name, reaches in kept["groups"].items()},
            kept["facts"],
        )

    def with_facts(self, **facts: Any) -> "Intervals":
        """Return the intervals with more facts."""
        return replace(self, facts={**self.facts, **facts})


def is_known(weight: Array | None, rows: int) -> Mask:
    """Return which of n rows have a usable weight (n,): a finite one above zero."""
    if weight is None:
        return np.zeros(rows, dtype=bool)
    return np.isfinite(weight) & (weight > 0)


def _within(ends: Array, lowest: float | None, highest: float | None) -> Array:
    if lowest is None and highest is None:
        return ends
    return np.clip(ends, lowest, highest)


def _positions(values: Values, index: Mapping[str, int]) -> Indices:
    """Return the position (n,) of each text, 0 for any other."""
    if isinstance(values, CodedTexts) and len(values.labels) <= len(values):
        of_labels: Indices = _positions(values.labels, index)[values.codes]
        return of_labels
    return np.fromiter(map(index.get, values.tolist(), repeat(0)), np.int64, len(values))


def _reaches(kept: Sequence[Sequence[float]]) -> tuple[Reach, ...]:
    return tuple((down, up) for down, up in kept)
