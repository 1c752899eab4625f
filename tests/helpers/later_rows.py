"""A table in blocks of time, and what its predictions may not depend on: whatever comes later."""

from dataclasses import replace

import numpy as np

from data.split import split_rows
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job

TIMES, EACH, HORIZON = 42, 3, 2.0


def table_of_blocks(framework, kind, **changes) -> Job:
    """Return a job on labelled rows in a shuffled order, with gaps, rare levels and a horizon."""
    rng = np.random.default_rng(5)
    rows = TIMES * EACH
    time = np.repeat(np.arange(float(TIMES)), EACH)[rng.permutation(rows)]
    x, gaps = rng.normal(size=(2, rows))
    level = np.array([f"level {i}" for i in rng.integers(0, 12, rows) ** 2 // 12], dtype=object)
    split = split_rows(
        dataset="shop",
        keys=[str(i) for i in range(rows)],
        labelled=np.ones(rows, dtype=bool),
        share=0.2,
        folds=3,
        time=time,
        horizon=HORIZON,
    )
    job = Job(
        dataset="shop",
        candidate=Candidate(framework, kind),
        columns={
            "x": x,
            "gaps": np.where(rng.random(rows) < 0.2, np.nan, gaps),
            "level": level,
            "day": np.datetime64("2024-01-01T00:00") + (time * 1440).astype("m8[m]"),
        },
        target=(0.2 * time - 4) * x + gaps + 0.05 * time + rng.normal(size=rows),
        fold=split.fold,
        known=split.known,
        chained=True,
        least_fits=3,
        hidden=(8,),
        interval=Rules((0.9,)),
        epochs=300,
        time=time,
        newest=float(TIMES - 1),
        products=((("x", 2),),),
        is_test=split.role == "test",
        table="shop",
    )
    return replace(job, **changes)


def training_rows(job: Job) -> Job:
    """Return the job on the rows that are no test rows."""
    assert job.is_test is not None and job.known is not None and job.time is not None
    train = ~job.is_test
    return replace(
        job,
        columns={name: values[train] for name, values in job.columns.items()},
        target=job.target[train],
        fold=job.fold[train],
        known=job.known[train],
        time=job.time[train],
        weight=None if job.weight is None else job.weight[train],
        is_test=None,
        table="",
    )


def with_other_targets(job: Job, block: int) -> Job:
    """Return the job with other targets in all rows that a block does not know."""
    assert job.known is not None
    later = job.known > block
    return replace(job, target=np.where(later, 40 - 7 * job.target, job.target))


def with_other_features(job: Job, block: int) -> Job:
    """Return the job with other features in all rows after a block: gaps, levels, times of day."""
    later = job.fold > block
    columns = {
        "x": np.where(later, np.nan, job.columns["x"]),
        "gaps": np.where(later, 50.0, job.columns["gaps"]),
        "level": np.where(later, "never seen", job.columns["level"]),
        "day": np.where(later, job.columns["day"] + np.timedelta64(90, "m"), job.columns["day"]),
    }
    return replace(job, columns=columns)
