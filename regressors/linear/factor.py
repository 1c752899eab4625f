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
from regressors.linear.integers import Integers, integers
from regressors.linear.solution import Solution, solution
from regressors.linear.system import BITS, System, doubles, fixed_point, moved

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
        """Return about the solutions (k, m) for right-hand sides (k, m), both in fixed point."""

    @property
    @abstractmethod
    def least_left(self) -> float:
        """Return the smallest share of its norm that earlier columns leave of a kept one."""

    @cached_property
    def condition_number(self) -> float:
        """Return that of the kept columns, brought to unit norm: a ratio of singular values."""
        if not self.kept.size:
            return float("inf")
        norms = self.system.norms(self.kept)
        units = self.system.doubles(self.kept) / np.outer(norms, norms)
        largest = float(np.sqrt(np.linalg.eigvalsh(units)[-1]))
        inverse_root = self.inverse_root * norms
        return largest * float(np.sqrt(np.linalg.eigvalsh(inverse_root.T @ inverse_root)[-1]))

    def solution(self, column: int) -> Solution:
        """Return the coefficients of the kept columns that fit another column best."""
        return solution(self.system, self.kept, column, self.approximate)

    def shares(self, columns: Indices) -> Array:
        """Return the coefficients (k, m) of the kept columns that fit others best, all scaled."""
        right = self.system.integers(self.kept, columns)
        return doubles(self.approximate(moved(right, BITS - self.system.depth)))

    def share_left(self, column: int) -> float:
        """Return the share of the norm of a column that the kept ones leave of it."""
        square = self.system.sum(column, column)
        return float(np.sqrt(float(self.solution(column).residual / square))) if square else 0.0


@dataclass(frozen=True, eq=False)
class FixedFactor(Factor):
    """Factors in fixed point.

    Each of the m columns is the sum of the k that are left of the kept ones by earlier ones, which
    are orthogonal to each other and of square norms `pivots` (k,), times its row of `lower` (m, k),
    and of what they leave of it: nothing of a kept one, which is at one of `positions` (k,).
    """

    positions: Indices
    lower: Integers
    pivots: Integers

    @classmethod
    def of(
        cls, system: System, columns: Sequence[int] | Indices, tolerance: float
    ) -> "FixedFactor":
        """Factor columns one after the other.

        Those are left out of which earlier ones leave at most `tolerance`, a share of the norm.
        """
        columns = np.asarray(columns, dtype=np.int64)
        matrix = moved(system.integers(columns, columns), BITS - system.depth)
        least = (np.diag(matrix) * int(tolerance**2 * _ONE)) >> BITS
        positions, lower, pivots = eliminated(matrix, least, BITS)
        return cls(system, columns[positions], positions, lower, pivots)

    @property
    def least_left(self) -> float:
        """Return the smallest share of its norm that earlier columns leave of a kept one."""
        left = np.sqrt(doubles(self.pivots)) / self.system.norms(self.kept)
        return float(left.min(initial=1.0))

    @property
    def triangle(self) -> Array:
        """Return rows (k, m) with the sums of products of the columns."""
        rows: Array = doubles(self.lower.T) * np.sqrt(doubles(self.pivots))[:, None]
        return rows

    @cached_property
    def inverse(self) -> Integers:
        """Return the inverse (k, k) of the kept rows of `lower`."""
        return inverse_of(self.lower[self.positions], BITS)

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
        """Return the solutions (k, m) for right-hand sides (k, m), right to hundreds of bits."""
        middle = ((self.inverse @ right) >> BITS << BITS) // self.pivots[:, None]
        solved: Integers = (self.inverse.T @ middle) >> BITS
        return solved


def eliminated(matrix: Integers, least: Integers, bits: int) -> tuple[Indices, Integers, Integers]:
    """Return the positions (k,) of the kept columns of a matrix (m, m), L (m, k) and D (k,).

    All are in fixed point. A column is kept if more than its own of `least` (m,) is left of it.
    """
    count = len(matrix)
    lower, products = integers((count, count)), integers((count, count))
    kept: list[int] = []
    for column in range(count):
        k = len(kept)
        left = matrix[column:, column]
        if k:
            left = left - ((lower[column:, :k] @ products[column, :k]) >> bits)
        pivot = left[0]
        if pivot <= least[column]:
            continue
        lower[column:, k], products[column:, k] = (left << bits) // pivot, left
        kept.append(column)
    pivots = integers((len(kept),))
    pivots[:] = [products[column, i] for i, column in enumerate(kept)]
    return np.array(kept, dtype=np.int64), lower[:, : len(kept)], pivots


def inverse_of(triangle: Integers, bits: int) -> Integers:
    """Return the inverse (k, k) of a lower triangle in fixed point, whose diagonal is 1."""
    inverse = integers(triangle.shape)
    for i, row in enumerate(triangle):
        if i:
            inverse[i, :i] = -((row[:i] @ inverse[:i, :i]) >> bits)
        inverse[i, i] = 1 << bits
    return inverse
