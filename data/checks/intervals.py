"""The checks of prediction intervals: whether rows are enough for their levels and their groups."""

from collections.abc import Iterator
from math import ceil

import numpy as np
import pyarrow.compute as pc

from data.checks.findings import Finding, finding
from data.checks.table import Table
from data.declarations.model import Declaration
from data.split import MIN_LABELLED_ROWS

MIN_GROUP_ROWS = 50
"""A group has intervals of its own from so many rows on, as `regressors.intervals` has it."""


def interval_findings(
    declaration: Declaration, table: Table, labelled: np.ndarray
) -> Iterator[Finding]:
    """Check that the rows with a target, a mask (n,), are enough for the declared intervals."""
    rows, widest, by = int(labelled.sum()), declaration.interval.widest, declaration.interval.by
    needed = ceil(widest / (1 - widest) * (1 - 1e-9))
    sentence = (
        f"Intervals of {100 * widest:.10g}% need the errors of {needed:,} rows or more,"
        f" and {rows:,} have a target: predictions will have no intervals. Declare a lower"
        " 'interval.level'."
    )
    if needed > MIN_LABELLED_ROWS:  # with fewer the table is not split
        yield finding("interval_has_rows", None, "" if rows >= needed else sentence, observed=rows)
    if by is None:
        return
    counts = pc.value_counts(table.column(by).filter(labelled)).field("counts").to_numpy()
    few = (
        f"None of the {len(counts):,} levels of {by!r} has {MIN_GROUP_ROWS} rows with a target, so"
        " the intervals of all of them will be those of all rows. Name a column of fewer levels, or"
        " leave 'interval.by' out."
    )
    yield finding(
        "interval_groups_have_rows",
        by,
        "" if counts.max(initial=0) >= MIN_GROUP_ROWS else few,
        observed=int(counts.max(initial=0)),
    )
