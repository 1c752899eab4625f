"""The usual step between the times of a table, in words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.declarations.lengths import in_words

MONTHS = ((12, "years"), (3, "quarters"), (1, "months"))
SECONDS = ((604_800, "weeks"), (86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
CALENDAR = 28 * 86_400
"""Seconds from which on a step may be one of the calendar."""
NEAR_END = 2
"""Days that times in another zone may be away from the ends of their months."""


def usual_step(times: NDArray[Any]) -> str:
    """Return the median step between times (n,) in order, each another: "1 quarter", or "0.5".

    Times are datetime64, or numbers. Empty where there is but one.
    """
    if len(times) < 2:
        return ""
    if times.dtype.kind != "M":
        return f"{float(np.median(np.diff(times))):g}"
    moments = times.astype("M8[us]")
    seconds = float(np.median(np.diff(moments) / np.timedelta64(1, "s")))
    months = round(seconds / (365.2425 / 12 * 86_400))
    if seconds >= CALENDAR and _keeps_its_day(moments):
        size, plural = next((size, plural) for size, plural in MONTHS if months % size == 0)
        return in_words(months // size, plural)
    for size, plural in SECONDS:
        if seconds >= size:
            return in_words(f"{round(seconds / size, 1):g}", plural)
    return f"{seconds:g} seconds"


def _keeps_its_day(moments: NDArray[Any]) -> bool:
    """Return whether all times are about the same day of their months, or about their last one."""
    days = (moments + np.timedelta64(12, "h")).astype("M8[D]")
    months = days.astype("M8[M]")
    of_month = (days - months.astype("M8[D]")).astype(int)
    to_end = ((months + 1).astype("M8[D]") - days).astype(int)
    return any(np.ptp(each) <= NEAR_END for each in (of_month, to_end))
