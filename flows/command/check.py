"""`nightfit check`: read a dataset and check it, and train nothing."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from data.address_space import require_address_space
from data.declarations.file import load_dataset
from data.declarations.terms import text_of
from data.errors import CannotSplit, StoreError
from data.scratch import temporary_folder
from data.settings import settings
from data.store.session import Store
from flows.command.screen import Screen, print_json
from flows.command.secrets import secrets_as_at_night
from flows.command.session import talking
from tasks.run.progress import Progress

if TYPE_CHECKING:
    from data.checks.contract import Contract
    from data.checks.findings import Checked, ExpectationResult
    from data.declarations.model import Declaration
    from data.sources.snapshot import Snapshot
    from data.store.records import SourceColumnRecord

MAX_EXAMPLE = 16
"""Characters of a column's example."""
MIN_ENTERS = 16
"""Characters for how a column enters, which may take several lines."""


def run_check(dataset: str, *, as_json: bool, show_all: bool) -> int:
    """Print the columns and the checks; return 1 if the data may not be trained on."""
    from data.checks.check import check
    from data.checks.waivers import remembered_kinds
    from data.sources.settled import QUIET_SECONDS
    from data.sources.snapshot import readings_of
    from data.sources.stored_columns import StoredColumns
    from tasks.run.reading import cluster_named, read_declared

    require_address_space()
    config = settings()
    declaration = load_dataset(dataset, config.datasets)
    contract, compared = _contract(Store(config.database_url), dataset)
    kinds = remembered_kinds(declaration, contract)
    with (
        talking(),
        secrets_as_at_night(config.home),
        cluster_named(config) as workers,
        temporary_folder() as folder,
    ):
        snapshot = read_declared(
            declaration,
            Progress(dataset, "reading"),
            workers,
            folder=folder,
            kinds=kinds,
            quiet_seconds=QUIET_SECONDS,
        )
        table, readings = StoredColumns(snapshot.path), readings_of(snapshot.path)
        report = Progress(dataset, "checking")
        checked = check(declaration, table, readings, contract, report=report)
        checked = _with_split(declaration, snapshot, checked)
    checked = replace(checked, warnings=(*snapshot.warnings, *checked.warnings))
    if as_json:
        facts = {
            "dataset": dataset,
            "passed": checked.passed,
            "reason": checked.reason,
            "compared_with_run": contract and contract.run_id,
            "rows_read": snapshot.rows,
            "rows_rejected": len(checked.rejected_rows),
            "features": checked.features,
            "terms": [text_of(product) for product in checked.products],
            "columns": [asdict(column) for column in checked.columns],
            "warnings": checked.warnings,
            "expectations": [asdict(result) for result in checked.results],
            "rejected_rows": [asdict(row) for row in checked.rejected_rows],
        }
        print_json(facts, default=str)
    else:
        print_report(Screen(), checked, rows=snapshot.rows, compared=compared, show_all=show_all)
    return 0 if checked.passed else 1


def _with_split(declaration: "Declaration", snapshot: "Snapshot", checked: "Checked") -> "Checked":
    """Return the outcome of the checks, refused where a night could not split the rows."""
    from tasks.run.splitting import prepared

    if not checked.passed:
        return checked
    try:
        prepared(declaration, snapshot, checked)
    except CannotSplit as error:
        return replace(checked, passed=False, reason=f"{error.what} {error.next_step}")
    return checked


def _contract(store: Store, dataset: str) -> tuple["Contract | None", str]:
    """Return what a night would compare the source with, and a sentence on it."""
    from data.store.read.contract import contract_of

    try:
        with store.reading() as connection:
            contract = contract_of(connection, dataset)
    except StoreError as error:
        return None, f"not compared with an earlier run: {error.what.rstrip('.')}"
    if contract is None:
        return None, "not compared with an earlier run: none was good yet"
    origin = " (accepted)" if contract.accepted else ""
    return contract, f"compared with run {contract.run_id}{origin}"


def print_report(
    screen: Screen, checked: "Checked", *, rows: int, compared: str, show_all: bool
) -> None:
    """Print each column in a line, then the checks that failed, and the outcome."""
    _print_columns(screen, checked.columns)
    failed = [result for result in checked.results if not result.success]
    met = [result for result in checked.results if result.success]
    for result in failed:
        style = "red" if result.severity == "critical" else "yellow"
        _print(screen, Text.assemble(("NOT MET  ", style), _described(result)))
    for result in met if show_all else ():
        _print(screen, Text.assemble(("met      ", "green"), _described(result)))
    others = "" if show_all else " (--all lists them)"
    _print(screen, Text(f"{len(met)} {'check' if len(met) == 1 else 'checks'} met{others}"))
    for warning in checked.warnings:
        _print(screen, Text(warning, style="yellow"))
    rejected = f", {len(checked.rejected_rows):,} set aside" if checked.rejected_rows else ""
    outcome = "ready to train on" if checked.passed else f"refused: {checked.reason}"
    _print(screen, Text(f"{rows:,} rows read{rejected}, {compared}; {outcome}"))


def _print(screen: Screen, text: Text) -> None:
    """Print a text that a terminal breaks between words, and a file not at all."""
    screen.print(text, soft_wrap=not screen.is_terminal)


def _print_columns(screen: Screen, columns: Sequence["SourceColumnRecord"]) -> None:
    """Print a line per column; it grows wider than the screen before it breaks a word."""
    headings = ("column", "role", "kind", "missing", "distinct", "example")
    lines = [_cells(column) for column in columns]
    table = Table(box=None, header_style="bold", pad_edge=False)
    needed = MIN_ENTERS
    for number, heading in enumerate(headings):
        width = max(len(heading), *(len(line[number]) for line in lines), 0)
        needed += width + 2
        right = heading in ("missing", "distinct")
        table.add_column(
            heading, no_wrap=True, min_width=width, justify="right" if right else "left"
        )
    table.add_column("how it enters", min_width=MIN_ENTERS, overflow="fold")
    for line in lines:
        table.add_row(*line)
    width, screen.width = screen.width, max(needed, screen.width)
    screen.print(table)
    screen.width = width


def _cells(column: "SourceColumnRecord") -> tuple[str, ...]:
    example = column.example or ""
    return (
        column.name,
        column.role,
        column.kind or "",
        "" if column.missing is None else f"{column.missing:,}",
        "" if column.distinct_values is None else f"{column.distinct_values:,}",
        example if len(example) <= MAX_EXAMPLE else f"{example[: MAX_EXAMPLE - 1]}…",
        column.enters or "",
    )


def _described(result: "ExpectationResult") -> str:
    """Return a check in words: its name, column and severity, and what was observed."""
    column = "" if result.column is None else f" of {result.column}"
    severity = result.severity + (", quarantine" if result.quarantine else "")
    bad = f", {result.unexpected_count:,} bad rows" if result.unexpected_count else ""
    observed = "" if result.observed is None else f": {result.observed}"
    return f"{result.expectation}{column} ({severity}{bad}){observed}"
