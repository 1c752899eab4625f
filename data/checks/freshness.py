"""The checks that the rows of the last run are still there, and that tonight's have arrived."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from math import ceil

import numpy as np
import pyarrow.compute as pc

from data.checks.findings import Finding, finding
from data.checks.table import Table, filtered
from data.declarations.durations import duration
from data.declarations.model import Declaration


def shrinkage_finding(declaration: Declaration, rows: int, last_rows: int) -> Finding:
    """Check that no more than the declared share of the last good run's rows is missing."""
    allowed = declaration.max_shrinkage
    fewest = ceil(round((1 - allowed) * last_rows, 6))
    lost = 1 - rows / last_rows
    sentence = (
        f"{declaration.source.shown} has {rows:,} rows, down from {last_rows:,} in the last good"
        f" run: more than a share of {allowed:g} is missing. Check the program that writes it; if"
        f" the loss is intended, declare a larger 'max_shrinkage', for example {_share_from(lost)}."
    )
    return finding(
        "source_has_not_shrunk",
        None,
        sentence if rows < fewest else "",
        kwargs={"min_value": fewest},
        observed=rows,
    )


def age_findings(
    declaration: Declaration, table: Table, kept: np.ndarray, now: datetime
) -> Iterator[Finding]:
    """Check that the newest time among the kept rows is no older than the declaration allows.

    The age of a date is counted from the end of the day, in UTC.
    """
    name, text = declaration.time, declaration.max_age
    if name is None or text is None:
        return
    newest = pc.max(filtered(table.column(name), kept)).as_py()
    if newest is None:
        return
    age = now.astimezone(UTC) - _end(newest)
    sentence = (
        f"The newest time in {name!r} is {newest}, {_in_words(age)} before"
        f" {now:%Y-%m-%d %H:%M} {now.tzname()}, but 'max_age' is {text}. Check the program that"
        " writes the rows; if the delay is intended, declare a larger 'max_age'."
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


def _in_words(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:,.0f} days"


def _share_from(lost: float) -> float:
    """Return a short share that is no smaller than `lost` and still below 1."""
    shares = (ceil(round(lost * 10**digits, 9)) / 10**digits for digits in range(1, 16))
    return float(next(share for share in shares if share < 1))
