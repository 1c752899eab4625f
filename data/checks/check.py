"""All checks of a snapshot's rows, and what they mean for the run.

A critical check that fails ends the run; a warning is stored. A declared rule with `quarantine`
sets aside the rows that break it, and the others continue; it ends the run only if it is critical,
has `mostly`, and fewer than that share of the rows pass.
"""

import datetime
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.checks.always import content_findings, structure_findings
from data.checks.cells import cell_findings, rows_with_unparsable_cells
from data.checks.changes import KIND, content_changes, new_columns, structure_changes
from data.checks.contract import Contract
from data.checks.declared import outcomes_of, refuse_wrong_rules, rows_set_aside
from data.checks.duplicates import duplicates_of
from data.checks.entering import entries_of, fitted_rows
from data.checks.findings import Checked, Finding, RejectedRow, counted
from data.checks.profile import profile
from data.checks.steps import Steps
from data.checks.table import Columns, Table
from data.checks.terms import products_of
from data.declarations.model import Declaration
from data.progress import Report, unreported
from data.sources.readings import ColumnReading
from data.store.records import SourceColumnRecord


def check(
    declaration: Declaration,
    table: Table,
    readings: Sequence[ColumnReading] = (),
    contract: Contract | None = None,
    now: datetime.datetime | None = None,
    report: Report = unreported,
) -> Checked:
    """Check the rows of a snapshot, reading its columns one at a time.

    `readings` say how each column was read. `contract` is what the source looked like last, None if
    there was no good run yet. `now`, which has a time zone, is the moment that the age of the rows
    is counted from; by default the present. `report` is told how far the checks are.
    Checks that make no sense after another one has failed are left out. An expectation that Great
    Expectations does not know, a wrong keyword, or `quarantine` on a rule that is not about single
    rows is a `CallError`. One that names a missing column, or cannot be computed on the values, is
    a failed critical result.
    """
    kept = np.ones(table.num_rows, dtype=bool)
    refuse_wrong_rules(declaration)
    new = new_columns(declaration, table, contract)
    table = Columns(table)
    used = table.without(new)
    features = len(declaration.input_names(used.column_names))
    rules = len(declaration.expectations)
    steps = Steps(report, rules + 2 * features + 2 * len(table.column_names))
    findings = structure_findings(declaration, used, contract)
    if contract is not None:
        findings += structure_changes(declaration, table, readings, contract)
    changed = {f.result.column for f in findings if f.result.expectation == KIND and f.sentence}
    cells = cell_findings(declaration, used, readings)
    findings += [found for found in cells if found.result.column not in changed]
    if any(finding.fatal for finding in findings):
        entries = entries_of(declaration, used, fitted_rows(declaration, used, kept))
        columns = profile(declaration, table, readings, kept=kept, new=new, entries=entries)
        return _verdict(declaration, used, findings, (), kept, columns)
    unread = rows_with_unparsable_cells(declaration, used, readings)
    kept[[row.row_number - 1 for row in unread]] = False
    outcomes = outcomes_of(declaration, table, kept, steps)
    rejected = _in_order(unread, rows_set_aside(declaration, table, outcomes))
    kept[[row.row_number - 1 for row in rejected]] = False
    findings += [outcome.finding for outcome in outcomes]
    now = now or datetime.datetime.now(datetime.UTC)
    entries = entries_of(declaration, used, fitted_rows(declaration, used, kept), steps)
    findings += content_findings(declaration, used, kept, now, entries, steps)
    columns = profile(
        declaration, table, readings, kept=kept, new=new, entries=entries, steps=steps
    )
    if contract is not None and kept.any():
        findings += content_changes(declaration, table, columns, contract, kept)
    if any(finding.fatal for finding in findings):
        return _verdict(declaration, used, findings, rejected, kept, columns)
    duplicates = duplicates_of(declaration, used, kept)
    findings.append(duplicates.finding)
    steps.done(len(table.column_names))
    checked = _verdict(declaration, used, findings, rejected, kept, columns)
    return replace(checked, label=duplicates.label, together=duplicates.together)


def _in_order(*groups: Sequence[RejectedRow]) -> tuple[RejectedRow, ...]:
    return tuple(sorted((row for group in groups for row in group), key=lambda r: r.row_number))


def _verdict(
    declaration: Declaration,
    table: Table,
    findings: Sequence[Finding],
    rejected: tuple[RejectedRow, ...],
    kept: np.ndarray,
    columns: tuple[SourceColumnRecord, ...],
) -> Checked:
    fatal = [finding.sentence for finding in findings if finding.fatal]
    reason = fatal[0] if fatal else None
    if len(fatal) > 1:
        reason = f"{fatal[0]} (And {counted(len(fatal) - 1, 'more critical check')} failed.)"
    constant = {
        finding.result.column
        for finding in findings
        if finding.result.expectation in ("feature_varies", "lag_is_known")
        and not finding.result.success
    }
    columns_there = table.column_names
    lags = [lag.name for lag in declaration.lagged]
    all_inputs = (*declaration.input_names(columns_there), *lags)
    inputs = tuple(name for name in all_inputs if name not in constant)
    known = {*declaration.feature_names(columns_there), *lags}
    features = tuple(name for name in inputs if name in known)
    return Checked(
        passed=not fatal,
        reason=reason,
        results=tuple(finding.result for finding in findings),
        rejected_rows=rejected,
        kept=kept,
        features=features,
        inputs=inputs,
        products=products_of(declaration, table, inputs),
        warnings=tuple(
            finding.sentence for finding in findings if finding.sentence and not finding.fatal
        ),
        columns=columns,
        time_parts={
            name: parts
            for name, parts in declaration.time_parts(columns_there).items()
            if name in known and name in inputs
        }
        | {name: () for name in inputs if name not in known},
    )
