"""Which of a run's rows are training, test and new rows."""

import numpy as np
from numpy.typing import NDArray

from data.calls import done_here
from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.progress import Report, part, unreported
from data.sources.snapshot import Snapshot
from data.sources.stored_columns import StoredColumns
from data.split import split_rows
from tasks.run.kept_columns import Arranged, arranged_rows
from tasks.run.prepared import Prepared
from tasks.run.row_parts import parts_of
from tasks.run.row_work import RowWork
from tasks.run.rows import Mask, SnapshotRows


def prepared(
    declaration: Declaration,
    snapshot: Snapshot,
    checked: Checked,
    report: Report = unreported,
    work: RowWork | None = None,
) -> Prepared:
    """Return the rows that passed their checks, in the order of their keys, each with its role.

    With `work`, a cluster sorts and splits them. Raises CannotSplit where they are too few.
    """
    stored, kept = StoredColumns(snapshot.path), checked.kept
    do = done_here if work is None else work.do
    args = stored, kept, declaration, checked.label, checked.together
    ((arranged, labelled),) = do("sorting", [(_arranged, args)])
    split = split_rows(
        dataset=declaration.name,
        keys=arranged.keys,
        labelled=labelled,
        share=declaration.split.test,
        folds=declaration.split.folds,
        time=arranged.time,
        horizon=declaration.ahead,
        group=arranged.group,
        alike=arranged.alike,
        report=part(report, 0.1, 1),
        do=do,
    )
    inputs = tuple(dict.fromkeys((*checked.inputs, *(declaration.segment or ()))))
    source = SnapshotRows(
        declaration,
        snapshot,
        kept,
        inputs,
        arranged=arranged,
        files=None if work is None else work.files,
        do=do,
    )
    return Prepared(declaration, snapshot, checked, source, split, parts_of(source.rows, split))


def _arranged(
    stored: StoredColumns,
    kept: Mask,
    declaration: Declaration,
    label: NDArray[np.int64] | None,
    together: Mask | None,
) -> tuple[Arranged, Mask]:
    """Return the kept rows (a mask) of a snapshot in the order of their keys, and who is labelled.

    `label` and `together` are those of `Checked`.
    """
    alike = label
    if label is not None and together is not None:
        alike = np.where(together, label, -1)
    rows = arranged_rows(stored, kept, declaration, alike)
    return rows, ~np.isnan(rows.target)
