"""The own lines of all segments of a fit, from their exact sums, with the inference."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, Indices, Mask, Values
from regressors.linear.inference import EXACT_FIT, IN_THE_SPAN
from regressors.segments.digits import SUMMED
from regressors.segments.fits import SegmentFits, inferred
from regressors.segments.lines import OwnLine, too_few_rows
from regressors.segments.solve_stacks import Inverses, StackSolution, solve_stack
from regressors.segments.table import FitRows, SegmentSums
from regressors.segments.unequal_variances import FittedSegments

MAX_TERMS = SUMMED - 2
"""Lines of more terms are solved one by one."""


class OwnLines:
    """The lines of S segments with these terms (p), which are filled in a few at a time.

    What cannot be solved with others is solved by `alone`, by the number of a segment. The errors
    that hold for any variances need the rows of segments once more, by `read`; without it there are
    no errors.
    """

    def __init__(
        self,
        terms: tuple[str, ...],
        segments: int,
        inverses: Inverses,
        alone: Callable[[int], OwnLine],
        read: Callable[[Indices], FitRows] | None,
    ) -> None:
        self._terms, self._inverses, self._alone, self._read = terms, inverses, alone, read
        self._estimates, self._errors, self._robust = np.full((3, segments, len(terms)), np.nan)
        self._sd, self._r2, self._freedom = np.full((3, segments), np.nan)
        self._exact = np.zeros(segments, dtype=bool)
        self._reason: Values = np.full(segments, None, dtype=object)
        self.details: dict[str, Any] = {}

    def add(self, sums: SegmentSums | Indices) -> None:
        """Add the sums of some segments, or the numbers of those without sums."""
        if not isinstance(sums, SegmentSums):
            self._one_by_one(sums)
        elif len(self._terms) > MAX_TERMS:
            self._one_by_one(sums.segments)
        else:
            self._one_by_one(self._solved(sums))

    def solved(self) -> tuple[NDArray[Any], ...]:
        """Return what was made of the sums, by segment."""
        return (
            self._estimates,
            self._errors,
            self._robust,
            self._freedom,
            self._exact,
            self._sd,
            self._r2,
            self._reason,
        )

    def add_solved(self, start: int, solved: tuple[NDArray[Any], ...]) -> None:
        """Add what was made elsewhere of the sums of segments from number `start` on."""
        for whole, batch in zip(self.solved(), solved, strict=True):
            whole[start : start + len(batch)] = batch

    def fits(self, names: Values, rows: Indices) -> SegmentFits:
        """Return the lines of the segments, of which those without `rows` (S,) are left out."""
        there = np.flatnonzero(rows)
        return inferred(
            names[there],
            rows[there],
            self._terms,
            self._estimates[there],
            self._errors[there],
            self._robust[there],
            self._freedom[there],
            self._sd[there],
            self._r2[there],
            self._reason[there],
            self._exact[there],
        )

    def _one_by_one(self, segments: Indices) -> None:
        for segment in segments.tolist():
            line = self._alone(segment)
            self._estimates[segment], self._errors[segment] = line.estimates, line.standard_errors
            self._robust[segment] = line.robust_standard_errors
            self._freedom[segment], self._exact[segment] = line.freedom, line.exact
            self._sd[segment], self._r2[segment] = line.residual_sd, line.r2
            self._reason[segment] = line.reason

    def _solved(self, sums: SegmentSums) -> Indices:
        """Solve what can be solved at once, and return the numbers of the other segments."""
        present = _present(sums)
        numbers = present.sum(axis=1)
        few = [
            too_few_rows(*pair) for pair in zip(sums.rows.tolist(), numbers.tolist(), strict=True)
        ]
        enough = np.array([reason is None for reason in few], dtype=bool)
        self._reason[sums.segments] = np.array([*few, None], dtype=object)[:-1]
        at = np.flatnonzero(enough)
        if not at.size:
            return at
        terms = len(self._terms)
        columns = np.array([*range(terms), terms + 1])
        solved = solve_stack(
            sums.matrices.systems(at).of_columns(columns),
            present[at],
            self._inverses,
            with_inverse=self._read is not None,
        )
        done, kept = at[~solved.hard], solved.kept[~solved.hard]
        segments, exponents = sums.segments[done], sums.exponents[done]
        units = exponents[:, [terms + 1]] - exponents[:, :terms]
        with np.errstate(over="ignore"):
            estimates = np.ldexp(solved.coefficients[~solved.hard], units)
        self._estimates[segments] = np.where(kept, estimates, np.nan)
        self._freedom[segments] = sums.rows[done] - kept.sum(axis=1)
        alone = sums.segments[at[solved.hard]]
        if self._read is None or not done.size:
            return alone
        near = self._infer(sums, done, solved.of(~solved.hard), units, self._read(segments))
        return np.concatenate([alone, segments[near]])

    def _infer(
        self, sums: SegmentSums, done: Indices, solved: StackSolution, units: Indices, rows: FitRows
    ) -> Mask:
        """Add the inference of segments (S,), and return which are to be solved alone for it."""
        segments, kept, of_weight = sums.segments[done], solved.kept, sums.of_weight[done]
        assert solved.inverse_diagonals is not None
        terms, freedom = len(self._terms), self._freedom[segments]
        left = np.ldexp(solved.left, of_weight)
        scaled_sd = np.sqrt(left / freedom)
        diagonals = np.ldexp(solved.inverse_diagonals, -of_weight[:, None])
        columns = np.array([*range(terms), terms + 1])
        robust, near = FittedSegments(
            rows.design,
            rows.target,
            rows.weight,
            rows.counts,
            sums.exponents[done][:, columns],
            of_weight,
            kept,
            solved.coefficients,
            solved.left,
        ).errors()
        with np.errstate(over="ignore"):
            errors = np.ldexp(np.sqrt(diagonals) * scaled_sd[:, None], units)
            self._robust[segments] = np.ldexp(robust, units)
            self._sd[segments] = np.ldexp(scaled_sd, sums.exponents[done, terms + 1])
        self._errors[segments] = np.where(kept, errors, np.nan)
        if rows.recency is not None:  # weights say nothing of the variance of a row
            self._errors[segments] = self._robust[segments]
            self._sd[segments] /= np.sqrt(rows.recency)
        self._exact[segments] = np.sqrt(left) <= (
            EXACT_FIT * np.sqrt(freedom) * sums.heaviest[done]
        )
        self._r2[segments] = self._share_explained(sums, done, kept, solved.left)
        return near

    def _share_explained(self, sums: SegmentSums, done: Indices, kept: Mask, left: Array) -> Array:
        """Return R2 (S,): about the mean where an equation has a constant, else about zero."""
        terms, matrices = len(self._terms), sums.matrices.systems(done)
        total = matrices.of(slice(None), terms + 1, terms + 1).doubles()
        is_constant = sums.low[done] == sums.high[done]
        about_mean = (is_constant & kept).any(axis=1)
        unsure = np.flatnonzero(~about_mean)
        if unsure.size:
            ones = solve_stack(
                matrices.of(unsure).of_columns(np.arange(terms + 1)),
                kept[unsure],
                self._inverses,
                with_inverse=False,
            )
            share = np.sqrt(ones.left / matrices.of(unsure, terms, terms).doubles())
            about_mean[unsure] = ~ones.hard & (share <= IN_THE_SPAN)
        at = np.flatnonzero(about_mean)
        if at.size:
            only = np.ones((len(at), 1), dtype=bool)
            mean = solve_stack(
                matrices.systems(at).of_columns(np.array([terms, terms + 1])),
                only,
                np.reciprocal,
                with_inverse=False,
            )
            total[at] = mean.left
        shares: Array = np.full(len(total), np.nan)
        return np.divide(total - left, total, out=shares, where=total > 0)


def _present(sums: SegmentSums) -> Mask:
    """Return which terms (S, p) have a column that is not of zeros, nor a second constant one."""
    constant = sums.low == sums.high
    nonzero = constant & (sums.low != 0)
    first = nonzero & (np.cumsum(nonzero, axis=1) == 1)
    present: Mask = ~constant | first
    return present
