"""What Great Expectations is given: the rows as pandas frames, and the values that rules name."""

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.table import Table
from data.declarations.model import Kind
from data.declarations.sections import Expectation
from data.sources.columns import MAX_EXACT, kind_of
from data.sources.forms import FALSE, TRUE

if TYPE_CHECKING:  # its import takes longer than all checks of a dataset without expectations
    import pandas as pd

LIMITS = ("min_value", "max_value", "sum_total")
"""Keywords that hold a single value of the column."""


def column_frame(table: pa.Table) -> "pd.DataFrame":
    """Return the rows for rules about one column: whole numbers with a gap stay whole and exact."""
    import pandas as pd

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(date_as_object=False)
    for name in _with_gaps(table):
        frame[name] = table[name].to_pandas(types_mapper=nullable.get).array
    return frame


def row_frame(table: pa.Table) -> "pd.DataFrame":
    """Return the rows for rules that compare columns, where pandas' own NA cannot be compared.

    Whole numbers with a gap are doubles, as pandas makes them, or objects beyond 2^53.
    """
    import pandas as pd

    frame = table.to_pandas(date_as_object=False)
    for name in _with_gaps(table):
        ends = pc.min_max(table[name]).as_py()
        if max(abs(end or 0) for end in ends.values()) > MAX_EXACT:
            values = [np.nan if value is None else value for value in table[name].to_pylist()]
            frame[name] = pd.Series(values, dtype=object)
    return frame


def name_frame(names: Sequence[str], rows: int) -> "pd.DataFrame":
    """Return a frame of so many rows for rules about the table alone, which look at no value."""
    import pandas as pd

    return pd.DataFrame(np.broadcast_to(np.False_, (rows, len(names))), columns=list(names))


def _with_gaps(table: pa.Table) -> list[str]:
    return [
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count
        and (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type))
    ]


def typed_keywords(expectation: Expectation, table: Table) -> dict[str, Any]:
    """Return the keywords of a rule with its values in the kinds of the columns they stand for.

    A quoted date becomes a time for a column of times, a quoted number a number for a column of
    numbers, and a number in a set the text of a category. What does not fit stays as it is.
    """
    names, schema = expectation.columns(), table.schema
    kinds = [kind_of(schema.field(name).type) for name in names if name in schema.names]
    if not kinds or len(kinds) < len(names):
        return dict(expectation.kwargs)
    typed: dict[str, Any] = {}
    for keyword, value in expectation.kwargs.items():
        if keyword in LIMITS and len(set(kinds)) == 1:
            typed[keyword] = converted(value, kinds[0])
        elif keyword == "value_set" and isinstance(value, list):
            typed[keyword] = [in_set(item, kinds[0]) for item in value]
        elif keyword == "value_pairs_set" and isinstance(value, list):
            pairs = [list(pair) for pair in value]
            typed[keyword] = [
                [in_set(item, kind) for item, kind in zip(pair, kinds, strict=False)]
                for pair in pairs
            ]
        elif keyword == "quantile_ranges" and isinstance(value, Mapping):
            ranges = value.get("value_ranges") or []
            limits = [[converted(v, kinds[0]) for v in ends] for ends in ranges]
            typed[keyword] = {**value, "value_ranges": limits}
        else:
            typed[keyword] = value
    return typed


def in_set(value: Any, kind: Kind | None) -> Any:
    """Return a value of a declaration in the kind of the column whose values it is beside."""
    if kind == "category" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind == "boolean" and isinstance(value, str) and value.lower() in TRUE + FALSE:
        return value.lower() in TRUE
    return converted(value, kind)


def converted(value: Any, kind: Kind | None) -> Any:
    """Return a date, a time or a text in the kind of a column, unchanged if it has another one."""
    if kind == "category" and isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.date) or (kind == "time" and isinstance(value, str)):
        return _as_time(value)
    if kind == "number" and isinstance(value, str):
        return _as_number(value)
    return value


def _as_time(value: Any) -> Any:
    """Return a moment in UTC without a zone, as the columns hold them; other text unchanged."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value.strip())
        except ValueError:
            return value
    if not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    return value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value


def _as_number(text: str) -> Any:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
