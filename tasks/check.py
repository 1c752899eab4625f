"""Check a snapshot against its declaration."""

from datetime import datetime

import data.checks.check
from data.checks.contract import Contract
from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.sources.snapshot import Snapshot, readings_of
from data.sources.stored_columns import StoredColumns
from tasks.run import progress
from tasks.run.memory import give_back
from tasks.run.step import step


@step(problem=lambda checked: None if checked.passed else checked.reason)
def check(
    declaration: Declaration,
    snapshot: Snapshot,
    contract: Contract | None = None,
    now: datetime | None = None,
) -> Checked:
    """Return every check's result, the rows set aside and the features that can be used."""
    table, readings = StoredColumns(snapshot.path), readings_of(snapshot.path)
    report = progress.Progress(declaration.name, "checking")
    checked = data.checks.check.check(declaration, table, readings, contract, now, report)
    give_back()
    for warning in checked.warnings:
        progress.log(declaration.name, warning, warning=True)
    met = sum(result.success for result in checked.results)
    aside = f", {len(checked.rejected_rows):,} rows set aside" if checked.rejected_rows else ""
    progress.log(declaration.name, f"checked: {met} of {len(checked.results)} checks met{aside}")
    return checked
