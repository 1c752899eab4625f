"""What may stand under `formats` in a declaration: how the values of a column are written.

A time has a pattern (`%d.%m.%Y`) or is counted (`excel`, `epoch seconds`), a number has an example
(`$1,234.50`), and a boolean has its two words (`yes/no`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from data.declarations.time_patterns import TimePattern, pattern_from_letters, time_pattern
from data.errors import DeclarationMistake, quoted

MAX_LENGTH = 100
"""Characters of a format."""

GAP = " '’\u00a0\u202f\u2009"
"""Characters between thousands that are neither a comma nor a point; each stands for all blanks,
or for both apostrophes."""

BLANKS = " \u00a0\u202f\u2009"
SIGNS = "-+\u2212"
CURRENCY = r"(?:[$€£¥₹₩₽₺₪₫฿₴₦]|US\$|R\$|C\$|A\$|[A-Z]{3})"
SCALES = {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9, "t": 12}
"""Letters behind a number that stand for a power of ten."""

_NUMBER = re.compile(rf"(?:\d+(?:[.,'’]\d+|[{BLANKS}]\d{{3}}(?!\d))*|[.,]\d+)(?:[eE][+-]?\d+)?")
_DIVIDED = re.compile(r"([^/]*)/([^/]*)")

Unit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds"]
Epoch = Literal["excel", "excel 1904", "unix"]


@dataclass(frozen=True)
class Count:
    """Times that are counted: days of a spreadsheet, or units since 1970."""

    since: Epoch
    unit: Unit | None = None
    kind: Literal["time"] = "time"


@dataclass(frozen=True)
class NumberExample:
    """How numbers are written, as one of them shows.

    `before` and `behind` are what stands before and behind the digits, `decimal` and `thousands`
    the marks among them ("" for no thousands). A number stands for its digits times ten to the
    `power`; with `scaled`, a letter such as k may stand behind it for a power of its own. With
    `pairs`, thousands are in groups of two digits but for the last three, as in India.
    """

    before: str = ""
    behind: str = ""
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", "'", " "] = ""
    pairs: bool = False
    power: int = 0
    scaled: bool = False
    kind: Literal["number"] = "number"


@dataclass(frozen=True)
class Words:
    """The two words of a boolean, in lower case; one of them may be empty."""

    true: str
    false: str
    kind: Literal["boolean"] = "boolean"


ValueFormat = TimePattern | Count | NumberExample | Words

COUNTS: dict[str, Count] = {
    "excel": Count("excel"),
    "excel 1904": Count("excel 1904"),
    "epoch seconds": Count("unix", "seconds"),
    "epoch milliseconds": Count("unix", "milliseconds"),
    "epoch microseconds": Count("unix", "microseconds"),
    "epoch nanoseconds": Count("unix", "nanoseconds"),
}
INSTEAD = {
    "epoch": "epoch seconds",
    "unix": "epoch seconds",
    "timestamp": "epoch seconds",
    "seconds": "epoch seconds",
    "excel 1900": "excel",
    "serial": "excel",
    "iso": "%Y-%m-%d",
    "iso 8601": "%Y-%m-%d",
    "date": "%Y-%m-%d",
    "percent": "12.5 %",
    "percentage": "12.5 %",
    "currency": "$1,234.50",
    "money": "$1,234.50",
    "accounting": "(1,234.50)",
    "dollars": "$1,234.50",
    "euro": "1.234,50 €",
    "number": "1,234.50",
    "boolean": "yes/no",
    "bool": "yes/no",
}
"""Words that are no format, and what their writer may have meant."""


@cache
def value_format(text: str) -> ValueFormat:
    """Return what a declared format means; a `DeclarationMistake` if it is none."""
    words = " ".join(text.split()).lower()
    if not words or len(text) > MAX_LENGTH:
        raise _mistake(text)
    if words in COUNTS:
        return COUNTS[words]
    if re.search(r"%[-#_^0EO]?[A-Za-z]", text):
        return time_pattern(text)
    if two := _words(text):
        return two
    if number := _example(text):
        return number
    raise _mistake(text)


def is_format(text: str) -> bool:
    """Return whether a text is a format."""
    try:
        value_format(text)
    except DeclarationMistake:
        return False
    return True


def require_format(text: str) -> str:
    """Return a text that is a format; `DeclarationMistake` for any other."""
    value_format(text)
    return text


def refuse_other_kinds(formats: Mapping[str, str], declared: Mapping[str, Any]) -> None:
    """Raise `DeclarationMistake` for a format of a kind that its column's role or type is not of.

    `declared` has the keys of the declaration that have been read.
    """
    needs = {
        declared.get("target"): ("the target", ("number",), "a number"),
        declared.get("weight"): ("the weight", ("number",), "a number"),
        declared.get("time"): ("the time column", ("time", "number"), "a time or a number"),
    }
    for name, text in formats.items():
        kind = value_format(text).kind
        type_ = declared.get("types", {}).get(name, kind)
        if type_ != kind:
            raise DeclarationMistake(
                f"{quoted(text)} is a format of {kind}s, but 'types' declares {quoted(name)} a"
                f" {type_}",
                "Leave it out in one of them.",
            )
        role, kinds, what = needs.get(name, ("", (kind,), ""))
        if kind not in kinds:
            raise DeclarationMistake(
                f"{quoted(text)} is a format of {kind}s, but {role} {quoted(name)} must be {what}"
            )


def _mistake(text: str) -> DeclarationMistake:
    # Imported here, as the module of mistakes is not needed for a declaration without one.
    from data.declarations.mistakes import nearest

    words = " ".join(text.split()).lower()
    meant = INSTEAD.get(words) or pattern_from_letters(text)
    hint = f"Did you mean {meant!r}? " if meant else nearest(words, [*COUNTS, *INSTEAD])
    for word, instead in INSTEAD.items():
        hint = hint.replace(f"{word!r}", f"{instead!r}")
    return DeclarationMistake(
        f"{quoted(text)} is not a format",
        f"{hint}Write a pattern for times, such as '%d.%m.%Y', an example for numbers, such as"
        " '$1,234.50', two words for booleans, such as 'yes/no', or 'excel' or 'epoch seconds'.",
    )


def _words(text: str) -> Words | None:
    """Return the words of a boolean: two with a slash between them, with digits or without."""
    match = _DIVIDED.fullmatch(text)
    if match is None:
        return None
    true, false = (part.strip().lower() for part in match.groups())
    if not (true.isdigit() and false.isdigit()) and any(map(str.isdigit, text)):
        return None  # 12 km/h
    if true == false:
        raise DeclarationMistake(
            f"{quoted(text)} has one word twice", "Write that for true before '/', as in 'yes/no'."
        )
    return Words(true, false)


def _example(text: str) -> NumberExample | None:
    """Return how numbers are written that look like this one, None if this is none."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    before, digits, behind = text[: found.start()], found[0], text[found.end() :]
    if before.strip().startswith("(") and behind.strip().endswith(")"):
        before, behind = before.strip()[1:], behind.strip()[:-1]
    before = before.strip(SIGNS + BLANKS)
    scaled, rest = _scale(before, behind)
    behind = rest.strip(SIGNS + BLANKS)
    if re.match(r"\W*\d", behind) or any(sign in before + behind for sign in "()"):
        return None
    power = -2 if "%" in before + behind else -3 if "‰" in before + behind else 0
    if scaled and power:
        return None
    marks = _marks(text, re.sub(r"[eE].*", "", digits))
    return marks and NumberExample(before, behind, *marks, power, scaled)


def _scale(before: str, behind: str) -> tuple[bool, str]:
    """Return whether the letters right behind the digits are a power of ten, and what follows."""
    match = re.match(rf"(bn|mn|[A-Za-z])(?=$|[{BLANKS}]|{CURRENCY}$)", behind)
    if match is None:
        return False, behind
    word, rest = match[1], behind[match.end() :]
    money = re.fullmatch(CURRENCY, before) or re.fullmatch(CURRENCY, rest.strip(BLANKS))
    if word in ("k", "K", "M", "B", "bn", "T") or (money and word.lower() in SCALES):
        return True, rest
    return False, behind


Marks = tuple[Literal[".", ","], Literal["", ",", ".", "'", " "], bool]


def _marks(text: str, digits: str) -> Marks | None:
    """Return the marks before decimals and between thousands, and whether those are in pairs."""
    groups = re.split(rf"[.,{GAP}]", digits)
    marks = [_plain(mark) for mark in re.findall(rf"[.,{GAP}]", digits)]
    last = marks[-1] if marks else "."
    is_decimal = last in ".," and marks.count(last) == 1
    if is_decimal and len(marks) == 1 and re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", digits):
        if last == ".":
            raise DeclarationMistake(
                f"the point of {quoted(text)} may stand before decimals or between thousands",
                "Write '1.5' or '1.234,5' for the digits.",
            )
        is_decimal = False
    if is_decimal:
        marks, groups = marks[:-1], groups[:-1]
    if len({*marks}) > 1 or (is_decimal and last in marks):
        return None
    thousands = marks[0] if marks else ""
    sizes = [len(group) for group in groups]
    pairs = len(sizes) > 2 and set(sizes[1:-1]) == {2}
    if thousands and (
        not 1 <= sizes[0] <= 3 or sizes[-1] != 3 or (set(sizes[1:-1]) - {3} and not pairs)
    ):
        return None
    decimal: Literal[".", ","] = "," if thousands == "." or (is_decimal and last == ",") else "."
    return decimal, thousands, pairs  # type: ignore[return-value]


def _plain(mark: str) -> str:
    return " " if mark in BLANKS else "'" if mark in "'’" else mark
