"""Durations in words, such as "36 hours"."""

import re
from datetime import timedelta

from data.declarations.mistakes import nearest
from data.errors import DeclarationMistake, quoted

UNITS = ("hours", "days", "weeks")
EXAMPLE = "Write it as 36 hours, 2 days or 1 week."


def duration(text: object) -> timedelta:
    """Return how long "36 hours", "2 days" or "1 week" is; else raise `DeclarationMistake`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", str(text))
    if match is None:
        raise DeclarationMistake(f"{quoted(text)} is not a duration", EXAMPLE)
    number, unit = match[1], match[2].lower()
    plural = unit if unit.endswith("s") else f"{unit}s"
    if plural not in UNITS:
        raise DeclarationMistake(
            f"{quoted(text)} is not a duration, because {quoted(match[2])} is not a unit",
            nearest(unit, UNITS) + EXAMPLE,
        )
    try:
        length = timedelta(**{plural: float(number)})
    except OverflowError:
        raise DeclarationMistake(f"{quoted(text)} is too long", EXAMPLE) from None
    if not length:
        raise DeclarationMistake(f"{quoted(text)} is zero", EXAMPLE)
    return length
