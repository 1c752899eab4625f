"""Standard errors of the lines of many segments that hold for any variances (HC3), at once.

They are those of `linear.sandwich`, from a second pass over the rows. Segments of as many rows and
as many terms are computed in one stack, each by itself, so that no digit of a segment depends on
which others there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.blocks import blocks_of
from regressors.linear import double_double as dd
from regressors.linear.fitted_rows import MAX_PLAIN_LOSS
from regressors.linear.sandwich import FULL_LEVERAGE, MIN_PART

_VALUES_AT_ONCE = 2**16
"""So many values of designs are computed at once, so that they stay in the processor's cache."""

MAX_FACTOR = 1_000
"""Two to the power of this is a double, and so is its inverse."""


@dataclass(frozen=True, eq=False)
class FittedSegments:
    """The rows of S segments one after the other, and their solved lines of p terms.

    The design (n, p), the target (n,) and the weights (n,), None where all weigh 1, are raw; there
    are `counts` (S,) of rows. A column of a segment is scaled by two to the power of `exponents`
    (S, p + 1), the target's being the last, and its weights by `of_weight` (S,): so are the
    coefficients (S, p), and the sums `left` (S,) of the squares of the residuals. Terms that are
    not `kept` (S, p) are left out.
    """

    design: Array
    target: Array
    weight: Array | None
    counts: Indices
    exponents: Indices
    of_weight: Indices
    kept: Mask
    coefficients: Array
    left: Array

    def errors(self) -> tuple[Array, Mask]:
        """Return the errors (S, p) of the scaled coefficients, and which segments (S,) have none.

        Those have columns that determine each other so nearly that doubles would not keep ten
        digits. An error is NaN where a row decides the coefficient, and of a term that is left out.
        """
        errors = np.full(self.kept.shape, np.nan)
        unsolved = np.zeros(len(self.counts), dtype=bool)
        starts = np.cumsum(self.counts) - self.counts
        for segments, terms in self._alike():
            order = np.argsort(~self.kept[segments], axis=1, kind="stable")[:, :terms]
            positions = starts[segments][:, None] + np.arange(self.counts[segments[0]])
            made, near = self._errors(segments, positions, order)
            errors[segments[:, None], order] = made
            unsolved[segments] = near
        return errors, unsolved

    def _alike(self) -> Iterator[tuple[Indices, int]]:
        """Yield numbers of segments of as many rows and terms, a few at a time, and their terms."""
        ranks = self.kept.sum(axis=1)
        shapes, shape_of = np.unique(
            np.column_stack([self.counts, ranks]), axis=0, return_inverse=True
        )
        order = np.argsort(shape_of, kind="stable")
        sizes = np.bincount(shape_of, minlength=len(shapes))
        for end, size, (rows, terms) in zip(np.cumsum(sizes), sizes, shapes.tolist(), strict=True):
            alike = order[end - size : end]
            for some in blocks_of(size, max(_VALUES_AT_ONCE // max(rows * terms, 1), 1)):
                yield alike[some], terms

    def _errors(self, segments: Indices, positions: Indices, order: Indices) -> tuple[Array, Mask]:
        """Return the errors (G, k) of segments with rows at positions (G, n), and which have none.

        `order` (G, k) are their terms.
        """
        exponents = np.take_along_axis(self.exponents[segments], order, axis=1)
        columns = _scaled(self._columns(positions, order), exponents[:, None, :])
        target = _scaled(self.target[positions], self.exponents[segments, -1:])
        root = np.ones_like(target)
        if self.weight is not None:
            root = np.sqrt(np.ldexp(self.weight[positions], -self.of_weight[segments, None]))
        orthonormal, triangle = np.linalg.qr(columns * root[:, :, None])
        inverse = np.linalg.inv(triangle)
        norms = np.sqrt(np.square(triangle).sum(axis=1))
        condition = np.sqrt(
            np.square(inverse * norms[:, :, None]).sum(axis=(1, 2)) * order.shape[1]
        )
        slopes = np.take_along_axis(self.coefficients[segments], order, axis=1)
        size, spread = (np.abs(slopes) * norms).sum(axis=1), np.sqrt(self.left[segments])
        lossy = size > MAX_PLAIN_LOSS * spread
        residuals = _plain_residuals(columns, target, slopes)
        if lossy.any():
            residuals[lossy] = _precise_residuals(columns[lossy], target[lossy], slopes[lossy])
        residuals *= root
        # What coefficients that are rounded leave of the columns is no part of the residuals.
        residuals -= _of_rows(orthonormal, _of_rows(orthonormal.transpose(0, 2, 1), residuals))
        weights = orthonormal @ inverse.transpose(0, 2, 1)
        not_own = 1 - np.square(orthonormal).sum(axis=2)
        full = not_own <= FULL_LEVERAGE
        seen = np.where(full, 0.0, residuals / np.where(full, 1.0, not_own))
        variances = (np.square(seen)[:, None, :] @ np.square(weights))[:, 0]
        errors = np.sqrt(variances)
        if full.any():
            unseen = np.where(full[:, :, None], np.abs(weights), 0.0).max(axis=1)
            whole = np.square(inverse).sum(axis=2)  # that of all rows' weights
            errors[unseen > MIN_PART * np.sqrt(whole)] = np.nan
        return errors, condition > MAX_PLAIN_LOSS

    def _columns(self, positions: Indices, order: Indices) -> Array:
        """Return the terms (G, k) of rows at positions (G, n) as (G, n, k)."""
        if order.shape[1] == self.design.shape[1]:  # all, in their order
            columns: Array = self.design[positions]
            return columns
        of_some: Array = self.design[positions[:, :, None], order[:, None, :]]
        return of_some


def _scaled(values: Array, exponents: Indices) -> Array:
    """Return values over two to the power of exponents, each rounded once at most."""
    if np.abs(exponents).max(initial=0) > MAX_FACTOR:
        return np.ldexp(values, -exponents)
    return values * np.ldexp(1.0, -exponents)  # the same, and quicker


def _plain_residuals(columns: Array, target: Array, slopes: Array) -> Array:
    """Return the residuals (G, n) of columns (G, n, k), a target (G, n) and slopes (G, k)."""
    left = target.copy()
    for column, slope in zip(np.moveaxis(columns, 2, 0), slopes.T, strict=True):
        left -= column * slope[:, None]
    return left


def _precise_residuals(columns: Array, target: Array, slopes: Array) -> Array:
    """Return the same in double-double, rounded."""
    left = dd.pair(target)
    for column, slope in zip(np.moveaxis(columns, 2, 0), slopes.T, strict=True):
        left = dd.subtract(left, dd.two_product(column, slope[:, None]))
    return left.high


def _of_rows(matrices: Array, vectors: Array) -> Array:
    products: Array = (matrices @ vectors[:, :, None])[:, :, 0]
    return products
