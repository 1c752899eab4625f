"""Designs whose columns depend on one another: which do, and the solution of minimum norm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from regressors.arrays import Array
from regressors.linear.inference import EPS

MAX_NAMED_TERMS = 5
"""Terms that are named in a sentence, and dependences that are listed."""
MIN_PART = 1e-6
"""One column is part of another if its coefficient is larger than this, both of unit norm."""


@dataclass(frozen=True)
class MinimumNorm:
    """The shortest of all solutions (p,), the rank of the design, and why there are several."""

    solution: Array
    rank: int
    reason: str


def minimum_norm(design: Array, target: Array, terms: Sequence[str]) -> MinimumNorm:
    """Solve `design` (n, p), columns of unit norm, for `target` (n,) by the singular values.

    Values below 10 max(n, p) rounding units of the largest one count as zero.
    """
    rows, columns = design.shape
    cutoff = 10 * EPS * max(rows, columns)
    solution, _, rank, _ = scipy.linalg.lstsq(design, target, cond=cutoff)
    if rows < columns:
        reason = f"{rows} rows cannot distinguish {columns} terms ({_listed(terms)})"
    else:
        reason = "; ".join(_dependences(design, terms, int(rank)))
    return MinimumNorm(solution, int(rank), reason)


def _dependences(design: Array, terms: Sequence[str], rank: int) -> list[str]:
    """Return a clause for each column that is made up of others, with their names.

    A QR factorisation with pivoting puts the columns that add nothing last; triangular solves then
    express each of them by those before it.
    """
    r, order = scipy.linalg.qr(design, mode="r", pivoting=True)
    leading, trailing = order[:rank], order[rank:]
    if not rank:
        return [f"{_listed(terms)} {'is' if len(terms) == 1 else 'are'} zero in every row"]
    shares = scipy.linalg.solve_triangular(r[:rank, :rank], r[:rank, rank:])
    clauses = []
    for column, share in sorted(zip(trailing, shares.T, strict=True), key=lambda pair: pair[0]):
        others = sorted(leading[np.abs(share) > MIN_PART])
        made_of = _listed([terms[i] for i in others])
        clauses.append(
            f"{terms[column]} depends on {made_of}" if others else f"{terms[column]} is zero"
        )
    return clauses[:MAX_NAMED_TERMS] + (["and more"] if len(clauses) > MAX_NAMED_TERMS else [])


def _listed(terms: Sequence[str]) -> str:
    shown, others = ", ".join(terms[:MAX_NAMED_TERMS]), len(terms) - MAX_NAMED_TERMS
    return f"{shown} and {others} more" if others > 0 else shown
