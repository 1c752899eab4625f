"""Lengths of time in words, such as "1 quarter" or "7 days", and what lies so long before a time.

A length of months, quarters or years is one of the calendar: the end of a month stays the end of a
month, whatever the days of both.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.declarations.durations import duration
from data.declarations.mistakes import nearest
from data.errors import DeclarationMistake, quoted

UNITS = ("seconds", "minutes", "hours", "days", "weeks")
MONTHS = {"months": 1, "quarters": 3, "years": 12}
EXAMPLE = "Write it as 12 hours, 7 days, 1 month, 1 quarter or 2 years."
MAX_MONTHS = 12_000


@dataclass(frozen=True)
class Length:
    """A length of time: so many months of the calendar, or where these are 0, a fixed duration."""

    text: str
    months: int = 0
    fixed: timedelta = timedelta()

    @property
    def mean(self) -> timedelta:
        """Return how long it is, months at their mean of 30.436875 days."""
        return self.fixed + self.months * timedelta(days=30.436875)

    def before(self, times: NDArray[Any]) -> NDArray[Any]:
        """Return the times (n,), datetime64 in microseconds, that lie this long before others.

        Where a month has no such day, the day is its last one: a month before 2024-03-30 is
        2024-02-29. The last day of a month stays one: a quarter before 2012-06-30 is 2012-03-31.
        """
        times = times.astype("M8[us]")
        if not self.months:
            return times - np.timedelta64(self.fixed)
        month, day = times.astype("M8[M]"), times.astype("M8[D]")
        first = (month - self.months).astype("M8[D]")
        last = (month - self.months + 1).astype("M8[D]") - 1
        is_last = (day + 1).astype("M8[M]") != month
        same_day = np.minimum(first + (day - month.astype("M8[D]")), last)
        earlier: NDArray[Any] = np.where(is_last, last, same_day) + (times - day)
        return earlier


def length(text: object) -> Length:
    """Return the length that "1 quarter" or "7 days" is; else raise `DeclarationMistake`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", str(text))
    if match is None:
        raise DeclarationMistake(f"{quoted(text)} is not a length of time", EXAMPLE)
    number, unit = match[1], match[2].lower()
    plural = unit if unit.endswith("s") else f"{unit}s"
    if plural not in (*UNITS, *MONTHS):
        raise DeclarationMistake(
            f"{quoted(text)} is not a length of time, because {quoted(match[2])} is not a unit",
            nearest(unit, (*UNITS, *MONTHS)) + EXAMPLE,
        )
    if plural not in MONTHS:
        return Length(in_words(number, plural), fixed=duration(text, UNITS, EXAMPLE))
    if "." in number and float(number) % 1:
        raise DeclarationMistake(
            f"{quoted(text)} is not a length of time, because {plural} must be whole", EXAMPLE
        )
    months = int(float(number)) * MONTHS[plural]
    if not months:
        raise DeclarationMistake(f"{quoted(text)} is zero", EXAMPLE)
    if months > MAX_MONTHS:
        raise DeclarationMistake(f"{quoted(text)} is too long", EXAMPLE)
    return Length(in_words(number, plural), months)


def in_words(number: str | int, plural: str) -> str:
    """Return "1 day" or "2 days"."""
    return f"{number} {plural[:-1] if float(number) == 1 else plural}"
