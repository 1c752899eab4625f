"""The rows that a night in the past would have found: those up to then, by the time column."""

import datetime
from math import isfinite

import pyarrow as pa
import pyarrow.compute as pc

from data.checks.findings import plain
from data.declarations.model import Declaration
from data.errors import CallError
from data.sources.columns import TIMESTAMP, kind_of

A_TIME = (
    "Write a day, such as 2024-03-31, which is meant through its end, or a time, such as"
    " 2024-03-31T12:00."
)


def last_moment(as_of: str, zone: datetime.tzinfo = datetime.UTC) -> datetime.datetime:
    """Return the last moment, in UTC, that a day or a time in ISO 8601 includes.

    A day ends by the clock of `zone`, which is also that of a time without a zone of its own. Any
    other text is a `CallError`.
    """
    try:
        moment = _moment(as_of)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise CallError(f"{as_of!r} is neither a day nor a time.", next_step=A_TIME) from None


def _moment(text: str) -> datetime.datetime:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text)
    return datetime.datetime.combine(day, datetime.time.max)


def must_have_time(declaration: Declaration) -> None:
    """Refuse, with a `CallError`, to go back where no column tells the time of a row."""
    if declaration.time is None:
        raise CallError(
            "Only a time column tells which rows there were on a night in the past, and the"
            " declaration names none.",
            where=declaration.name,
            next_step="Declare one as 'time', or leave --as-of out.",
        )


def must_be_readable(as_of: str) -> None:
    """Refuse, with a `CallError`, what no column of times and none of numbers compares with."""
    if not isfinite(_as_number(as_of)):
        last_moment(as_of)


def rows_as_of(
    as_of: str, declaration: Declaration, table: pa.Table, zone: datetime.tzinfo = datetime.UTC
) -> pa.Table:
    """Return the typed rows whose time is `as_of` or before; those without a time are left out.

    `zone` is that of the source's times. A column that is missing or has no order in time is left
    for the checks to tell. Where no row is left, or `as_of` is no time of this column's kind, it is
    a `CallError`.
    """
    name = declaration.time
    kind = kind_of(table[name].type) if name in table.column_names else None
    if kind == "number":
        times, end = table[name].cast(pa.float64(), safe=False), _number(as_of, declaration)
    elif kind == "time":
        moment = last_moment(as_of, zone).replace(tzinfo=None)
        _must_have_begun(moment, as_of, declaration)
        times, end = table[name].cast(TIMESTAMP), pa.scalar(moment, TIMESTAMP)
    else:
        return table
    rows = table.filter(pc.less_equal(times, end))
    if rows.num_rows == 0:
        oldest = plain(pc.min(table[name]).as_py())
        there = "no row has a time" if oldest is None else f"the oldest time there is {oldest}"
        raise CallError(
            f"No row's {name!r} is {as_of} or before: {there}.",
            where=declaration.name,
            next_step="Give a later --as-of, or see what became of the source.",
        )
    return rows


def _must_have_begun(moment: datetime.datetime, as_of: str, declaration: Declaration) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    if moment - datetime.timedelta(days=1) > now:
        raise CallError(
            f"{as_of} is still to come, and tells of no night in the past.",
            where=declaration.name,
            next_step="Give a day until today, or leave --as-of out.",
        )


def _number(text: str, declaration: Declaration) -> float:
    number = _as_number(text)
    if not isfinite(number):
        raise CallError(
            f"{text!r} is no number, and the time column {declaration.time!r} holds numbers.",
            where=declaration.name,
            next_step="Write the last one to take, such as 2024.",
        )
    return number


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
