"""`nightfit plan`: what tonight would do with each dataset, and why, without doing it."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text
from sqlalchemy import BigInteger, Double
from sqlalchemy import Text as TextType

from data.address_space import require_address_space
from data.declarations.file import declared_datasets, load_dataset
from data.errors import NoStore, UserError
from data.settings import Settings, settings
from data.store.session import Store
from flows.command.output_formats import write_rows
from flows.command.past_nights import with_time_column
from flows.command.screen import Screen, print_json
from flows.command.secrets import secrets_as_at_night
from flows.command.session import talking

if TYPE_CHECKING:
    from tasks.run.outlook import Outlook

STYLE = {"trained": "green", "skipped": "dim", "rejected": "red", "failed": "red"}

ENDINGS = {
    "trained": "would be trained",
    "skipped": "would be skipped",
    "rejected": "would be rejected",
    "failed": "would fail",
}

COLUMNS = {
    "dataset": TextType(),
    "ending": TextType(),
    "reason": TextType(),
    "problem": TextType(),
    "rows": BigInteger(),
    "rows_added": BigInteger(),
    "rows_removed": BigInteger(),
    "rows_changed": BigInteger(),
    "since_run": BigInteger(),
    "seconds": Double(),
    "seconds_known": TextType(),
    "removes_predictions": BigInteger(),
    "removes_paired_errors": BigInteger(),
    "removes_models": BigInteger(),
    "removes_figures": BigInteger(),
    "removes_snapshots": BigInteger(),
}
"""What is printed of each dataset as CSV or Parquet."""


def run_plan(datasets: Sequence[str] | None, *, as_of: str | None, output_format: str) -> int:
    """Print what a night would do; return the exit code, 0 if it would be fine.

    Raises CallError for a dataset that is not declared, and StoreError where the store cannot be
    read; where there is none yet, every run would be a first one.
    """
    from tasks.run.outlook import Place, outlook
    from tasks.run.reading import cluster_named

    require_address_space()
    config = settings()
    names = _named(datasets, config, as_of)
    store = _store(config)
    with talking(), secrets_as_at_night(config.home), cluster_named(config) as workers:
        place = Place(config.datasets, config.home, store, config.keep_runs, workers)
        seen = [outlook(name, place, as_of=as_of) for name in names]
    if output_format == "table":
        _print(Screen(sys.stdout), seen)
    elif output_format == "json":
        print_json({"datasets": [_facts(each) for each in seen], "total": _total(seen)})
    else:
        rows = [tuple(_row(each)[name] for name in COLUMNS) for each in seen]
        write_rows([rows], COLUMNS, output_format)
    return max(each.exit_code for each in seen)


def _named(datasets: Sequence[str] | None, config: Settings, as_of: str | None) -> list[str]:
    """Return the datasets to look at: those that a night would run, or that are named."""
    declared = declared_datasets(config.datasets)
    names = list(dict.fromkeys(datasets or declared))
    for name in names:
        if name not in declared:
            load_dataset(name, config.datasets)  # raises, with the names that there are
    if not names:
        raise UserError(
            "no dataset is declared.",
            where=str(config.datasets),
            next_step="Put one YAML file per dataset in that folder.",
        )
    if as_of is None:
        return names
    from data.sources.as_of import require_date_time_or_number

    require_date_time_or_number(as_of)
    return with_time_column(names, config.datasets, named=bool(datasets))


def _store(config: Settings) -> Store | None:
    store = Store(config.database_url)
    try:
        with store.reading():
            return store
    except NoStore:
        return None


def _print(screen: Screen, seen: "Sequence[Outlook]") -> None:
    """Print some lines per dataset, and the total of all."""
    for each in seen:
        screen.print()
        screen.print(Text(each.dataset, style="bold"))
        for label, text in _lines(each):
            screen.print(Text.assemble((f"  {label:<10}", "dim"), text), soft_wrap=True)
    screen.print()
    screen.print(Text.assemble(("in all      ", "dim"), _total_in_words(seen)), soft_wrap=True)


def _lines(seen: "Outlook") -> Iterator[tuple[str, Text]]:
    from tasks.run.duration import in_words

    yield "tonight", Text(ENDINGS[seen.ending], style=STYLE[seen.ending])
    if seen.problem:
        yield "problem", Text(seen.problem.replace("\n", f"\n{'':12}"), style="red")
    if seen.changes is not None:
        yield "reason", Text(seen.changes.reason)
    if seen.snapshot is not None:
        yield "read", Text(seen.snapshot.in_words())
    if seen.rows is not None:
        yield "rows", Text(str(seen.rows))
    fits = ", ".join(f"{kind} {seconds:,.1f} s" for kind, seconds in seen.duration.fits.items())
    of_these = f" (fits of {fits} in the slowest framework)" if fits else ""
    yield "time", Text(f"{in_words(seen.duration.seconds)}, {seen.duration.known_from}{of_these}")
    yield "removes", Text("nothing" if seen.removed is None else str(seen.removed))


def _total(seen: "Sequence[Outlook]") -> dict[str, Any]:
    """Return how many runs would end in which way, how long they take, and what is removed."""
    known = [each.duration.seconds for each in seen if each.duration.seconds is not None]
    removed = [asdict(each.removed) for each in seen if each.removed is not None]
    names = [name for name in (removed[0] if removed else {}) if name != "dataset"]
    return {
        "endings": {e: n for e in STYLE if (n := sum(each.ending == e for each in seen))},
        "seconds": sum(known),
        "unknown_durations": len(seen) - len(known),
        "removed": {name: sum(each[name] for each in removed) for name in names},
    }


def _total_in_words(seen: "Sequence[Outlook]") -> str:
    from data.store.retention import Removed
    from tasks.run.duration import in_words

    total = _total(seen)
    endings = ", ".join(f"{number:,} {ending}" for ending, number in total["endings"].items())
    unknown = total["unknown_durations"]
    others = f", and {unknown:,} of unknown length" if unknown else ""
    taken = "unknown" if unknown == len(seen) else f"{in_words(total['seconds'])}{others}"
    removed = Removed("", **total["removed"]) if total["removed"] else "nothing"
    return f"{endings}; time: {taken}; removes: {removed}"


def _facts(seen: "Outlook") -> dict[str, Any]:
    """Return everything about one dataset, for JSON."""
    changes, rows = seen.changes, seen.rows
    return {
        "dataset": seen.dataset,
        "ending": seen.ending,
        "reason": changes and changes.reason,
        "problem": seen.problem,
        "since_run": changes.since.run_id if changes and changes.since else None,
        "changes": [asdict(change) for change in changes.changes] if changes else [],
        "rows": seen.snapshot and seen.snapshot.rows,
        "read": seen.snapshot and seen.snapshot.in_words(),
        "row_changes": None if rows is None or isinstance(rows, str) else asdict(rows),
        "row_changes_unknown": rows if isinstance(rows, str) else None,
        "seconds": seen.duration.seconds,
        "seconds_known": seen.duration.known_from,
        "fit_seconds": seen.duration.fits,
        "removed": seen.removed and asdict(seen.removed),
    }


def _row(seen: "Outlook") -> dict[str, Any]:
    """Return a dataset as one row of `COLUMNS`."""
    facts = _facts(seen)
    rows, removed = facts["row_changes"] or {}, facts["removed"] or {}
    row = {name: facts.get(name) for name in COLUMNS}
    row |= {f"rows_{name}": rows.get(name) for name in ("added", "removed", "changed")}
    for name in ("predictions", "paired_errors", "models", "figures", "snapshots"):
        row[f"removes_{name}"] = removed.get(name, 0)
    return row
