"""Which of a run's rows are training, test and new rows."""

import numpy as np

from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.progress import Report, part, unreported
from data.sources.snapshot import Snapshot
from data.split import split_rows
from tasks.run.prepared import Prepared
from tasks.run.rows import SnapshotRows


def prepared(
    declaration: Declaration, snapshot: Snapshot, checked: Checked, report: Report = unreported
) -> Prepared:
    """Return the rows that passed their checks, in the order of their keys, each with its role.

    Raises CannotSplit where they are too few.
    """
    alike = checked.label
    if alike is not None and checked.together is not None:
        alike = np.where(checked.together, alike, -1)
    inputs = tuple(dict.fromkeys((*checked.inputs, *(declaration.segment or ()))))
    source = SnapshotRows(declaration, snapshot, checked.kept, inputs, alike)
    rows = source.rows
    parts = split_rows(
        dataset=declaration.name,
        keys=rows.keys,
        labelled=~np.isnan(rows.target),
        share=declaration.split.test,
        folds=declaration.split.folds,
        time=rows.time,
        horizon=declaration.ahead,
        group=rows.group,
        alike=rows.alike,
        report=part(report, 0.1, 1),
    )
    return Prepared(declaration, snapshot, checked, source, parts)
