"""`nightfit check`: read a dataset and check it, and train nothing."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from data.declarations.file import load_dataset
from data.declarations.terms import text_of
from data.settings import settings
from flows.command.screen import Screen, print_json
from flows.command.session import make_folder

if TYPE_CHECKING:
    from data.checks.findings import Checked


def run_check(dataset: str, *, as_json: bool) -> int:
    """Print every check and whether it is met; return 1 if the data may not be trained on."""
    from data.checks.check import check
    from data.sources.read import read
    from data.sources.snapshot import load, readings_of

    config = settings()
    declaration = load_dataset(dataset, config.datasets)
    make_folder(config.home)
    snapshot = read(declaration, folder=config.home / "snapshots")
    checked = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    if as_json:
        report = {
            "dataset": dataset,
            "passed": checked.passed,
            "reason": checked.reason,
            "rows_read": snapshot.rows,
            "rows_rejected": len(checked.rejected_rows),
            "features": checked.features,
            "terms": [text_of(product) for product in checked.products],
            "warnings": checked.warnings,
            "expectations": [asdict(result) for result in checked.results],
            "rejected_rows": [asdict(row) for row in checked.rejected_rows],
        }
        print_json(report, default=str)
    else:
        _print_report(checked, snapshot.rows)
    return 0 if checked.passed else 1


def _print_report(checked: "Checked", rows: int) -> None:
    console = Screen()
    console.print(_results(checked))
    for warning in checked.warnings:
        console.print(Text(warning, style="yellow"), soft_wrap=True)
    rejected = f", {len(checked.rejected_rows):,} set aside" if checked.rejected_rows else ""
    outcome = "ready to train on" if checked.passed else f"refused: {checked.reason}"
    console.print(f"{rows:,} rows read{rejected}; {outcome}", soft_wrap=True)


def _results(checked: "Checked") -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("", "check", "column", "severity", "observed", "bad rows"):
        table.add_column(heading, overflow="fold")
    for result in checked.results:
        failed_style = "red" if result.severity == "critical" else "yellow"
        table.add_row(
            Text("met", style="green") if result.success else Text("NOT MET", style=failed_style),
            result.expectation,
            result.column or "",
            result.severity + (", quarantine" if result.quarantine else ""),
            "" if result.observed is None else str(result.observed),
            str(result.unexpected_count or ""),
        )
    return table
