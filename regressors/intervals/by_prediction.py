"""By what the ends of an interval reach further, or less far, where predictions are small or large.

One scale says how large residuals are, and not on which side: where most values are the same one,
such as zero, small predictions are hardly too high and seldom far too low, and large ones are often
far too high. So each end is calibrated by the prediction as well (conformal prediction by
categories, Vovk 2012, here of the prediction): in bins of it, with lines between their medians.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np

from regressors.arrays import Array
from regressors.intervals.quantiles import no_bounds, reach_missing, reaches, shares_of_ends
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
        cls,
        scores: Array,
        predicted: Array,
        levels: Sequence[float],
        weight: Array | None = None,
        room: Array | None = None,
    ) -> "tuple[ByPrediction, Array] | None":
        """Return the factors at the quantiles of scores (m,) in bins of their predictions (m,).

        `levels` (L,) are the shares to cover, the widest first, and `weight` (m,) and `room` (m, 2)
        are as in `reaches`. Beside the factors are the `tails` (L, 2) of all rows, in which bins
        may differ. None where residuals are too few for two bins, or predictions are all alike.
        """
        weight = np.ones(len(scores)) if weight is None else weight
        room = no_bounds(len(scores)) if room is None else room
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
        tails = [shares_of_ends(scores[own], levels, weight[own], room[own]) for own in chosen]
        whole = reaches(scores, levels, weight).tolist()
        curves, of_all = [], np.empty((len(levels), 2))
        for i, (level, pooled) in enumerate(zip(levels, whole, strict=True)):
            sides = []
            for end, each in enumerate((-scores, scores)):
                shares = [float(of_bin[i, end]) for of_bin in tails]
                heights = [1.0] * len(knots)
                if pooled[end] > 0:
                    for j, own in enumerate(chosen):
                        missed, beyond = shares[j] * (1 - level), room[own, end]
                        reach = reach_missing(each[own], missed, weight[own], beyond, capped=True)
                        heights[j] = max(reach / pooled[end], SMALLEST)
                sides.append(Curve(knots, tuple(heights), missing=1.0))
                of_rows = Curve(knots, tuple(shares)).of(predicted) * weight
                of_all[i, end] = fsum(of_rows.tolist()) / fsum(weight.tolist())
            curves.append((sides[0], sides[1]))
        return cls(tuple(curves)), of_all
