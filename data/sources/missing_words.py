"""The words that mean a missing value; `docs/datasets.md` shows this table.

A cell is blank if it is empty or holds nothing but blanks, no-break spaces included. Blanks around
a word do not count.
"""

from collections.abc import Sequence

NULLS = (
    *("NA", "N/A", "n/a", "n.a.", "#NA", "NaN", "nan", "NAN", "-NaN", "-nan", "NaT", "<NA>"),
    *("NULL", "Null", "null", "(null)", "<null>", "[NULL]", "\\N", "None"),
)
"""What databases, R and Python write. Beside numbers, times and booleans they need no warning."""

MARKS = (
    *("-", "--", "---", "\u2212", "\u2013", "\u2014", ".", "..", "...", "?", "??", ":", "*"),
    *("#N/A", "#N/A N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"),
    *("#NV", "#WERT!", "#BEZUG!", "#ZAHL!"),
    *("0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00"),
)
"""Signs, errors of spreadsheets, dates of zeros: taken as missing, and named in a warning."""

BESIDE_VALUES = ("none", "none?", "nil", "Nil", "NIL")
"""Taken as missing and named in a warning, but only beside numbers, times or booleans."""

OF_KEYS = ("NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None")
"""In a key or a group no other words count: "-" or "." may well identify something."""

EVERYWHERE = (*NULLS, *MARKS)


def documented() -> Sequence[tuple[str, Sequence[str]]]:
    """Return where words count, and these words, as `docs/datasets.md` lists them."""
    return (
        ("everywhere", NULLS),
        ("everywhere, with a warning", MARKS),
        ("beside numbers, times or booleans, with a warning", BESIDE_VALUES),
        ("in keys and groups", OF_KEYS),
    )
