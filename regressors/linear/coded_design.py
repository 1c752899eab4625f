"""A design whose columns of levels are not made: what they add to products is looked up by code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Columns, Indices
from regressors.encoding.categories import CategoryColumn, one_hot
from regressors.encoding.matrices import Encoding
from regressors.linear import double_double as dd
from regressors.linear.double_double import Pair
from regressors.linear.precise_products import product_with

MIN_LEVELS = 16
"""The columns of fewer levels are multiplied as quickly as they are looked up."""

DesignBlock = tuple[Array, Sequence[Indices]]
"""The dense columns (b, d) of some rows, and their codes (b,) by category, -1 for no level."""


@dataclass(frozen=True)
class Levels:
    """The columns of a category: the position of each label's (l,), -1 where it has none.

    A row of no level has the `shares` (l,) of the labels in their columns.
    """

    positions: Indices
    shares: Array

    @classmethod
    def of(cls, category: CategoryColumn, skipped: int, first: int) -> "Levels":
        """Return the columns of the labels after those that are skipped, from position `first`."""
        labels = len(category.labels)
        positions = np.arange(labels) + first - skipped
        positions[:skipped] = -1
        return cls(positions, np.array(category.shares or np.zeros(labels)))

    def table(self, matrix: Array) -> Array:
        """Return what a row of each label adds to design @ matrix; the last one has no level."""
        own = _rows(matrix, self.positions)
        return np.concatenate([own, self.shares[None] @ own])

    def precise_table(self, matrix: Pair) -> Pair:
        """Return the same in double-double."""
        own = Pair(*(_rows(part, self.positions) for part in matrix))
        both = zip(own, product_with(own)(self.shares[None]), strict=True)
        return Pair(*(np.concatenate(parts) for parts in both))


def _rows(matrix: Array, positions: Indices) -> Array:
    """Return rows of a matrix (p, m), zeros for those at -1."""
    rows: Array = np.concatenate([matrix, np.zeros((1, matrix.shape[1]))])[positions]
    return rows


@dataclass(frozen=True)
class CodedDesign:
    """A design (n, p): its columns at the positions `dense` (d,), and those of `levels` as codes.

    `read` returns a range of rows.
    """

    dense: Indices
    levels: tuple[Levels, ...]
    read: Callable[[slice], DesignBlock]

    def times(self, matrix: Array) -> Callable[[DesignBlock], Array]:
        """Return what multiplies rows by a matrix (p, m)."""
        dense = np.ascontiguousarray(matrix[self.dense])
        tables = [levels.table(matrix) for levels in self.levels]

        def product(block: DesignBlock) -> Array:
            total: Array = block[0] @ dense
            for table, codes in zip(tables, block[1], strict=True):
                total += table[codes]
            return total

        return product

    def times_precisely(self, matrix: Pair) -> Callable[[DesignBlock], Pair]:
        """Return what multiplies rows by a matrix (p, m) in double-double."""
        dense = product_with(Pair(matrix.high[self.dense], matrix.low[self.dense]))
        tables = [levels.precise_table(matrix) for levels in self.levels]

        def product(block: DesignBlock) -> Pair:
            total = dense(block[0])
            for table, codes in zip(tables, block[1], strict=True):
                total = dd.add(total, Pair(table.high[codes], table.low[codes]))
            return total

        return product

    def take(self, columns: Indices) -> "CodedDesign":
        """Return the design of some columns (k,), in their order."""
        last = max([*self.dense.tolist(), *(int(own.positions.max()) for own in self.levels)])
        moved = np.full(last + 2, -1)  # the last one is for -1
        moved[columns] = np.arange(len(columns))
        dense = moved[self.dense]
        there = np.flatnonzero(dense >= 0)

        def read(rows: slice) -> DesignBlock:
            matrix, codes = self.read(rows)
            return matrix if len(there) == len(dense) else matrix.take(there, axis=1), codes

        levels = tuple(Levels(moved[own.positions], own.shares) for own in self.levels)
        return CodedDesign(dense[there], levels, read)


def coded_design(encoding: Encoding, columns: Callable[[slice], Columns]) -> CodedDesign | None:
    """Return the design of ranges of rows of a table by an encoding; None if it has few levels."""
    categories = encoding.referenced()
    many = {category.name for category, _ in categories if len(category.labels) >= MIN_LEVELS}
    if not many:
        return None
    widths = [len(category.labels) - skipped for category, skipped in categories]
    products = sum(len(encoding.factors.names(product)) for product in encoding.products)
    total = len(encoding.term_names())
    at = total - products - sum(widths)
    dense, levels = [*range(at)], []
    for (category, skipped), width in zip(categories, widths, strict=True):
        if category.name in many:
            levels.append(Levels.of(category, skipped, at))
        else:
            dense += range(at, at + width)
        at += width
    dense += range(at, total)

    def read(rows: slice) -> DesignBlock:
        parts = encoding.parts(columns(rows))
        blocks, codes = encoding.columns_before_categories(parts), []
        for category, skipped in categories:
            values = parts[category.name]
            if category.name in many:
                codes.append(category.codes(values))
            else:
                blocks.append(one_hot(category, values)[:, skipped:])
        blocks += [encoding.factors.columns(product, parts) for product in encoding.products]
        return np.concatenate([np.empty((len(codes[0]), 0)), *blocks], axis=1), codes

    return CodedDesign(np.array(dense, dtype=np.int64), tuple(levels), read)
