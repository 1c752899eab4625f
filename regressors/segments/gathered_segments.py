"""The equations of many segments, solved in batches that several processes share.

What a batch comes to has the bits that it has among all segments. The variances of shrunken lines
are of all segments: batches make the sums, and the lines are solved once these are together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job
from regressors.linear.fold_sums import FoldSums
from regressors.linear.kept_sums import RefitSums
from regressors.segments.equations import SegmentEquations, SolvedBatch
from regressors.segments.fit import SegmentParts, of_all_rows
from regressors.segments.gram_stacks import SegmentRows
from regressors.shared_work import Calls, SharedWork

BATCH_ROWS, BATCH_SEGMENTS, MIN_BATCH_SEGMENTS = 2**16, 1000, 100
"""A batch has at most so many rows and segments, but at least a hundred segments: about half a
second of work, beside some milliseconds for the way."""

Prepare = Callable[[FrameworkModule, Job], tuple[FoldSums | RefitSums, SegmentParts]]
"""Returns the sums of all rows of a job, and its fits."""


@dataclass(frozen=True, eq=False)
class SegmentPlan:
    """What is to be solved for all segments of a job, but for its rows; and the sums of these."""

    sums: FoldSums | RefitSums
    equations: SegmentEquations


def is_in_batches(job: Job) -> bool:
    """Return whether the segments of a job are solved in batches."""
    return job.candidate.is_segmented and len(job.target) >= 2 * BATCH_ROWS


def gathered_segments(job: Job, prepare: Prepare) -> SharedWork[Job]:
    """Have the equations of segments solved in batches; return the job with them."""
    (plan,) = yield Calls("segments", 1, [(segment_plan, (job, prepare))])
    pooled = of_all_rows(job)
    rows = replace(
        _without_rows(pooled),
        columns=pooled.columns,
        target=pooled.target,
        weight=pooled.weight,
        time=pooled.time,
    )
    equations = replace(plan.equations, cells=replace(plan.equations.cells, job=rows))
    batches = list(batches_of(equations.cells.by_part))
    solved = yield Calls(
        "segments",
        len(batches),
        ((solved_batch, (_of_batch(equations, *batch), batch[0])) for batch in batches),
    )
    return replace(job, sums=plan.sums, segment_batches=tuple(solved))


def batches_of(rows: SegmentRows) -> Iterator[tuple[int, int]]:
    """Yield the numbers at which batches of successive segments start and stop."""
    before, segments = rows.ends[:: rows.parts], (len(rows.ends) - 1) // rows.parts
    start = 0
    while start < segments:
        within = int(np.searchsorted(before, before[start] + BATCH_ROWS, side="right")) - 1 - start
        stop = min(start + min(max(within, MIN_BATCH_SEGMENTS), BATCH_SEGMENTS), segments)
        yield start, stop
        start = stop


def _without_rows(job: Job) -> Job:
    nothing = np.zeros(0)
    return replace(
        job,
        columns={},
        target=nothing,
        fold=nothing.astype(np.int64),
        known=None,
        weight=None,
        time=None,
        group_numbers=None,
        interval_group=None,
        predictions_file=None,
        is_test=None,
        sums=None,
        starts={},
    )


def _of_batch(equations: SegmentEquations, start: int, stop: int) -> SegmentEquations:
    return replace(equations, cells=equations.cells.between(start, stop))


# What the processes are asked for.


def segment_plan(framework: FrameworkModule, job: Job, prepare: Prepare) -> SegmentPlan:
    """Return what is to be solved for the segments of a job, without its rows."""
    sums, parts = prepare(framework, job)
    equations = parts.equations()
    cells = equations.cells
    rows = cells.by_part
    if len(job.target) < 2**31:  # these are sent
        rows = replace(rows, order=rows.order.astype(np.int32))
    cells = replace(cells, job=_without_rows(cells.job), by_part=rows)
    return SegmentPlan(sums, replace(equations, cells=cells))


def solved_batch(
    framework: FrameworkModule, equations: SegmentEquations, start: int
) -> SolvedBatch:
    """Return what the segments of a batch come to, from number `start` on."""
    lines = equations.solved(framework)
    return SolvedBatch(start, {trained: each.solved() for trained, each in lines.items()})
