"""The shrunken lines of all segments of a fit, from their exact sums."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from regressors.arrays import Array, Indices, Mask, Values
from regressors.linear.double_double import Pair
from regressors.linear.gram import Gram
from regressors.linear.rounding import ratio, root, to_double
from regressors.linear.system import System
from regressors.segments.centring import centred, raw_sums
from regressors.segments.fits import SegmentFits, inferred
from regressors.segments.shrinkage import SegmentMoments, shrunken, variances_of
from regressors.segments.solve_stacks import Inverses
from regressors.segments.table import SegmentSums

TOO_FAR = "its values are too large, or too far apart, for the doubles of a shrunken equation"


@dataclass(frozen=True)
class Scaling:
    """The means and SDs (p + 1,) of the terms and the target over all rows of a fit.

    Means are zero without an intercept. The SD of a column without any is 1.
    """

    means: Array
    sds: Array
    intercept: bool

    @classmethod
    def of(cls, gram: Gram, *, intercept: bool) -> "Scaling":
        """Return those of the exact sums of all rows, of which those of ones are last but one."""
        system = System.of(gram)
        terms = len(system.exponents) - 2
        columns, ones = [*range(terms), terms + 1], system.sum(terms, terms) or Fraction(1)
        means, sds = np.zeros(terms + 1), np.ones(terms + 1)
        for i, column in enumerate(columns):
            square = system.sum(column, column) / ones
            mean = system.sum(column, terms) / ones
            unit = int(system.exponents[column] - system.exponents[terms])
            if intercept and column:
                means[i] = np.ldexp(ratio(mean), unit)
                square -= mean**2
            if square > 0 and (column or not intercept):
                sds[i] = np.ldexp(root(square), unit)
        return cls(means, np.where(sds > 0, sds, 1.0), intercept)

    def moments(self, sums: Pair, rows: Indices) -> SegmentMoments:
        """Return the moments of segments from sums (S, p + 2, p + 2) in double-double."""
        terms = len(self.sds) - 1
        inside = centred(sums, self.means if self.intercept else None)
        scaled = inside / self.sds[:, None] / self.sds
        return SegmentMoments(
            np.ascontiguousarray(scaled[:, :terms, :terms]),
            np.ascontiguousarray(scaled[:, :terms, terms]),
            scaled[:, terms, terms].copy(),
            rows.astype(float),
        )

    def raw(self, coefficients: Array) -> Array:
        """Return coefficients (S, q) in raw units."""
        slopes: Array = coefficients * (self.sds[-1] / self.sds[:-1])
        if self.intercept:
            slopes[:, 0] += self.means[-1]
            for column in range(1, slopes.shape[1]):
                slopes[:, 0] -= self.means[column] * slopes[:, column]
        return slopes

    def raw_errors(self, covariances: Array) -> Array:
        """Return the standard errors (S, q) in raw units."""
        variances = np.einsum("sii->si", covariances).copy()
        if self.intercept:
            turn = -self.means[:-1] / self.sds[:-1]
            turn[0] = 1.0
            variances[:, 0] = np.einsum("i,sij,j->s", turn, covariances, turn, optimize=True)
        errors: Array = np.sqrt(np.maximum(variances, 0.0)) * (self.sds[-1] / self.sds[:-1])
        return errors


class ShrunkenLines:
    """The lines of S segments with these terms (p), whose sums are added a few at a time.

    The sums of a segment that cannot be summed with others come from `alone`, by its number.
    """

    def __init__(
        self,
        terms: tuple[str, ...],
        scaling: Scaling,
        inverses: Inverses,
        alone: Callable[[int], Gram],
        *,
        recency: float | None,
    ) -> None:
        self._terms, self._scaling, self._inverses = terms, scaling, inverses
        self._alone, self._recency = alone, recency
        self._segments: list[Indices] = []
        self._moments: list[SegmentMoments] = []
        self.details: dict[str, Any] = {}

    def add(self, sums: SegmentSums | Indices) -> None:
        """Add the sums of some segments, or the numbers of those without sums."""
        with np.errstate(over="ignore", invalid="ignore"):
            if isinstance(sums, SegmentSums):
                self._add(sums.segments, self._scaling.moments(raw_sums(sums), sums.rows))
                return
            for segment in sums.tolist():
                gram = self._alone(segment)
                if gram.rows:
                    moments = self._scaling.moments(sums_of_one(gram), np.array([gram.rows]))
                    self._add(np.array([segment]), moments)

    def solved(self) -> tuple[Indices, SegmentMoments]:
        """Return the numbers of the segments, and their moments; no line is solved without all."""
        return self._numbers(), self._together()

    def add_solved(self, start: int, solved: tuple[Indices, SegmentMoments]) -> None:
        """Add the moments of segments whose numbers are counted from `start` on."""
        segments, moments = solved
        self._add(segments + start, moments)

    def _add(self, segments: Indices, moments: SegmentMoments) -> None:
        self._segments.append(segments)
        self._moments.append(moments)

    def fits(self, names: Values, rows: Indices) -> SegmentFits:
        """Return the lines of the segments, of which those without `rows` (S,) are left out."""
        segments = self._numbers()
        order = np.argsort(segments, kind="stable")
        there = segments[order]
        moments = self._together().take(order)
        finite = np.isfinite(moments.products).all(axis=(1, 2))
        finite &= np.isfinite(moments.with_target).all(axis=1) & np.isfinite(moments.squares)
        estimates, errors = np.full((2, len(there), len(self._terms)), np.nan)
        explained, freedom = np.full((2, len(there)), np.nan)
        sd = 0.0
        some = moments.take(finite)
        if len(some.rows):
            variances = variances_of(some)
            fit = shrunken(some, variances, self._inverses)
            estimates[finite] = self._scaling.raw(fit.coefficients)
            errors[finite] = self._scaling.raw_errors(fit.covariances)
            explained[finite] = _share_explained(some, fit.coefficients, self._scaling.intercept)
            freedom[finite] = some.rows.sum() - len(self._terms)
            sd = float(np.sqrt(variances.within)) * float(self._scaling.sds[-1])
            spread = np.sqrt(variances.between) * (self._scaling.sds[-1] / self._scaling.sds[:-1])
            self.details = {
                "within_sd": sd,
                "between_sd": dict(zip(self._terms, spread.tolist(), strict=True)),
            }
        if self._recency is not None:
            sd /= float(np.sqrt(self._recency))
        return inferred(
            names[there],
            rows[there],
            self._terms,
            estimates,
            errors,
            None,
            freedom,
            np.where(finite, sd, np.nan),
            explained,
            _reasons(finite),
        )

    def _numbers(self) -> Indices:
        return np.concatenate([*self._segments, np.zeros(0, dtype=np.int64)])

    def _together(self) -> SegmentMoments:
        columns = len(self._terms)
        empty = SegmentMoments(
            np.zeros((0, columns, columns)), np.zeros((0, columns)), np.zeros(0), np.zeros(0)
        )
        parts = [empty, *self._moments]
        return SegmentMoments(
            np.concatenate([part.products for part in parts]),
            np.concatenate([part.with_target for part in parts]),
            np.concatenate([part.squares for part in parts]),
            np.concatenate([part.rows for part in parts]),
        )


def _share_explained(moments: SegmentMoments, coefficients: Array, intercept: bool) -> Array:
    """Return R2 (S,) of each segment: about its mean where there is an intercept, else about 0."""
    fitted = (moments.products @ coefficients[:, :, None])[:, :, 0]
    left = moments.squares + (coefficients * (fitted - 2 * moments.with_target)).sum(axis=1)
    total = moments.squares.copy()
    if intercept:
        total -= np.square(moments.with_target[:, 0]) / moments.products[:, 0, 0]
    shares: Array = np.full(len(total), np.nan)
    varies = total > 1e-12 * moments.squares
    shares[varies] = 1 - left[varies] / total[varies]
    return shares


def _reasons(finite: Mask) -> Values:
    reasons: Values = np.full(len(finite), None, dtype=object)
    reasons[~finite] = TOO_FAR
    return reasons


def sums_of_one(gram: Gram) -> Pair:
    """Return the Gram matrix of one segment as a stack (1, m, m) in double-double."""
    values = gram.integers
    high, low = np.zeros((2, *values.shape))
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            unit = gram.exponents[i] + gram.exponents[j]
            high[i, j] = to_double(int(value), unit)
            if np.isfinite(high[i, j]):
                rest = Fraction(int(value)) * Fraction(2) ** unit - Fraction(high[i, j])
                low[i, j] = ratio(rest)
    return Pair(high[None], low[None])
