"""Times as people write them, read by a pattern.

The parts of each are taken out of its text and put together by the calendar, so that a 30th of
February is none and the language of the machine does not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.time_patterns import Part, TimePattern
from data.sources.forms import TIMESTAMP, offsets_of
from data.sources.number_format import BLANK

PIVOT = 69
"""The first year of two digits that belongs to 1900 and not to 2000, as in POSIX and Python."""

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _names(words: tuple[str, ...]) -> str:
    """Return a pattern of words, whole or in three letters, with a point behind these."""
    each = [f"{word[:3]}(?:{word[3:]})?" if word[3:] else word for word in words]
    return rf"(?i:(?:{'|'.join(each)}|sept)\.?)"


DIGITS = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"0?[1-9]|1[0-2]",
    "d": r"0?[1-9]|[12]\d|3[01]",
    "j": r"\d{1,3}",
    "q": "[1-4]",
    "G": r"\d{4}",
    "V": r"0?[1-9]|[1-4]\d|5[0-3]",
    "u": "[1-7]",
    "H": r"[01]?\d|2[0-3]",
    "I": r"0?[1-9]|1[0-2]",
    "M": r"[0-5]?\d",
    "S": r"[0-5]?\d",
}
OTHERS = {
    "b": _names(MONTHS),
    "a": _names(WEEKDAYS),
    "p": r"(?i:[ap]\.?m\.?)",
    "f": r"\d{1,9}",
    "z": r"(?i:Z)|[+-]\d{2}(?::?[0-5]\d)?",
    "Z": "(?i:UTC|GMT|Z)",
}
WIDTHS = {"Y": 4, "G": 4, "j": 3, "q": 1, "u": 1, **dict.fromkeys("ymdHIMSV", 2)}
"""The digits of each directive where nothing stands between it and others."""

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class ReadTimes:
    """Times (n,), null where a text is none, and by how many minutes their clocks are ahead of UTC.

    `offsets` are None without a zone in the pattern. Times with one are in UTC.
    """

    values: pa.Array
    offsets: pa.Array | None = None


def read_times(texts: pa.Array, pattern: TimePattern) -> ReadTimes:
    """Return the times that texts (n,) without blanks around them stand for, null for others.

    They are dates without a time of day in the pattern. A time of day without a date is its
    seconds, a number. Digits beyond microseconds are cut off.
    """
    if width := tight_width(pattern):
        # What a program made of a column with a gap, such as 20120314.0, is 20120314.
        texts = pc.replace_substring_regex(texts, r"^(\d+)\.0*$", r"\1")
        if pattern.letters[0] not in "YG":  # a number has lost the zeros before it
            texts = pc.utf8_lpad(texts, width=width, padding="0")
    found = pc.extract_regex(texts, pattern_of(pattern))
    fits = np.asarray(pc.is_valid(found), dtype=bool)
    found = found.filter(pa.array(fits))
    part = {
        letter: _numbers(pc.struct_field(found, letter))
        for letter in pattern.letters
        if letter in DIGITS
    }
    for letter in pattern.letters:
        if letter in ("b", "p", "f"):
            part[letter] = _coded(letter, pc.struct_field(found, letter))
    micros = _clock(part)
    if not pattern.has_date:
        seconds = pa.array(np.asarray(micros / 1e6, dtype=float))
        return ReadTimes(_spread(seconds, fits))
    days, exists = _days(part, len(found))
    offsets = None
    if not pattern.has_clock:
        values = pa.array(days.astype("datetime64[D]"), pa.date32(), mask=~exists)
        return ReadTimes(_spread(values, fits))
    moments = days.astype("datetime64[us]").astype(np.int64) + micros
    if "z" in pattern.letters:
        offsets = offsets_of(pc.utf8_upper(pc.struct_field(found, "z")))
        moments = moments - np.asarray(offsets, dtype=np.int64) * 60_000_000
        exists &= (moments >= _FIRST) & (moments <= _LAST)
    values = pa.array(moments, pa.int64(), mask=~exists).cast(TIMESTAMP)
    return ReadTimes(_spread(values, fits), None if offsets is None else _spread(offsets, fits))


_FIRST, _LAST = (
    int(np.datetime64(text, "us").astype(np.int64))
    for text in ("0001-01-01", "9999-12-31T23:59:59.999999")
)


def pattern_of(pattern: TimePattern) -> str:
    """Return the pattern, for RE2, of all texts that a pattern of times may fit."""
    patterns = {**DIGITS, **OTHERS}
    parts = []
    for number, (what, value) in enumerate(pattern.parts):
        if what == "directive":
            digits = patterns[value]
            if _is_beside_digits(pattern.parts, number):
                digits = digits.replace("]?", "]").replace("0?", "0").replace("{1,3}", "{3}")
            parts.append(f"(?P<{value}>{digits})")
        elif what == "blank":
            parts.append(f"{BLANK}+")
        elif value.isalnum():
            parts.append(f"(?i:{value})")
        else:
            parts.append(f"\\x{{{ord(value):x}}}")
        behind = pattern.parts[number + 1 : number + 2]
        if value == "S" and behind and behind[0] == ("directive", "z"):
            parts.append(f"{BLANK}?")
    return f"^{''.join(parts)}$"


def _is_beside_digits(parts: Sequence[Part], number: int) -> bool:
    """Return whether nothing stands between a part and other digits, so that it has all of its."""
    beside = [*parts[max(number - 1, 0) : number], *parts[number + 1 : number + 2]]
    return any(
        value in DIGITS if what == "directive" else value.isdigit() for what, value in beside
    )


def tight_width(pattern: TimePattern) -> int | None:
    """Return how many digits each text has if a pattern is nothing but digits, else None."""
    if any(what != "directive" or letter not in WIDTHS for what, letter in pattern.parts):
        return None
    return sum(WIDTHS[letter] for letter in pattern.letters)


def _numbers(texts: pa.Array) -> np.ndarray:
    return np.asarray(texts.cast(pa.int32()), dtype=np.int64)


def _coded(letter: str, texts: pa.Array) -> np.ndarray:
    """Return the number of a month, the hours of AM or PM, or the microseconds of a fraction."""
    if letter == "f":
        six = pc.utf8_slice_codeunits(pc.utf8_rpad(texts, width=6, padding="0"), 0, 6)
        return _numbers(six)
    coded = pc.utf8_lower(texts).dictionary_encode()
    words = coded.dictionary.to_pylist()
    if letter == "p":
        codes = [12 if word.startswith("p") else 0 for word in words]
    else:
        starts = [month[:3] for month in MONTHS]
        codes = [starts.index(word[:3]) + 1 for word in words]
    each: np.ndarray = np.asarray(codes, dtype=np.int64)[np.asarray(coded.indices)]
    return each


def _clock(part: dict[str, np.ndarray]) -> np.ndarray | int:
    """Return the microseconds since midnight."""
    hours = part.get("H", 0)
    if "I" in part:
        hours = part["I"] % 12 + part["p"]
    seconds = hours * 3_600 + part.get("M", 0) * 60 + part.get("S", 0)
    return seconds * 1_000_000 + part.get("f", 0)


def _days(part: dict[str, np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return dates (n,), and which of them the calendar has."""
    if "G" in part:
        return _weeks(part)
    year = part["Y"] if "Y" in part else part["y"] + np.where(part["y"] < PIVOT, 2000, 1900)
    exists = year >= 1
    month = part.get("m", part.get("b", np.ones(n, np.int64)))
    if "q" in part:
        month = part["q"] * 3 - 2
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = first.astype("datetime64[D]")
    if "d" in part:
        days = days + (part["d"] - 1) * DAY
        exists &= days.astype("datetime64[M]") == first
    if "j" in part:
        days = days + (part["j"] - 1) * DAY
        exists &= days.astype("datetime64[Y]") == first.astype("datetime64[Y]")
    return days, exists


def _weeks(part: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the days of ISO weeks: week 1 has the 4th of January."""

    def monday(year: np.ndarray) -> np.ndarray:
        fourth = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]") + 3 * DAY
        weekday = (fourth.astype(np.int64) + 3) % 7
        return fourth - weekday * DAY

    year = part["G"]
    days = monday(year) + ((part["V"] - 1) * 7 + part.get("u", 1) - 1) * DAY
    exists = (year >= 1) & (days < monday(year + 1))
    exists &= (days >= np.datetime64("0001-01-01")) & (days <= np.datetime64("9999-12-31"))
    return days, exists


def _spread(values: pa.Array, fits: np.ndarray) -> pa.Array:
    if len(values) == len(fits):
        return values
    return pc.replace_with_mask(pa.nulls(len(fits), values.type), pa.array(fits), values)
