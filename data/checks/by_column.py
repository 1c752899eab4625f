"""What the values of each column say: each column is read once for all that is asked of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.alike import distinct_values
from data.checks.findings import Finding, plain, row_finding
from data.checks.keys import why_it_only_identifies
from data.checks.table import Columns, Table, filtered
from data.declarations.model import Declaration
from data.errors import shortened
from data.sources.columns import infinite, infinity_in_words, kind_of, present, value_text
from data.sources.readings import ColumnReading, kind_has_changed
from data.store.records import SourceColumnRecord

COLUMNS_TOGETHER = 4
"""So many columns are looked at in one call."""
MAX_EXAMPLE = 60
"""Characters of an example."""


@dataclass(frozen=True)
class ColumnFacts:
    """What the values of a column say.

    `record` describes it, but for its role and, unless its kind has changed, how it enters. `flaw`
    is why it enters no model, as the rows with a target have it, or "". `finite` is the finding on
    infinite values, None where there can be none.
    """

    record: SourceColumnRecord
    flaw: str = ""
    finite: Finding | None = None


def in_groups(names: Sequence[str]) -> list[list[str]]:
    """Return the columns in groups, of which each is looked at in one call."""
    starts = range(0, len(names), COLUMNS_TOGETHER)
    return [[*names[start : start + COLUMNS_TOGETHER]] for start in starts]


def facts_of(
    declaration: Declaration,
    whole: Table,
    new: Collection[str],
    names: Sequence[str],
    readings: Sequence[ColumnReading],
    kept: np.ndarray,
) -> dict[str, ColumnFacts]:
    """Return the facts of some columns, by their names.

    `kept` (n,) marks the rows that continue: sizes, levels and what varies are theirs, while
    missing values are counted in all rows. `new` columns are not used.
    """
    table, target = Columns(whole), declaration.target
    known = present(table.column(target)) if target in table.column_names else None
    labelled = kept if known is None else kept & known
    inputs = {*declaration.input_names(table.without(new).column_names)}
    by_name = {reading.name: reading for reading in readings}
    facts = {}
    for name in names:
        reading, column = by_name.get(name), table.column(name)
        of_kept, of_labelled = filtered(column, kept), filtered(column, labelled)
        flaw = why_left_out(name, declaration, of_labelled) if len(of_labelled) else ""
        finite = None
        if name in inputs and pa.types.is_floating(column.type):
            finite = finite_finding(name, declaration, table, kept)
        changed = reading is not None and kind_has_changed(
            reading, len(of_kept) - of_kept.null_count
        )
        record = (
            _of_another_kind(column, reading)
            if reading is not None and changed
            else _described(name, column, of_kept, reading)
        )
        facts[name] = ColumnFacts(record, flaw, finite)
    return facts


def finite_finding(name: str, declaration: Declaration, table: Table, kept: np.ndarray) -> Finding:
    """Check that the target, or a feature, is not infinite in the `kept` rows, a mask (n,)."""
    column = table.column(name)
    rows = np.flatnonzero(kept & infinite(column))
    how = infinity_in_words(column) if len(rows) else "infinite"
    what, way_out = "feature", "Correct it, leave it empty, or declare 'infinite: missing'."
    if name == declaration.target:
        what, way_out = "target", "Correct or remove it."
    sentence = f"The {what} {{column!r}} is {how} in {{n}}: {{example}}. {way_out}"
    return row_finding(f"{what}_is_finite", (name,), rows, declaration, table, sentence)


def why_left_out(name: str, declaration: Declaration, column: pa.ChunkedArray) -> str:
    """Return why a feature, as the rows with a target have it, enters no model; "" if it does."""
    return why_it_explains_nothing(column) or why_it_only_identifies(name, declaration, column)


def why_it_explains_nothing(column: pa.ChunkedArray) -> str:
    """Return why a column explains nothing, or "".

    A single value among missing ones may explain something, since it distinguishes rows.
    """
    if column.null_count == len(column):
        return "is missing in every row with a target"
    ends = pc.min_max(column).as_py()
    if column.null_count == 0 and ends["min"] == ends["max"]:
        return f"is {plain(ends['min'])!r} in every row with a target"
    return ""


def _described(
    name: str,
    column: pa.ChunkedArray,
    kept: pa.ChunkedArray,
    reading: ColumnReading | None,
) -> SourceColumnRecord:
    first = column.slice(int(np.argmax(present(column))) if len(column) else 0, 1).drop_null()
    kind_from = reading.kind_from if reading else "values"
    return SourceColumnRecord(
        name=name,
        role="",
        kind=kind_of(column.type) if len(first) or kind_from != "values" else None,
        kind_from=kind_from,
        missing=column.null_count - (reading.unparsable if reading else 0),
        distinct_values=distinct_values(kept.drop_null()),
        typical_size=typical_size(kept),
        example=_example(first) if len(first) else None,
    )


def _of_another_kind(column: pa.ChunkedArray, reading: ColumnReading) -> SourceColumnRecord:
    """Describe a column that could not be read as what it used to be, as what it seems to be now.

    Its values are not known, but the run is rejected, and the next one reads them if it is
    accepted.
    """
    example = reading.examples[0][1] if reading.examples else None
    return SourceColumnRecord(
        name=reading.name,
        role="",
        kind=reading.natural,
        kind_from="values",
        missing=column.null_count - reading.unparsable,
        example=None if example is None else shortened(example, MAX_EXAMPLE),
        enters=f"not used: it is no longer a {reading.kind}",
    )


def typical_size(column: pa.ChunkedArray) -> float | None:
    """Return the median absolute value of a column of numbers, zeros and infinities aside."""
    sizes = absolute_sizes(column)
    return float(np.median(sizes, overwrite_input=True)) if len(sizes) else None


def absolute_sizes(column: pa.ChunkedArray) -> np.ndarray:
    """Return the absolute values of a column of numbers, without zeros, infinities and gaps."""
    if kind_of(column.type) != "number":
        return np.array([])
    sizes: np.ndarray = np.abs(column.drop_null().to_numpy(), dtype=np.float64)
    counted = (sizes > 0) & np.isfinite(sizes)
    return sizes if counted.all() else sizes[counted]


def _example(value: pa.ChunkedArray) -> str:
    return shortened(str(plain(value_text(value)[0].as_py())), MAX_EXAMPLE)
