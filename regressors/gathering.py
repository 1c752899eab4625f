"""What several processes share of a fit: each returns the job with what they have gathered.

The fit itself is then done as that of any job, with the same bits as if it had been alone.
"""

from dataclasses import replace

import numpy as np

from regressors.fitting import rows_of_fits
from regressors.frameworks.contract import FrameworkModule
from regressors.gathered_networks import gathered_groups, gathered_networks
from regressors.gathered_pass import passed_for_refit, passed_for_validate
from regressors.job import Job
from regressors.linear.fold_sums import FoldSums
from regressors.linear.gathered_sums import (
    gathered_fold_sums,
    gathered_refit_sums,
    gathered_rolled_sums,
    is_large,
)
from regressors.linear.kept_sums import (
    KeptSums,
    RefitSums,
    RolledSums,
    fold_sums,
    refit_sums,
    rolled_sums,
)
from regressors.rolling import blocks_of_tests, rows_of_blocks
from regressors.segments.fit import SegmentParts, of_all_rows
from regressors.segments.gathered_segments import gathered_segments, is_in_batches
from regressors.shared_work import SharedWork


def for_validate(job: Job, kept: KeptSums) -> SharedWork[Job]:
    """Gather the sums of the twin and the folds, unless they are kept, and solve their segments.

    Of a kind without segments, what is found when its rows are read again is gathered, too; of an
    ANN it is the networks.
    """
    if not job.candidate.is_linear:
        return (yield from gathered_networks(job))
    if job.candidate.is_linear and is_large(job):
        pooled = of_all_rows(job)
        sums = kept.sums(pooled)
        if not isinstance(sums, FoldSums) or isinstance(sums, RolledSums):
            sums = yield from gathered_fold_sums(pooled)
            kept.keep(pooled, sums)
        job = replace(job, sums=sums)
        if not job.candidate.is_segmented:
            job = yield from passed_for_validate(job)
    if is_in_batches(job):
        job = yield from gathered_segments(job, segments_of_folds)
    return job


def for_refit(job: Job, kept: KeptSums) -> SharedWork[Job]:
    """Gather the sums of all rows, and solve their segments, or find the errors of their equation.

    Of those whose sums are kept no row is read again for them. Of an ANN it is the networks.
    """
    if not job.candidate.is_linear:
        return (yield from gathered_networks(job))
    if job.candidate.is_linear and is_large(job):
        pooled = of_all_rows(job)
        sums = kept.sums(pooled)
        if not isinstance(sums, RefitSums):
            sums = yield from gathered_refit_sums(pooled, sums)
            kept.keep(pooled, sums)
        job = replace(job, sums=sums)
        if not job.candidate.is_segmented:
            job = yield from passed_for_refit(job)
    if is_in_batches(job):
        job = yield from gathered_segments(job, segments_of_all)
    return job


def for_group(job: Job, _kept: KeptSums) -> SharedWork[Job]:
    """Gather the decision on the groups of an ANN."""
    return (yield from gathered_groups(job))


def for_roll(job: Job, kept: KeptSums) -> SharedWork[Job]:
    """Gather the sums of the blocks of test rows, and solve their segments."""
    if job.candidate.is_linear and is_large(job):
        pooled = of_all_rows(job)
        sums = kept.sums(pooled)
        if not isinstance(sums, RolledSums):
            sums = yield from gathered_rolled_sums(pooled, blocks_of_tests(job))
            kept.keep(pooled, sums)
        job = replace(job, sums=sums)
    if is_in_batches(job):
        job = yield from gathered_segments(job, segments_of_blocks)
    return job


# What a process prepares of a job with segments.


def segments_of_folds(framework: FrameworkModule, job: Job) -> tuple[FoldSums, SegmentParts]:
    """Return the sums of the twin and the folds, and their segments."""
    sums = fold_sums(framework, of_all_rows(job))
    return sums, SegmentParts(framework, job, sums, rows_of_fits(job))


def segments_of_all(framework: FrameworkModule, job: Job) -> tuple[RefitSums, SegmentParts]:
    """Return the sums of a refit, and its segments."""
    sums = refit_sums(framework, of_all_rows(job))
    return sums, SegmentParts(framework, job, sums, [np.ones(len(job.target), dtype=bool)])


def segments_of_blocks(framework: FrameworkModule, job: Job) -> tuple[RolledSums, SegmentParts]:
    """Return the sums of the blocks of test rows, and their segments."""
    sums = rolled_sums(framework, of_all_rows(job), blocks_of_tests(job))
    return sums, SegmentParts(framework, job, sums, rows_of_blocks(job))
