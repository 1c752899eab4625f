"""A design whose columns depend on each other: which do, and the solution of minimum norm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]

EPS = float(np.finfo(float).eps)
MOST_NAMED = 5
"""Terms named in one sentence, and dependences told of."""
SHARE = 1e-6
"""A column has part in another where its coefficient is larger than this, both of unit norm."""


@dataclass(frozen=True)
class MinimumNorm:
    """The shortest of all solutions (p,), the design's rank, and why there is more than one."""

    solution: Array
    rank: int
    reason: str


def minimum_norm(design: Array, target: Array, names: Sequence[str]) -> MinimumNorm:
    """Solve `design` (n, p), columns of unit norm, for `target` (n,) by the singular values.

    Values below 10 max(n, p) rounding units of the largest one count as zero.
    """
    rows, columns = design.shape
    cutoff = 10 * EPS * max(rows, columns)
    solution, _, rank, _ = scipy.linalg.lstsq(design, target, cond=cutoff)
    if rows < columns:
        reason = f"{rows} rows cannot tell {columns} terms apart ({_listed(names)})"
    else:
        reason = "; ".join(_dependences(design, names, int(rank)))
    return MinimumNorm(solution, int(rank), reason)


def _dependences(design: Array, names: Sequence[str], rank: int) -> list[str]:
    """Say of each column that others make up which ones they are.

    A QR factorisation with pivoting puts the columns that add nothing last; triangular solves then
    express each of them by those before it.
    """
    r, order = scipy.linalg.qr(design, mode="r", pivoting=True)
    leading, trailing = order[:rank], order[rank:]
    if not rank:
        return [f"{_listed(names)} {'is' if len(names) == 1 else 'are'} zero in every row"]
    shares = scipy.linalg.solve_triangular(r[:rank, :rank], r[:rank, rank:])
    found = []
    for column, share in sorted(zip(trailing, shares.T, strict=True), key=lambda one: one[0]):
        others = sorted(leading[np.abs(share) > SHARE])
        made_of = _listed([names[i] for i in others])
        found.append(
            f"{names[column]} depends on {made_of}" if others else f"{names[column]} is zero"
        )
    return found[:MOST_NAMED] + (["and more"] if len(found) > MOST_NAMED else [])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
