"""The Gram matrices of parts of a job's rows: one pass over them serves the twin and all folds.

The parts are the folds; where these are chained, the rows that become known to the same one.
"""

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import add, sub
from typing import Protocol, Self

import numpy as np

from regressors.arrays import Array, Columns, Indices, Mask
from regressors.blocks import Chosen, blocks_of, release, rows_of
from regressors.encoding.columns import is_missing
from regressors.encoding.common_design import CommonDesign, Sum
from regressors.encoding.matrices import Encoding
from regressors.encoding.statistics import FoldStatistics, KnownColumn, Statistics
from regressors.encoding.times import Parts
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, folds
from regressors.linear.coded_design import coded_design
from regressors.linear.gram import Gram, PackedGram
from regressors.linear.gram_sums import CodedBlock, Products, block_rows, gram_with_levels
from regressors.linear.rows import Rows
from regressors.progress import part, report

Numbers = tuple[int, ...]
"""The parts that a fit trains on."""


class Sums(Protocol):
    """The encodings of some rows (masks) of a job, and their exact Gram matrices."""

    def encoding(self, rows: Mask) -> Encoding:
        """Return the encoding that is fitted on these rows."""
        ...

    def gram(self, rows: Mask) -> Gram | None:
        """Return their matrix; None if they are to be read."""
        ...


@dataclass(frozen=True, eq=False)
class FoldDesign:
    """What the sums of a job's parts are of: the encodings of its fits, and their common design.

    `first` is the first row of each part, which says of a mask whether that has the part, and
    `encodings` are by the parts that a fit trains on.
    """

    first: dict[int, int]
    encodings: dict[Numbers, Encoding]
    common: CommonDesign

    @classmethod
    def of(
        cls,
        job: Job,
        numbers: Container[int] | None = None,
        known: Mapping[str, KnownColumn] | None = None,
    ) -> "FoldDesign":
        """Fit the encodings of the twin and of the folds in `numbers`; None are all of them.

        Nothing of the rows that a fold holds out is in its encoding. `known` columns are not read
        for their figures.
        """
        part_of = part_numbers(job)
        first = first_rows(part_of)
        statistics = FoldStatistics(job.columns, part_of, known)
        whole = fit_encoding(job, statistics=statistics.of_all())
        blank = frozenset(filter(statistics.blank, (category.name for category in whole.coded)))
        encodings = {tuple(first): whole}
        for fit in fits_of(first, job.fold, chained=job.chained, known=job.known, numbers=numbers):
            of_rows = statistics.of(fit.parts, fit.rows)
            with part(f"encoding of fold {fit.number}"):
                encodings[fit.parts] = fit_encoding(job, fit.rows, of_rows)
        common = CommonDesign.of(whole, [*encodings.values()], blank.__contains__)
        return cls(first, encodings, common)

    def numbers(self, rows: Mask) -> Numbers:
        """Return the parts that some rows (a mask) of the job are made of."""
        return _numbers(self.first, rows)

    def grams(
        self, job: Job, row_products: Products, *, in_files: bool = False
    ) -> dict[int, PackedGram]:
        """Return the matrix of each part of the rows of a job, which may be some of all rows."""
        part_of, grams, grid = part_numbers(job), {}, None
        for number in self.first:
            rows = part_of == number
            if rows.any():
                with part(f"fold {number}"):
                    gram = gram_by(job, self.common, rows, row_products, grid)
                    grid, packed = gram.grid, gram.packed()
                    del gram
                    grams[number] = packed.in_file() if in_files else packed
        release([part_of])
        return grams

    def grams_of_fits(self, job: Job, row_products: Products) -> dict[Numbers, PackedGram]:
        """Return the matrices of fits that need the rows, for whose design no parts add up."""
        grams = {}
        for trained, encoding in self.encodings.items():
            if self.common.terms(encoding) is None:
                rows = np.isin(part_numbers(job), trained)
                if rows.any():
                    grams[trained] = gram_of_rows(job, encoding, rows, row_products).packed()
        return grams


@dataclass(frozen=True, eq=False)
class FoldSums:
    """The encodings of the twin and the folds of a job, and the exact Gram matrices of its parts.

    The rows that a fold trains on are whole parts, and so are their sums: those of the columns that
    all encodings have in common, of which the design of each is made. Nothing of the rows that a
    fold holds out is in its sums. `of_fits` are those of fits whose design is made of other
    columns, by the parts that they train on, if they have been read.
    """

    design: FoldDesign
    grams: Mapping[int, PackedGram]
    of_fits: Mapping[Numbers, PackedGram] = field(default_factory=dict)

    @classmethod
    def read(
        cls, framework: FrameworkModule, job: Job, numbers: Container[int] | None = None
    ) -> Self:
        """Return the sums of the rows of a job; of the folds only those in `numbers` are fitted."""
        design = FoldDesign.of(job, numbers)
        grams = design.grams(job, framework.row_products, in_files=True)
        return cls(design, grams)

    def encoding(self, rows: Mask) -> Encoding:
        """Return the encoding of the rows (a mask) of whole parts, as a fold trains on."""
        return self.design.encodings[self.design.numbers(rows)]

    def gram(self, rows: Mask) -> Gram | None:
        """Return the matrix of the rows (a mask) of whole parts; None if they are to be read."""
        trained = self.design.numbers(rows)
        terms = self.design.common.terms(self.design.encodings[trained])
        if terms is None:
            return self.of_fits[trained].whole() if trained in self.of_fits else None
        return combined(self._total(trained), self.design.common, terms)

    def with_tests(self, framework: FrameworkModule, job: Job, encoding: Encoding) -> Gram | None:
        """Return the matrix of these rows and the test rows of a job, by an encoding of them all.

        Only the test rows are read. None if all rows are to be read.
        """
        assert job.is_test is not None
        extended = self.design.common.with_rows(encoding, blank_in(job, encoding))
        if extended is None:
            return None
        common, terms = extended
        grid = self._of_all.grid
        tests = gram_by(job, common, job.is_test, framework.row_products, grid)
        return combined(self.total + tests, common, terms)

    @property
    def total(self) -> Gram:
        """Return the matrix of all rows, of the columns of the common design."""
        return self._total(self.design.first)

    @property
    def bytes(self) -> int:
        """Return how much memory the sums take."""
        grams = (*self.grams.values(), *self.of_fits.values())
        return sum(gram.bytes_in_memory for gram in grams)

    def _total(self, numbers: Collection[int]) -> Gram:
        """Return the matrix of the rows of some parts: of most of them, without the others."""
        others = [number for number in self.grams if number not in numbers]
        if len(others) >= len(numbers):
            return reduce(add, (self.grams[number].whole() for number in numbers))
        return reduce(sub, (self.grams[number].whole() for number in others), self._of_all.whole())

    @cached_property
    def _of_all(self) -> PackedGram:
        return reduce(add, (gram.whole() for gram in self.grams.values())).packed().in_file()


def part_numbers(job: Job) -> Indices:
    """Return the part (n,) that each row is of."""
    return job.fold if job.known is None else job.known


@dataclass(frozen=True, eq=False)
class FoldFit:
    """The fit of a fold: its number, and the parts and the rows (a mask) that it trains on."""

    number: int
    parts: Numbers
    rows: Mask


def first_rows(part_of: Indices) -> dict[int, int]:
    """Return the first row of each part that there is, given the part (n,) of each row."""
    found = np.flatnonzero([(part_of == i).any() for i in range(int(part_of.max()) + 1)])
    return {int(i): int(np.argmax(part_of == i)) for i in found}


def fits_of(
    first: Mapping[int, int],
    fold: Indices,
    *,
    chained: bool,
    known: Indices | None,
    numbers: Container[int] | None,
) -> Iterator[FoldFit]:
    """Yield the fits of folds (n,) in `numbers`, or of all, that train on fewer than all rows.

    Of several that train on the same rows, the first one is yielded.
    """
    seen = {tuple(first)}
    for number, train, _ in folds(fold, chained=chained, known=known):
        trained = _numbers(first, train)
        if (numbers is None or number in numbers) and trained not in seen:
            seen.add(trained)
            yield FoldFit(number, trained, train)


def _numbers(first: Mapping[int, int], rows: Mask) -> Numbers:
    return tuple(number for number, row in first.items() if rows[row])


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
    return combined(gram_by(job, common, rows, row_products), common, terms)


def blank_in(job: Job, encoding: Encoding, rows: Mask | None = None) -> Callable[[str], bool]:
    """Return what says of a category whether it has missing values in some rows, or in all."""
    parts = Parts(job.columns, encoding.times, rows=rows)
    return lambda name: bool(is_missing(parts[name]).any())


def gram_by(
    job: Job,
    common: CommonDesign,
    rows: Mask,
    row_products: Products,
    grid: Sequence[int] | None = None,
) -> Gram:
    """Return the matrix of some rows (a mask): of a design, a column of ones, target and levels.

    It is to have the `grid` of the matrix of other rows.
    """
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

    return gram_with_levels(blocks(), common.columns + 2, common.sizes, row_products, grid)


def combined(gram: Gram, common: CommonDesign, terms: Sequence[Sum]) -> Gram:
    """Return the matrix of an encoding's terms, ones and the target, from that of a design."""
    ones = common.columns
    return gram.combined([*terms, {ones: 1.0}, {ones + 1: 1.0}])
