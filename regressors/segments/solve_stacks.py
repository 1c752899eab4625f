"""The normal equations of many segments, solved at once and rounded once.

A framework inverts the matrices in doubles. What a solution leaves of the equations is computed
without any error, and corrected (iterative refinement, Wilkinson 1963, with residuals as in
Demmel et al. 2006, ACM Transactions on Mathematical Software 32), until it is certain how each
coefficient rounds. The few systems that this does not decide are left to the exact solver.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Mask
from regressors.blocks import blocks_of
from regressors.segments.digits import (
    Digits,
    difference,
    digits_of,
    product,
    product_with,
    total,
)

Inverses = Callable[[Array], Array]
"""The inverses (S, q, q) of symmetric matrices (S, q, q), by a framework (`inverses`)."""

LEAST_LEFT = 2.0**-36
"""Columns of which earlier ones leave a smaller share of the square are not solved here."""
MOST_LEFT = 2.0**-6
"""A correction leaves at most this share of the error; else the system is not solved here."""
FIRST, LAST = -2, 6
"""Positions of the first and the last digit of a solution: units of 2^48 and 2^-144."""
_LARGEST = 2.0**60
_LAST_DIGIT = 2.0**-139  # of a solution, less than which its corrections are not known
_ROUNDING = 2.0**-40  # more than what doubles make of the share that a correction leaves
_CORRECTIONS = 8
_SETTLED = 2.0**-40
_INVERTED = 128  # systems at once, whose products stay in the processor's cache


@dataclass(frozen=True, eq=False)
class StackSolution:
    """Coefficients (S, q) of S systems, rounded once, 0 for columns that are not `kept` (S, q).

    `left` (S,) are the sums of squares that they leave of the targets, and `inverse_diagonals`
    (S, q) those of the inverses of the matrices, if asked for. What is `hard` (S,) is not solved.
    """

    coefficients: Array
    left: Array
    inverse_diagonals: Array | None
    kept: Mask
    hard: Mask

    def of(self, systems: Mask) -> "StackSolution":
        """Return the solutions of some systems (S,)."""
        diagonals = None if self.inverse_diagonals is None else self.inverse_diagonals[systems]
        return StackSolution(
            self.coefficients[systems],
            self.left[systems],
            diagonals,
            self.kept[systems],
            self.hard[systems],
        )


def solve_stack(
    matrices: Digits, present: Mask, inverses: Inverses, *, with_inverse: bool
) -> StackSolution:
    """Solve systems whose matrices (S, q + 1, q + 1) have the target last.

    Only columns that are `present` (S, q), and do not depend on earlier ones, have coefficients. At
    most 127 columns can be solved.
    """
    columns = present.shape[1]
    rounded = matrices.doubles()
    diagonal = np.einsum("sii->si", rounded)[:, :columns]
    scale = np.where(present, np.ldexp(1.0, -(np.frexp(diagonal)[1] // 2)), 1.0)
    units = rounded[:, :columns, :columns] * scale[:, :, None] * scale[:, None, :]
    left_out = present & (shares_left(units, present) < LEAST_LEFT)
    kept = present & ~left_out
    hard = np.zeros(len(present), dtype=bool)
    for column in np.flatnonzero(left_out.any(axis=0)):
        at = np.flatnonzero(left_out[:, column])
        earlier = kept[at] & (np.arange(columns) < column)
        order = np.array([*range(columns), column])
        of_column = matrices.of(at[:, None, None], order[:, None], order)
        hard[at] |= ~_depends(of_column, earlier, scale[at], units[at], inverses)
    inverse = _inverse(units, kept & ~hard[:, None], scale, inverses)
    coefficients, left, undecided = _refined(matrices, kept, scale, inverse, hard)
    diagonals = None
    hard = np.logical_or(hard, undecided)
    if with_inverse:
        inside = matrices.of(slice(None), slice(0, columns), slice(0, columns))
        diagonals = np.empty((len(kept), columns))
        for some in blocks_of(len(kept), _INVERTED):
            diagonals[some], unsettled = _inverse_diagonals(
                inside.of(some), kept[some], inverse[some]
            )
            hard[some] |= unsettled
    return StackSolution(coefficients, left, diagonals, kept, hard)


def shares_left(units: Array, present: Mask) -> Array:
    """Return the share (S, q) of each column's square that earlier ones leave of it.

    Columns of which they leave next to nothing, or that are not present, are left out of those.
    """
    left = units.transpose(1, 2, 0).copy()  # systems last, which is quicker
    shares = np.zeros((units.shape[1], len(units)))
    for k in range(units.shape[1]):
        pivot = left[k, k].copy()
        np.divide(pivot, units[:, k, k], out=shares[k], where=present[:, k])
        counts = shares[k] >= LEAST_LEFT
        column = left[k + 1 :, k]
        over = column * np.divide(1.0, pivot, out=np.zeros_like(pivot), where=counts)
        left[k + 1 :, k + 1 :] -= column[:, None] * over
    return shares.T


def _inverse(units: Array, kept: Mask, scale: Array, inverses: Inverses) -> Array:
    """Return inverses (S, q, q) for columns that are not scaled; those of others are not used."""
    both = kept[:, :, None] & kept[:, None, :]
    inverse = inverses(np.where(both, units, np.eye(units.shape[1])))
    symmetric: Array = (inverse + inverse.transpose(0, 2, 1)) / 2
    symmetric *= scale[:, :, None] * scale[:, None, :]
    return symmetric


def _depends(
    matrices: Digits, present: Mask, scale: Array, units: Array, inverses: Inverses
) -> Mask:
    """Return in which systems (S,) the last column is exactly a sum of those that are present."""
    inverse = _inverse(units, present, scale, inverses)
    hard = np.zeros(len(present), dtype=bool)
    _, left, undecided = _refined(matrices, present, scale, inverse, hard, until_exact=True)
    proven: Mask = ~undecided & (left == 0)
    return proven


def _refined(
    matrices: Digits,
    present: Mask,
    scale: Array,
    inverse: Array,
    hard: Mask,
    *,
    until_exact: bool = False,
) -> tuple[Array, Array, Mask]:
    """Return coefficients (S, q), what they leave (S,), and which systems are undecided.

    `until_exact`, those are all that have no solution in the digits of one.
    """
    systems, columns = present.shape
    target = matrices.of(slice(None), slice(None), columns)
    design = matrices.of(slice(None), slice(None), slice(0, columns))
    coefficients, left = np.zeros((systems, columns)), np.zeros(systems)
    undecided = np.ones(systems, dtype=bool)
    at = np.flatnonzero(~hard)
    right = np.where(present, target.doubles()[:, :columns], 0.0)[at]
    step = _times(inverse[at], right)
    fine = np.abs(step).max(axis=1, initial=0.0) < _LARGEST
    at, step = at[fine], step[fine]
    solution = digits_of(step, FIRST, LAST)
    before = _size(step, scale[at])
    for _ in range(_CORRECTIONS):
        if not at.size:
            break
        made = product_with(design.systems(at), solution)
        rest = difference(target.systems(at), made)
        rest.planes[:, :, :columns] *= present[at]
        exact = ~rest.planes[:, :, :columns].any(axis=(0, 2))
        unmet = rest.of(slice(None), slice(0, columns)).doubles()
        step = _times(inverse[at], unmet)
        value = solution.doubles()
        # The last digit, too, is to be that of what is left, whichever solution it comes from.
        high, low = rest.of(slice(None), columns).pair()
        low = low - (value * unmet).sum(axis=1) - (step * unmet).sum(axis=1)
        left[at] = np.maximum(high + low, 0.0)
        solution = total(solution, digits_of(step, FIRST, LAST)).between(FIRST, LAST)
        size = _size(step, scale[at])
        share = np.divide(size, before, out=np.zeros_like(size), where=before > 0)
        error = size * np.maximum(8 * share, _ROUNDING)
        bound = scale[at] * error[:, None] + np.where(exact, 0.0, _LAST_DIGIT / 8)[:, None]
        coefficients[at], sure = _rounded(solution, bound)
        decided = exact if until_exact else np.all(sure | ~present[at], axis=1)
        undecided[at[decided]] = False
        going = ~decided & (share <= MOST_LEFT) & ~exact
        at, before, solution = at[going], size[going], solution.of(going)
    return coefficients, left, undecided & ~hard


def _rounded(solution: Digits, bound: Array) -> tuple[Array, Mask]:
    """Return numbers (S, q) rounded, and whether all within a bound (S, q) of them round so.

    One that is half way between two doubles to the last digit, as the mean of two rows often is, is
    rounded to the even one.
    """
    high, low = solution.pair()
    reach = bound * (1 + _ROUNDING) + np.abs(low) * 2.0**-44
    certain = (high + (low + reach) == high) & (high + (low - reach) == high)
    decided: Mask = certain | (bound == 0)
    other = np.nextafter(high, np.copysign(np.inf, low))
    between = np.abs(np.abs(low) - np.abs(other - high) / 2) <= 2 * bound
    tie = between & (bound <= _LAST_DIGIT) & ~decided & (np.abs(high) > 1 / _LARGEST)
    odd = np.ldexp(np.frexp(high)[0], 53) % 2 != 0
    return np.where(tie & odd, other, high), decided | tie


def _size(step: Array, scale: Array) -> Array:
    """Return how large steps (S, q) are, for columns that are scaled alike."""
    size: Array = np.abs(step / scale).max(axis=1, initial=0.0)
    return size


def _times(matrices: Array, vectors: Array) -> Array:
    products: Array = (matrices @ vectors[:, :, None])[:, :, 0]
    return products


def _inverse_diagonals(matrices: Digits, kept: Mask, inverse: Array) -> tuple[Array, Mask]:
    """Return the diagonals (S, q) of the inverses, right to the last digits, and which are not.

    Newton's iteration (Schulz 1933), which squares the error of an inverse.
    """
    both = kept[:, :, None] & kept[:, None, :]
    diagonals = np.einsum("sii->si", inverse).copy()
    unsettled = np.ones(len(inverse), dtype=bool)
    at = np.flatnonzero(np.abs(inverse).max(axis=(1, 2), initial=0.0) < _LARGEST)
    own = np.where(both, inverse, 0.0)[at]
    for _ in range(_CORRECTIONS):
        if not at.size:
            break
        made = product(matrices.systems(at), digits_of(own, FIRST, LAST))
        np.einsum("sii->si", made.planes[-made.first])[:] -= 1
        rest = np.where(both[at], -made.doubles(), 0.0)
        own = own + own @ rest
        now = np.einsum("sii->si", own)
        change = np.abs(now - diagonals[at]) / np.where(now > 0, now, 1.0)
        diagonals[at] = now
        settled = np.where(kept[at], change, 0.0).max(axis=1, initial=0.0) <= _SETTLED
        unsettled[at[settled]] = False
        going = ~settled & (np.abs(rest).max(axis=(1, 2), initial=0.0) <= MOST_LEFT)
        at, own = at[going], own[going]
    return diagonals, unsettled
