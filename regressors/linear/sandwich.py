"""Standard errors that hold where the classical ones do not: rows that vary unequally or together.

Each is a sandwich (White 1980): the covariance of the coefficients is that of sums of scores, the
products of a row's terms and its residual, between two inverses of X'X. They differ in which rows'
scores may be related: none (HC3), those of a group, or those that are close in time. They are equal
to statsmodels' `HC3`, `cluster` and `HAC`, the last two with `use_correction=True`.

An error is NaN where it has no value.
"""

from math import floor, pow

import numpy as np
import scipy.linalg

from regressors.arrays import Array, Indices
from regressors.linear.inference import Geometry

FULL_LEVERAGE = 1e-10
"""A row whose leverage is this close to 1 is fitted exactly, whatever its target."""
MIN_PART = 1e-6
"""A row has a part in an estimate if its weight is a larger share of all rows' than this."""
MIN_SHARE = 1e-9
"""A smaller share of what the scores of single rows come to is rounding: the sums are all zero."""


def robust_errors(geometry: Geometry, residuals: Array) -> Array:
    """Return standard errors (p,) of the coefficients that hold for any variances: HC3.

    MacKinnon and White (1985): the sandwich with each residual over 1 - h, h its row's leverage.
    The error of a row with a leverage of 1 cannot be seen, so a coefficient in which such a row has
    a part has no value.
    """
    left = 1 - np.square(geometry.q).sum(axis=1)
    full = left <= FULL_LEVERAGE
    seen = np.where(full, 0.0, residuals / np.where(full, 1.0, left))
    weights = scipy.linalg.solve_triangular(geometry.r, geometry.q.T)
    errors: Array = np.sqrt(np.square(weights * seen).sum(axis=1)) / geometry.norms
    if full.any():
        whole = np.sqrt(np.square(weights).sum(axis=1))
        decided = (np.abs(weights[:, full]) > MIN_PART * whole[:, None]).any(axis=1)
        errors[decided] = np.nan
    return errors


def cluster_errors(geometry: Geometry, residuals: Array, groups: Indices) -> Array | None:
    """Return standard errors (p,) that hold where the errors of a group (n,) are alike.

    Liang and Zeger (1986): the scores of a group are summed first. The covariance is multiplied by
    G / (G - 1) (n - 1) / (n - p) for G groups (CR1). None if there is one group. A coefficient
    whose sums are zero in every group, such as the mean of a group, has no value.
    """
    rows, terms = geometry.q.shape
    sums = _sums(geometry.q * residuals[:, None], groups)
    if len(sums) < 2:
        return None
    correction = len(sums) / (len(sums) - 1) * (rows - 1) / (rows - terms)
    return _sandwich(geometry, residuals, sums.T @ sums * correction)


def hac_errors(geometry: Geometry, residuals: Array, times: Array) -> Array | None:
    """Return standard errors (p,) that hold where errors that are close in time are alike.

    Newey and West (1987): scores are taken in the order of their times (n,), and products up to
    `hac_lags` steps apart count, with weights that fall to zero. Scores of one time are summed
    first, as Driscoll and Kraay (1998) do. The covariance is multiplied by n / (n - p). None if
    there is one time.
    """
    rows, terms = geometry.q.shape
    sums = _sums(geometry.q * residuals[:, None], times)
    if len(sums) < 2:
        return None
    lags = hac_lags(len(sums))
    meat = sums.T @ sums
    for lag in range(1, lags + 1):
        products = sums[lag:].T @ sums[:-lag]
        meat += (1 - lag / (lags + 1)) * (products + products.T)
    return _sandwich(geometry, residuals, meat * (rows / (rows - terms)))


def hac_lags(times: int) -> int:
    """Return the lags for so many different times: 4 (T / 100)^(2/9), rounded down.

    The rule of Newey and West (1994) without their pilot estimate, and statsmodels' default.
    """
    return min(floor(4 * pow(times / 100, 2 / 9)), times - 1)


def _sums(scores: Array, labels: Array | Indices) -> Array:
    """Return the sums of the rows of `scores` (n, p) with equal labels (n,), in their order."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sums: Array = np.add.reduceat(scores[order], starts, axis=0)
    return sums


def _sandwich(geometry: Geometry, residuals: Array, meat: Array) -> Array:
    half = scipy.linalg.solve_triangular(geometry.r, meat)
    variances = np.diag(scipy.linalg.solve_triangular(geometry.r, half.T))
    weights = scipy.linalg.solve_triangular(geometry.r, geometry.q.T)
    single = np.square(weights * residuals).sum(axis=1)
    errors: Array = np.sqrt(np.where(variances > MIN_SHARE**2 * single, variances, np.nan))
    return errors / geometry.norms
