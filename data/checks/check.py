"""All checks of a snapshot's rows, and what they mean for the run.

A critical check that fails ends the run; a warning is stored. A declared rule with `quarantine`
sets aside the rows that break it, and the others continue; it ends the run only if it is critical,
has `mostly`, and fewer than that share of the rows pass.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.calls import Call, Do, done_here
from data.checks.always import Contents, content_findings, structure_findings
from data.checks.by_column import ColumnFacts, facts_of, in_groups
from data.checks.cells import cell_findings, rows_with_unparsable_cells
from data.checks.changes import KIND, content_changes, new_columns, structure_changes
from data.checks.contract import Contract
from data.checks.declared import (
    Outcome,
    outcomes_of,
    refuse_wrong_rules,
    rows_set_aside,
    rules_together,
)
from data.checks.duplicates import Duplicates, duplicates_of
from data.checks.entering import Entry, entries_of
from data.checks.features import feature_findings
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
    do: Do = done_here,
) -> Checked:
    """Check the rows of a snapshot, reading its columns one at a time.

    `readings` say how each column was read. `contract` is what the source looked like last, None if
    there was no good run yet. `now`, which has a time zone, is the moment that the age of the rows
    is counted from; by default the present. `report` is told how far the checks are. Whatever looks
    at the values of all rows is done by `do`.
    Checks that make no sense after another one has failed are left out. An expectation that Great
    Expectations does not know, a wrong keyword, or `quarantine` on a rule that is not about single
    rows is a `CallError`. One that names a missing column, or cannot be computed on the values, is
    a failed critical result.
    """
    refuse_wrong_rules(declaration)
    new = new_columns(declaration, table, contract)
    used = Columns(table).without(new)
    rules = rules_together(declaration, table.num_rows)
    steps = Steps(report, len(rules) + len(in_groups(table.column_names)) + 3)
    rows = _OfAllRows(declaration, table, tuple(new), readings, do, steps)
    findings = structure_findings(declaration, used, contract)
    if contract is not None:
        findings += structure_changes(declaration, Columns(table), readings, contract)
    changed = {f.result.column for f in findings if f.result.expectation == KIND and f.sentence}
    cells = cell_findings(declaration, used, readings)
    findings += [found for found in cells if found.result.column not in changed]
    kept = np.ones(table.num_rows, dtype=bool)
    if any(finding.fatal for finding in findings):
        entries, facts = rows.entries_and_facts(kept)
        columns = profile(declaration, table, readings, new=new, entries=entries, facts=facts)
        return _verdict(declaration, used, findings, (), kept, columns)
    unread = rows.with_unparsable_cells()
    kept = _without(kept, unread)
    outcomes = rows.outcomes(kept, rules)
    rejected = _in_order(unread, rows.set_aside(outcomes))
    kept = _without(kept, rejected)
    findings += [outcome.finding for outcome in outcomes]
    contents = rows.contents(kept, now or datetime.datetime.now(datetime.UTC))
    entries, facts = rows.entries_and_facts(kept)
    findings += contents.first
    if contents.has_labelled:
        findings += feature_findings(declaration, used, entries, facts)
    findings += contents.last
    columns = profile(declaration, table, readings, new=new, entries=entries, facts=facts)
    if contract is not None and kept.any():
        findings += rows.changes(kept, columns, contract)
    if any(finding.fatal for finding in findings):
        return _verdict(declaration, used, findings, rejected, kept, columns)
    duplicates = rows.duplicates(kept)
    findings.append(duplicates.finding)
    checked = _verdict(declaration, used, findings, rejected, kept, columns)
    return replace(checked, label=duplicates.label, together=duplicates.together)


@dataclass(frozen=True)
class _OfAllRows:
    """What `do` finds in the rows of a table (n,), of which most is asked of those `kept` (n,).

    `new` are its columns that are not used.
    """

    declaration: Declaration
    table: Table
    new: tuple[str, ...]
    readings: Sequence[ColumnReading]
    do: Do
    steps: Steps

    def with_unparsable_cells(self) -> tuple[RejectedRow, ...]:
        """Return the rows to set aside for their cells."""
        if not any(reading.rows for reading in self.readings):
            return ()
        of = (self.declaration, self.table, self.new, self.readings)
        rejected: tuple[RejectedRow, ...] = self._one((rows_with_unparsable_cells, of))
        return rejected

    def outcomes(self, kept: np.ndarray, rules: Sequence[Sequence[int]]) -> list[Outcome]:
        """Return the outcomes of the declared rules, which are computed in these groups."""
        found: dict[int, Outcome] = {}
        for some in self._each(
            *((outcomes_of, (self.declaration, self.table, kept, indices)) for indices in rules)
        ):
            found |= some
        return [found[index] for index in sorted(found)]

    def set_aside(self, outcomes: Sequence[Outcome]) -> tuple[RejectedRow, ...]:
        """Return the rows that break a quarantine rule."""
        if not any(len(outcome.aside) for outcome in outcomes):
            return ()
        aside = [outcome.aside for outcome in outcomes]
        rejected: tuple[RejectedRow, ...] = self._one(
            (rows_set_aside, (self.declaration, self.table, aside))
        )
        return rejected

    def contents(self, kept: np.ndarray, now: datetime.datetime) -> Contents:
        """Return the findings on keys, target, times and weights."""
        (found,) = self._each(
            (content_findings, (self.declaration, self.table, self.new, kept, now))
        )
        return found  # type: ignore[no-any-return]

    def entries_and_facts(
        self, kept: np.ndarray
    ) -> tuple[dict[str, Entry], dict[str, ColumnFacts]]:
        """Return how each feature enters the models, and the facts of every column."""
        of = (self.declaration, self.table, self.new)
        calls: list[Call] = [(entries_of, (*of, kept))]
        for names in in_groups(self.table.column_names):
            readings = [reading for reading in self.readings if reading.name in names]
            calls.append((facts_of, (*of, names, readings, kept)))
        entries, *groups = self._each(*calls)
        return entries, {name: found for group in groups for name, found in group.items()}

    def changes(
        self, kept: np.ndarray, columns: Sequence[SourceColumnRecord], contract: Contract
    ) -> list[Finding]:
        """Return the findings on what has changed in the values."""
        of = (self.declaration, self.table, columns, contract, kept)
        found: list[Finding] = self._one((content_changes, of))
        return found

    def duplicates(self, kept: np.ndarray) -> Duplicates:
        """Return which rows repeat others."""
        (found,) = self._each((duplicates_of, (self.declaration, self.table, self.new, kept)))
        return found  # type: ignore[no-any-return]

    def _one(self, call: Call) -> Any:
        (value,) = self.do("checking", [call])
        return value

    def _each(self, *calls: Call) -> list[Any]:
        values = []
        for value in self.do("checking", calls):
            values.append(value)
            self.steps.done()
        return values


def _without(kept: np.ndarray, rejected: Sequence[RejectedRow]) -> np.ndarray:
    if not rejected:
        return kept
    left = kept.copy()
    left[[row.row_number - 1 for row in rejected]] = False
    return left


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
