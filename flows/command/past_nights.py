"""Which past nights `nightfit nightly --from --to` trains, and for which datasets."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import typer

from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.errors import CallError
from flows.command.printable import printable

MAX_NIGHTS = 3_660
"""Ten years; a longer range is a typing mistake."""


def days_between(first: str | None, last: str | None) -> list[date]:
    """Return every day from the first to the last, both included; none if neither is given."""
    if first is None and last is None:
        return []
    if first is None or last is None:
        raise CallError(
            "--from and --to go together: the first and the last night to train.",
            next_step="For example: nightfit nightly --from 2024-03-01 --to 2024-03-31",
        )
    start, end = _parse_day("--from", first), _parse_day("--to", last)
    if end < start:
        raise CallError(f"--to {last} is before --from {first}.", next_step="Swap them.")
    count = (end - start).days + 1
    if count > MAX_NIGHTS:
        raise CallError(
            f"there are {count:,} nights from {first} to {last}.",
            next_step=f"Train at most {MAX_NIGHTS:,} in one call.",
        )
    return [start + timedelta(days=day) for day in range(count)]


def with_time_column(names: Sequence[str], folder: Path, *, named: bool) -> list[str]:
    """Return the datasets that declare a time column; those that the user `named` all must."""
    declared = _loaded(names, folder, named=named)
    names = list(declared)
    timed = [name for name in names if declared[name].time is not None]
    untimed = [name for name in names if declared[name].time is None]
    if untimed and (named or not timed):
        raise CallError(
            "no time column is declared, so nightfit cannot know which rows existed on a past"
            " night.",
            where=", ".join(untimed),
            next_step="Declare 'time', or leave these datasets out.",
        )
    if untimed:
        typer.echo(f"Skipping datasets without a time column: {', '.join(untimed)}.", err=True)
    return timed


def _loaded(names: Sequence[str], folder: Path, *, named: bool) -> dict[str, Declaration]:
    """Return the declarations; one with a mistake is left out, unless the user named it.

    If none is left, the first mistake is raised.
    """
    declared: dict[str, Declaration] = {}
    mistakes: list[CallError] = []
    for name in names:
        try:
            declared[name] = load_dataset(name, folder)
        except CallError as error:
            if named:
                raise
            mistakes.append(error)
            typer.echo(f"Skipping {name}: {printable(str(error))}", err=True)
    if mistakes and not declared:
        raise mistakes[0]
    return declared


def _parse_day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CallError(
            f"{option} {text!r} is not a date.", next_step="Write it like this: 2024-03-31."
        ) from None
