"""Ways to write numbers and dates that nightfit does not read, told apart by looking at the texts.

They are recognised to be named in a message, never to be read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

MAX_TEXTS = 2_000
"""So many different texts of a column are looked at."""

MIN_SHARE = 0.9
"""A column holds numbers or dates if at least this share of its values does."""

DIGITS = r"(?:\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3}){1,6}|\d+)(?:[.,]\d+)?"
NUMBER = rf"[+\-\u2212]?\s?{DIGITS}"
PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
CURRENCY = r"(?:[$€£¥₹]|US\$|R\$|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CAD|AUD|kr|zł|Fr\.?)"
MONTHS = r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*\.?"
TIME_OF_DAY = r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?)?"


@dataclass(frozen=True)
class Format:
    """How a column is written, in words, with what nightfit reads instead."""

    name: str
    instead: str
    is_time: bool = False


NUMBERS: tuple[tuple[str, str, str], ...] = (
    (r"\([^()]*\d[^()]*\)", "negative numbers in parentheses", "-5"),
    (rf"{NUMBER}\s?%|%\s?{NUMBER}", "percentages with their sign", "12"),
    (
        rf"[+-]?\s?{CURRENCY}\s?{NUMBER}|{NUMBER}\s?{CURRENCY}",
        "numbers with a currency",
        "5 or 1234.56",
    ),
    (rf"[<>≤≥~]=?\s?{NUMBER}", "numbers with a sign of comparison", "5"),
    (rf"{DIGITS}-", "numbers with the minus at the end", "-5"),
    (rf"{NUMBER}\s?(?:[^\W\d][\w°/²³.-]{{0,9}}|°\w?)", "numbers with a unit", "130"),
)
"""Patterns in the order of trial, their names, and what nightfit reads instead."""

SEPARATED = re.compile(NUMBER)
SLASHED = re.compile(rf"(\d{{1,2}})[./-](\d{{1,2}})[./-](\d{{4}}|\d{{2}}){TIME_OF_DAY}", re.I)
YEAR_FIRST = re.compile(rf"\d{{4}}[./]\d{{1,2}}[./]\d{{1,2}}{TIME_OF_DAY}", re.I)
SHORT_ISO = re.compile(rf"\d{{4}}-\d{{1,2}}-\d{{1,2}}{TIME_OF_DAY}", re.I)
CLOCK = re.compile(r"(?:[01]?\d|2[0-3]):\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]\.?m\.?)?", re.I)
NAMED_MONTH = re.compile(
    rf"(?:\w+,? )?\d{{1,2}}\.?[ -]{MONTHS}[ ,-]+\d{{2,4}}{TIME_OF_DAY}"
    rf"|{MONTHS}[ -](?:\d{{1,2}},? )?\d{{2,4}}{TIME_OF_DAY}",
    re.I,
)
_NUMBERS = tuple((re.compile(p, re.I), name, instead) for p, name, instead in NUMBERS)


def format_of(counts: Mapping[str, int]) -> Format | None:
    """Return the foreign format of a column's texts, None if it has none.

    `counts` has each text and the number of its rows. The texts in the format, together with plain
    numbers, must be at least `MIN_SHARE` of the rows.
    """
    texts = {text.strip(): counts[text] for text in islice(counts, MAX_TEXTS)}
    total = sum(texts.values())
    if not _enough([(text, n) for text, n in texts.items() if any(map(str.isdigit, text))], total):
        return None
    return _dates(texts, total) or _numbers(texts, total)


def _dates(texts: Mapping[str, int], total: int) -> Format | None:
    parts = [(m, n) for text, n in texts.items() if (m := SLASHED.fullmatch(text))]
    if _enough(parts, total):
        first = max(int(match[1]) for match, _ in parts)
        second = max(int(match[2]) for match, _ in parts)
        if first <= 31 and second <= 31:
            return Format(_order(first, second), "2023-12-31", is_time=True)
    for pattern, name in (
        (YEAR_FIRST, "dates with slashes or points"),
        (CLOCK, "times of day with am or pm, or hours of one digit"),
        (NAMED_MONTH, "dates with the month as a word"),
        (SHORT_ISO, "dates with days or months of one digit, or a time of another form"),
    ):
        matches = [(text, n) for text, n in texts.items() if pattern.fullmatch(text)]
        if _enough(matches, total):
            instead = "13:30:00" if pattern is CLOCK else "2023-12-31"
            return Format(name, instead, is_time=True)
    return None


def _enough(matches: Iterable[tuple[object, int]], total: int) -> bool:
    rows = sum(count for _, count in matches)
    return rows > 0 and rows >= MIN_SHARE * total


def _order(first: int, second: int) -> str:
    if first > 12 and second > 12:
        return "dates of which some have the day first and some the month"
    if first > 12:
        return "dates with the day first"
    if second > 12:
        return "dates with the month first"
    return "dates whose day and month cannot be told apart"


def _numbers(texts: Mapping[str, int], total: int) -> Format | None:
    rows: Counter[str] = Counter()
    units: set[str] = set()
    instead: dict[str, str] = {}
    separated = [text for text in texts if SEPARATED.fullmatch(text)]
    separator = _separator(separated)
    for text, count in texts.items():
        if PLAIN.fullmatch(text):
            rows["plain"] += count
        elif SEPARATED.fullmatch(text):
            if separator:
                rows[separator.name] += count
                instead[separator.name] = separator.instead
        else:
            for pattern, name, example in _NUMBERS:
                if pattern.fullmatch(text):
                    rows[name] += count
                    instead[name] = example
                    units |= {re.sub(NUMBER, "", text).strip()} if name.endswith("unit") else set()
                    break
    foreign = [name for name, _ in rows.most_common() if name != "plain"]
    if not foreign or sum(rows.values()) < MIN_SHARE * total:
        return None
    if foreign[0].endswith("unit") and (len(units) > 2 or len(texts) <= 2 * len(units)):
        return None
    return Format(foreign[0], instead[foreign[0]])


def _separator(texts: list[str]) -> Format | None:
    """Return what the commas, points and spaces inside numbers are, None if there are none."""
    bare = [text.lstrip("+-\u2212 ") for text in texts]
    odd = [text for text in bare if not PLAIN.fullmatch(text)]
    if not odd:
        return None
    thousands = re.compile(r"\d{1,3}(?:,\d{3}){1,6}(?:\.\d+)?")
    if all(thousands.fullmatch(text) for text in odd):
        return Format("numbers with commas between the thousands", "3504")
    if any("," in text for text in odd):
        return Format("numbers with a decimal comma", "1234.56")
    if all(re.fullmatch(r"\d{1,3}(?:\.\d{3}){1,6}", text) for text in odd):
        return Format("numbers with points between the thousands", "1234567")
    if any(PLAIN.fullmatch(text[1:]) for text in texts if text[0] in "\u2212"):
        return Format("numbers with a minus of another character", "-5")
    return Format("numbers with separators between the thousands", "3504")
