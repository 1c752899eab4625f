"""Prepare the rows of a run and split them into training, test and new rows."""

import numpy as np
from prefect import task

from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.progress import part
from data.sources.snapshot import Snapshot
from data.split import ROLES, split_rows
from tasks.run import progress
from tasks.run.memory import give_back
from tasks.run.prepared import Prepared
from tasks.run.rows import SnapshotRows


@task(persist_result=False)
def split(declaration: Declaration, snapshot: Snapshot, checked: Checked) -> Prepared:
    """Return the rows that passed their checks, in the order of their keys, each with its role."""
    report = progress.Progress(declaration.name, "splitting")
    alike = checked.label
    if alike is not None and checked.together is not None:
        alike = np.where(checked.together, alike, -1)
    source = SnapshotRows(declaration, snapshot, checked.kept, checked.features, alike)
    rows = source.rows
    parts = split_rows(
        dataset=declaration.name,
        keys=rows.keys,
        labelled=~np.isnan(rows.target),
        share=declaration.split.test,
        folds=declaration.split.folds,
        time=rows.time,
        group=rows.group,
        alike=rows.alike,
        report=part(report, 0.1, 1),
    )
    give_back()
    counts = np.bincount(parts.code, minlength=len(ROLES)).tolist()
    text = ", ".join(f"{count:,} {role}" for role, count in zip(ROLES, counts, strict=True))
    progress.log(declaration.name, f"split into {text} rows")
    return Prepared(declaration, snapshot, checked, source, parts)
