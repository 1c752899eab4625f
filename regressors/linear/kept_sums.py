"""Sums that a process keeps for its next jobs: those of the other linear kind, and the refits.

All linear kinds need the same encodings and sums, and the rows of a refit are those of the folds
and the test rows. The sums are exact, so that those that are put together have the same bits as
those of rows that are read again.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np

from regressors.arrays import Mask
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job
from regressors.linear.fold_sums import FoldSums, fit_encoding, gram_of_rows
from regressors.linear.gram import Gram, PackedGram

MAX_KEPT_BYTES = 2**23
"""Sums that take more memory are not kept; those of many columns are in files."""


@dataclass(frozen=True)
class RefitSums:
    """The encoding and the exact Gram matrix of all rows of a refit."""

    of_all: Encoding
    matrix: PackedGram

    def encoding(self, rows: Mask) -> Encoding:
        """Return the encoding of all rows."""
        return self.of_all

    def gram(self, rows: Mask) -> Gram:
        """Return the matrix of all rows."""
        return self.matrix.whole()

    @property
    def bytes(self) -> int:
        """Return how much memory the sums take."""
        return self.matrix.bytes_in_memory


class RolledSums(FoldSums):
    """The sums of all labelled rows of a job, and the encodings of its blocks of test rows."""


@dataclass
class KeptSums:
    """The last sums that a process has, and what they depend on."""

    key: tuple[Any, ...] | None = None
    last: FoldSums | RefitSums | None = None

    def sums(self, job: Job) -> FoldSums | RefitSums | None:
        """Return the sums that a job can use; None if there are none."""
        return self.last if self.key == _key(job) else None

    def keep(self, job: Job, sums: FoldSums | RefitSums) -> None:
        """Keep the sums of a job in place of earlier ones."""
        self.drop()
        if job.table and sums.bytes <= MAX_KEPT_BYTES:
            self.key, self.last = _key(job), sums

    def drop(self) -> None:
        """Keep no sums."""
        self.key = self.last = None


_kept = KeptSums()
"""A process does one job at a time."""


def _key(job: Job) -> tuple[Any, ...]:
    """Return what the sums of the training rows of a job depend on."""
    tests = 0 if job.is_test is None else np.count_nonzero(job.is_test)
    return (
        job.table,
        len(job.target) - tests,
        sorted(job.columns),
        sorted(job.time_parts.items()),
        job.products,
        job.intercept,
        job.chained,
        job.weight is None,
        job.half_life,
    )


def drop_others(job: Job) -> None:
    """Drop what was kept of another table than that of this job."""
    if _kept.key is not None and _kept.key[0] != job.table:
        _kept.drop()


def fold_sums(framework: FrameworkModule, job: Job) -> FoldSums:
    """Return the sums of the twin and the folds of a job, which are kept for its next jobs."""
    if isinstance(job.sums, FoldSums):
        return job.sums
    kept = _kept.sums(job)
    if isinstance(kept, FoldSums) and not isinstance(kept, RolledSums):
        return kept
    sums = FoldSums.read(framework, job)
    _kept.keep(job, sums)
    return sums


def rolled_sums(framework: FrameworkModule, job: Job, numbers: Container[int]) -> RolledSums:
    """Return the sums of blocks of test rows, which are kept for its next jobs."""
    if isinstance(job.sums, RolledSums):
        return job.sums
    kept = _kept.sums(job)
    if isinstance(kept, RolledSums):
        return kept
    sums = RolledSums.read(framework, job, numbers)
    _kept.keep(job, sums)
    return sums


def refit_sums(framework: FrameworkModule, job: Job) -> RefitSums:
    """Return the sums of a refit, which are kept for that of another kind.

    Where those of the folds were kept, only the test rows are read, and none where those of the
    blocks of test rows were.
    """
    if isinstance(job.sums, RefitSums):
        return job.sums
    kept = _kept.sums(job)
    if isinstance(kept, RefitSums):
        return kept
    everything, gram = np.ones(len(job.target), dtype=bool), None
    if isinstance(kept, RolledSums):
        encoding, gram = kept.encoding(everything), kept.gram(everything)
    else:
        encoding = fit_encoding(job)
        if kept is not None and job.is_test is not None:
            gram = kept.with_tests(framework, job, encoding)
    if gram is None:
        gram = gram_of_rows(job, encoding, everything, framework.row_products)
    sums = RefitSums(encoding, gram.packed().in_file())
    _kept.keep(job, sums)
    return sums
