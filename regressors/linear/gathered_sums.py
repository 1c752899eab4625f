"""The exact sums of a large table, gathered from parts of its rows that several processes read.

The sums of parts add up without any error, so that the result has the bits of one that a single
process makes, whatever the parts are, whoever reads them, and if one is read again.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np

from regressors.arrays import CodedTexts, Mask, Values
from regressors.blocks import blocks_of
from regressors.encoding.common_design import CommonDesign, Sum
from regressors.encoding.matrices import Encoding
from regressors.encoding.statistics import FoldStatistics, KnownColumn
from regressors.file_arrays import ArraysInParts
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job
from regressors.linear.fold_sums import (
    FoldDesign,
    FoldSums,
    blank_in,
    combined,
    encoded_rows,
    fit_encoding,
    gram_by,
)
from regressors.linear.gathered_columns import MAX_LABELS, known_columns
from regressors.linear.gram import Gram, PackedGram
from regressors.linear.kept_sums import RefitSums, RolledSums
from regressors.shared_work import Calls, SharedWork

PART_ROWS = 2**20
"""The rows of a part: about a second of work, beside some milliseconds for the way."""

Key = TypeVar("Key")


@dataclass(frozen=True, eq=False)
class RowRange:
    """Some successive rows of a job, with what their sums depend on.

    The first is row `begin` of the job. What is predicted of them is written `into` a file; None
    for a process that does not see it.
    """

    job: Job
    begin: int = 0
    into: ArraysInParts | None = None


def is_large(job: Job) -> bool:
    """Return whether the rows of a job are read in several parts."""
    return len(job.target) >= 2 * PART_ROWS


def gathered_fold_sums(job: Job) -> SharedWork[FoldSums]:
    """Gather the sums of the twin and the folds of a job."""
    known = yield from known_columns(job)
    (design,) = yield Calls("encodings", 1, [(fold_design, (job, None, known))])
    return FoldSums(*(yield from _gathered(job, design)))


def gathered_rolled_sums(job: Job, numbers: Container[int]) -> SharedWork[RolledSums]:
    """Gather the sums of the blocks of test rows in `numbers`."""
    known = yield from known_columns(job, numbers)
    (design,) = yield Calls("encodings", 1, [(fold_design, (job, numbers, known))])
    return RolledSums(*(yield from _gathered(job, design)))


def _gathered(
    job: Job, design: FoldDesign
) -> SharedWork[tuple[FoldDesign, Mapping[int, PackedGram], Mapping[tuple[int, ...], PackedGram]]]:
    found = yield _by_range(job, sums_of_range, design)
    grams: dict[int, Gram] = {}
    of_fits: dict[tuple[int, ...], Gram] = {}
    for of_parts, of_own in found:
        _add(grams, of_parts)
        _add(of_fits, of_own)
    return design, _packed(grams), _packed(of_fits)


def gathered_refit_sums(job: Job, kept: FoldSums | None) -> SharedWork[RefitSums]:
    """Gather the sums of all rows of a job; with those of its folds only test rows are read."""
    everything = np.ones(len(job.target), dtype=bool)
    if isinstance(kept, RolledSums) and (gram := kept.gram(everything)) is not None:
        return RefitSums(kept.encoding(everything), gram.packed())
    chained = isinstance(kept, RolledSums)
    design = None if kept is None or chained or job.is_test is None else kept.design
    known = yield from known_columns(job, of_folds=False)
    (of_all,) = yield Calls("encoding", 1, [(refit_design, (job, design, known))])
    found = yield _by_range(job, refit_sums_of_range, of_all)
    grams: dict[str, Gram] = {}
    for gram in found:
        _add(grams, {"all": gram})
    total = grams["all"]
    if of_all.adds_to_folds:
        assert kept is not None
        total += kept.total
    if of_all.common is not None:
        total = combined(total, of_all.common, of_all.terms)
    return RefitSums(of_all.encoding, total.packed())


def _by_range(job: Job, function: Callable[..., Any], design: object) -> Calls:
    number = -(-len(job.target) // PART_ROWS)
    return Calls("sums", number, ((function, (rows, design)) for rows in ranges(job)))


def ranges(job: Job, step: int | None = None) -> Iterator[RowRange]:
    """Yield the ranges of rows of a job, of `step` rows each, without what is known of all rows."""
    for block in blocks_of(len(job.target), step or PART_ROWS):
        yield RowRange(
            replace(
                job,
                columns={n: some_labels(v[block]) for n, v in job.columns.items()},
                target=job.target[block],
                fold=job.fold[block],
                known=None if job.known is None else job.known[block],
                weight=None if job.weight is None else job.weight[block],
                time=None if job.time is None else job.time[block],
                is_test=None if job.is_test is None else job.is_test[block],
                group_numbers=None,
                interval_group=None,
                predictions_file=None,
                starts={},
                sums=None,
            )
        )


def some_labels(values: Values) -> Values:
    """Return a category's rows with the labels that occur in them, if there are many others."""
    if not isinstance(values, CodedTexts) or len(values.labels) <= MAX_LABELS:
        return values
    there = np.flatnonzero(values.counts()[:-1].any(axis=1))
    moved = np.full(len(values.labels), -1, dtype=np.int32)
    moved[there] = np.arange(len(there))
    labels = np.append(values.labels[there], values.labels[-1:])
    return cast(Values, CodedTexts(moved[values.codes], labels))


# What the processes are asked for.


def fold_design(
    _framework: FrameworkModule,
    job: Job,
    numbers: Container[int] | None,
    known: Mapping[str, KnownColumn],
) -> FoldDesign:
    """Return the encodings of the fits of a job, with the figures of columns that are known."""
    return FoldDesign.of(job, numbers, known)


def sums_of_range(
    framework: FrameworkModule, rows: RowRange, design: FoldDesign
) -> tuple[dict[int, PackedGram], dict[tuple[int, ...], PackedGram]]:
    """Return the matrices of the parts of some rows, and of the fits that need them themselves."""
    grams = design.grams(rows.job, framework.row_products)
    return grams, design.grams_of_fits(rows.job, framework.row_products)


@dataclass(frozen=True, eq=False)
class RefitDesign:
    """The encoding of a refit, and what its matrix is made of: the terms of a common design.

    Without that, the rows have the encoding's own design. With `adds_to_folds`, the matrix is that
    of the test rows, which adds to those of the folds.
    """

    encoding: Encoding
    common: CommonDesign | None
    terms: Sequence[Sum]
    adds_to_folds: bool


def refit_design(
    _framework: FrameworkModule,
    job: Job,
    of_folds: FoldDesign | None,
    known: Mapping[str, KnownColumn],
) -> RefitDesign:
    """Return the design of all rows of a job; `of_folds` is that of its folds.

    The figures of `known` columns are not computed again.
    """
    statistics = FoldStatistics(job.columns, job.fold, known)
    encoding = fit_encoding(job, statistics=statistics.of_all())
    blank = blank_in(job, encoding)
    extended = None if of_folds is None else of_folds.common.with_rows(encoding, blank)
    if extended is not None:
        return RefitDesign(
            encoding, extended[0].with_terms_known(), extended[1], adds_to_folds=True
        )
    common = CommonDesign.of(encoding, [], blank)
    terms = common.terms(encoding)
    if terms is None:
        return RefitDesign(encoding, None, (), adds_to_folds=False)
    return RefitDesign(encoding, common.with_terms_known(), terms, adds_to_folds=False)


def refit_sums_of_range(
    framework: FrameworkModule, rows: RowRange, design: RefitDesign
) -> PackedGram:
    """Return the matrix of some rows for a refit; of test rows alone where it adds to folds."""
    job = rows.job
    chosen: Mask = np.ones(len(job.target), dtype=bool)
    if design.adds_to_folds:
        assert job.is_test is not None
        chosen = job.is_test
    if design.common is None:
        return encoded_rows(job, design.encoding, chosen).gram(framework.row_products).packed()
    return gram_by(job, design.common, chosen, framework.row_products).packed()


def _add(grams: dict[Key, Gram], others: Mapping[Key, PackedGram]) -> None:
    for key, other in others.items():
        grams[key] = grams[key] + other.whole() if key in grams else other.whole()


def _packed(grams: Mapping[Key, Gram]) -> dict[Key, PackedGram]:
    return {key: gram.packed() for key, gram in grams.items()}
