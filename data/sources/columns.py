"""Typed columns: each column of a source becomes one of four kinds.

A number is int64 or float64, a category text, a boolean bool, a time date32 or timestamp[us]. A
missing value is null, whatever the source called it; NaN is missing too.

Times of a source with time zones are in UTC. Beside such a column stands another, called `OFFSETS`
and its name: by how many minutes the clock was ahead of UTC where the time was taken, which the
weekday and the hour of a feature depend on. Only `data.sources` sees it.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.errors import SourceError
from data.sources.forms import DECLARED_BOOLEANS, TIMESTAMP, cast

MAX_EXACT = 2.0**53
"""Above it, a double cannot tell neighbouring whole numbers apart."""

MAX_MAGNITUDE = 1e150
"""Beyond it, the square of a value leaves the range of doubles: it counts as infinite."""

PIECE = 131_072
"""Values that are made Python objects at once."""

OFFSETS = "\x1futc_offset:"
"""Before a column's name: the column with the minutes by which its clock is ahead of UTC."""

TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)

PLURAL: dict[Kind | None, str] = {
    "number": "numbers",
    "category": "categories",
    "boolean": "booleans",
    "time": "times",
}
TYPES: dict[Kind, pa.DataType] = {
    "number": pa.float64(),
    "category": pa.string(),
    "boolean": pa.bool_(),
    "time": TIMESTAMP,
}
"""What a column of a kind is when it has no values."""


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
    `exact`, which keys need, a column that would lose a digit that way becomes text instead, in
    which each value has the text that it has in any other column.
    """
    dtype = column.type
    if exact and pa.types.is_timestamp(dtype) and cast(column, TIMESTAMP) is None:
        return _all_digits(column)
    if pa.types.is_dictionary(dtype):
        values = dtype.value_type
        return typed(column.cast(values), exact=exact) if has_kind(values) else None
    if pa.types.is_integer(dtype) or pa.types.is_decimal(dtype):
        return _number(column, exact=exact)
    return next((convert(column) for matches, convert in _CONVERSIONS if matches(dtype)), None)


def has_kind(dtype: pa.DataType) -> bool:
    """Return whether `typed` makes a column of this type one of the four kinds."""
    if pa.types.is_dictionary(dtype):
        return has_kind(dtype.value_type)
    is_number = pa.types.is_integer(dtype) or pa.types.is_decimal(dtype)
    return is_number or any(matches(dtype) for matches, _ in _CONVERSIONS)


def is_fixed_width(dtype: pa.DataType) -> bool:
    """Return whether a value of this type takes eight bytes at most, whatever it is."""
    primitive: bool = pa.types.is_primitive(dtype)
    return primitive


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
    pieces = (
        pa.array([None if v is None else str(v) for v in piece.to_pylist()], pa.string())
        for piece in _pieces(column)
    )
    return pa.chunked_array(pieces, pa.string())


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    unit = column.type.unit
    if unit == "ns":
        fine = pa.duration("us") if pa.types.is_duration(column.type) else pa.time64("us")
        column, unit = column.cast(fine, safe=False), "us"
    width = pa.int32() if pa.types.is_time32(column.type) else pa.int64()
    counts = column.cast(width).cast(pa.float64(), safe=False)
    return pc.divide(counts, {"s": 1.0, "ms": 1e3, "us": 1e6}[unit])


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


def offsets(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return by how many minutes the clock of a column's zone is ahead of UTC at each time.

    None for a column without a zone, and for one whose clock is UTC.
    """
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        return None
    local = pc.local_timestamp(column).cast(pa.int64())
    per_minute = {"s": 60, "ms": 60_000, "us": 60_000_000, "ns": 60_000_000_000}
    ahead = pc.subtract(local, column.cast(pa.int64()))
    minutes = pc.divide(ahead, per_minute[column.type.unit]).cast(pa.int32())
    return minutes if pc.any(pc.not_equal(minutes, 0)).as_py() else None


def as_kind(column: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray | None:
    """Return a column of values as another kind, None if it cannot be of it."""
    actual = kind_of(column.type)
    if actual == kind:
        return column
    if kind == "category":
        return value_text(column)
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), TYPES[kind])])
    if (actual, kind) == ("boolean", "number"):
        return column.cast(pa.int64())
    if (actual, kind) == ("number", "boolean"):
        texts = value_text(column).combine_chunks()
        if DECLARED_BOOLEANS.fits(texts.drop_null()).all():
            return pa.chunked_array([DECLARED_BOOLEANS.read(texts)])
    return None


def value_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the canonical text of each value, null where it is missing.

    Text stays as it is. Whole numbers have no point, 3.0 included, so a key does not change when a
    fraction or a gap turns its column into doubles; other numbers are written by `repr`. Booleans
    are true and false; dates and times are ISO 8601, times in UTC without a zone. Midnight has no
    time of day, so that a key does not change when its column of dates becomes one of times.
    """
    kind = kind_of(column.type)
    if kind == "category":
        return column
    if kind == "boolean" or pa.types.is_integer(column.type) or pa.types.is_date(column.type):
        return column.cast(pa.string())
    text = _moment_text if kind == "time" else _float_text
    pieces = (
        pa.array([None if v is None else text(v) for v in piece.to_pylist()], pa.string())
        for piece in _pieces(column)
    )
    return pa.chunked_array(pieces, pa.string())


def _pieces(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Yield a column in pieces that take little memory as Python's objects."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), PIECE):
            yield chunk[start : start + PIECE]


def arrays(table: pa.Table, names: Sequence[str], *, in_utc: bool = False) -> dict[str, np.ndarray]:
    """Return columns as arrays whose dtype shows their kind.

    Numbers are float64 with NaN for missing; categories and booleans are objects (text, "true" or
    "false", None for missing); times are datetime64[us] with NaT for missing. Times of a source
    with zones are what the clock showed if the table has their `OFFSETS`, else and with `in_utc` in
    UTC.
    """
    column = typed_column if in_utc else _by_the_clock
    return {name: _array(column(table, name)) for name in names}


def with_offsets(names: Sequence[str]) -> list[str]:
    """Return the names of columns, each followed by that of its `OFFSETS`."""
    return [name for column in names for name in (column, OFFSETS + column)]


def _by_the_clock(table: pa.Table, name: str) -> pa.ChunkedArray:
    column = typed_column(table, name)
    if OFFSETS + name not in table.column_names:
        return column
    minutes = pc.multiply(table[OFFSETS + name].cast(pa.int64()), 60_000_000)
    return pc.add(column.cast(TIMESTAMP), minutes.cast(pa.duration("us")))


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
    whole = cast(column, pa.int64())
    if whole is not None:
        return whole
    # By way of text: Arrow's own cast from decimal to double is not correctly rounded.
    text = column.cast(pa.string())
    return _shortest(text) if exact else text.cast(pa.float64())


def _shortest(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the digits of each number that are not zeros at its end: "2.50" is "2.5"."""
    decimals = pc.replace_substring_regex(text, r"(\.\d*?)0+$", r"\1")
    return pc.replace_substring_regex(decimals, r"\.$", "")


def _all_digits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times of nanoseconds as text, with all nine digits where the last three are not 0."""
    return pa.chunked_array(map(_nine_digits, _pieces(column)), pa.string())


def _nine_digits(times: pa.Array) -> pa.Array:
    nanoseconds = times.cast(pa.int64()).to_pylist()
    microseconds = pa.array([count and count // 1_000 for count in nanoseconds], pa.int64())
    whole = value_text(pa.chunked_array([microseconds.cast(TIMESTAMP)])).to_pylist()
    texts = [
        text if not count or count % 1_000 == 0 else with_digits(text, f"{count % 10**9:09d}")
        for text, count in zip(whole, nanoseconds, strict=True)
    ]
    return pa.array(texts, pa.string())


def with_digits(text: str, digits: str) -> str:
    """Return the text of a date or a time with other digits behind its second."""
    moment = text if len(text) > len("2024-03-31") else f"{text}T00:00:00"
    return f"{moment[:19]}.{digits}"


def present(column: pa.ChunkedArray) -> np.ndarray:
    """Mark the values that are not missing."""
    return np.asarray(column.is_valid(), dtype=bool)


def infinite(column: pa.ChunkedArray) -> np.ndarray:
    """Mark the values that are infinite, or beyond `MAX_MAGNITUDE`; only doubles can be."""
    if not pa.types.is_floating(column.type):
        return np.zeros(len(column), dtype=bool)
    return np.asarray(np.abs(column.to_numpy()) > MAX_MAGNITUDE)


def infinity_in_words(column: pa.ChunkedArray) -> str:
    """Return what the values that `infinite` marks are."""
    values = column.to_numpy()[infinite(column)]
    return "infinite" if np.isinf(values).all() else f"infinite or beyond {MAX_MAGNITUDE:g}"


def finite_or_missing(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column with its infinite values, as `infinite` marks them, missing."""
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pa.array(infinite(column)), pa.scalar(None, column.type), column)


def _float_text(value: float) -> str:
    return str(int(value)) if abs(value) < MAX_EXACT and value.is_integer() else repr(value)


def _moment_text(value: datetime.date) -> str:
    return value.isoformat().removesuffix("T00:00:00")
