"""Typed columns: each column of a source becomes one of four kinds.

A number is int64 or float64, a category text, a boolean bool, a time date32 or timestamp[us] in
UTC. A missing value is null, whatever the source called it; NaN is missing too.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.errors import SourceError

MISSING_WORDS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None")
"""Text that means a missing value; in a column declared as a category, only the first one."""

TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
MAX_EXACT = 2.0**53
"""Above it, a double cannot tell neighbouring whole numbers apart."""

TIMESTAMP = pa.timestamp("us")

PLURAL: dict[Kind | None, str] = {
    "number": "numbers",
    "category": "categories",
    "boolean": "booleans",
    "time": "times",
}
_TYPES = {"number": pa.float64(), "boolean": pa.bool_(), "time": TIMESTAMP}


def kind_of(dtype: pa.DataType) -> Kind | None:
    """Return the kind of a typed column, None if it has none of the four."""
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        return "number"
    if pa.types.is_string(dtype):
        return "category"
    if pa.types.is_boolean(dtype):
        return "boolean"
    return "time" if pa.types.is_date(dtype) or pa.types.is_timestamp(dtype) else None


def typed(column: pa.ChunkedArray, *, exact: bool = False) -> pa.ChunkedArray | None:
    """Return the column in one of the six types above, or None if it fits none of them.

    A clock time or a duration becomes a number, its seconds; a UUID becomes text. Whole numbers
    beyond 64 bits and decimals become the nearest doubles, and times are cut to microseconds. With
    `exact`, which keys need, a column that would lose a digit that way becomes text instead.
    """
    dtype = column.type
    if exact and pa.types.is_timestamp(dtype) and _cast(column, TIMESTAMP) is None:
        return column.cast(pa.timestamp(dtype.unit)).cast(pa.string())
    if pa.types.is_dictionary(dtype):
        return typed(column.cast(dtype.value_type), exact=exact)
    if pa.types.is_integer(dtype) or pa.types.is_decimal(dtype):
        return _number(column, exact=exact)
    return next((convert(column) for matches, convert in _CONVERSIONS if matches(dtype)), None)


def typed_column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column of a table in one of those types; any other column is a `SourceError`."""
    column = typed(table[name])
    if column is None:
        raise SourceError(
            f"Column {name!r} holds {table[name].type}, which is not a number, category, boolean or"
            " time.",
            next_step="Leave it out of the declaration.",
        )
    return column


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    doubles = column.cast(pa.float64())
    return pc.if_else(pc.is_nan(doubles), pa.scalar(None, pa.float64()), doubles)


def _uuids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = [None if value is None else str(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    fine = pa.duration("us") if pa.types.is_duration(column.type) else pa.time64("us")
    microseconds = column.cast(fine, safe=False).cast(pa.int64())
    return pc.divide(microseconds.cast(pa.float64()), 1e6)


_CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[..., pa.ChunkedArray]], ...] = (
    (pa.types.is_null, lambda column: column.cast(pa.float64())),
    (pa.types.is_boolean, lambda column: column),
    (pa.types.is_floating, _without_nan),
    (pa.types.is_string, lambda column: column),
    (pa.types.is_large_string, lambda column: column.cast(pa.string())),
    (pa.types.is_string_view, lambda column: column.cast(pa.string())),
    (pa.types.is_date, lambda column: column.cast(pa.date32())),
    (pa.types.is_timestamp, lambda column: column.cast(TIMESTAMP, safe=False)),
    (pa.types.is_time, _seconds),
    (pa.types.is_duration, _seconds),
    (lambda dtype: dtype == pa.uuid(), _uuids),
)


def typed_exactly(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of text in the type that it is written in, or as text if that changes it.

    "007", "1.0" next to "1.00" and whole numbers too large for a double stay text: as numbers, two
    different keys could become one.
    """
    whole = _cast(text, pa.int64())
    if whole is not None:
        return whole if whole.cast(pa.string()).equals(text) else text
    number = _cast(text, pa.float64())
    if number is not None:
        large = pc.any(pc.greater_equal(pc.abs(number), MAX_EXACT)).as_py()
        return text if large or _distinct(number) < _distinct(text) else number
    times = _times(text)
    return text if times is None else times


def as_kind(column: pa.ChunkedArray, kind: Kind, name: str) -> pa.ChunkedArray:
    """Return a typed column as the declared `kind`; a value that is not one is a `SourceError`."""
    actual = kind_of(column.type)
    if actual == kind:
        return column
    if kind == "category":
        return value_text(column)
    conversions: dict[
        tuple[Kind | None, Kind], Callable[[pa.ChunkedArray], pa.ChunkedArray | None]
    ] = {
        ("category", "number"): lambda text: _cast(text, pa.float64()),
        ("boolean", "number"): lambda flags: flags.cast(pa.int64()),
        ("category", "boolean"): _booleans,
        ("number", "boolean"): lambda numbers: _booleans(value_text(numbers)),
        ("category", "time"): _times,
    }
    if pc.all(pc.is_null(column)).as_py() is not False:
        return pa.chunked_array([pa.nulls(len(column), _TYPES[kind])])
    convert = conversions.get((actual, kind))
    if convert is None:
        raise SourceError(
            f"Column {name!r} holds {PLURAL[actual]}, but is declared to hold {PLURAL[kind]}.",
            next_step="Declare another kind in 'types', or none.",
        )
    values = words_as_missing(column, MISSING_WORDS) if actual == "category" else column
    converted = convert(values)
    if converted is not None:
        return converted
    row, value = _first(values, lambda part: convert(part) is None)
    raise SourceError(
        f"Column {name!r} is declared to hold {PLURAL[kind]}, but has {value!r} in row {row}.",
        next_step="Correct the value (times in ISO 8601), or declare another kind in 'types'.",
    )


def words_as_missing(text: pa.ChunkedArray, words: Sequence[str]) -> pa.ChunkedArray:
    """Return the text with each of `words` missing."""
    is_word = pc.is_in(text, value_set=pa.array(words, pa.string()))
    return pc.if_else(is_word, pa.scalar(None, pa.string()), text)


def value_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the canonical text of each value, null where it is missing.

    Text stays as it is. Whole numbers have no point, 3.0 included, so a key does not change when a
    fraction or a gap turns its column into doubles; other numbers are written by `repr`. Booleans
    are true and false; dates and times are ISO 8601, times in UTC without a zone.
    """
    kind = kind_of(column.type)
    if kind == "category":
        return column
    if kind == "boolean" or pa.types.is_integer(column.type) or pa.types.is_date(column.type):
        return column.cast(pa.string())
    if kind == "time":
        texts = [value and value.isoformat() for value in column.to_pylist()]
    else:
        texts = [None if value is None else _float_text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def arrays(table: pa.Table, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return columns as arrays whose dtype shows their kind.

    Numbers are float64 with NaN for missing; categories and booleans are objects (text, "true" or
    "false", None for missing); times are datetime64[us] with NaT for missing.
    """
    return {name: _array(typed_column(table, name)) for name in names}


def _array(column: pa.ChunkedArray) -> np.ndarray:
    kind = kind_of(column.type)
    if kind == "number":
        values = column.cast(pa.float64(), safe=False).to_numpy()
    elif kind == "time":
        values = column.cast(TIMESTAMP).to_numpy().astype("datetime64[us]")
    else:
        values = value_text(column).to_numpy().astype(object)
    return np.asarray(values)


def _number(column: pa.ChunkedArray, *, exact: bool) -> pa.ChunkedArray:
    whole = _cast(column, pa.int64())
    if whole is not None:
        return whole
    # By way of text: Arrow's own cast from decimal to double is not correctly rounded.
    text = column.cast(pa.string())
    return typed_exactly(text) if exact else text.cast(pa.float64())


def _booleans(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    lower = pc.utf8_lower(text)
    yes = pc.is_in(lower, value_set=pa.array(TRUE))
    no = pc.is_in(lower, value_set=pa.array(FALSE))
    if not pc.all(pc.or_(yes, pc.or_(no, pc.is_null(lower)))).as_py():
        return None
    return pc.if_else(pc.is_null(lower), pa.scalar(None, pa.bool_()), yes)


def _times(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    for dtype in (pa.date32(), TIMESTAMP, pa.timestamp("us", "UTC")):
        times = _cast(text, dtype)
        if times is not None:
            return typed(times)
    return None


def _cast(column: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray | None:
    """Return the column as `dtype`, None if a value would be lost or is not of that type."""
    try:
        return column.cast(dtype)
    except pa.ArrowInvalid:
        return None


def _distinct(column: pa.ChunkedArray) -> int:
    return int(pc.count_distinct(column).as_py())


def _first(
    column: pa.ChunkedArray, is_bad: Callable[[pa.ChunkedArray], bool]
) -> tuple[int, object]:
    """Return the row (from 1) of the first bad value, and the value, by repeated halving."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_bad(column[low:middle]) else (middle, high)
    return low + 1, column[low].as_py()


def present(column: pa.ChunkedArray) -> np.ndarray:
    """Mark the values that are not missing."""
    return np.asarray(column.is_valid(), dtype=bool)


def infinite(column: pa.ChunkedArray) -> np.ndarray:
    """Mark the values that are infinite; only doubles can be."""
    if not pa.types.is_floating(column.type):
        return np.zeros(len(column), dtype=bool)
    return np.asarray(np.isinf(column.to_numpy()))


def finite_or_missing(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column with its infinite values missing."""
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_inf(column), pa.scalar(None, column.type), column)


def first_non_number(text: pa.ChunkedArray) -> tuple[int, object] | None:
    """Return row (from 1) and value of the first text that is not a number, if there is one."""
    text = words_as_missing(text, MISSING_WORDS)
    if _cast(text, pa.float64()) is not None:
        return None
    return _first(text, lambda part: _cast(part, pa.float64()) is None)


def _float_text(value: float) -> str:
    return str(int(value)) if abs(value) < MAX_EXACT and value.is_integer() else repr(value)
