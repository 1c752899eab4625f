"""`nightfit history`: every change of a dataset's champion, or of what serves a segment."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.text import Text

from data.settings import settings
from data.store.read.segments import served_segment
from data.store.read.view_rows import rows_of
from data.store.session import Store
from flows.command.output_formats import write_rows
from flows.command.screen import Screen


def run_history(dataset: str, *, output_format: str) -> None:
    """Print every change of a dataset's champion, newest first, with its reason."""
    with Store(settings().database_url).reading() as connection:
        view = rows_of(connection, "champion_history", dataset=dataset)
        decisions = [row for batch in view.batches for row in batch]
    index = list(view.columns).index("decision")
    changes = [row for row in decisions if row[index] != "kept"]
    if output_format != "table":
        write_rows([changes], view.columns, output_format)
        return
    console = Screen(sys.stdout)
    _print(console, view.columns, changes, _headline)
    if kept := len(decisions) - len(changes):
        console.print(
            f"Decisions that kept the champion: {kept}; 'nightfit query champion_history"
            f" --dataset {dataset}' shows them too.",
            soft_wrap=True,
        )


def run_segment_history(dataset: str, segment: str, *, output_format: str) -> None:
    """Print every change of what serves a segment, newest first, with its reason."""
    with Store(settings().database_url).reading() as connection:
        served_segment(connection, dataset, segment)  # for the sentence where there is none
        view = rows_of(connection, "segment_history", dataset=dataset, segment=segment)
        decisions = [row for batch in view.batches for row in batch]
    if output_format != "table":
        write_rows([decisions], view.columns, output_format)
        return
    console = Screen(sys.stdout)
    _print(console, view.columns, decisions, _segment_headline)
    if not decisions:
        console.print(f"The champion of {dataset} has always served it.", soft_wrap=True)


def _print(
    console: Screen,
    columns: Iterable[str],
    rows: Sequence[Sequence[Any]],
    headline: Callable[[dict[str, Any]], Text],
) -> None:
    """Print each change with its reason."""
    for row in rows:
        change = dict(zip(columns, row, strict=True))
        console.print(headline(change), soft_wrap=True)
        console.print(Text(f"    {change['reason']}", style="dim"), soft_wrap=True)


def _segment_headline(change: dict[str, Any]) -> Text:
    """Return when, what, from which model to which, and by whom, on one line."""
    by = change["decided_by"] or f"run {change['run_id']}"
    after = change["model"] or "the champion"
    if change["kind"] and not change["model"]:
        after = f"{change['kind']} from the next night on"
    return Text.assemble(
        *_decided(change),
        f": {change['previous'] or 'the champion'} -> {after}{_gain(change)}, by {by}",
    )


def _decided(change: dict[str, Any]) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return when a change was decided, and by which word, as parts of a text."""
    decision = change["decision"].replace("_", " ") + (", pinned" if change["pinned"] else "")
    return (f"{change['decided_at']:%Y-%m-%d %H:%M} UTC  ", "dim"), (decision, "bold")


def _headline(change: dict[str, Any]) -> Text:
    """Return when, what, from which model to which, and by whom, on one line."""
    by = change["decided_by"] or f"run {change['run_id']}"
    return Text.assemble(
        *_decided(change),
        f": {_model(change['previous'], change['previous_run_id'])} -> "
        f"{_model(change['champion'], change['champion_run_id'])}{_gain(change)}, by {by}",
    )


def _model(name: str | None, run_id: int | None) -> str:
    return f"{name} of run {run_id}" if name else "nothing"


def _gain(change: dict[str, Any]) -> str:
    if change["gain"] is None:
        return ""
    return f", gain {change['gain']:+.1%} ({change['gain_low']:+.1%} to {change['gain_high']:+.1%})"
