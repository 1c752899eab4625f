"""Which nights of the past are to be made up for, and for which datasets."""

from collections.abc import Sequence
from datetime import date, timedelta

import typer

from data.declarations.file import load_dataset
from data.errors import CallError
from data.settings import settings

MOST_NIGHTS = 3_660
"""Ten years; a longer range is a slip of the pen."""


def days_between(first: str | None, last: str | None) -> list[str]:
    """Return every day from the first to the last, both included; none where neither is given."""
    if first is None and last is None:
        return []
    if first is None or last is None:
        raise CallError(
            "--from and --to go together: the first and the last night to make up for.",
            next_step="As: nightfit nightly --from 2024-03-01 --to 2024-03-31",
        )
    start, end = _day("--from", first), _day("--to", last)
    if end < start:
        raise CallError(f"--to {last} lies before --from {first}.", next_step="Exchange them.")
    count = (end - start).days + 1
    if count > MOST_NIGHTS:
        raise CallError(
            f"{count:,} nights lie between {first} and {last}.",
            next_step=f"Make up for {MOST_NIGHTS:,} at most in one call.",
        )
    return [(start + timedelta(days=day)).isoformat() for day in range(count)]


def with_time(names: Sequence[str], *, asked: bool) -> list[str]:
    """Return the datasets that have a time column; where they were named, all must have one."""
    declared = {name: load_dataset(name, settings().datasets) for name in names}
    timed = [name for name in names if declared[name].time is not None]
    without = [name for name in names if declared[name].time is None]
    if without and (asked or not timed):
        raise CallError(
            "no time column is declared, and only by one is it known what an earlier night had.",
            where=", ".join(without),
            next_step="Declare 'time', or leave these datasets out.",
        )
    if without:
        typer.echo(f"Left out, having no time column: {', '.join(without)}.", err=True)
    return timed


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CallError(
            f"{option} {text!r} is no day.", next_step="Write it as 2024-03-31."
        ) from None
