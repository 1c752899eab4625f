"""The values of a column by the format that its declaration gives."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.time_patterns import TimePattern
from data.declarations.value_formats import Count, NumberExample, ValueFormat, Words
from data.sources.forms import TIMESTAMP, cast
from data.sources.number_format import read_numbers
from data.sources.time_format import read_times, tight_width
from data.sources.time_range import within_calendar

PER_SECOND = {
    "seconds": 1,
    "milliseconds": 1_000,
    "microseconds": 1_000_000,
    "nanoseconds": 1_000_000_000,
}
DAY_SECONDS = 86_400
EXCEL_DAYS = {"excel": -25_569, "excel 1904": -24_107}
"""The days from 1970 to day 0 of a spreadsheet: 30 December 1899, from March 1900 on."""

LEAP = 60
"""The day 29 February 1900, which spreadsheets count and the calendar does not have."""

LAST_DAY = 2_932_896
"""31 December 9999, counted from 1970."""

DECIMALS = r"^(?P<sign>[+-]?)(?P<whole>\d{1,19})(?:\.(?P<rest>\d*))?$"


@dataclass(frozen=True)
class Read:
    """Values (n,) in the type of their kind, null where one is not written in the format.

    `offsets` are the minutes by which clocks are ahead of UTC, None without zones.
    """

    values: pa.Array
    offsets: pa.Array | None = None


def read_column(column: pa.ChunkedArray, written: ValueFormat) -> Read | None:
    """Return the values of a column of texts or numbers, as one array.

    Texts have no blanks around them. None for numbers whose format is only for texts.
    """
    read = _of_texts if pa.types.is_string(column.type) else _of_numbers
    parts = [read(chunk, written) for chunk in column.chunks or [pa.nulls(0, column.type)]]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    types = {part.values.type for part in known}
    dtype = pa.float64() if len(types) > 1 else types.pop()
    values = pa.concat_arrays([part.values.cast(dtype, safe=False) for part in known])
    if isinstance(written, Count) and written.since != "unix" and _are_dates(values):
        values = values.cast(pa.date32())
    offsets = [part.offsets for part in known if part.offsets is not None]
    return Read(values, pa.concat_arrays(offsets) if offsets else None)


def _are_dates(times: pa.Array) -> bool:
    present = np.asarray(times.drop_null().cast(pa.int64()))
    return len(present) > 0 and not (present % (DAY_SECONDS * 1_000_000)).any()


def _of_texts(column: pa.Array, written: ValueFormat) -> Read:
    if not column.null_count:
        return read_texts(column, written)
    present = pc.is_valid(column)
    read = read_texts(column.filter(present), written)
    values = _spread(read.values, present)
    return Read(values, None if read.offsets is None else _spread(read.offsets, present))


def _spread(values: pa.Array, present: pa.Array) -> pa.Array:
    """Return values in the rows that are marked, null in the others."""
    return pc.replace_with_mask(pa.nulls(len(present), values.type), present, values)


def read_texts(texts: pa.Array, written: ValueFormat) -> Read:
    """Return the values of texts (n,), which have no blanks around them and no null."""
    if isinstance(written, NumberExample):
        return Read(read_numbers(texts, written))
    if isinstance(written, TimePattern):
        times = read_times(texts, written)
        return Read(times.values, times.offsets)
    if isinstance(written, Words):
        return Read(_booleans(texts, written))
    return Read(_counted(texts, written))


def _of_numbers(values: pa.Array, written: ValueFormat) -> Read | None:
    """Return the values of numbers (n,) that have a type of their own already.

    Counted times and patterns of digits alone can be read from them; for other formats, None.
    """
    if isinstance(written, Count):
        if pa.types.is_integer(values.type):
            return Read(_of_whole(values, written))
        return Read(_from_doubles(values, written))
    if not isinstance(written, TimePattern) or tight_width(written) is None:
        return None
    return _of_texts(values.cast(pa.string()), written)


def _booleans(texts: pa.Array, words: Words) -> pa.Array:
    lower = pc.utf8_lower(texts)
    true = pc.equal(lower, words.true)
    fits = pc.or_(true, pc.equal(lower, words.false))
    return pc.if_else(fits, true, pa.scalar(None, pa.bool_()))


def _counted(texts: pa.Array, written: Count) -> pa.Array:
    """Return the times that texts of plain numbers count; exact to the microsecond."""
    whole = cast(texts, pa.int64())
    if whole is not None:
        return _of_whole(whole, written)
    found = pc.extract_regex(texts, DECIMALS)
    fits = pc.is_valid(found)
    found = found.filter(fits)
    if written.since != "unix":
        doubles = _plain(found).cast(pa.float64())
        values = _serial(np.asarray(doubles), written)
    else:
        values = _since_1970(found, PER_SECOND[written.unit or "seconds"])
    return _spread(values, fits)


def _plain(found: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(
        pc.binary_join_element_wise(
            pc.struct_field(found, "sign"), pc.struct_field(found, "whole"), ""
        ),
        pc.struct_field(found, "rest"),
        ".",
    )


def _since_1970(found: pa.Array, per_second: int) -> pa.Array:
    """Return times from the digits of counts, cut to microseconds towards the past."""
    whole = pc.struct_field(found, "whole").cast(pa.uint64())
    fits = np.asarray(pc.less_equal(whole, np.iinfo(np.int64).max), dtype=bool)
    units = np.asarray(whole).astype(np.int64)
    digits = pc.utf8_slice_codeunits(
        pc.utf8_rpad(pc.struct_field(found, "rest"), width=6, padding="0"), 0, 6
    )
    millionths = np.asarray(digits.cast(pa.int64()))
    lost = np.asarray(pc.match_substring_regex(pc.struct_field(found, "rest"), r"^\d{6}0*[1-9]"))
    negative = np.asarray(pc.equal(pc.struct_field(found, "sign"), "-"))
    scale = 1_000_000 // per_second
    if scale:
        fits &= units <= np.iinfo(np.int64).max // scale - 1
        units = np.where(fits, units, 0)
        parts = millionths * scale
        micros = units * scale + parts // 1_000_000
        lost = lost | (parts % 1_000_000 > 0)
    else:
        micros, lost = units // 1_000, lost | (units % 1_000 > 0) | (millionths > 0)
    micros = np.where(negative, -micros - lost, micros)
    return within_calendar(pa.array(micros, pa.int64(), mask=~fits).cast(TIMESTAMP))


def _of_whole(values: pa.Array, written: Count) -> pa.Array:
    if written.since != "unix":
        return _from_doubles(values, written)
    counts = values.cast(pa.int64())
    scale = 1_000_000 // PER_SECOND[written.unit or "seconds"]
    if not scale:
        exact = np.asarray(counts.fill_null(0)) // 1_000
        micros = pa.array(exact, mask=np.asarray(counts.is_null()))
    else:
        most = np.iinfo(np.int64).max // scale
        fits = pc.and_(pc.less_equal(counts, most), pc.greater_equal(counts, -most))
        micros = pc.multiply(pc.if_else(fits, counts, pa.scalar(None, pa.int64())), scale)
    return within_calendar(micros.cast(TIMESTAMP))


def _from_doubles(values: pa.Array, written: Count) -> pa.Array:
    doubles = np.asarray(values.cast(pa.float64()).fill_null(np.nan))
    if written.since != "unix":
        return _serial(doubles, written)
    micros = doubles / PER_SECOND[written.unit or "seconds"] * 1e6
    fits = np.abs(micros) < 2.0**62
    whole = np.rint(np.where(fits, micros, 0)).astype(np.int64)
    return within_calendar(pa.array(whole, pa.int64(), mask=~fits).cast(TIMESTAMP))


def _serial(days: np.ndarray, written: Count) -> pa.Array:
    """Return the times of a spreadsheet's days, to the millisecond, as it has no finer ones."""
    shift = EXCEL_DAYS[written.since]
    with np.errstate(invalid="ignore"):
        fits = (days >= (1 if written.since == "excel" else 0)) & (days < LAST_DAY - shift + 1)
        if written.since == "excel":
            fits &= np.floor(days) != LEAP
    milliseconds = np.rint(np.where(fits, days, 0) * (DAY_SECONDS * 1_000)).astype(np.int64)
    if written.since == "excel":
        milliseconds += np.where(days < LEAP, DAY_SECONDS * 1_000, 0)
    moments = milliseconds + shift * DAY_SECONDS * 1_000
    return within_calendar(pa.array(moments * 1_000, pa.int64(), mask=~fits).cast(TIMESTAMP))
