"""Numbers as people write them, read by an example of one.

Each becomes the double that is nearest to the digits written, whatever stands around them: powers
of ten are put behind the digits before they are read, so that nothing is rounded twice.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.value_formats import SCALES, NumberExample
from data.sources.forms import numbers_of

BLANK = r"[\s\p{Zs}]"
"""A blank of any sort, for RE2."""

MINUS = "[-\u2212\u2013]"
SIGN = f"(?:[+]|{MINUS})"
MARKS = {",": ",", ".": r"\.", "'": "['’]", " ": BLANK}


def read_numbers(texts: pa.Array, example: NumberExample) -> pa.Array:
    """Return the numbers (n,) that texts without blanks around them stand for, null for others.

    They are whole numbers if all of them are, as in a column of plain numbers, else the nearest
    doubles. Negative ones have a minus before or behind their digits, or parentheses around.
    """
    found = pc.extract_regex(texts, pattern_of(example))
    sign = pc.struct_field(found, "open")
    for name in ("first", "second", "last"):
        sign = pc.binary_join_element_wise(sign, pc.struct_field(found, name), "")
    # One sign at most, and parentheses on both sides or none.
    closed = pc.equal(pc.starts_with(sign, "("), pc.equal(pc.struct_field(found, "close"), ")"))
    fits = pc.and_(closed, pc.less_equal(pc.utf8_length(sign), 1)).fill_null(False)
    digits = pc.struct_field(found, "digits")
    if example.thousands:
        digits = pc.replace_substring_regex(digits, MARKS[example.thousands], "")
    if example.decimal == ",":
        digits = pc.replace_substring(digits, ",", ".")
    minus = pc.if_else(pc.match_substring_regex(sign, "[^+]"), "-", "")
    parts = [minus, digits]
    if example.scaled:
        letters = pc.utf8_lower(pc.struct_field(found, "scale"))
        numbers = pc.index_in(letters, value_set=pa.array([*SCALES]))
        powers = pa.array([f"e{power}" for power in SCALES.values()])
        parts.append(pc.fill_null(powers.take(numbers), ""))
    elif example.power:
        parts.append(pa.scalar(f"e{example.power}"))
    plain = pc.binary_join_element_wise(*parts, "").filter(fits)
    values = numbers_of(plain)
    if values.null_count == 0 and len(values) == len(texts):
        return values
    return pc.replace_with_mask(pa.nulls(len(texts), values.type), fits, values)


def pattern_of(example: NumberExample) -> str:
    """Return the pattern, for RE2, of all numbers that are written as in an example."""
    before, behind = _literal(example.before), _literal(example.behind)
    scale = rf"{BLANK}*(?P<scale>(?i:{'|'.join(SCALES)})?)" if example.scaled else ""
    return (
        rf"^(?P<open>\(?){BLANK}*(?P<first>{SIGN}?){BLANK}*{before}{BLANK}*"
        rf"(?P<second>{SIGN}?){BLANK}*(?P<digits>{_digits(example)}){scale}{BLANK}*"
        rf"{behind}{BLANK}*(?P<last>{MINUS}?){BLANK}*(?P<close>\)?)$"
    )


def _digits(example: NumberExample) -> str:
    point = MARKS[example.decimal]
    whole = r"\d+"
    if example.thousands:
        mark = MARKS[example.thousands]
        groups = rf"\d{{1,2}}(?:{mark}\d{{2}})*" if example.pairs else r"\d{1,3}"
        more = "" if example.pairs else f"(?:{mark}\\d{{3}})*"
        whole = rf"(?:{groups}{more}{mark}\d{{3}}|\d+)"
    power = "" if example.power or example.scaled else r"(?:[eE][+-]?\d+)?"
    return rf"(?:{whole}(?:{point}\d+)?|{point}\d+){power}"


def _literal(text: str) -> str:
    """Return a pattern of the text around digits; its blanks are blanks of any sort, or none."""
    words = re.split(r"\s+", text.strip())
    return f"{BLANK}*".join(map(_escaped, words))


def _escaped(word: str) -> str:
    return "".join(char if char.isalnum() else f"\\x{{{ord(char):x}}}" for char in word)
