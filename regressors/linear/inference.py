"""The inference of a least-squares fit: standard errors, intervals and tests, in original units.

Sums of squares are those of whitened rows, each times the root of its weight, so that one set of
formulas serves fits with and without weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isnan, sqrt
from typing import Any

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from regressors.arrays import Array, Indices
from regressors.linear.rounding import ratio, root, times_power

EPS = float(np.finfo(float).eps)
EXACT_FIT = 4 * EPS
"""A residual SD below this share of the largest target is rounding: the fit is exact."""
IN_THE_SPAN = 1e-9
"""A column is in the span of others if its part outside it is a smaller share than this."""


@dataclass(frozen=True)
class Coefficient:
    """The estimate of one term and its inference, in original units; None where it has no value.

    `t`, `p`, `low` and `high` belong to the `standard_error`: the classical one, which assumes
    errors of equal variance (over the weights) that have nothing to do with each other, or the
    robust one where rows count less for their age. The robust one (HC3) holds
    for any variances, the cluster one also where the errors of a group are alike, and the HAC one
    where those close in time are.
    """

    term: str
    estimate: float
    standard_error: float | None = None
    robust_standard_error: float | None = None
    t: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None
    cluster_standard_error: float | None = None
    hac_standard_error: float | None = None


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors (p,) of each kind; NaN where one has no value, None where none has."""

    classical: Array
    robust: Array | None = None
    cluster: Array | None = None
    hac: Array | None = None

    def times(self, exponents: Indices) -> "StandardErrors":
        """Return the errors of coefficients that are larger by powers of two (p,)."""
        others = (self.robust, self.cluster, self.hac)
        with np.errstate(over="ignore"):
            return StandardErrors(
                np.ldexp(self.classical, exponents),
                *(None if errors is None else np.ldexp(errors, exponents) for errors in others),
            )


@dataclass(frozen=True)
class Overall:
    """The fit as a whole; None where it has no value. `f` tests all terms but the constant."""

    residual_sd: float | None
    r2: float | None
    adjusted_r2: float | None
    f: float | None = None
    f_p: float | None = None


@dataclass(frozen=True)
class Sums:
    """The sums of squares of a fit of n rows, of the target over two to the power of `exponent`.

    `total` is about the weighted mean where the design has a constant, else about zero; `left` is
    that of the residuals. `largest` is the largest target of a row, times the root of its weight.
    """

    total: Fraction
    left: Fraction
    largest: float
    exponent: int
    rows: int
    rank: int
    constant: bool

    @property
    def freedom(self) -> int:
        """Return the degrees of freedom of the residuals."""
        return self.rows - self.rank

    @property
    def scaled_sd(self) -> float:
        """Return the SD of the scaled residuals of a row of weight 1."""
        return root(self.left) / sqrt(self.freedom)

    @property
    def exact(self) -> bool:
        """Return whether the residuals are only rounding of the target."""
        return root(self.left) <= EXACT_FIT * sqrt(self.freedom) * self.largest

    def overall(self) -> Overall:
        """Return the fit as a whole."""
        freedom, explained = self.freedom, self.rank - self.constant
        sd = times_power(self.scaled_sd, self.exponent) if freedom else None
        if not self.total:
            return Overall(sd, None, None)
        unexplained = self.left / self.total
        adjusted = None
        if freedom and explained:
            adjusted = 1 - ratio(unexplained * (self.rows - self.constant) / freedom)
        r2 = 1 - ratio(unexplained)
        if not freedom or not explained or self.exact:
            return Overall(sd, r2, adjusted)
        f = ratio(max(self.total - self.left, Fraction(0)) / self.left * freedom / explained)
        return Overall(sd, r2, adjusted, f, float(fdtrc(explained, freedom, f)))


def coefficients_of(
    terms: Sequence[str],
    estimates: Array,
    errors: StandardErrors,
    *,
    freedom: int,
    confidence: float,
    exact: bool,
) -> tuple[Coefficient, ...]:
    """Return the coefficients with Student's t, p and two-sided intervals at `confidence`.

    An exact fit has no t, p or interval.
    """
    t = p = low = high = None
    if not exact:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            t = estimates / errors.classical
            half = stdtrit(freedom, (1 + confidence) / 2) * errors.classical
            low, high = estimates - half, estimates + half
        p = two_sided(t, freedom)
    columns = (estimates, errors.classical, errors.robust, t, p, low, high)
    values = [_values(column, len(terms)) for column in (*columns, errors.cluster, errors.hac)]
    return tuple(Coefficient(term, *row) for term, *row in zip(terms, *values, strict=True))


def two_sided(t: Array, freedom: int | Array) -> Array:
    """Return the two-sided p-values of Student's t."""
    p: Array = 2 * stdtr(freedom, -np.abs(t))
    return p


def _values(column: Array | None, length: int) -> list[Any]:
    if column is None:
        return [None] * length
    return [None if isnan(value) else value for value in column.tolist()]


def without_inference(terms: Sequence[str], estimates: Array) -> tuple[Coefficient, ...]:
    """Return the coefficients of estimates (p,) alone."""
    pairs = zip(terms, estimates.tolist(), strict=True)
    return tuple(Coefficient(term, estimate) for term, estimate in pairs)
