"""The parts of a time: days since 1970, quarter, month, weekday and hour of the day.

A time is the clock of its column's own time zone. All but the days are turns, which a line over
days cannot follow; each enters only after two whole turns, since in one turn it cannot be told from
the days, and only where the times are such that it says something.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import cast

import numpy as np

from regressors.arrays import CodedTexts, Columns, Mask, Values
from regressors.blocks import blocks_of, release

TIME_PARTS = ("days", "quarter", "month", "weekday", "hour")
PARTS_OF_0_1_0 = ("days", "month", "weekday", "hour")
"""A model of version 0.1.0 has all of these."""
MIN_TURNS = 2
"""Of a year, a week or a day."""
_MONTHS = np.array([f"{month:02d}" for month in range(1, 13)], dtype=object)
_QUARTERS = np.array(["Q1", "Q2", "Q3", "Q4"], dtype=object)
_WEEKDAYS = np.array(["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"], dtype=object)
_TURNS = {"quarter": ("M8[M]", 12, 3), "month": ("M8[M]", 12, 1), "weekday": ("M8[D]", 7, 1)}
"""The unit of a turn, how many of them it has, and how many a label stands for."""
_LABELS = {
    "quarter": np.array([*_QUARTERS, None], dtype=object),
    "month": np.array([*_MONTHS, None], dtype=object),
    "weekday": np.array([*_WEEKDAYS, None], dtype=object),
}
_DAY = np.timedelta64(1, "D")
_EPOCH = np.datetime64("1970-01-01", "us")


def _elapsed_days(time: Values) -> Values:
    return np.where(np.isnat(time), np.nan, (time - _EPOCH) / _DAY)


def _quarter(time: Values) -> Values:
    quarters: Values = _QUARTERS[_turned(time, "quarter")]
    return quarters


def _month(time: Values) -> Values:
    months: Values = _MONTHS[_turned(time, "month")]
    return months


def _weekday(time: Values) -> Values:
    weekdays: Values = _WEEKDAYS[_turned(time, "weekday")]
    return weekdays


def _turned(time: Values, part: str) -> Values:
    """Return how many months or quarters after January, or days after Thursday, each (n,) is."""
    unit, size, label = _TURNS[part]
    turned: Values = time.astype(unit).astype(int) % size // label
    return turned


def _hour(time: Values) -> Values:
    return np.where(np.isnat(time), np.nan, (time - time.astype("M8[D]")) / np.timedelta64(1, "h"))


_PART_OF: dict[str, Callable[[Values], Values]] = {
    "days": _elapsed_days,
    "quarter": _quarter,
    "month": _month,
    "weekday": _weekday,
    "hour": _hour,
}


_OF_NUMBERS = ("days", "hour")


def part_name(time: str, part: str) -> str:
    """Return the name of a part of a time: `hired[month]`."""
    return f"{time}[{part}]"


def parts_of(times: Sequence[str], parts: Sequence[str] = TIME_PARTS) -> dict[str, str]:
    """Return the time of each part that times have, by the part's name."""
    return {part_name(time, part): time for time in times for part in parts}


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

    Where a quarter has times of one of its months alone, the quarter says all that the month would.
    The weekday says nothing of times that share their day of the month, such as the first, or are
    all last days of it; the hour says nothing of dates.
    """
    present = time[~np.isnat(time)].astype("M8[us]")
    if not len(present):
        return ("days",)
    yearly = _spanned(present, "M") >= MIN_TURNS * 12
    by_quarter = yearly and _quarterly(present)
    turning = {
        "quarter": by_quarter,
        "month": yearly and not by_quarter,
        "weekday": _spanned(present, "D") >= MIN_TURNS * 7 and not _monthly(present),
        "hour": _spanned(present, "h") >= MIN_TURNS * 24
        and any((_hour(present[rows]) != 0).any() for rows in blocks_of(len(present))),
    }
    return ("days", *(part for part, telling in turning.items() if telling))


def _spanned(time: Values, unit: str) -> int:
    """Return how many months, days or hours there are from the first to the last, both included."""
    ends = np.array([time.min(), time.max()]).astype(f"M8[{unit}]").astype(int)
    return int(ends[1] - ends[0]) + 1


def _quarterly(time: Values) -> bool:
    """Return whether times (n,) are of more than one month, and of one month in a quarter."""
    months = np.unique(
        np.concatenate([np.unique(_turned(time[rows], "month")) for rows in blocks_of(len(time))])
    )
    return len(months) > 1 and len(np.unique(months // 3)) == len(months)


def _monthly(time: Values) -> bool:
    """Return whether all times (n,) are the same day of the month, or its last one."""
    days = np.unique(
        np.concatenate([np.unique(time[rows].astype("M8[D]")) for rows in blocks_of(len(time))])
    )
    month_starts = days.astype("M8[M]").astype("M8[D]")
    next_starts = (days.astype("M8[M]") + 1).astype("M8[D]")
    same = len(np.unique(days - month_starts)) == 1
    return bool(same or (days + 1 == next_starts).all())


def with_time_parts(
    columns: Columns,
    times: Sequence[str],
    *,
    only: Collection[str] | None = None,
    in_codes: bool = False,
) -> dict[str, Values]:
    """Return the columns with each of `times` replaced by its parts, such as `hired[month]`.

    With `only`, by those of these names. Those of texts may be `CodedTexts` (`in_codes`).
    """
    parts = Parts(columns, times, only=only, in_codes=in_codes)
    return {name: parts[name] for name in parts}


class Parts(Mapping[str, Values]):
    """What `with_time_parts` returns, of some rows (a mask) or of all; each is made when asked for.

    So one column of a table that does not fit into memory is there at a time.
    """

    def __init__(
        self,
        columns: Columns,
        times: Sequence[str],
        *,
        only: Collection[str] | None = None,
        rows: Mask | None = None,
        in_codes: bool = False,
    ) -> None:
        self._columns, self._rows, self._in_codes = columns, rows, in_codes
        self._sources = {name: (name, "") for name in columns if name not in times}
        for time in times:
            for part in TIME_PARTS:
                if only is None or part_name(time, part) in only:
                    self._sources[part_name(time, part)] = (time, part)

    def __getitem__(self, name: str) -> Values:
        column, part = self._sources[name]
        values = self._columns[column]
        if self._rows is not None:
            chosen = values[self._rows]
            release([values])
            values = chosen
        if part in _LABELS and self._in_codes:
            return _coded_part(values, part)
        return _part(values, part) if part else values

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def rows(self) -> int:
        """Return the number of rows; 0 without a column."""
        if self._rows is not None:
            return int(np.count_nonzero(self._rows))
        return len(next(iter(self._columns.values()), ()))

    def kind(self, name: str) -> str:
        """Return the kind of a part's dtype: "f" for numbers, "O" for texts."""
        column, part = self._sources[name]
        if not part:
            return self._columns[column].dtype.kind
        return "f" if part in _OF_NUMBERS else "O"


def _coded_part(time: Values, part: str) -> Values:
    """Return the quarter, month or weekday of a time (n,) as codes; -1 where it is missing."""
    codes = np.where(np.isnat(time), -1, _turned(time.astype("M8[us]"), part))
    return cast(Values, CodedTexts(codes, _LABELS[part]))


def _part(time: Values, part: str) -> Values:
    """Return a part of a time (n,), made block by block; None or NaN where the time is missing."""
    made: Values = np.empty(len(time), dtype=float if part in _OF_NUMBERS else object)
    for rows in blocks_of(len(time)):
        block = time[rows].astype("M8[us]")
        made[rows] = _PART_OF[part](block)
        if part not in _OF_NUMBERS:
            made[rows][np.isnat(block)] = None
    return made
