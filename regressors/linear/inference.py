"""The inference of a least-squares fit: standard errors, intervals and tests, in original units.

Everything is computed from whitened rows, each times the root of its weight, so that one set of
formulas serves fits with and without weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Any

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from regressors.arrays import Array

EPS = float(np.finfo(float).eps)
EXACT_FIT = 4 * EPS
"""A residual SD below this share of the largest target is rounding: the fit is exact."""
IN_THE_SPAN = 1e-9
"""A column is in the span of others if its part outside it is a smaller share than this."""


@dataclass(frozen=True)
class Coefficient:
    """The estimate of one term and its inference, in original units; None where it has no value.

    `t`, `p`, `low` and `high` belong to the classical standard error, which assumes errors of equal
    variance (over the weights) that have nothing to do with each other. The robust one (HC3) holds
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

    def times(self, scale: Array) -> "StandardErrors":
        """Return the errors of coefficients that are `scale` (p,) times as large."""
        others = [e if e is None else e * scale for e in (self.robust, self.cluster, self.hac)]
        return StandardErrors(self.classical * scale, *others)


@dataclass(frozen=True)
class Overall:
    """The fit as a whole; None where it has no value. `f` tests all terms but the constant."""

    residual_sd: float | None
    r2: float | None
    adjusted_r2: float | None
    f: float | None = None
    f_p: float | None = None


@dataclass(frozen=True)
class Geometry:
    """The QR factorisation of a design (n, p) whose columns are brought to unit norm."""

    q: Array
    r: Array
    norms: Array
    singular: Array

    @classmethod
    def of(cls, design: Array) -> "Geometry":
        """Factor a design of any shape; a column of zeros keeps a norm of 1."""
        norms = np.sqrt(np.square(design).sum(axis=0))
        norms = np.where(norms > 0, norms, 1.0)
        q, r = np.linalg.qr(design / norms)
        return cls(q, r, norms, np.linalg.svd(r, compute_uv=False))

    @property
    def condition_number(self) -> float:
        """Return the ratio of the extreme singular values; infinite where the smallest is zero."""
        if not self.singular.size or not self.singular[-1]:
            return float("inf")
        return float(self.singular[0] / self.singular[-1])

    def spans(self, column: Array) -> bool:
        """Return whether a column (n,) is a linear combination of those of the design."""
        outside = column - self.q @ (self.q.T @ column)
        return norm(outside) <= IN_THE_SPAN * norm(column)


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
        t = estimates / errors.classical
        half = stdtrit(freedom, (1 + confidence) / 2) * errors.classical
        p, low, high = two_sided(t, freedom), estimates - half, estimates + half
    columns = (estimates, errors.classical, errors.robust, t, p, low, high)
    values = [_values(column, len(terms)) for column in (*columns, errors.cluster, errors.hac)]
    return tuple(Coefficient(term, *row) for term, *row in zip(terms, *values, strict=True))


def two_sided(t: Array, freedom: int) -> Array:
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


def overall(
    target: Array, residuals: Array, ones: Array, *, rank: int, constant: bool, exact: bool
) -> Overall:
    """Return residual SD, R squared and F from whitened target and residuals (n,).

    `ones` (n,) is the whitened constant. Where the design has a constant, sums of squares are about
    the weighted mean, else about zero.
    """
    freedom, explained = len(target) - rank, rank - constant
    centre = ones * float(ones @ target / (ones @ ones)) if constant else np.zeros_like(target)
    total, left = norm(target - centre), norm(residuals)
    sd = left / sqrt(freedom) if freedom else None
    if not total:
        return Overall(sd, None, None)
    unexplained = (left / total) ** 2
    adjusted = (
        1 - unexplained * ((len(target) - constant) / freedom) if freedom and explained else None
    )
    if not freedom or not explained or exact:
        return Overall(sd, 1 - unexplained, adjusted)
    f = (norm(target - residuals - centre) / left) ** 2 * (freedom / explained)
    return Overall(sd, 1 - unexplained, adjusted, f, float(fdtrc(explained, freedom, f)))


def is_exact(target: Array, residuals: Array, freedom: int) -> bool:
    """Return whether the residuals (n,) are only rounding of the target (n,)."""
    return norm(residuals) <= EXACT_FIT * sqrt(freedom) * float(np.abs(target).max(initial=0.0))


def norm(values: Array) -> float:
    """Return the root of the sum of squares, without overflow or underflow."""
    largest = float(np.abs(values).max(initial=0.0))
    return largest * float(np.sqrt(np.square(values / largest).sum())) if largest else 0.0
