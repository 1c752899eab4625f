"""The checks that last night's rows are still there, and that tonight's have come."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.findings import Finding, finding
from data.declarations.durations import duration
from data.declarations.model import Declaration


def has_not_shrunk(declaration: Declaration, rows: int, last_rows: int) -> Finding:
    """Check that the source has not lost more than the declared share of the last night's rows."""
    allowed = declaration.max_shrinkage
    fewest = ceil(round((1 - allowed) * last_rows, 6))
    lost = 1 - rows / last_rows
    sentence = (
        f"The rows of {declaration.source.path} are {rows:,}, and were {last_rows:,} on the last"
        f" good night: more than a share of {allowed:g} is gone. See what should have written them;"
        f" if it is meant, declare a larger 'max_shrinkage', such as {_share_from(lost)}."
    )
    return finding(
        "source_has_not_shrunk",
        None,
        sentence if rows < fewest else "",
        kwargs={"min_value": fewest},
        observed=rows,
    )


def has_no_age(declaration: Declaration) -> str:
    """Say why no age can be told of a time column that holds numbers."""
    return (
        f"The time column {declaration.time!r} holds numbers, and only of times can 'max_age' tell"
        " how old they are. Leave it out of the declaration, or write times in ISO 8601"
        " (2024-03-31)."
    )


def is_recent(
    declaration: Declaration, table: pa.Table, kept: np.ndarray, now: datetime
) -> Iterator[Finding]:
    """Check that the newest time of the rows that go on is not older than the declaration says.

    A date is as old as its end, in UTC.
    """
    name, text = declaration.time, declaration.max_age
    if name is None or text is None:
        return
    newest = pc.max(table[name].filter(pa.array(kept))).as_py()
    if newest is None:
        return
    age = now.astimezone(UTC) - _end(newest)
    sentence = (
        f"The newest time in {name!r} is {newest}, {_told(age)} before"
        f" {now:%Y-%m-%d %H:%M} {now.tzname()}, and 'max_age' is {text}. See what should have"
        " written newer rows; if it is meant, declare a larger 'max_age'."
    )
    yield finding(
        "newest_time_is_recent",
        name,
        sentence if age > duration(text) else "",
        kwargs={"max_age": text},
        observed=newest.isoformat(),
    )


def _end(newest: date | datetime) -> datetime:
    if isinstance(newest, datetime):
        return newest.replace(tzinfo=UTC)
    return datetime.combine(newest, time.max, UTC)


def _told(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:,.0f} days"


def _share_from(lost: float) -> float:
    """Return a short share that is no smaller than `lost`, and still below 1."""
    shares = (ceil(round(lost * 10**digits, 9)) / 10**digits for digits in range(1, 16))
    return next(share for share in shares if share < 1)
