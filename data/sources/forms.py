"""The forms of text that nightfit reads as a number, a time or a boolean."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.sources.time_range import within_calendar

FEW = 100
"""Texts that are cast before all others, as most columns that cannot be cast begin with one that
cannot be."""

TIMESTAMP = pa.timestamp("us")
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")

DAY = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?|24:00(?::00(?:\.0+)?)?"
MOMENT = rf"{DAY}[T ](?:[01]\d|2[0-3])(?::[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)?"
OFFSET = r"(?:Z|[+-]\d{2}(?::?\d{2})?)"
MONTH = r"\d{4}-(?:0[1-9]|1[0-2])"

Mask = np.ndarray


@dataclass(frozen=True)
class Form:
    """A way to write values of a kind: the texts that are of it, and how they are read.

    `read` takes texts of this form. One that is of the form, and no value all the same, such as
    2023-02-30, becomes null.
    """

    kind: Kind
    pattern: str
    read: Callable[[pa.Array], pa.Array]

    def fits(self, texts: pa.Array) -> Mask:
        """Mark the texts (n,) that are of this form, all by their pattern."""
        return np.asarray(pc.match_substring_regex(texts, f"^(?:{self.pattern})$"), dtype=bool)


def numbers_of(texts: pa.Array) -> pa.Array:
    """Return plain numbers as whole numbers if all of them are, else as the nearest doubles."""
    negative_zero = pc.any(pc.match_substring_regex(texts, "^-0+$")).as_py()
    whole = None if negative_zero else cast(texts, pa.int64())
    return texts.cast(pa.float64()) if whole is None else whole


def _seconds(texts: pa.Array) -> pa.Array:
    parts = [text.split(":") for text in texts.to_pylist()]
    seconds = [int(part[0]) * 3600 + int(part[1]) * 60 + float((*part, 0)[2]) for part in parts]
    return pa.array(seconds, pa.float64())


def _times(texts: pa.Array) -> pa.Array:
    months = pc.equal(pc.utf8_length(texts), len("2024-03"))
    days = pc.if_else(months, pc.binary_join_element_wise(texts, "01", "-"), texts)
    dates = _each(days, pa.date32()) if pc.max(pc.utf8_length(days)).as_py() == 10 else None
    return _each(days, TIMESTAMP) if dates is None else dates


def _zoned_times(texts: pa.Array) -> pa.Array:
    tight = pc.replace_substring_regex(texts, r" (Z|[+-]\d\d:?\d*)$", r"\1")
    return _each(tight, pa.timestamp("us", "UTC")).cast(TIMESTAMP)


def offsets_of(texts: pa.Array) -> pa.Array:
    """Return by how many minutes the clock of each text with a zone is ahead of UTC."""
    signs = pc.struct_field(pc.extract_regex(texts, r"(?P<offset>Z|[+-]\d\d:?\d*)$"), "offset")
    coded = signs.dictionary_encode()
    minutes = pa.array(map(_minutes, coded.dictionary.to_pylist()), pa.int32())
    return minutes.take(coded.indices)


def _minutes(offset: str) -> int:
    digits = offset[1:].replace(":", "").ljust(4, "0")
    size = int(digits[:2]) * 60 + int(digits[2:4])
    return -size if offset[0] == "-" else size


def _each(texts: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Return the texts as `dtype`, null where one cannot be it, such as a 30th of February."""
    # Beyond microseconds, digits are cut off: Arrow would refuse them.
    texts = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    values = cast(texts, dtype)
    if values is not None:
        return within_calendar(values)
    if len(texts) == 1:
        return pa.nulls(1, dtype)
    middle = len(texts) // 2
    return pa.concat_arrays([_each(texts[:middle], dtype), _each(texts[middle:], dtype)])


def _booleans(texts: pa.Array) -> pa.Array:
    words = pc.replace_substring_regex(texts, r"^([01])\.0*$", r"\1")
    return pc.is_in(pc.utf8_lower(words), value_set=pa.array(TRUE))


def cast(texts: pa.Array, dtype: pa.DataType) -> pa.Array | None:
    """Return the texts as `dtype`, None if a value would be lost or is not of that type."""
    try:
        texts[:FEW].cast(dtype)  # Arrow words an error for each one that fails, of all of them
        return texts.cast(dtype)
    except pa.ArrowInvalid:
        return None


NUMBERS = Form(
    "number", r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?i:inf(?:inity)?))", numbers_of
)
CLOCKS = Form("number", CLOCK, _seconds)
TIMES = Form("time", f"{DAY}|{MOMENT}|{MONTH}", _times)
ZONED_TIMES = Form("time", f"{MOMENT} ?{OFFSET}", _zoned_times)
BOOLEANS = Form("boolean", "(?i:true|false)", _booleans)
ONES_AND_ZEROS = Form("number", BOOLEANS.pattern, lambda texts: _booleans(texts).cast(pa.int64()))
DECLARED_BOOLEANS = Form("boolean", rf"(?i:{'|'.join((*TRUE, *FALSE))})|[01]\.0*", _booleans)

SUGGESTED = (NUMBERS, CLOCKS, TIMES, ZONED_TIMES, BOOLEANS)
"""What values may be that have no declared and no remembered kind, in the order of trial."""

OF_KIND: dict[Kind, tuple[Form, ...]] = {
    "number": (NUMBERS, CLOCKS, ONES_AND_ZEROS),
    "time": (TIMES, ZONED_TIMES),
    "boolean": (DECLARED_BOOLEANS,),
}
