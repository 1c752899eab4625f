"""Sums over the levels of categories, whose columns of zeros and ones need no product of matrices.

The sum of products of such a column and another one is the sum of the other over the rows of the
level; that of two levels is the number, or the weight, of the rows that have both.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear.gram import Gram
from regressors.linear.integers import integers


class LevelSums:
    """Sums of slices over the rows of each level, added up over the blocks that have come so far.

    `sizes` are the numbers of levels of the categories. A block has 2^13 rows at most and a digit
    2^20, so that an int64 holds the sums of a billion blocks.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = sizes
        self._firsts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._sums = np.zeros((self.levels, 0), dtype=np.int64)
        self._pairs: dict[tuple[int, int, int], Indices] = {}

    @property
    def levels(self) -> int:
        """Return the number of levels of all categories."""
        return int(self._firsts[-1])

    def one_hot(self, codes: Sequence[Indices], rows: int) -> Array:
        """Return the columns, as rows of an array (levels, n), of n codes by category."""
        pairs = zip(self.sizes, codes, strict=True)
        columns = [np.arange(size)[:, None] == own for size, own in pairs]
        return np.concatenate([np.zeros((0, rows)), *columns])

    def add(
        self, codes: Sequence[Indices], digits: Array, positions: Indices, ones: Indices
    ) -> None:
        """Add slices (k, n), each at its position, of rows with codes (n,), -1 for no level.

        The slices `ones` are those of the column of ones, times the weights.
        """
        grown = int(positions.max()) + 1
        if grown > self._sums.shape[1]:
            self._sums = np.pad(self._sums, ((0, 0), (0, grown - self._sums.shape[1])))
        for i, size in enumerate(self.sizes):
            sums = [np.bincount(codes[i] + 1, digit, size + 1)[1:] for digit in digits]
            levels = slice(self._firsts[i], self._firsts[i + 1])
            self._sums[levels, positions] += np.array(sums).astype(np.int64).T
        for i, j in combinations(range(len(self.sizes)), 2):
            width, height = self.sizes[j] + 1, self.sizes[i] + 1
            both = (codes[i] + 1) * width + codes[j] + 1
            for one in ones.tolist():
                key = (i, j, int(positions[one]))
                counted = np.bincount(both, digits[one], height * width).astype(np.int64)
                self._pairs[key] = self._pairs.get(key, 0) + counted

    def beside(self, gram: Gram, owners: Indices, exponents: Indices, ones: int) -> Gram:
        """Return a matrix of m columns with those of the levels after them.

        The slice at each position is of one of the `owners`, in units of two to the power of its
        exponent; `ones` is the position of the column of ones.
        """
        if not self.levels:
            return gram
        m, units = len(gram.exponents), np.array(gram.exponents, dtype=np.int64)
        of_ones = np.flatnonzero(owners == ones)
        spare = [*(exponents - units[owners]).tolist(), *(exponents[of_ones] // 2).tolist()]
        unit = min(spare, default=0)
        values = integers((m + self.levels, m + self.levels))
        values[:m, :m] = gram.integers
        for at in range(self._sums.shape[1]):
            shift = int(exponents[at] - units[owners[at]]) - unit
            values[m:, owners[at]] += self._sums[:, at].astype(object) << shift
        for at in of_ones.tolist():
            shift = int(exponents[at]) - 2 * unit
            values[range(m, len(values)), range(m, len(values))] += (
                self._sums[:, at].astype(object) << shift
            )
        for (i, j, at), counted in self._pairs.items():
            table = counted.reshape(self.sizes[i] + 1, -1)[1:, 1:].astype(object)
            first, second = (slice(*(m + self._firsts[k : k + 2])) for k in (i, j))
            values[first, second] += table << (int(exponents[at]) - 2 * unit)
            values[second, first] = values[first, second].T
        values[:m, m:] = values[m:, :m].T
        return Gram(values, (*gram.exponents, *[unit] * self.levels), gram.rows)
