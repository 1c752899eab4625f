"""The check of the segments' names: the store has an index on them."""

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from data.checks.findings import Finding, row_finding
from data.checks.table import Table
from data.declarations.model import Declaration
from data.sources.columns import value_text

MAX_SEGMENT_BYTES = 2_000
"""In UTF-8. PostgreSQL limits the size of an entry of an index."""

PART_BYTES = len('"",')
"""What the name of a segment of several columns has beside the value of each."""


def segment_findings(declaration: Declaration, table: Table, kept: np.ndarray) -> Iterator[Finding]:
    """Check that the segment of each of the `kept` rows, a mask (n,), has a name that is short."""
    segment = declaration.segment
    if segment is None:
        return
    size = np.zeros(table.num_rows, dtype=np.int64)
    for name in segment:
        of_rows = pc.binary_length(value_text(table.column(name)).cast("large_string"))
        size += np.asarray(of_rows.fill_null(0), dtype=np.int64)
    if len(segment) > 1:
        size += PART_BYTES * len(segment)
    yield row_finding(
        "segment_names_are_short",
        segment,
        np.flatnonzero(kept & (size > MAX_SEGMENT_BYTES)),
        declaration,
        table,
        f"The segment of {{n}} has a name of more than {MAX_SEGMENT_BYTES:,} bytes, which the"
        " database cannot index: {example}. Shorten the values of {column!r}, or declare another"
        " 'segment'.",
    )
