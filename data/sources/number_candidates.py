"""The examples of a number that a text may be written as, told by its look alone."""

import re
from collections.abc import Iterator

from data.declarations.value_formats import BLANKS, CURRENCY, SIGNS
from data.sources.formats import DIGITS

UNIT = r"(?:[^\W\d][\w°/²³.-]{0,9}|°\w?)"
LOOK = re.compile(
    rf"\(?[{SIGNS}]?\s?(?P<before>(?:{CURRENCY}|[A-Z]{{2,3}}|kr\.?|zł|Fr\.?|%)?)(?P<a>\s?)[{SIGNS}]?\s?"
    rf"(?P<digits>{DIGITS}|\d{{1,2}}(?:,\d{{2}}){{0,8}},\d{{3}}(?:\.\d+)?|[.,]\d+)"
    rf"(?P<b>\s?)(?P<behind>(?:%|‰|{CURRENCY}|{UNIT}(?:\s?[€$£])?)?)[{SIGNS}]?\)?"
)
MARKS = (
    *(("12.5", ".", ""), ("1,234.50", ".", ","), ("12,5", ",", ""), ("1.234,50", ",", ".")),
    *(("1'234.50", ".", "'"), ("1 234.50", ".", " "), ("1 234,50", ",", " ")),
    *(("1'234,50", ",", "'"), ("12,34,567.50", ".", ",")),
)
"""The digits of an example, the mark before its decimals and that between its thousands, the
simplest first."""


def examples_of(text: str) -> Iterator[str]:
    """Yield the examples that a text may be written as, the simplest first; there may be none."""
    match = LOOK.fullmatch(text.strip())
    if match is None:
        return
    gaps = [" " if match[name] else "" for name in ("a", "b")]
    before, behind = match["before"] + gaps[0], gaps[1] + match["behind"]
    for digits, decimal, thousands in MARKS:
        marks = {*re.findall(rf"[.,'’{BLANKS}]", match["digits"])}
        plain = {"'" if mark == "’" else " " if mark in BLANKS else mark for mark in marks}
        if plain <= {decimal, thousands}:
            yield before + digits + behind
            if match["b"] == "" and re.fullmatch("[kKMBT]", match["behind"]):
                yield f"{before}{digits} {match['behind']}"  # a unit, not a power of ten
