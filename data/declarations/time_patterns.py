"""Patterns of times, as Python's `strptime` has them, with quarters beside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from data.errors import DeclarationMistake, quoted

DIRECTIVES = {
    "Y": "the year, with four digits",
    "y": "the year, with two digits: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068",
    "m": "the month as a number",
    "b": "the month as an English word, whole or in three letters",
    "d": "the day of the month",
    "j": "the day of the year",
    "q": "the quarter, 1 to 4; its first day is meant",
    "G": "the year of an ISO week",
    "V": "the ISO week; its Monday is meant, without a day",
    "u": "the day of an ISO week, 1 for Monday",
    "a": "the day of the week as an English word, which is not looked at",
    "H": "the hour, 0 to 23",
    "I": "the hour, 1 to 12, with `%p`",
    "p": "AM or PM",
    "M": "the minute",
    "S": "the second",
    "f": "the fraction of a second",
    "z": "the offset from UTC, such as `+02:00`, `+0200` or `Z`",
    "Z": "`UTC`, `GMT` or `Z`",
}
"""What each letter behind a `%` stands for."""


def documented() -> Sequence[tuple[str, str]]:
    """Return the directives, and what each stands for, as `docs/datasets.md` lists them."""
    others = {letter: [o for o, same in SAME.items() if same == letter] for letter in DIRECTIVES}
    return [
        (" ".join(f"`%{each}`" for each in (letter, *others[letter])), meaning)
        for letter, meaning in DIRECTIVES.items()
    ] + [(" ".join(f"`%{letter}`" for letter in LONG), ", ".join(f"`{p}`" for p in LONG.values()))]


SAME = {"B": "b", "A": "a", "e": "d", "h": "b"}
UNIFORM = {"y": "Y", "b": "m"}
LONG = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y"}
DATES, CLOCK = "YymbdjqGVu", "HIpMSf"
COMPLETE = (
    ("Y",),
    ("Y", "m"),
    ("Y", "m", "d"),
    ("Y", "j"),
    ("Y", "q"),
    ("G", "V"),
    ("G", "V", "u"),
)
"""The parts of a date that say together which one it is."""

Part = tuple[Literal["directive", "text", "blank"], str]


@dataclass(frozen=True)
class TimePattern:
    """A pattern of dates, times or times of day, in its parts.

    Its kind is a number for a time of day without a date: the seconds since midnight.
    """

    parts: tuple[Part, ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """Return the letters of its directives."""
        return tuple(value for what, value in self.parts if what == "directive")

    @property
    def has_date(self) -> bool:
        """Return whether it has a date."""
        return any(letter in DATES for letter in self.letters)

    @property
    def has_clock(self) -> bool:
        """Return whether it has a time of day."""
        return any(letter in CLOCK for letter in self.letters)

    @property
    def kind(self) -> Literal["time", "number"]:
        """Return the kind of its values."""
        return "time" if self.has_date else "number"


def time_pattern(text: str) -> TimePattern:
    """Return a pattern in its parts; a `DeclarationMistake` if no time could be told by it."""
    parts: list[Part] = []
    whole = re.sub(r"(?<!%)((?:%%)*)%([TRFD])", lambda m: m[1] + LONG[m[2]], text.strip())
    for percent, letter, blank, other in re.findall(
        r"(%)[-#_0]?(.|$)|([\s\u00a0\u202f\u2009]+)|([^%])", whole
    ):
        if blank:
            parts.append(("blank", " "))
        elif other or letter == "%":
            parts.append(("text", other or "%"))
        elif percent:
            parts.append(("directive", _directive(letter, text)))
    pattern = TimePattern(tuple(parts))
    _refuse_what_tells_no_time(pattern.letters, text)
    return pattern


def _directive(letter: str, text: str) -> str:
    letter = SAME.get(letter, letter)
    if letter in DIRECTIVES:
        return letter
    steps = {
        "s": "Write 'epoch seconds' for a column of those.",
        "U": "Write %G and %V for ISO weeks.",
        "W": "Write %G and %V for ISO weeks.",
        "Q": "Write %q for the quarter, as in 'Q%q %Y'.",
        "w": "Write %u with %G and %V.",
        "P": "Write %p.",
        "i": "Write %M for minutes.",
        "D": "Write %d for the day.",
    }
    known = ", ".join(f"%{known}" for known in DIRECTIVES)
    raise DeclarationMistake(
        f"{quoted('%' + letter)} in {quoted(text)} stands for no part of a time",
        steps.get(letter, f"There are {known}."),
    )


def _refuse_what_tells_no_time(letters: tuple[str, ...], text: str) -> None:
    has = set(letters)
    for letter in has:
        if letters.count(letter) > 1:
            raise DeclarationMistake(f"{quoted(text)} has %{letter} twice", "Write it once.")
    date = tuple(UNIFORM.get(letter, letter) for letter in letters if letter in DATES)
    clock = has & {*CLOCK}
    step = ""
    if "M" in has and not has & {*"HI"}:
        step = "%M is the minute; write %m for the month."
    elif "V" in has and "G" not in has:
        step = "%V needs %G, the year of the ISO week."
    elif date and tuple(sorted(date)) not in {tuple(sorted(parts)) for parts in COMPLETE}:
        step = _step_for_dates(has)
    elif has & {*"HI"} == {*"HI"} or ("p" in has) != ("I" in has):
        step = "Write %H for 0 to 23, or %I with %p for 1 to 12."
    elif (clock and not has & {*"HI"}) or ("S" in has and "M" not in has):
        step = "A time of day has hours first, as in '%H:%M:%S'."
    elif "f" in has and "S" not in has:
        step = "%f is the fraction of %S."
    elif {*"zZ"} <= has:
        step = "Write %z or %Z."
    elif has & {*"zZ"} and not (clock and date):
        step = "A zone needs a date and a time of day."
    elif not date and not clock:
        step = "Write for example '%d.%m.%Y'."
    if step:
        raise DeclarationMistake(f"{quoted(text)} does not tell a time", step)


def _step_for_dates(has: set[str]) -> str:
    if not has & {*"YyG"}:
        return "It needs a year, %Y or %y."
    if {*"mb"} <= has:
        return "Write %m or %b for the month, not both."
    if "d" in has and not has & {*"mb"}:
        return "%d is the day of a month, and needs %m or %b."
    return "Write for example '%Y-%m-%d', '%Y-%m', '%Y-%j', '%Y Q%q' or '%G-W%V'."


def pattern_from_letters(text: str) -> str:
    """Return the pattern that a text such as `dd.MM.yyyy` means, "" if it means none."""
    words = re.findall(r"[A-Za-z]+", text)
    if not words or not all(re.fullmatch(r"[yYmMdDhHsSqQa]+", word) for word in words):
        return ""
    names = (
        *(("yyyy", "%Y"), ("yy", "%y"), ("dd", "%d"), ("d", "%d"), ("ss", "%S"), ("q", "%q")),
        *(("mmmm", "%B"), ("mmm", "%b")),
    )

    def of(match: re.Match[str]) -> str:
        word = match[0]
        before = text[: match.start()].lower()
        if word.lower() in ("mm", "m"):
            return "%M" if "h" in before else "%m"
        if word.lower() in ("hh", "h"):
            return "%H"
        return dict(names).get(word.lower(), "?")

    pattern = re.sub(r"([A-Za-z])\1*", of, text)
    try:
        time_pattern(pattern)
    except DeclarationMistake:
        return ""
    return pattern
