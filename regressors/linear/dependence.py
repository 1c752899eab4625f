"""Designs whose columns depend on one another: what the data determine, and the shortest solution.

Such a design has many solutions that fit the rows equally well. A term is estimable if it has the
same coefficient in all of them. Of the others' coefficients, those of minimum norm are taken: they
share an effect that the data cannot tell apart, whatever the order of the columns. The norm is that
of the coefficients of columns brought to unit norm, so that it does not depend on their units. The
intercept is outside the norm, and columns are taken about their weighted means: otherwise the
others would share the level of the target out among them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from regressors.arrays import Array, Indices, Mask
from regressors.linear.inference import EPS

MAX_NAMED_TERMS = 5
"""Terms that are named in a sentence, and dependences that are listed."""
MIN_PART = 1e-9
"""One column is part of another if its coefficient is larger than this, both of unit norm."""
CONSTANT = 1e-12
"""A column whose part beside its mean is a smaller share than this is constant."""


@dataclass(frozen=True)
class Centred:
    """A weighted design (n, p) about its means, columns of unit norm.

    `root` (n,) are the roots of the weights of the rows, `intercept` is the position of the column
    that the others are centred by; without one, the means are 0. Columns without a part beside
    their mean, such as the intercept, are zero, with a norm of 1.
    """

    columns: Array
    means: Array
    norms: Array
    intercept: int | None
    constant: float
    weight: float

    @classmethod
    def of(cls, design: Array, root: Array, intercept: int | None) -> "Centred":
        """Centre and scale `design` (n, p)."""
        weight = float(np.square(root).sum())
        share = np.square(root) / weight
        means = np.zeros(design.shape[1]) if intercept is None else share @ design
        moved = (design - means) * root[:, None]
        norms = np.sqrt(np.square(moved).sum(axis=0))
        varies = norms > CONSTANT * np.sqrt(np.square(design * root[:, None]).sum(axis=0))
        norms = np.where(varies, norms, 1.0)
        constant = 1.0 if intercept is None else float(design[0, intercept])
        columns = np.where(varies, moved / norms, 0.0)
        return cls(columns, means, norms, intercept, constant, weight)

    def level(self, coefficients: Array) -> Array:
        """Return what coefficients (p, m) of the columns add to the mean, in intercepts (m,)."""
        level: Array = self.means @ coefficients / self.constant
        return level


@dataclass(frozen=True)
class Dependences:
    """Of which of the `kept` columns, independent of each other, each other column is made up.

    `free` (p, m) are the directions in which coefficients can move without any change of the fit,
    one for each of the m other columns.
    """

    kept: Indices
    others: Indices
    free: Array
    centred: Centred

    @classmethod
    def of(cls, centred: Centred, kept: Indices) -> "Dependences":
        """Express the columns that are not kept by those that are."""
        columns, norms = centred.columns, centred.norms
        others = np.setdiff1d(np.arange(columns.shape[1]), kept)
        base = kept if centred.intercept is None else kept[kept != centred.intercept]
        free = np.zeros((columns.shape[1], len(others)))
        free[others, np.arange(len(others))] = 1.0
        if base.size:
            q, r = np.linalg.qr(columns[:, base])
            shares = scipy.linalg.solve_triangular(r, q.T @ columns[:, others])
            free[base] = -np.where(np.abs(shares) > MIN_PART, shares, 0.0)
        free /= norms[:, None]
        if centred.intercept is not None:
            level = centred.level(free)
            size = np.abs(centred.means / centred.constant) @ np.abs(free)
            free[centred.intercept] = np.where(np.abs(level) > MIN_PART * size, -level, 0.0)
        return cls(kept, others, free, centred)

    @property
    def estimable(self) -> Mask:
        """Return which terms (p,) have the same coefficient in every solution."""
        fixed: Mask = (self.free == 0).all(axis=1)
        return fixed

    def shortest(self, solution: Array) -> Array:
        """Return the solution (p,) of minimum norm, from any other."""
        norms = self.centred.norms.copy()
        if self.centred.intercept is not None:
            norms[self.centred.intercept] = 0.0
        steps = scipy.linalg.lstsq(self.free * norms[:, None], solution * norms)[0]
        moved: Array = solution - self.free @ steps
        return np.where(self.estimable, solution, moved)

    @property
    def breaches(self) -> Array:
        """Return what says how far a row (p,) is from meeting each dependence, in SDs (p, m).

        The product of the two is what the column has beside what the others say of it.
        """
        sds: Array = self.centred.norms[self.others] / np.sqrt(self.centred.weight)
        return self.free / sds

    def clauses(self, terms: Sequence[str]) -> str:
        """Return the dependences in words: fahrenheit depends on intercept, celsius."""
        clauses = []
        for column, direction in zip(self.others, self.free.T, strict=True):
            made_of = listed([terms[i] for i in self.kept[direction[self.kept] != 0]])
            clauses.append(f"{terms[column]} {f'depends on {made_of}' if made_of else 'is zero'}")
        more = len(clauses) - MAX_NAMED_TERMS
        return "; ".join(clauses[:MAX_NAMED_TERMS] + ([f"and {more} more"] if more > 0 else []))


def independent_columns(r: Array) -> Iterator[Indices]:
    """Yield the columns that do not depend on earlier ones, ever fewer of them.

    `r` is the triangle of a QR factorisation of the design, columns of unit norm. A column depends
    on earlier ones if what they leave of it is rounding; each time, ten times as much counts as
    rounding as the time before.
    """
    tolerance = 10 * EPS
    kept = None
    while tolerance < 1:
        left = _left_by_earlier(r, tolerance)
        columns = np.flatnonzero(left > tolerance)
        if columns.size and (kept is None or len(columns) < len(kept)):
            kept = columns
            yield columns
        tolerance *= 10


def minimum_norm(
    design: Array, target: Array, root: Array, intercept: int | None
) -> tuple[Array, int]:
    """Return the shortest solution (p,) of `design` (n, p), weighted by `root`, and its rank.

    Singular values below 10 max(n, p) rounding units of the largest one count as zero.
    """
    centred = Centred.of(design, root, intercept)
    weight = np.square(root) / np.square(root).sum()
    level = 0.0 if intercept is None else float(weight @ target)
    cutoff = 10 * EPS * max(design.shape)
    shortest, _, rank, _ = scipy.linalg.lstsq(centred.columns, (target - level) * root, cond=cutoff)
    solution: Array = shortest / centred.norms
    if intercept is None:
        return solution, int(rank)
    solution[intercept] = 0.0
    solution[intercept] = level / centred.constant - centred.level(solution)
    return solution, int(rank) + 1


def listed(terms: Sequence[str]) -> str:
    """Return the names of terms, the first few and how many others there are."""
    shown, others = ", ".join(terms[:MAX_NAMED_TERMS]), len(terms) - MAX_NAMED_TERMS
    return f"{shown} and {others} more" if others > 0 else shown


def _left_by_earlier(r: Array, tolerance: float) -> Array:
    """Return the norm (p,) of what earlier columns leave of each column.

    Columns of which they leave at most `tolerance` are not among those earlier columns.
    """
    basis = np.zeros_like(r)
    left = np.zeros(r.shape[1])
    count = 0
    for column, rest in enumerate(r.T):
        spanned = basis[:, :count]
        for _ in range(2):  # once more, because rounding leaves some of the others in the first
            rest = rest - spanned @ (spanned.T @ rest)  # noqa: PLW2901
        left[column] = np.sqrt(rest @ rest)
        if left[column] > tolerance:
            basis[:, count] = rest / left[column]
            count += 1
    return left
