"""Check a snapshot against its declaration."""

from datetime import datetime

import data.checks.check
from data.calls import done_here
from data.checks.contract import Contract
from data.checks.findings import Checked, ExpectationResult, counted
from data.declarations.model import Declaration
from data.errors import shortened
from data.sources.snapshot import Snapshot, intact_state, readings_of, trust
from data.sources.stored_columns import StoredColumns
from tasks.run import progress
from tasks.run.memory import give_back
from tasks.run.page_log import log_on_page
from tasks.run.row_work import RowWork
from tasks.run.step import step

MAX_EXAMPLE = 200
"""Characters of a row that a line shows."""


@step(problem=lambda checked: None if checked.passed else checked.reason)
def check(
    declaration: Declaration,
    snapshot: Snapshot,
    contract: Contract | None = None,
    now: datetime | None = None,
    *,
    work: RowWork | None = None,
) -> Checked:
    """Return every check's result, the rows set aside and the features that can be used.

    With `work`, a cluster does what looks at the values of all rows.
    """
    do, path = done_here if work is None else work.do, snapshot.path
    if work is not None:
        (state,) = do("reading the snapshot", [(intact_state, (path,))])
        trust(path, state)
    table, readings = StoredColumns(path), readings_of(path)
    report = progress.Progress(declaration.name, "checking")
    checked = data.checks.check.check(declaration, table, readings, contract, now, report, do)
    give_back()
    for warning in checked.warnings:
        progress.log(declaration.name, warning, warning=True)
    for result in checked.results:
        if result.severity == "critical" and not (result.success or result.quarantine):
            log_on_page(f"{declaration.name}: rejected by {_described(result)}", warning=True)
    met = sum(result.success for result in checked.results)
    aside = f", {len(checked.rejected_rows):,} rows set aside" if checked.rejected_rows else ""
    progress.log(declaration.name, f"checked: {met} of {len(checked.results)} checks met{aside}")
    return checked


def _described(result: ExpectationResult) -> str:
    """Return a check that failed, with the rows that it failed by: "x (age): 2 rows, 3 and 7"."""
    column = f" ({result.column})" if result.column else ""
    rows = "" if result.unexpected_count is None else f": {counted(result.unexpected_count, 'row')}"
    shown = (f"row {each['row']} {each['values']}" for each in result.examples)
    examples = "; ".join(shortened(text, MAX_EXAMPLE) for text in shown)
    return f"{result.expectation}{column}{rows}" + (f", such as {examples}" if examples else "")
