"""The equations of all segments, as arrays."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from regressors.arrays import Array, Indices, Mask, Values
from regressors.linear.inference import two_sided

CONFIDENCE = 0.95
"""Of the intervals of coefficients."""


@dataclass(frozen=True)
class SegmentFits:
    """The equations of S segments with p terms each, in original units.

    `names` (S,) are the texts of the segments, in order, and `rows` (S,) how many were fitted.
    Estimates and their inference are (S, p): NaN for a term that a segment leaves out because it
    depends on earlier ones, and in all terms of a segment without an equation of its own, which has
    its `reason` (S,), None for others. The robust errors hold for any variances (HC3); only least
    squares of a segment's own rows has them. `residual_sd` and `r2` are (S,). What has no value is
    NaN.
    """

    names: Values
    rows: Indices
    terms: tuple[str, ...]
    estimates: Array
    standard_errors: Array
    robust_standard_errors: Array
    t: Array
    p_values: Array
    low: Array
    high: Array
    residual_sd: Array
    r2: Array
    reason: Values

    @property
    def own(self) -> Mask:
        """Return which segments (S,) have an equation of their own."""
        has_none: Mask = self.reason == None  # noqa: E711
        return has_none


def inferred(
    names: Values,
    rows: Indices,
    terms: tuple[str, ...],
    estimates: Array,
    standard_errors: Array,
    robust_standard_errors: Array | None,
    freedom: Array,
    residual_sd: Array,
    r2: Array,
    reason: Values,
    exact: Mask | None = None,
) -> SegmentFits:
    """Return fits with Student's t, p and two-sided intervals at `CONFIDENCE`.

    `freedom` (S,) are degrees of freedom, of which none or an `exact` fit leaves no inference.
    """
    nothing = freedom < 1 if exact is None else (freedom < 1) | exact
    errors = np.where(nothing[:, None], np.nan, standard_errors)
    no_errors = np.full(estimates.shape, np.nan)
    degrees = np.where(nothing, np.nan, freedom)[:, None]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        t = estimates / errors
        half = stdtrit(degrees, (1 + CONFIDENCE) / 2) * errors
        return SegmentFits(
            names,
            rows,
            terms,
            estimates,
            standard_errors,
            no_errors if robust_standard_errors is None else robust_standard_errors,
            t,
            two_sided(t, degrees),
            estimates - half,
            estimates + half,
            residual_sd,
            r2,
            reason,
        )
