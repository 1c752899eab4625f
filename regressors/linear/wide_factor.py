"""Factors of wide systems, by products of matrices: the quicker, the better conditioned they are.

The solutions are those of Python's integers to the last bit, because each is corrected until it is
exact, and the same columns are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt, log2

import numpy as np
import scipy.linalg

from regressors.arrays import Array, Indices
from regressors.linear import double_double as dd
from regressors.linear.digits import DIGIT_BITS, Digits, add_product, carried, digits_of, product
from regressors.linear.double_double import Pair
from regressors.linear.factor import Factor, FixedFactor, eliminated, inverse_of
from regressors.linear.gram import MIN_WIDE
from regressors.linear.integers import Integers, integers
from regressors.linear.system import BITS, System, fixed_point, moved

DEPENDENT = 2.0**-100
"""A column of which earlier ones leave less, as a share of its norm, depends on them."""
MIN_COLUMNS = MIN_WIDE
"""Narrower systems are factored as quickly with Python's integers."""
MAX_PRECISE = 400
MAX_PLAIN_CONDITION = 1e3
"""Up to here wider systems than that have ten digits in plain double."""
_PLAIN_BITS = 64
"""So many bits of a solution in plain double are more than are right."""
LAST_DIGITS = 9, 15, 25
"""How many digits after the point are tried, one after the other: 198, 330 and 550 bits."""
_SPARE_DIGITS = 10
"""More of a panel than of the rest, so that its inverse is right to the last digit."""
PANEL = 64
"""Columns that are factored at once."""
MAX_LOST = 0.55
"""If a larger share of all bits than this is lost in a pivot, too few are right."""
_RIGHT_BITS = 60
"""To how many bits the factors must be right."""
STRIP = 512
"""Rows of an inverse that are multiplied at once: what is right of its diagonal is zero."""


@dataclass(frozen=True, eq=False)
class PlainFactor(Factor):
    """A factor in plain double of all of the first columns, with W (k, k)."""

    inverse_root: Array
    condition_number: float

    @classmethod
    def of(cls, system: System, columns: int) -> "PlainFactor | None":
        """Factor the first columns of a system; None where plain double is not enough."""
        kept = np.arange(columns)
        matrix = system.doubles(kept)
        norms = np.sqrt(np.diag(matrix))
        if not norms.all():
            return None
        units = matrix / np.outer(norms, norms)
        values = np.linalg.eigvalsh(units)
        if values[0] * MAX_PLAIN_CONDITION**2 < values[-1]:
            return None
        root, ones = np.linalg.cholesky(units), np.eye(columns)
        inverse = scipy.linalg.solve_triangular(root, ones, lower=True, check_finite=False)
        return cls(system, kept, inverse / norms, float(np.sqrt(values[-1] / values[0])))

    @property
    def least_left(self) -> float:
        """Return the smallest share of its norm that earlier columns leave of a kept one."""
        left = 1 / (np.diag(self.inverse_root) * self.system.norms(self.kept))
        return float(left.min(initial=1.0))

    def inverse_pair(self) -> tuple[Pair, Array]:
        """Return W and ones (k,)."""
        return dd.pair(self.inverse_root), np.ones(len(self.kept))

    def approximate(self, right: Integers) -> Integers:
        """Return about the solutions (k, m) for right-hand sides (k, m), both in fixed point."""
        root = self.inverse_root
        solved = root.T @ (root @ (right / (1 << BITS)).astype(float))
        bits = _PLAIN_BITS - int(np.frexp(np.abs(solved).max(initial=0.0))[1])
        return moved(fixed_point(solved, bits), BITS - bits)


@dataclass(frozen=True, eq=False)
class WideFactor(Factor):
    """A factor in digits.

    Each of the m columns is the sum of the k orthonormal ones that come of the kept columns, times
    its row of `lower` (m, k), and of what they leave of it. `inverse` (k, k) is W.
    """

    lower: Digits
    inverse: Digits

    @classmethod
    def of(cls, system: System, columns: Sequence[int] | Indices, tolerance: float) -> "WideFactor":
        """Factor columns one after the other, with as many digits as it takes.

        Those are left out of which earlier ones leave at most `tolerance`, a share of the norm.
        """
        for last in LAST_DIGITS:
            work = _Elimination(system, np.asarray(columns), tolerance, last)
            if work.done() and (last == LAST_DIGITS[-1] or work.certain()):
                break
        return cls(system, work.columns[work.kept], work.lower, work.inverse)

    @cached_property
    def inverse_root(self) -> Array:
        """Return W."""
        return self.inverse.pair().high

    @property
    def least_left(self) -> float:
        """Return the smallest share of its norm that earlier columns leave of a kept one."""
        left = 1 / (np.diag(self.inverse_root) * self.system.norms(self.kept))
        return float(left.min(initial=1.0))

    @property
    def triangle(self) -> Array:
        """Return rows (k, m) with the sums of products of the columns."""
        return self.lower.pair().high.T

    def inverse_pair(self) -> tuple[Pair, Array]:
        """Return W and ones (k,)."""
        return self.inverse.pair(), np.ones(len(self.kept))

    def approximate(self, right: Integers) -> Integers:
        """Return the solutions (k, m) for right-hand sides (k, m), right to some hundred bits."""
        last = self.inverse.last
        middle = product(self.inverse, digits_of(right, BITS, last), last)
        solved = product(self.inverse.transposed, middle, last).integers(last)
        return moved(solved, BITS - DIGIT_BITS * last)


class _Elimination:
    """Columns of a system factored, a panel at a time, with digits up to position `last`."""

    def __init__(self, system: System, columns: Indices, tolerance: float, last: int) -> None:
        self.columns = columns
        self.kept: list[int] = []
        self._system, self._tolerance, self._last = system, tolerance, last
        size = len(columns)
        self._lower = Digits(np.zeros((last + 1, size, size), dtype=np.int32), 0)
        self._blocks: list[Digits] = []

    @property
    def lower(self) -> Digits:
        """Return the triangle (m, k)."""
        return self._lower.part(slice(None), slice(0, len(self.kept)))

    def done(self) -> bool:
        """Factor all columns; return False where there are clearly too few digits."""
        return all(self._panel(start) for start in range(0, len(self.columns), PANEL))

    def certain(self) -> bool:
        """Return whether the factors are right to enough bits, seen by W on the matrix on W'."""
        if not self.kept:
            return True
        columns, last = self.columns[self.kept], self._last
        signs = np.random.default_rng(0).integers(0, 2, size=(len(columns), 1)).astype(object)
        signs = 2 * signs - 1
        inner = product(self.inverse.transposed, digits_of(signs, 0, last), last).integers(last)
        sums = self._system.product_with(columns)(inner[:, 0])[:, None]
        right = digits_of(sums, self._system.depth + DIGIT_BITS * last, last)
        left = product(self.inverse, right, last).integers(last)
        apart = np.abs(left - (signs << DIGIT_BITS * last)).max()
        bits = DIGIT_BITS * last - int(apart).bit_length()
        return bits >= self._bits_needed(left_out=len(self.kept) < len(self.columns))

    def _bits_needed(self, *, left_out: bool) -> float:
        return _RIGHT_BITS if not left_out else 10 - 2 * log2(self._tolerance)

    def _panel(self, start: int) -> bool:
        last, k = self._last, len(self.kept)
        own = slice(start, min(start + PANEL, len(self.columns)))
        width, below = own.stop - start, slice(start, None)
        system, columns = self._system, self.columns
        given = system.digits(columns[below], columns[own], last)
        planes = np.zeros((last + 2, *given.planes.shape[1:]), dtype=np.int64)
        planes[given.first + 1 :][: len(given.planes)] = given.planes
        before = slice(0, k)
        right = self._lower.part(own, before).transposed
        add_product(planes, -1, self._lower.part(below, before), right, sign=-1)
        left = carried(planes, -1)

        exact = last + _SPARE_DIGITS
        bits = DIGIT_BITS * exact
        block = left.part(slice(0, width), slice(None)).integers(exact)
        squares = moved(_squares(system, columns[own]), bits - system.depth)
        least = (squares * int(self._tolerance**2 * (1 << bits))) >> bits
        found, lower, pivots = eliminated(block, least, bits)
        if last != LAST_DIGITS[-1] and self._too_short(len(found) < width, pivots, squares[found]):
            return False
        if not len(found):
            return True
        roots = integers(pivots.shape)
        roots[:] = [isqrt(int(pivot) << bits) for pivot in pivots]
        inverse = (inverse_of(lower[found], bits) << bits) // roots[:, None]
        whole = digits_of((lower * roots) >> bits, bits, last)
        block_inverse = digits_of(inverse, bits, last)
        new = slice(k, k + len(found))
        self._lower.part(own, new).put(whole)
        rest = left.part(slice(width, None), slice(None))
        rest = Digits(rest.planes[:, :, found], rest.first)
        self._lower.part(slice(own.stop, None), new).put(
            product(rest, block_inverse.transposed, last)
        )
        self.kept += (start + found).tolist()
        self._blocks.append(block_inverse)
        return True

    def _too_short(self, left_out: bool, pivots: Integers, squares: Integers) -> bool:
        bits = DIGIT_BITS * self._last
        if left_out and bits < self._bits_needed(left_out=True):
            return True
        each = zip(squares, pivots, strict=True)
        left = [int(square).bit_length() - int(pivot).bit_length() for square, pivot in each]
        return max(left, default=0) > MAX_LOST * bits

    @cached_property
    def inverse(self) -> Digits:
        """Return W (k, k)."""
        size, last, start = len(self.kept), self._last, 0
        whole = Digits(np.zeros((last + 1, size, size), dtype=np.int32), 0)
        for block in self._blocks:
            end = start + block.planes.shape[1]
            lower = Digits(self._lower.planes[:, self.kept[start:end], :start], 0)
            sums = np.zeros((last + 2 - whole.first, end - start, start), dtype=np.int64)
            for first in range(0, start, STRIP):
                some = slice(first, min(first + STRIP, start))
                part = whole.part(some, slice(0, some.stop))
                add_product(
                    sums[:, :, : some.stop], whole.first - 1, lower.part(slice(None), some), part
                )
            row = product(block, carried(sums, whole.first - 1), last)
            more = whole.first - min(row.first, block.first)
            if more > 0:
                whole = Digits(
                    np.pad(whole.planes, ((more, 0), (0, 0), (0, 0))), whole.first - more
                )
            whole.part(slice(start, end), slice(0, start)).put(row, -1)
            whole.part(slice(start, end), slice(start, end)).put(block)
            start = end
        return whole


def _squares(system: System, columns: Indices) -> Integers:
    """Return the sums of squares (k,) of columns as whole numbers."""
    squares = integers(columns.shape)
    squares[:] = [system.value(column, column) for column in columns.tolist()]
    return squares


def factored(system: System, columns: int, tolerance: float = DEPENDENT) -> Factor:
    """Return the factors of the first columns of a system, as quickly as they serve.

    Columns are left out of which earlier ones leave at most `tolerance`, a share of the norm.
    """
    plain = PlainFactor.of(system, columns) if columns > MAX_PRECISE else None
    return plain or precise(system, range(columns), tolerance)


def precise(
    system: System, columns: Sequence[int], tolerance: float = DEPENDENT
) -> FixedFactor | WideFactor:
    """Return the factors of columns of a system that are right to many digits."""
    kind = FixedFactor if len(columns) < MIN_COLUMNS else WideFactor
    return kind.of(system, columns, tolerance)
