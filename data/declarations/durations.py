"""Durations in words, such as "36 hours"."""

import re
from collections.abc import Sequence
from datetime import timedelta

from data.declarations.mistakes import nearest
from data.errors import DeclarationMistake, quoted

UNITS = ("hours", "days", "weeks")
EXAMPLE = "Write it as 36 hours, 2 days or 1 week."

SHORT_UNITS = ("minutes", "hours")
SHORT_EXAMPLE = "Write it as 10 minutes or 1.5 hours."


def duration(text: object, units: Sequence[str] = UNITS, example: str = EXAMPLE) -> timedelta:
    """Return how long "36 hours", "2 days" or "1 week" is; else raise `DeclarationMistake`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", str(text))
    if match is None:
        raise DeclarationMistake(f"{quoted(text)} is not a duration", example)
    number, unit = match[1], match[2].lower()
    plural = unit if unit.endswith("s") else f"{unit}s"
    if plural not in units:
        raise DeclarationMistake(
            f"{quoted(text)} is not a duration, because {quoted(match[2])} is not a unit",
            nearest(unit, units) + example,
        )
    try:
        length = timedelta(**{plural: float(number)})
    except OverflowError:
        raise DeclarationMistake(f"{quoted(text)} is too long", example) from None
    if not length:
        raise DeclarationMistake(f"{quoted(text)} is zero", example)
    return length
