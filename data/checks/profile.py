"""The columns of a source, described one by one: for people, and for the next run to compare."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from data.checks.by_column import ColumnFacts
from data.checks.contract import NEW
from data.checks.entering import Entry
from data.checks.table import Table
from data.declarations.model import Declaration
from data.sources.readings import ColumnReading
from data.store.records import SourceColumnRecord

UNUSED = "unused"
"""The role of a column that the declared `features` leave out."""
TERM = "term"
"""The role of a time that is no feature, but in terms."""
LEFT_OUT = "left out: "
"""How `enters` begins for a feature that the models do without."""


def profile(
    declaration: Declaration,
    table: Table,
    readings: Sequence[ColumnReading],
    *,
    new: Sequence[str],
    entries: Mapping[str, Entry],
    facts: Mapping[str, ColumnFacts],
) -> tuple[SourceColumnRecord, ...]:
    """Describe every column of a table, in its order, given the facts of each.

    `new` are the columns that are not used, because the run before did not have them; `entries` say
    how the features among the others enter.
    """
    unused = set(new)
    used = [name for name in table.column_names if name not in unused]
    columns = []
    for name in table.column_names:
        role, of = role_of(name, declaration, used), facts[name]
        enters = of.record.enters
        if enters is None:
            entry = entries[name].words if name in entries else ""
            enters = _enters(role, entry, of.flaw)
        columns.append(replace(of.record, role=role, enters=enters))
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
