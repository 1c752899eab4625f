"""The times of a source with types: those of known zones, from the year 1 to 9999, can be used.

Python and the databases have no others, while a Parquet file may have any number of microseconds.
"""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DAYS = (-719_162, 2_932_896)
"""The first day of the year 1 and the last one of 9999, counted from 1970."""

UNITS_PER_DAY = {
    pa.date32(): 1,
    pa.date64(): 86_400_000,
    **{unit: 86_400 * 10**digits for unit, digits in (("s", 0), ("ms", 3), ("us", 6), ("ns", 9))},
}
COMPACT_OFFSET = re.compile(r"([+-]\d\d)(\d\d)")


def known_zone(field: pa.Field) -> pa.Field:
    """Return a field whose zone is written as Arrow and Python know it, where that is clear."""
    zone = field.type.tz if pa.types.is_timestamp(field.type) else None
    if not zone:
        return field
    known = "UTC" if zone.upper() in ("UTC", "Z") else zone
    if match := COMPACT_OFFSET.fullmatch(known):
        known = f"{match[1]}:{match[2]}"
    return field.with_type(pa.timestamp(field.type.unit, known))


def unknown_zone(dtype: pa.DataType) -> str:
    """Return the zone of a type of times if nobody knows it, else ""."""
    if not pa.types.is_timestamp(dtype) or dtype.tz is None:
        return ""
    try:
        pa.lib.string_to_tzinfo(dtype.tz)
        pc.local_timestamp(pa.array([0], pa.int64()).cast(dtype))
    except (KeyError, ValueError):
        return str(dtype.tz)
    return ""


def outside_calendar(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Mark the times (n,) that are before the year 1 or after 9999."""
    dtype = column.type
    per_day = UNITS_PER_DAY.get(dtype.unit if pa.types.is_timestamp(dtype) else dtype)
    first, last = (DAYS[0] * (per_day or 0), (DAYS[1] + 1) * (per_day or 0) - 1)
    if per_day is None or last > np.iinfo(np.int64).max:  # nanoseconds end in 2262
        return np.zeros(len(column), dtype=bool)
    counts = _counts(column)
    outside = pc.or_(pc.less(counts, first), pc.greater(counts, last))
    return np.asarray(outside.fill_null(False), dtype=bool)


def within_calendar(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return a column whose times before the year 1 or after 9999 are missing."""
    outside = outside_calendar(column)
    if not outside.any():
        return column
    return pc.if_else(pa.array(outside), pa.scalar(None, column.type), column)


def times_as_text(column: pa.ChunkedArray, rows: Sequence[int]) -> list[str]:
    """Return the times of any year in some rows (from 0) as messages show them, in UTC."""
    if not rows:
        return []
    column = column.take(pa.array(rows, pa.int64()))
    if pa.types.is_timestamp(column.type):
        column = _counts(column).cast(pa.timestamp(column.type.unit))
    texts = column.cast(pa.string()).to_pylist()
    return [text.removesuffix(" 00:00:00.000000") for text in texts]


def _counts(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    return column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
