"""Values that a database sends as text, in the types of Arrow."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from data.sources.forms import TIMESTAMP

MAX_DIGITS = 76
"""Digits of the largest decimal number of Arrow."""

SECONDS = r"^(?P<sign>-?)(?P<h>\d+):(?P<m>\d\d):(?P<s>\d\d(?:\.\d*)?)$"
UTC_TIME = pa.timestamp("us", "UTC")

Finish = Callable[[pa.ChunkedArray], pa.ChunkedArray]


def cast_or_text(dtype: pa.DataType) -> Finish:
    """Return what makes texts values of a type, or leaves them as they are if one is not of it."""

    def finished(texts: pa.ChunkedArray) -> pa.ChunkedArray:
        try:
            return texts.cast(dtype)
        except pa.ArrowInvalid:
            return texts

    return finished


def decimals(digits: int | None, scale: int | None, *, exact: bool) -> Finish:
    """Return what makes texts decimal numbers of so many digits, or of any number of them if None.

    Those of any number of digits are whole numbers if all are, or the nearest doubles; an `exact`
    column, as a key, then keeps its texts, without zeros behind the last digit.
    """
    fits = digits is not None and digits <= MAX_DIGITS and 0 <= (scale or 0) <= digits
    first = pa.decimal256(digits, scale or 0) if fits else pa.int64()

    def finished(texts: pa.ChunkedArray) -> pa.ChunkedArray:
        for dtype in (first, pa.float64()):
            if exact and dtype == pa.float64():
                zeros = pc.replace_substring_regex(texts, r"(\.\d*?)0+$", r"\1")
                return pc.replace_substring_regex(zeros, r"\.$", "")
            try:
                return texts.cast(dtype)
            except pa.ArrowInvalid:
                continue
        return texts

    return finished


def widened(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts of numbers of single precision as doubles."""
    return texts.cast(pa.float32()).cast(pa.float64())


def seconds(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts of clock times or durations, as 12:30:00, as numbers of seconds."""
    present = texts.drop_null()
    if not pc.all(pc.match_substring_regex(present, SECONDS)).as_py() and len(present):
        return texts
    parts = pc.extract_regex(texts, SECONDS)

    def part(name: str) -> pa.ChunkedArray:
        return pc.struct_field(parts, name).cast(pa.float64())

    total = pc.add(pc.add(pc.multiply(part("h"), 3600.0), pc.multiply(part("m"), 60.0)), part("s"))
    is_negative = pc.equal(pc.struct_field(parts, "sign"), "-")
    return pc.if_else(is_negative, pc.negate(total), total)


def levels(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts that are levels of a category, whatever they look like."""
    return texts.dictionary_encode()


TIMES = {
    "date": (pa.date32(), cast_or_text(pa.date32())),
    "timestamp": (TIMESTAMP, cast_or_text(TIMESTAMP)),
    "timestamptz": (UTC_TIME, cast_or_text(UTC_TIME)),
}
"""The type of each kind of time, and what makes texts values of it."""
