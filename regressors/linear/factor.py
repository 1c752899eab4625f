"""A system of equations factored as L D L', without pivoting, so that columns keep their order.

Of narrow systems the factors are integers in fixed point. With 512 bits after the point that is no
approximation to speak of: an error grows with the square of the condition number, which is below
2^102 for all designs that are solved, and so the factors are right to some 2^-400. Those of wide
systems are in double-double, as long as that serves.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear.double_double import Pair
from regressors.linear.gram import Integers, integers
from regressors.linear.solution import Solution, solution
from regressors.linear.system import BITS, System, doubles, fixed_point

_ONE = 1 << BITS


@dataclass(frozen=True, eq=False)
class Factor(ABC):
    """The independent columns `kept` (k,) of a system, factored.

    A row of scaled columns times W', with W (k, k) = `inverse_root`, is a row of orthonormal ones.
    """

    system: System
    kept: Indices

    @cached_property
    @abstractmethod
    def inverse_root(self) -> Array:
        """Return W."""

    @abstractmethod
    def inverse_pair(self) -> tuple[Pair, Array]:
        """Return a matrix (k, k) in double-double and divisors (k,): W, before its rounding."""

    @abstractmethod
    def approximate(self, right: Integers) -> Integers:
        """Return about the solution (k,) for a right-hand side (k,), both in fixed point."""

    @cached_property
    def condition_number(self) -> float:
        """Return that of the kept columns, brought to unit norm: a ratio of singular values."""
        if not self.kept.size:
            return float("inf")
        norms = self.system.norms(self.kept)
        units = doubles(self.system.fixed[np.ix_(self.kept, self.kept)]) / np.outer(norms, norms)
        largest = float(np.sqrt(np.linalg.eigvalsh(units)[-1]))
        return largest * float(np.linalg.norm(self.inverse_root * norms, 2))

    def solution(self, column: int) -> Solution:
        """Return the coefficients of the kept columns that fit another column best."""
        return solution(self.system, self.kept, column, self.approximate)

    def share_left(self, column: int) -> float:
        """Return the share of the norm of a column that the kept ones leave of it."""
        square = self.system.sum(column, column)
        return float(np.sqrt(float(self.solution(column).residual / square))) if square else 0.0


@dataclass(frozen=True, eq=False)
class FixedFactor(Factor):
    """Factors in fixed point.

    Each of the m columns is the sum of the k that are left of the kept ones by earlier ones, which
    are orthogonal to each other and of square norms `pivots` (k,), times its row of `lower` (m, k),
    and of what they leave of it: nothing of a kept one.
    """

    lower: Integers
    pivots: Integers

    @classmethod
    def of(
        cls, system: System, columns: Sequence[int] | Indices, tolerance: float
    ) -> "FixedFactor":
        """Factor columns one after the other.

        Those are left out of which earlier ones leave at most `tolerance`, a share of the norm.
        """
        matrix, share = system.fixed, int(tolerance**2 * _ONE)
        lower, products = (integers((len(matrix), len(columns))) for _ in range(2))
        kept: list[int] = []
        for position, column in enumerate(columns):
            k, rows = len(kept), np.asarray(columns[position:])
            left = matrix[rows, column]
            if k:
                left = left - ((lower[rows, :k] @ products[column, :k]) >> BITS)
            pivot = left[0]
            if pivot <= (matrix[column, column] * share) >> BITS:
                continue
            lower[rows, k], products[rows, k] = (left << BITS) // pivot, left
            kept.append(int(column))
        pivots = integers((len(kept),))
        pivots[:] = [products[column, i] for i, column in enumerate(kept)]
        return cls(system, np.array(kept, dtype=np.int64), lower[:, : len(kept)], pivots)

    @property
    def least_left(self) -> float:
        """Return the smallest share of its norm that earlier columns leave of a kept one."""
        squares = doubles(np.diag(self.system.fixed)[self.kept])
        return float(np.sqrt((doubles(self.pivots) / squares).min(initial=1.0)))

    @cached_property
    def inverse(self) -> Integers:
        """Return the inverse (k, k) of the kept rows of `lower`."""
        triangle = self.lower[self.kept]
        inverse = integers(triangle.shape)
        for i, row in enumerate(triangle):
            if i:
                inverse[i, :i] = -((row[:i] @ inverse[:i, :i]) >> BITS)
            inverse[i, i] = _ONE
        return inverse

    @cached_property
    def inverse_root(self) -> Array:
        """Return W."""
        return doubles(self.inverse) / np.sqrt(doubles(self.pivots))[:, None]

    def inverse_pair(self) -> tuple[Pair, Array]:
        """Return the inverse (k, k) and the roots (k,) of the pivots."""
        high = doubles(self.inverse)
        low = doubles(self.inverse - fixed_point(high))
        return Pair(high, low), np.sqrt(doubles(self.pivots))

    def approximate(self, right: Integers) -> Integers:
        """Return the solution (k,) for a right-hand side (k,), right to hundreds of bits."""
        middle = ((self.inverse @ right) >> BITS << BITS) // self.pivots
        solved: Integers = (self.inverse.T @ middle) >> BITS
        return solved
