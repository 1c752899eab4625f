"""The rows of a fit, read in blocks: once for their sums, and again for what those do not hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from regressors.arrays import Array, Indices
from regressors.blocks import blocks_of
from regressors.linear.coded_design import CodedDesign
from regressors.linear.gram import Gram
from regressors.linear.gram_sums import Block, Products, block_rows, gram_of
from regressors.progress import report


@dataclass(frozen=True)
class Rows:
    """The n rows of a fit: their designs, of p columns, by ranges of rows; targets and weights.

    `weight` (n,) is positive, and None where all rows weigh 1. `by_code` is the same design where
    it has so many levels that these are better looked up.
    """

    design: Callable[[slice], Array]
    columns: int
    target: Array
    weight: Array | None
    by_code: CodedDesign | None = None

    @classmethod
    def of(cls, design: Array, target: Array, weight: Array | None) -> "Rows":
        """Return the rows of a design (n, p) that is in memory."""
        return cls(lambda rows: design[rows], design.shape[1], target, weight)

    @property
    def coded(self) -> CodedDesign:
        """Return the design in dense columns, and in codes where it has many levels."""
        everything = np.arange(self.columns)
        return self.by_code or CodedDesign(everything, (), lambda rows: (self.design(rows), ()))

    def take(self, columns: Indices) -> "Rows":
        """Return the rows with some columns (k,) of the design."""
        return replace(
            self,
            design=lambda rows: self.design(rows)[:, columns],
            columns=len(columns),
            by_code=None if self.by_code is None else self.by_code.take(columns),
        )

    def root(self, block: slice) -> Array:
        """Return the roots (b,) of the weights of a range of rows."""
        if self.weight is None:
            return np.ones(len(self.target[block]))
        return np.sqrt(self.weight[block])

    def ranges(self) -> Iterator[slice]:
        """Yield the ranges of rows that are read at once, and report how far that is."""
        number = len(self.target)
        for rows in blocks_of(number, block_rows(self.columns)):
            report(rows.start / number, f"{rows.start:,} of {number:,} rows")
            yield rows

    def gram(self, row_products: Products) -> Gram:
        """Return the Gram matrix of the design, a column of ones and the target, in this order."""
        return gram_of(self._blocks(), self.columns + 2, row_products)

    def _blocks(self) -> Iterator[Block]:
        for rows in self.ranges():
            target = self.target[rows]
            columns = np.ones((self.columns + 2, len(target)))
            columns[: self.columns] = self.design(rows).T
            columns[-1] = target
            yield columns.T, None if self.weight is None else self.weight[rows]
