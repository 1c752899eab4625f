"""What a Parquet file states of the values in each of its row groups, compared with what is read.

Most programs write pages without checksums. Bytes that are damaged there are read as other values,
and nothing else in the file can tell. But nearly all of them state, beside each column of a row
group, its least and greatest value and the number of those that are missing.
"""

from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.errors import SourceLate, quoted
from data.sources.columns import TEXT_TYPES

EXACT = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_timestamp,
)
"""Types whose least and greatest values are stated whole; those of long texts are cut off."""


class Stated:
    """The statistics of a file, to be compared with one column after the other."""

    def __init__(self, file: pq.ParquetFile) -> None:
        metadata = file.metadata
        self._groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        self._ends = list(accumulate(group.num_rows for group in self._groups))
        paths = [file.schema.column(number).path for number in range(metadata.num_columns)]
        self._place = {path: number for number, path in enumerate(paths)}

    def refuse_other_values(self, name: str, column: pa.ChunkedArray) -> None:
        """Raise `SourceLate` if the values of a column are not those that the file states.

        A column of lists or structures, and a row group without statistics, is not compared.
        """
        if name not in self._place:
            return
        for number, (group, end) in enumerate(zip(self._groups, self._ends, strict=True), start=1):
            stated = group.column(self._place[name]).statistics
            if stated is None:
                continue
            values = column.slice(end - group.num_rows, group.num_rows)
            differs = _other_count(stated, values) or _other_range(stated, values)
            if differs:
                where = f" in row group {number} of {len(self._groups)}" if self._groups[1:] else ""
                raise SourceLate(
                    f"Column {name!r} has {differs}{where}, which contradicts the statistics of"
                    " the file: it is damaged, or the program that wrote it has a bug.",
                    next_step="Write or copy it again.",
                )


def _other_count(stated: pq.Statistics, values: pa.ChunkedArray) -> str | None:
    """Return in words how many values are missing, if that is not what is stated."""
    if not stated.has_null_count or stated.null_count == values.null_count:
        return None
    return f"{values.null_count:,} missing values instead of {stated.null_count:,}"


def _other_range(stated: pq.Statistics, values: pa.ChunkedArray) -> str | None:
    """Return in words what the least or greatest value is, if that is not what is stated."""
    if not stated.has_min_max or values.null_count == len(values):
        return None
    if pa.types.is_dictionary(values.type):
        values = values.unique().cast(values.type.value_type)
    is_text = any(is_type(values.type) for is_type in TEXT_TYPES)
    if not is_text and not any(is_type(values.type) for is_type in EXACT):
        return None
    if is_text:
        values = values.cast(pa.large_binary())
    try:
        ends = (stated.min_raw, stated.max_raw) if is_text else (stated.min, stated.max)
        low, high = (pa.scalar(each, values.type) for each in ends)
    except (pa.ArrowException, ValueError, OverflowError, TypeError):
        return None  # a year that Python has no date for, or a type that its statistics lack
    found = pc.min_max(values)
    least, greatest = found["min"], found["max"]
    is_least, is_greatest = pc.equal(least, low).as_py(), pc.equal(greatest, high).as_py()
    if is_text:  # long ones are cut off, so that all texts are between what is left
        is_least = pc.greater_equal(least, low).as_py()
        is_greatest = pc.less_equal(greatest, high).as_py()
    if (is_least and is_greatest) or _has_nan(values, low, high):
        return None
    if is_least:
        return f"{_in_words(greatest)} as its greatest value instead of {_in_words(high)}"
    return f"{_in_words(least)} as its least value instead of {_in_words(low)}"


def _has_nan(values: pa.ChunkedArray, *ends: pa.Scalar) -> bool:
    """Return whether a value is NaN, of which older programs took no care."""
    if not pa.types.is_floating(values.type):
        return False
    return bool(pc.any(pc.is_nan(values)).as_py()) or any(pc.is_nan(end).as_py() for end in ends)


def _in_words(value: pa.Scalar) -> str:
    """Return a value as a message repeats it."""
    if pa.types.is_large_binary(value.type):
        return quoted(value.as_py().decode(errors="replace"))
    return str(value)
