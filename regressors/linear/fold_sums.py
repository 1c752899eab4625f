"""The Gram matrices of parts of a job's rows: one pass over them serves the twin and all folds.

The parts are the folds; where these are chained, the rows that become known to the same one.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import reduce
from operator import add
from typing import Protocol

import numpy as np

from regressors.arrays import Array, Columns, Mask
from regressors.blocks import Chosen, blocks_of, release, rows_of
from regressors.encoding.columns import is_missing
from regressors.encoding.common_design import CommonDesign, Sum
from regressors.encoding.matrices import Encoding
from regressors.encoding.statistics import FoldStatistics, Statistics
from regressors.encoding.times import Parts
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, folds
from regressors.linear.coded_design import coded_design
from regressors.linear.gram import Gram
from regressors.linear.gram_sums import CodedBlock, Products, block_rows, gram_with_levels
from regressors.linear.rows import Rows
from regressors.progress import part, report


class Sums(Protocol):
    """The encodings of some rows (masks) of a job, and their exact Gram matrices."""

    def encoding(self, rows: Mask) -> Encoding:
        """Return the encoding that is fitted on these rows."""
        ...

    def gram(self, rows: Mask) -> Gram | None:
        """Return their matrix; None if they are to be read."""
        ...


class FoldSums:
    """The encodings of the twin and the folds of a job, and the exact Gram matrices of its parts.

    The rows that a fold trains on are whole parts, and so are their sums: those of the columns that
    all encodings have in common, of which the design of each is made. Nothing of the rows that a
    fold holds out is in its encoding or its sums. Of the folds only those in `numbers` are fitted;
    None are all of them.
    """

    def __init__(
        self, framework: FrameworkModule, job: Job, numbers: Container[int] | None = None
    ) -> None:
        part_of = job.fold if job.known is None else job.known
        found = np.flatnonzero([(part_of == i).any() for i in range(int(part_of.max()) + 1)])
        # By the first row of each part, which says of a mask whether that has the part.
        self._first = {int(i): int(np.argmax(part_of == i)) for i in found}
        statistics = FoldStatistics(job.columns, part_of)
        whole = fit_encoding(job)
        blank = frozenset(filter(statistics.blank, (category.name for category in whole.coded)))
        self._encodings = {tuple(self._first): whole}
        for number, train, _ in folds(job.fold, chained=job.chained, known=job.known):
            trained = self._numbers(train)
            wanted = numbers is None or number in numbers
            if wanted and trained not in self._encodings:
                of_rows = statistics.of(trained, train)
                with part(f"encoding of fold {number}"):
                    self._encodings[trained] = fit_encoding(job, train, of_rows)
        self._common = CommonDesign.of(whole, [*self._encodings.values()], blank.__contains__)
        self._grams = {}
        for number in self._first:
            with part(f"fold {number}"):
                rows = part_of == number
                gram = _gram(job, self._common, rows, framework.row_products)
                self._grams[number] = gram.packed()
        release([part_of])

    def encoding(self, rows: Mask) -> Encoding:
        """Return the encoding of the rows (a mask) of whole parts, as a fold trains on."""
        return self._encodings[self._numbers(rows)]

    def gram(self, rows: Mask) -> Gram | None:
        """Return the matrix of the rows (a mask) of whole parts; None if they are to be read."""
        terms = self._common.terms(self.encoding(rows))
        if terms is None:
            return None
        return _combined(self._total(self._numbers(rows)), self._common, terms)

    def with_tests(self, framework: FrameworkModule, job: Job, encoding: Encoding) -> Gram | None:
        """Return the matrix of these rows and the test rows of a job, by an encoding of them all.

        Only the test rows are read. None if all rows are to be read.
        """
        assert job.is_test is not None
        extended = self._common.with_rows(encoding, blank_in(job, encoding))
        if extended is None:
            return None
        common, terms = extended
        tests = _gram(job, common, job.is_test, framework.row_products)
        return _combined(self._total(self._first) + tests, common, terms)

    @property
    def bytes(self) -> int:
        """Return how much memory the sums take."""
        return sum(len(gram.upper) for gram in self._grams.values())

    def _total(self, numbers: Iterable[int]) -> Gram:
        """Return the matrix of the rows of some parts."""
        return reduce(add, (self._grams[number].whole() for number in numbers))

    def _numbers(self, rows: Mask) -> tuple[int, ...]:
        return tuple(number for number, first in self._first.items() if rows[first])


def fit_encoding(
    job: Job, rows: Mask | None = None, statistics: Statistics | None = None
) -> Encoding:
    """Return the encoding that is fitted on some rows (a mask) of a job, or all, for a linear kind.

    `statistics` are what is known of these rows already.
    """
    return Encoding.fit(
        job.columns,
        rows=rows,
        products=job.products,
        intercept=job.intercept,
        declared_parts=job.time_parts,
        pieces=False,
        statistics=statistics,
    )


def encoded_rows(job: Job, encoding: Encoding, rows: Mask) -> Rows:
    """Return some rows (a mask) of a job for a fit; their design is made block by block."""
    chosen, columns = Chosen(rows), len(encoding.term_names())

    def table(block: slice) -> Columns:
        release((*job.columns.values(), job.target))  # of the block before
        return rows_of(job.columns, chosen.positions(block))

    def design(block: slice) -> Array:
        return encoding.design(table(block))

    by_code = coded_design(encoding, table)
    if len(chosen) == len(rows):
        return Rows(design, columns, job.target, job.fit_weight(), by_code)
    return Rows(design, columns, job.target[rows], job.fit_weight(rows), by_code)


def gram_of_rows(job: Job, encoding: Encoding, rows: Mask, row_products: Products) -> Gram:
    """Return the exact Gram matrix of rows (a mask) of a job, by an encoding fitted on them."""

    common = CommonDesign.of(encoding, [], blank_in(job, encoding, rows))
    terms = common.terms(encoding)
    if terms is None:
        return encoded_rows(job, encoding, rows).gram(row_products)
    return _combined(_gram(job, common, rows, row_products), common, terms)


def blank_in(job: Job, encoding: Encoding, rows: Mask | None = None) -> Callable[[str], bool]:
    """Return what says of a category whether it has missing values in some rows, or in all."""
    parts = Parts(job.columns, encoding.times, rows=rows)
    return lambda name: bool(is_missing(parts[name]).any())


def _gram(job: Job, common: CommonDesign, rows: Mask, row_products: Products) -> Gram:
    """Return the matrix of a common design, a column of ones, the target, and the levels."""
    chosen = Chosen(rows)

    def blocks() -> Iterator[CodedBlock]:
        for block in blocks_of(len(chosen), block_rows(common.columns + 2)):
            report(block.start / len(chosen), f"{block.start:,} of {len(chosen):,} rows")
            positions = chosen.positions(block)
            design, codes = common.design(rows_of(job.columns, positions))
            target = job.target[positions]
            beside = [np.ones((1, len(target))), target[None]]
            matrix = np.concatenate([*(part.T for part in design), *beside]).T
            yield matrix, job.fit_weight(positions), codes
            release((*job.columns.values(), job.target))

    return gram_with_levels(blocks(), common.columns + 2, common.sizes, row_products)


def _combined(gram: Gram, common: CommonDesign, terms: Sequence[Sum]) -> Gram:
    ones = common.columns
    return gram.combined([*terms, {ones: 1.0}, {ones + 1: 1.0}])
