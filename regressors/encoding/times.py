"""The parts of a time: days since 1970, month, weekday and hour of the day.

A time is the clock of its column's own time zone. Month, weekday and hour are turns, which a line
over days cannot follow; each enters only after two whole turns, since in one turn it cannot be told
from the days, and only where the times are such that it says something.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from regressors.arrays import Columns, Values

TIME_PARTS = ("days", "month", "weekday", "hour")
MIN_TURNS = 2
"""Of a year, a week or a day."""
_MONTHS = np.array([f"{month:02d}" for month in range(1, 13)], dtype=object)
_WEEKDAYS = np.array(["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"], dtype=object)
_DAY = np.timedelta64(1, "D")
_EPOCH = np.datetime64("1970-01-01", "us")


def _elapsed_days(time: Values) -> Values:
    return np.where(np.isnat(time), np.nan, (time - _EPOCH) / _DAY)


def _month(time: Values) -> Values:
    months: Values = _MONTHS[time.astype("M8[M]").astype(int) % 12]
    return months


def _weekday(time: Values) -> Values:
    weekdays: Values = _WEEKDAYS[time.astype("M8[D]").astype(int) % 7]
    return weekdays


def _hour(time: Values) -> Values:
    return np.where(np.isnat(time), np.nan, (time - time.astype("M8[D]")) / np.timedelta64(1, "h"))


_PART_OF: dict[str, Callable[[Values], Values]] = {
    "days": _elapsed_days,
    "month": _month,
    "weekday": _weekday,
    "hour": _hour,
}


def part_name(time: str, part: str) -> str:
    """Return the name of a part of a time: `hired[month]`."""
    return f"{time}[{part}]"


def time_parts(
    columns: Columns, times: Sequence[str], declared: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return the time of each part that enters, by the part's name: those that say something.

    For a time in `declared`, these are the parts that it lists.
    """
    return {
        part_name(time, part): time
        for time in times
        for part in declared.get(time, telling_parts(columns[time]))
    }


def telling_parts(time: Values) -> tuple[str, ...]:
    """Return which parts of a time (n,) say something: days, and each turn that came round twice.

    The weekday says nothing of times that share their day of the month, such as the first, or are
    all last days of it; the hour says nothing of dates.
    """
    present = time[~np.isnat(time)].astype("M8[us]")
    if not len(present):
        return ("days",)
    turning = {
        "month": _spanned(present, "M") >= MIN_TURNS * 12,
        "weekday": _spanned(present, "D") >= MIN_TURNS * 7 and not _monthly(present),
        "hour": _spanned(present, "h") >= MIN_TURNS * 24 and bool((_hour(present) != 0).any()),
    }
    return ("days", *(part for part, telling in turning.items() if telling))


def _spanned(time: Values, unit: str) -> int:
    """Return how many months, days or hours there are from the first to the last, both included."""
    ends = np.array([time.min(), time.max()]).astype(f"M8[{unit}]").astype(int)
    return int(ends[1] - ends[0]) + 1


def _monthly(time: Values) -> bool:
    """Return whether all times (n,) are the same day of the month, or its last one."""
    days = np.unique(time.astype("M8[D]"))
    month_starts = days.astype("M8[M]").astype("M8[D]")
    next_starts = (days.astype("M8[M]") + 1).astype("M8[D]")
    same = len(np.unique(days - month_starts)) == 1
    return bool(same or (days + 1 == next_starts).all())


def with_time_parts(
    columns: Columns, times: Sequence[str], *, only: Collection[str] | None = None
) -> dict[str, Values]:
    """Return the columns with each of `times` replaced by its parts, such as `hired[month]`.

    With `only`, by those of these names.
    """
    parts = {name: values for name, values in columns.items() if name not in times}
    for name in times:
        time = columns[name].astype("M8[us]")
        for part, part_of in _PART_OF.items():
            if only is not None and part_name(name, part) not in only:
                continue
            values = part_of(time)
            if values.dtype.kind == "O":
                values = values.copy()
                values[np.isnat(time)] = None
            parts[part_name(name, part)] = values
    return parts
