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
from fractions import Fraction

import numpy as np
import scipy.linalg

from regressors.arrays import Array, Indices, Mask
from regressors.linear.factor import Factor
from regressors.linear.inference import EPS
from regressors.linear.rounding import ratio, root, times_power
from regressors.linear.system import System
from regressors.linear.wide_factor import precise

MAX_NAMED_TERMS = 5
"""Terms that are named in a sentence, and dependences that are listed."""
MIN_PART = 1e-9
"""One column is part of another if its coefficient is larger than this, both of unit norm."""
CONSTANT = 1e-12
"""A column whose part beside its mean is a smaller share than this is constant."""


@dataclass(frozen=True)
class Centred:
    """The weighted, scaled columns (p,) of a design about their means.

    `intercept` is the position of the column that the others are centred by, and `constant` its
    value; without one, the means are 0. Columns without a part beside their mean, such as the
    intercept, have a norm of 1. `weight` is that of all rows.
    """

    means: Array
    norms: Array
    varies: Mask
    intercept: int | None
    constant: float
    weight: float

    @classmethod
    def of(cls, system: System, terms: int, intercept: int | None) -> "Centred":
        """Centre the first columns of a system; the one after them holds ones."""
        columns, ones = range(terms), system.sum(terms, terms) or Fraction(1)
        unit = int(system.exponents[terms])
        sums = [system.sum(column, terms) for column in columns]
        means = [times_power(ratio(each / ones), -unit) for each in sums]
        squares = [system.sum(column, column) for column in columns]
        if intercept is None:
            centred, means = squares, [0.0] * terms
        else:
            centred = [s - each**2 / ones for s, each in zip(squares, sums, strict=True)]
        norms = np.array([root(square) for square in centred])
        varies = norms > CONSTANT * np.array([root(square) for square in squares])
        constant = 1.0 if intercept is None else means[intercept]
        weight = times_power(ratio(ones), 2 * unit)
        return cls(
            np.array(means), np.where(varies, norms, 1.0), varies, intercept, constant, weight
        )

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
    def of(cls, factor: Factor, terms: int, intercept: int | None) -> "Dependences":
        """Express the columns that a factor has not kept, of the first ones, by those it has."""
        kept = factor.kept
        centred = Centred.of(factor.system, terms, intercept)
        norms = centred.norms
        others = np.setdiff1d(np.arange(terms), kept)
        based = centred.varies[kept] & (kept != (-1 if intercept is None else intercept))
        base = kept[based]
        free = np.zeros((terms, len(others)))
        free[others, np.arange(len(others))] = 1.0
        varying = np.flatnonzero(centred.varies[others])
        shares = factor.shares(others[varying])[based] * norms[base, None] / norms[others[varying]]
        free[np.ix_(base, varying)] = -np.where(np.abs(shares) > MIN_PART, shares, 0.0)
        free /= norms[:, None]
        if intercept is not None:
            level = centred.level(free)
            size = np.abs(centred.means / centred.constant) @ np.abs(free)
            free[intercept] = np.where(np.abs(level) > MIN_PART * size, -level, 0.0)
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


def independent_columns(factor: Factor, terms: int) -> Iterator[Factor]:
    """Yield factors of columns that do not depend on earlier ones, ever fewer of them.

    The first is of those that `factor` has kept, unless those are all. Then a column depends on
    earlier ones if what they leave of it is rounding; each time, ten times as much counts as
    rounding as the time before.
    """
    if len(factor.kept) < terms:
        yield factor
    tolerance = EPS
    while tolerance < 1 and factor.kept.size:
        if factor.least_left <= tolerance:
            factor = precise(factor.system, range(terms), tolerance)
            yield factor
        tolerance *= 10


def listed(terms: Sequence[str]) -> str:
    """Return the names of terms, the first few and how many others there are."""
    shown, others = ", ".join(terms[:MAX_NAMED_TERMS]), len(terms) - MAX_NAMED_TERMS
    return f"{shown} and {others} more" if others > 0 else shown
