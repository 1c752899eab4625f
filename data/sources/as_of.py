"""The rows that a night in the past would have read: those up to then, by the time column."""

import datetime
from math import isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.called_from import asking
from data.declarations.model import Declaration
from data.errors import CallError
from data.sources.columns import kind_of
from data.sources.forms import TIMESTAMP
from data.sources.readings import ColumnReading
from data.sources.source_columns import SourceColumns

EXAMPLES = (
    "Write a date, for example 2024-03-31, which includes the whole day, or a time, for example"
    " 2024-03-31T12:00."
)


def last_moment(as_of: str, zone: datetime.tzinfo = datetime.UTC) -> datetime.datetime:
    """Return the last moment, in UTC, that a date or time in ISO 8601 includes.

    A day ends by the clock of `zone`, which is also the zone of a time that names none. Any other
    text is a `CallError`.
    """
    try:
        moment = _moment(as_of)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise CallError(f"{as_of!r} is neither a date nor a time.", next_step=EXAMPLES) from None


def _moment(text: str) -> datetime.datetime:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text)
    return datetime.datetime.combine(day, datetime.time.max)


def require_time_column(declaration: Declaration) -> None:
    """Raise `CallError` if no time column is declared, which a night in the past needs."""
    if declaration.time is None:
        raise CallError(
            "Going back to a night in the past needs a time column, but the declaration has none.",
            where=declaration.name,
            next_step="Declare one as 'time', or "
            + asking(terminal="leave out --as-of.", page="leave as_of empty."),
        )


def require_date_time_or_number(as_of: str) -> None:
    """Raise `CallError` for text that cannot be compared with a column of times or of numbers."""
    if not isfinite(_as_number(as_of)):
        last_moment(as_of)


def zone_of(source: SourceColumns, time: str | None) -> datetime.tzinfo:
    """Return the zone of the source's times, UTC if it has none."""
    dtype = source.schema.field(time).type if time in source.column_names else None
    zone = dtype.tz if dtype is not None and pa.types.is_timestamp(dtype) else None
    info: datetime.tzinfo = pa.lib.string_to_tzinfo(zone or "UTC")
    return info


def rows_as_of(
    as_of: str, declaration: Declaration, source: SourceColumns, times: pa.ChunkedArray | None
) -> SourceColumns:
    """Return the rows of a source whose time is `as_of` or earlier; those without one are left out.

    `times` is the typed time column, None if the source has no such column. If it is missing or
    cannot order rows, the source is returned whole, since the checks report that. If no row is
    left, or `as_of` does not fit the kind of the column, it is a `CallError`.
    """
    name = declaration.time
    if times is None:
        return source
    kind = kind_of(times.type)
    if kind == "number":
        instants, end = times.cast(pa.float64(), safe=False), _number(as_of, declaration)
    elif kind == "time":
        moment = last_moment(as_of, zone_of(source, name)).replace(tzinfo=None)
        _require_past(moment, as_of, declaration)
        instants, end = times.cast(TIMESTAMP), pa.scalar(moment, TIMESTAMP)
    else:
        return source
    kept = np.asarray(pc.less_equal(instants, end).fill_null(False), dtype=bool)
    if not kept.any():
        oldest = pc.min(times).as_py()
        text = oldest.isoformat() if isinstance(oldest, datetime.date) else oldest
        reason = "no row has a time" if oldest is None else f"the oldest time is {text}"
        raise CallError(
            f"There are no rows with {name!r} up to {as_of}: {reason}.",
            where=declaration.name,
            next_step="Choose a later "
            + asking(terminal="--as-of or --from", page="as_of")
            + ", or check what happened to the source.",
        )
    return source.where(kept)


def unread_times(reading: ColumnReading) -> tuple[str, ...]:
    """Return a note on the rows that have no place in a past night, since no time can be read."""
    if not reading.unparsable:
        return ()
    row, text = reading.examples[0]
    rows = "this row" if reading.unparsable == 1 else f"these {reading.unparsable:,} rows"
    return (
        f"Column {reading.name!r} has {text!r} in row {row:,} of the source, which is no"
        f" {reading.kind}: a night in the past leaves {rows} out.",
    )


def _require_past(moment: datetime.datetime, as_of: str, declaration: Declaration) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    if moment - datetime.timedelta(days=1) > now:
        raise CallError(
            f"{as_of} is in the future.",
            where=declaration.name,
            next_step="Choose a date up to today, or "
            + asking(terminal="leave out --as-of.", page="leave as_of empty."),
        )


def _number(text: str, declaration: Declaration) -> float:
    number = _as_number(text)
    if not isfinite(number):
        raise CallError(
            f"{text!r} is not a number, but the time column {declaration.time!r} holds numbers.",
            where=declaration.name,
            next_step="Write the last number to include, for example 2024.",
        )
    return number


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
