"""Texts and numbers as charts show them: short, and without characters that act on what is shown.

A name or a cell of a source may be anything. Vega draws texts as they are, without markup.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

EPOCH, DAY = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=1)

MAX_LABEL = 40
"""Characters of a name or a cell that a chart shows."""
MAX_NAME = 34
"""Characters of a name at the left of a chart: about as many pixels as the page's script leaves."""
MAX_CELL = 80
"""Characters of a name in a table."""

INVISIBLE = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]"
)
"""Control characters, line breaks, characters without a width or that turn the direction of text,
and surrogates."""


def label(text: object, most: int = MAX_LABEL) -> str:
    """Return a name or a cell as a chart shows it: in one line, the middle left out if it is long.

    Names that are long mostly differ at their ends.
    """
    shown = " ".join(INVISIBLE.sub(" ", str(text)).split()) or "(blank)"
    if len(shown) <= most:
        return shown
    half = (most - 1) // 2
    return f"{shown[: most - 1 - half].rstrip()}…{shown[-half:].lstrip()}"


def distinct_labels(texts: Sequence[str], most: int = MAX_LABEL) -> list[str]:
    """Return the labels of different texts, numbered where two would look the same."""
    used: dict[str, int] = {}
    labels = []
    for text in texts:
        shown = label(text, most)
        used[shown] = used.get(shown, 0) + 1
        labels.append(shown if used[shown] == 1 else f"{shown} ({used[shown]})")
    return labels


def number(value: float | None, digits: int = 4) -> str:
    """Return a number for people, to some significant digits; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if not 1e-4 <= size < 1e9:
        return f"{value:.{digits - 1}e}".replace("e+0", "e+").replace("e-0", "e-")
    places = max(digits - 1 - math.floor(math.log10(size)), 0)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def are_years(values: Iterable[object]) -> bool:
    """Return whether the numbers among these may all be years, which have no commas."""
    present = [value for value in values if isinstance(value, int | float)]
    return bool(present) and all(
        float(value).is_integer() and 1000 <= value < 10_000 for value in present
    )


def of_feature(values: Sequence[float | str | None]) -> list[str]:
    """Return the values of a feature for people: texts as they are, years without commas."""
    years = are_years(values)
    return [
        value if isinstance(value, str) else f"{value:.0f}" if years and value else number(value)
        for value in values
    ]


def moment(milliseconds: object) -> str:
    """Return a moment in milliseconds since 1970 as a date, with the time unless it is midnight."""
    if not isinstance(milliseconds, int | float):
        return "–"
    try:
        at = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return number(milliseconds)
    return f"{at:%Y-%m-%d}" if (at - EPOCH) % DAY == timedelta() else f"{at:%Y-%m-%d %H:%M}"


def percent(share: float | None) -> str:
    """Return a share as a percentage; a dash where there is none."""
    return "–" if share is None or not math.isfinite(share) else f"{100 * share:.3g}%"


def finite(value: object) -> float | None:
    """Return a finite number as it is, None for anything else: for what JSON cannot hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
