"""The columns of a source, described one by one: for people, and for the next run to compare."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from data.checks.alike import distinct_values
from data.checks.contract import NEW
from data.checks.entering import Entry
from data.checks.features import why_left_out
from data.checks.findings import plain
from data.checks.steps import UNCOUNTED, Steps
from data.checks.table import Table, filtered
from data.declarations.model import Declaration
from data.errors import shortened
from data.sources.columns import kind_of, present, value_text
from data.sources.readings import ColumnReading, kind_has_changed
from data.store.records import SourceColumnRecord

UNUSED = "unused"
"""The role of a column that the declared `features` leave out."""
TERM = "term"
"""The role of a time that is no feature, but in terms."""
LEFT_OUT = "left out: "
"""How `enters` begins for a feature that the models do without."""
MAX_EXAMPLE = 60
"""Characters of an example."""


def profile(
    declaration: Declaration,
    table: Table,
    readings: Sequence[ColumnReading],
    *,
    kept: np.ndarray,
    new: Sequence[str],
    entries: Mapping[str, Entry],
    steps: Steps = UNCOUNTED,
) -> tuple[SourceColumnRecord, ...]:
    """Describe every column of a table, in its order.

    `kept` (n,) marks the rows that continue: sizes, levels and what varies are theirs, while
    missing values are counted in all rows. `new` are the columns that are not used, because the run
    before did not have them; `entries` say how the features among the others enter.
    """
    by_name = {reading.name: reading for reading in readings}
    target = declaration.target
    known = present(table.column(target)) if target in table.column_names else None
    labelled = kept if known is None else kept & known
    unused = set(new)
    used = [name for name in table.column_names if name not in unused]
    columns = []
    for name in table.column_names:
        steps.done()
        reading = by_name.get(name)
        role, whole = role_of(name, declaration, used), table.column(name)
        column = filtered(whole, kept)
        if reading is not None and kind_has_changed(reading, len(column) - column.null_count):
            columns.append(_of_another_kind(whole, reading, role))
            continue
        of_labelled = filtered(whole, labelled)
        flaw = why_left_out(name, declaration, of_labelled) if len(of_labelled) else ""
        enters = _enters(role, entries[name].words if name in entries else "", flaw)
        columns.append(_described(name, whole, column, reading, role, enters))
    return (*columns, *_without_kind(readings, table, declaration))


def role_of(name: str, declaration: Declaration, columns: Sequence[str]) -> str:
    """Return the roles of a column among those in use, or `new` for another one."""
    declared = {
        "key": declaration.key,
        "target": (declaration.target,),
        "time": (declaration.time,),
        "weight": (declaration.weight,),
        "group": (declaration.split.group,),
        "segment": declaration.segment or (),
        "interval": (declaration.interval.by,),
        "feature": (name,) if declaration.is_feature(name, columns) else (),
        TERM: (name,) if declaration.is_in_terms_alone(name, columns) else (),
    }
    roles = [role for role, names in declared.items() if name in names]
    return ", ".join(roles) or (UNUSED if name in columns else NEW)


def is_feature(column: SourceColumnRecord) -> bool:
    """Return whether a column is a feature, whatever else it is."""
    return "feature" in column.role.split(", ")


def _described(
    name: str,
    column: pa.ChunkedArray,
    kept: pa.ChunkedArray,
    reading: ColumnReading | None,
    role: str,
    enters: str,
) -> SourceColumnRecord:
    first = column.slice(int(np.argmax(present(column))) if len(column) else 0, 1).drop_null()
    kind_from = reading.kind_from if reading else "values"
    return SourceColumnRecord(
        name=name,
        role=role,
        kind=kind_of(column.type) if len(first) or kind_from != "values" else None,
        kind_from=kind_from,
        missing=column.null_count - (reading.unparsable if reading else 0),
        distinct_values=distinct_values(kept.drop_null()),
        typical_size=typical_size(kept),
        example=_example(first) if len(first) else None,
        enters=enters,
    )


def _of_another_kind(
    column: pa.ChunkedArray, reading: ColumnReading, role: str
) -> SourceColumnRecord:
    """Describe a column that could not be read as what it used to be, as what it seems to be now.

    Its values are not known, but the run is rejected, and the next one reads them if it is
    accepted.
    """
    example = reading.examples[0][1] if reading.examples else None
    return SourceColumnRecord(
        name=reading.name,
        role=role,
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


def _enters(role: str, entry: str, flaw: str) -> str:
    """Return how a column enters the models: as the rows with a target have it.

    `entry` is how it enters as a feature, and `flaw` is why it does not, or "".
    """
    words = {
        "key": "key",
        "target": "target",
        "time": "orders the rows",
        "weight": "weighs the rows",
        "group": "groups the rows",
        NEW: "not used: it is new, and neither accepted nor declared",
        UNUSED: "not used: it is not among the declared features",
    }
    roles = role.split(", ")
    parts = [words[role] for role in roles if role in words]
    if "feature" in roles or TERM in roles:
        parts.append(f"{LEFT_OUT}it {flaw}" if flaw else entry)
    return ", ".join(parts)


def _without_kind(
    readings: Sequence[ColumnReading], table: Table, declaration: Declaration
) -> list[SourceColumnRecord]:
    """Describe the columns that no model can use, such as lists."""
    there = {*table.column_names, *declaration.key}
    return [
        SourceColumnRecord(
            name=reading.name,
            role=UNUSED,
            enters=f"{LEFT_OUT}{reading.why_left_out}",
        )
        for reading in readings
        if reading.name not in there
    ]


def _example(value: pa.ChunkedArray) -> str:
    return shortened(str(plain(value_text(value)[0].as_py())), MAX_EXAMPLE)
