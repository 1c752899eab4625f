"""The parts of a time: days since 1970, month, weekday and hour of the day."""

from collections.abc import Callable

import numpy as np

from regressors.arrays import Columns, Values

_WEEKDAYS = np.array(["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"], dtype=object)
_DAY = np.timedelta64(1, "D")
_EPOCH = np.datetime64("1970-01-01", "us")


def _elapsed_days(time: Values) -> Values:
    return np.where(np.isnat(time), np.nan, (time - _EPOCH) / _DAY)


def _month(time: Values) -> Values:
    month = time.astype("M8[M]").astype(int) % 12 + 1
    return np.array([f"{m:02d}" for m in month], dtype=object)


def _weekday(time: Values) -> Values:
    weekdays: Values = _WEEKDAYS[time.astype("M8[D]").astype(int) % 7]
    return weekdays


def _hour(time: Values) -> Values:
    return np.where(np.isnat(time), np.nan, (time - time.astype("M8[D]")) / np.timedelta64(1, "h"))


_TIME_PARTS: dict[str, Callable[[Values], Values]] = {
    "days": _elapsed_days,
    "month": _month,
    "weekday": _weekday,
    "hour": _hour,
}


def with_time_parts(columns: Columns, times: tuple[str, ...]) -> dict[str, Values]:
    """Return the columns with each of `times` replaced by its parts, such as `hired[month]`."""
    parts = {name: values for name, values in columns.items() if name not in times}
    for name in times:
        time = columns[name].astype("M8[us]")
        for part, part_of in _TIME_PARTS.items():
            values = part_of(time)
            if values.dtype.kind == "O":
                values = values.copy()
                values[np.isnat(time)] = None
            parts[f"{name}[{part}]"] = values
    return parts
