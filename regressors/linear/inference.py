"""The inference of a least-squares fit: standard errors, intervals and tests, in original units.

Everything is computed from whitened rows, each times the root of its weight, so that one set of
formulas serves fits with and without weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import scipy.linalg
from scipy.special import fdtrc, stdtr, stdtrit

from regressors.arrays import Array

EPS = float(np.finfo(float).eps)
EXACT_FIT = 4 * EPS
"""A residual SD below this share of the largest target is rounding: the fit is exact."""
FULL_LEVERAGE = 1e-10
"""A row whose leverage is this close to 1 is fitted exactly, whatever its target."""
IN_THE_SPAN = 1e-9
"""A column is in the span of others if its part outside it is a smaller share than this."""


@dataclass(frozen=True)
class Coefficient:
    """The estimate of one term and its inference, in original units; None where it has no value.

    `t`, `p`, `low` and `high` belong to the classical standard error, which assumes errors of equal
    variance (over the weights). The robust one (HC3) holds for any variances.
    """

    term: str
    estimate: float
    standard_error: float | None = None
    robust_standard_error: float | None = None
    t: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None


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
    errors: Array,
    robust: Array | None,
    *,
    freedom: int,
    confidence: float,
    exact: bool,
) -> tuple[Coefficient, ...]:
    """Return the coefficients with Student's t, p and two-sided intervals at `confidence`.

    `errors` and `robust` (p,) are standard errors. An exact fit has no t, p or interval.
    """
    columns: list[Array | None] = [estimates, errors, robust]
    if not exact:
        t = estimates / errors
        half = stdtrit(freedom, (1 + confidence) / 2) * errors
        columns += [t, 2 * stdtr(freedom, -np.abs(t)), estimates - half, estimates + half]
    values = [[None] * len(terms) if c is None else c.tolist() for c in columns]
    return tuple(Coefficient(term, *row) for term, *row in zip(terms, *values, strict=True))


def without_inference(terms: Sequence[str], estimates: Array) -> tuple[Coefficient, ...]:
    """Return the coefficients of estimates (p,) alone."""
    pairs = zip(terms, estimates.tolist(), strict=True)
    return tuple(Coefficient(term, estimate) for term, estimate in pairs)


def robust_errors(geometry: Geometry, residuals: Array) -> Array | None:
    """Return standard errors (p,) of the coefficients that hold for any variances: HC3.

    MacKinnon and White (1985): the sandwich with each residual over 1 - h, h its row's leverage.
    None where a leverage is 1, since the error of such a row cannot be seen.
    """
    left = 1 - np.square(geometry.q).sum(axis=1)
    if (left <= FULL_LEVERAGE).any():
        return None
    meat = geometry.q * (residuals / left)[:, None]
    halves = scipy.linalg.solve_triangular(geometry.r, meat.T)
    errors: Array = np.sqrt(np.square(halves).sum(axis=1)) / geometry.norms
    return errors


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
