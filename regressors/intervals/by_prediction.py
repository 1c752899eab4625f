"""By what the ends of an interval reach further, or less far, where predictions are small or large.

One scale says how large residuals are, and not on which side: where most values are the same one,
such as zero, small predictions are hardly too high and seldom far too low, and large ones are often
far too high. So each end is calibrated by the prediction as well (conformal prediction by
categories, Vovk 2012, here of the prediction): in bins of it, with lines between their medians.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regressors.arrays import Array
from regressors.intervals.quantiles import quantile, reaches
from regressors.intervals.scale import Curve

BIN_ROWS, MAX_BINS = 100, 10
"""There are at most so many bins of the prediction, with so many residuals each."""
SMALLEST = 0.05
"""No end reaches less far than this share of what it would without."""


@dataclass(frozen=True)
class ByPrediction:
    """The factors by which an interval reaches further down and up, by level, the widest first."""

    curves: tuple[tuple[Curve, Curve], ...]

    def of(self, predicted: Array) -> Array:
        """Return the factors (n, L, 2) at n predictions."""
        sides = [[curve.of(predicted) for curve in both] for both in self.curves]
        return np.moveaxis(np.array(sides), 2, 0)

    def to_json(self) -> list[list[dict[str, Any]]]:
        """Return the curves as values that JSON has."""
        return [[vars(curve) for curve in both] for both in self.curves]

    @classmethod
    def from_json(cls, kept: Sequence[Sequence[Mapping[str, Any]]]) -> "ByPrediction":
        """Return what `to_json` wrote."""
        read = [[Curve.from_json(curve) for curve in both] for both in kept]
        return cls(tuple((down, up) for down, up in read))

    @classmethod
    def fitted(
        cls, scores: Array, predicted: Array, levels: Sequence[float], weight: Array | None = None
    ) -> "ByPrediction | None":
        """Return the factors at the quantiles of scores (m,) in bins of their predictions (m,).

        `levels` (L,) are the shares to cover, the widest first, and `weight` (m,) is as in
        `reaches`. None where residuals are too few for two bins, or predictions are all alike.
        """
        weight = np.ones(len(scores)) if weight is None else weight
        bins = int(min(weight.sum() // BIN_ROWS, MAX_BINS))
        if bins < 2:
            return None
        ordered = np.sort(predicted)
        edges = np.unique(ordered[np.arange(1, bins) * len(ordered) // bins])
        number = np.searchsorted(edges, predicted, side="right")
        chosen = [number == i for i in range(len(edges) + 1)]
        chosen = [rows for rows in chosen if weight[rows].sum() >= BIN_ROWS / 2]
        if len(chosen) < 2:
            return None
        knots = tuple(float(np.quantile(predicted[rows], 0.5, method="lower")) for rows in chosen)
        curves = []
        for level, pooled in zip(levels, reaches(scores, levels, weight), strict=True):
            sides = []
            for side, reach in zip((-scores, scores), pooled.tolist(), strict=True):
                heights = [1.0] * len(knots)
                if reach > 0:
                    found = [
                        quantile(side[rows], (1 + level) / 2, weight[rows], capped=True)
                        for rows in chosen
                    ]
                    heights = [max(own / reach, SMALLEST) for own in found]
                sides.append(Curve(knots, tuple(heights), missing=1.0))
            curves.append((sides[0], sides[1]))
        return cls(tuple(curves))
