"""Numbers as people write them, read by an example of one.

Each becomes the double that is nearest to the digits written, whatever stands around them: powers
of ten are put behind the digits before they are read, so that nothing is rounded twice.
"""

import re

import numpy as np
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
    quick = _quick(texts, example)
    if quick is None:
        return _spread(*_plain(texts, example), n=len(texts))
    fits, plain = quick
    values = _spread(fits, plain, n=len(texts))
    if pc.all(fits).as_py():
        return values
    others = pc.invert(fits)
    rest = _spread(*_plain(texts.filter(others), example), n=pc.sum(others).as_py())
    if pa.types.is_floating(rest.type) or not len(plain):
        values = values.cast(rest.type, safe=False)
    return pc.replace_with_mask(values, others, rest.cast(values.type, safe=False))


def _spread(fits: pa.Array, plain: pa.Array, *, n: int) -> pa.Array:
    """Return the numbers of plain texts in the rows that are marked, null in the others."""
    values = numbers_of(plain)
    if len(values) == n:
        return values
    return pc.replace_with_mask(pa.nulls(n, values.type), fits, values)


def _plain(texts: pa.Array, example: NumberExample) -> tuple[pa.Array, pa.Array]:
    """Mark the texts that are written like the example, and return each of them plainly."""
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
    return fits, pc.binary_join_element_wise(*parts, "").filter(fits)


def _quick(texts: pa.Array, example: NumberExample) -> tuple[pa.Array, pa.Array] | None:
    """Return the same for most ways to write a number, in a third of the time; None for others.

    A pattern without groups is fast, and where no digit or mark can stand before or behind the
    digits, the bytes of these are all that is kept.
    """
    around = example.before + example.behind
    if example.scaled or re.search(r"[\d.,]", around):
        return None
    before, behind = _literal(example.before), _literal(example.behind)
    digits = _digits(example, has_power=False)
    bare = f"{before}{BLANK}*{digits}{BLANK}*{behind}"
    fits = pc.match_substring_regex(texts, f"^(?:{SIGN}?{bare})$")
    if not pc.all(fits).as_py():
        signed = f"{before}{BLANK}*{SIGN}{BLANK}*{digits}{BLANK}*{behind}"
        forms = (
            rf"{SIGN}?{BLANK}*{bare}|{signed}|{bare}{BLANK}*{MINUS}"
            rf"|\({BLANK}*{bare}{BLANK}*\)"
        )
        fits = pc.match_substring_regex(texts, f"^(?:{forms})$")
    chosen = texts if pc.all(fits).as_py() else texts.filter(fits)
    if not len(chosen):
        return fits, chosen
    plain = _kept(chosen, example.decimal)
    negative = pc.match_substring_regex(chosen, f"{MINUS}|\\(")
    minus = [pc.if_else(negative, "-", "")] if pc.any(negative).as_py() else []
    power = [pa.scalar(f"e{example.power}")] if example.power else []
    parts = [*minus, plain, *power]
    return fits, pc.binary_join_element_wise(*parts, "") if len(parts) > 1 else plain


def _kept(texts: pa.Array, decimal: str) -> pa.Array:
    """Return the digits of texts, with a point for the mark before their decimals."""
    kept = np.zeros(256, np.uint8)
    for digit in b"0123456789":
        kept[digit] = digit
    kept[ord(decimal)] = ord(".")
    _, offsets, content = texts.buffers()
    begins = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    signs = kept[np.frombuffer(content, np.uint8)[begins[0] : begins[-1]]]
    counts = np.zeros(len(signs) + 1, np.int32)
    np.cumsum(signs > 0, out=counts[1:])
    buffers = [None, pa.py_buffer(counts[begins - begins[0]]), pa.py_buffer(signs[signs > 0])]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def pattern_of(example: NumberExample) -> str:
    """Return the pattern, for RE2, of all numbers that are written as in an example."""
    before, behind = _literal(example.before), _literal(example.behind)
    scale = rf"{BLANK}*(?P<scale>(?i:{'|'.join(SCALES)})?)" if example.scaled else ""
    return (
        rf"^(?P<open>\(?){BLANK}*(?P<first>{SIGN}?){BLANK}*{before}{BLANK}*"
        rf"(?P<second>{SIGN}?){BLANK}*(?P<digits>{_digits(example)}){scale}{BLANK}*"
        rf"{behind}{BLANK}*(?P<last>{MINUS}?){BLANK}*(?P<close>\)?)$"
    )


def _digits(example: NumberExample, *, has_power: bool = True) -> str:
    point = MARKS[example.decimal]  # beyond 64 bits, groups of digits are a list of numbers
    whole = r"\d+"
    if example.thousands:
        mark = MARKS[example.thousands]
        groups = rf"\d{{1,2}}(?:{mark}\d{{2}}){{0,8}}" if example.pairs else r"[1-9]\d{0,2}"
        more = "" if example.pairs else f"(?:{mark}\\d{{3}}){{0,5}}"
        whole = rf"(?:{groups}{more}{mark}\d{{3}}|\d+)"
    has_power = has_power and not example.power and not example.scaled
    power = "" if not has_power else r"(?:[eE][+-]?\d+)?"
    return rf"(?:{whole}(?:{point}\d+)?|{point}\d+){power}"


def _literal(text: str) -> str:
    """Return a pattern of the text around digits; its blanks are blanks of any sort, or none."""
    words = re.split(r"\s+", text.strip())
    return f"{BLANK}*".join(map(_escaped, words))


def _escaped(word: str) -> str:
    return "".join(char if char.isalnum() else f"\\x{{{ord(char):x}}}" for char in word)
