"""What several processes share of a fit: each returns the job with what they have gathered.

The fit itself is then done as that of any job, with the same bits as if it had been alone.
"""

from dataclasses import replace

from regressors.job import Job
from regressors.linear.fold_sums import FoldSums
from regressors.linear.gathered_sums import (
    gathered_fold_sums,
    gathered_refit_sums,
    gathered_rolled_sums,
    is_large,
)
from regressors.linear.kept_sums import KeptSums, RefitSums, RolledSums
from regressors.rolling import blocks_of_tests
from regressors.segments.fit import of_all_rows
from regressors.shared_work import SharedWork


def for_validate(job: Job, kept: KeptSums) -> SharedWork[Job]:
    """Gather the sums of the twin and the folds, unless they are kept."""
    if not job.candidate.is_linear or not is_large(job):
        return job
    pooled = of_all_rows(job)
    sums = kept.sums(pooled)
    if not isinstance(sums, FoldSums) or isinstance(sums, RolledSums):
        sums = yield from gathered_fold_sums(pooled)
        kept.keep(pooled, sums)
    return replace(job, sums=sums)


def for_refit(job: Job, kept: KeptSums) -> SharedWork[Job]:
    """Gather the sums of all rows; of those whose sums are kept no row is read again."""
    if not job.candidate.is_linear or not is_large(job):
        return job
    pooled = of_all_rows(job)
    sums = kept.sums(pooled)
    if not isinstance(sums, RefitSums):
        sums = yield from gathered_refit_sums(pooled, sums)
        kept.keep(pooled, sums)
    return replace(job, sums=sums)


def for_roll(job: Job, kept: KeptSums) -> SharedWork[Job]:
    """Gather the sums of the blocks of test rows, unless they are kept."""
    if not job.candidate.is_linear or not is_large(job):
        return job
    pooled = of_all_rows(job)
    sums = kept.sums(pooled)
    if not isinstance(sums, RolledSums):
        sums = yield from gathered_rolled_sums(pooled, blocks_of_tests(job))
        kept.keep(pooled, sums)
    return replace(job, sums=sums)
