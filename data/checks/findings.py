"""The findings of checks, as plain values that the store and the report can keep."""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data.checks.catalogue import SEVERITY
from data.checks.table import Table, rows_of
from data.declarations.model import Declaration
from data.declarations.terms import Product
from data.sources.columns import PLURAL, kind_of
from data.sources.keys import row_key_column
from data.sources.suggested_kind import written_as
from data.sources.text_columns import first_non_number
from data.store.records import SourceColumnRecord

MAX_EXAMPLES = 5
"""How many bad rows a result shows."""


@dataclass(frozen=True)
class ExpectationResult:
    """One check made in one run; `observed`, `kwargs` and `examples` are plain JSON."""

    expectation: str
    column: str | None
    severity: str
    quarantine: bool
    success: bool
    kwargs: dict[str, Any] = field(default_factory=dict)
    observed: Any = None
    unexpected_count: int | None = None
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class RejectedRow:
    """A row that is set aside: its number in the source (from 1), its values and the reason."""

    key: str | None
    row_number: int
    values: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Checked:
    """The outcome of all checks: whether the run may continue, and with which rows and columns.

    `kept` (n,) marks the rows that continue; `features` are the columns and lags that vary in them,
    `inputs` these and the times that only terms have, and `products` the declared terms that
    consist of inputs alone. `columns` describes every column of the source, for people and for the
    next night. `label` and `together` (n,) are those of `data.checks.duplicates`; None where the
    checks ended before. `time_parts` are the parts that the declaration names of a time, none of
    one that only terms have; of other times those enter that say something.
    """

    passed: bool
    reason: str | None
    results: tuple[ExpectationResult, ...]
    rejected_rows: tuple[RejectedRow, ...]
    kept: np.ndarray
    features: tuple[str, ...]
    inputs: tuple[str, ...]
    products: tuple[Product, ...]
    warnings: tuple[str, ...]
    columns: tuple[SourceColumnRecord, ...] = ()
    label: np.ndarray | None = None
    together: np.ndarray | None = None
    time_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A result, with a sentence if there is a problem; a `fatal` one ends the run."""

    result: ExpectationResult
    sentence: str = ""
    fatal: bool = False


def finding(name: str, column: str | None, sentence: str = "", **facts: Any) -> Finding:
    """Return the finding of a check in the catalogue; without a sentence, it succeeded."""
    severity = SEVERITY[name]
    result = ExpectationResult(name, column, severity, False, not sentence, **facts)
    return Finding(result, sentence, fatal=bool(sentence) and severity == "critical")


def row_finding(
    name: str,
    columns: Sequence[str],
    rows: np.ndarray,
    declaration: Declaration,
    table: Table,
    sentence: str,
) -> Finding:
    """Return the finding of a check of single rows; `rows` are the indices of the bad ones.

    `sentence` may refer to {n} (how many rows), {column} and {example}.
    """
    shown = examples(table, declaration.key, rows, columns)
    label = ", ".join(columns)
    kwargs = {"column": label} if len(columns) == 1 else {"column_list": list(columns)}
    text = ""
    if shown:
        text = sentence.format(
            n=counted(len(rows), "row"), column=label, example=described(shown[0])
        )
    return finding(name, label, text, kwargs=kwargs, unexpected_count=len(rows), examples=shown)


def plain(value: Any) -> Any:
    """Return a value as plain JSON: times in ISO 8601, NaN as null, infinities as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def examples(
    table: Table, key: Sequence[str], rows: np.ndarray, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the first few of `rows` (from 0): number from 1, key, and the values of `columns`."""
    if not len(rows):
        return []
    first = [int(row) for row in rows[:MAX_EXAMPLES]]
    part = rows_of(table, [*dict.fromkeys([*key, *columns])], first)
    return [
        {"row": row + 1, "key": text, "values": plain(values)}
        for row, text, values in zip(
            first,
            row_key_column(part, key).to_pylist(),
            part.select(list(columns)).to_pylist(),
            strict=True,
        )
    ]


def counted(count: int, noun: str) -> str:
    """Return "1 row" or "2 rows"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def described(example: dict[str, Any]) -> str:
    """Return one example in words: "7 in row 12 (key 12)"."""
    values = [
        repr(value) if value is not None else "no value" for value in example["values"].values()
    ]
    key = f" (key {example['key']})" if example["key"] is not None else ""
    return f"{' and '.join(values)} in row {example['row']}{key}"


def why_not_numbers(subject: str, table: Table, name: str, use: str, way_out: str) -> str:
    """Return why a column that should hold numbers does not, with an example; "" if it does."""
    kind = kind_of(table.schema.field(name).type)
    if kind == "number":
        return ""
    column = table.column(name)
    form = written_as(column, name) if kind == "category" else ""
    if form:
        return f"{subject} {form}. Only plain numbers {use}. {way_out}"
    bad = first_non_number(column) if kind == "category" else None
    example = f": row {bad[0]} has {bad[1]!r}" if bad else ""
    if kind == "boolean" or (kind == "category" and not bad):
        way_out = f"Declare 'types: {{{name}: number}}' if its values are meant as numbers."
    return f"{subject} holds {PLURAL[kind]}, but only numbers {use}{example}. {way_out}"
