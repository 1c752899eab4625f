"""The checks made on every source: columns, rows, kinds, keys, target, time and weight.

Those about structure look at the whole table, those about contents at the rows left after
quarantine. A check is skipped where an earlier failure leaves it without meaning. They run on
Arrow, without Great Expectations, but use its names for the same rules.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa

from data.checks.alike import distinct_values
from data.checks.by_column import finite_finding
from data.checks.contract import Contract
from data.checks.findings import Finding, counted, finding, row_finding, why_not_numbers
from data.checks.freshness import age_findings, shrinkage_finding
from data.checks.intervals import interval_findings
from data.checks.keys import key_findings
from data.checks.lags import known_findings, lag_findings
from data.checks.segment import segment_findings
from data.checks.table import Columns, Table, filtered
from data.checks.terms import part_findings, term_findings
from data.declarations.mistakes import nearest
from data.declarations.model import Declaration
from data.declarations.parts import PARTS
from data.declarations.sql_source import SqlSource
from data.declarations.time_rules import misfit
from data.errors import listed
from data.sources.columns import PLURAL, arrays, kind_of, present
from data.sources.suggested_kind import written_as
from data.split import MIN_LABELLED_ROWS


def structure_findings(
    declaration: Declaration, table: Table, contract: Contract | None = None
) -> list[Finding]:
    """Check columns, number of rows, and kinds; if they are wrong, nothing else makes sense."""
    roles = [*declaration.key, declaration.target, declaration.time, declaration.weight]
    features = declaration.feature_names(table.column_names) if declaration.features else ()
    others = [*features, *declaration.lags, *declaration.types, *declaration.formats]
    groups = [declaration.split.group, declaration.interval.by]
    named = dict.fromkeys([*roles, *others, *groups])
    findings = [column_finding(name, table.column_names, declaration) for name in named if name]
    findings.append(_row_count_finding(declaration, table.num_rows))
    if contract and contract.rows and table.num_rows:
        findings.append(shrinkage_finding(declaration, table.num_rows, contract.rows))
    if not any(check.fatal for check in findings):
        findings.append(_numeric_finding("target", declaration.target, "can be predicted", table))
        findings += _time_findings(declaration, table)
        if declaration.weight:
            findings.append(
                _numeric_finding("weight", declaration.weight, "can weight rows", table)
            )
        findings += _interval_findings(declaration, table)
        findings += part_findings(declaration, table)
        findings += lag_findings(declaration, table)
        findings += term_findings(declaration, table)
    return findings


@dataclass(frozen=True)
class Contents:
    """Findings on the values of all columns but the features, in the order of the catalogue.

    Those on features are between the `first` and the `last` ones, if some row `has_labelled` has a
    target.
    """

    first: list[Finding]
    last: list[Finding] = field(default_factory=list)
    has_labelled: bool = False


def content_findings(
    declaration: Declaration,
    whole: Table,
    new: Collection[str],
    kept: np.ndarray,
    now: datetime,
) -> Contents:
    """Check keys, target, times, weights, lags and intervals of the `kept` rows, a mask (n,).

    `new` columns are not used.
    """
    if not kept.any():
        sentence = (
            f"All {whole.num_rows} rows were set aside. Relax a quarantine rule, or correct the"
            " source."
        )
        return Contents([finding("rows_are_left", None, sentence, observed=0)])
    table = Columns(whole).without(new)
    first = [
        *key_findings(declaration, table, kept),
        *segment_findings(declaration, table, kept),
        *_target_findings(declaration, table, kept),
        *age_findings(declaration, table, kept, now),
    ]
    labelled = kept & present(table.column(declaration.target))
    if not labelled.any():
        return Contents(first)
    first += _missing_time_findings(declaration, table, labelled)
    first += _weight_findings(declaration, table, labelled)
    last = [
        *known_findings(declaration, table, kept, labelled),
        *interval_findings(declaration, table, labelled),
    ]
    return Contents(first, last, has_labelled=True)


def column_finding(name: str, columns: Sequence[str], declaration: Declaration) -> Finding:
    """Check that a column exists, and suggest which one is meant if it does not."""
    parts = f"The parts of a time are {PARTS}. " if name.endswith("]") else ""
    sentence = (
        f"{declaration.source.shown} has no column {name!r}. {nearest(name, columns)}{parts}Its"
        " columns are"
        f" {listed(columns)}. Correct the source or the declaration."
    )
    return finding(
        "expect_column_to_exist",
        name,
        "" if name in columns else sentence,
        kwargs={"column": name},
        observed=name in columns,
    )


def _row_count_finding(declaration: Declaration, rows: int) -> Finding:
    is_query = isinstance(declaration.source, SqlSource) and declaration.source.query is not None
    writer = "the query" if is_query else "the program that writes it"
    sentence = f"{declaration.source.shown} has no rows. Check {writer}."
    return finding(
        "expect_table_row_count_to_be_between",
        None,
        "" if rows else sentence,
        kwargs={"min_value": 1},
        observed=rows,
    )


def _numeric_finding(role: str, name: str, use: str, table: Table) -> Finding:
    way_out = f"Correct the source, or declare another {role}."
    sentence = why_not_numbers(f"The {role} {name!r}", table, name, use, way_out)
    return finding(
        f"{role}_is_numeric", name, sentence, observed=str(table.schema.field(name).type)
    )


def _time_findings(declaration: Declaration, table: Table) -> Iterator[Finding]:
    name = declaration.time
    if name is None:
        return
    kind = kind_of(table.schema.field(name).type)
    form = written_as(table.column(name), name) if kind == "category" else ""
    holds = form or f"holds {PLURAL[kind]}, which have no order in time"
    without_order = (
        f"The time column {name!r} {holds}. Write times in ISO 8601 (2024-03-31), or declare no"
        " 'time'."
    )
    yield finding(
        "time_has_order",
        name,
        "" if kind in ("time", "number") else without_order,
        observed=str(table.schema.field(name).type),
    )
    if declaration.max_age is not None and kind == "number":
        yield finding(
            "time_has_age",
            name,
            f"The time column {name!r} holds numbers, but 'max_age' needs times. Leave 'max_age'"
            " out of the declaration, or write times in ISO 8601 (2024-03-31).",
        )
    if kind not in ("time", "number"):
        return
    if declaration.horizon is not None:
        sentence = misfit("horizon", declaration.horizon, name, kind)
        yield finding("horizon_fits_time", name, sentence)
    if declaration.half_life is not None:
        yield finding("recency_fits_time", name, misfit("recency", declaration.recency, name, kind))


def _interval_findings(declaration: Declaration, table: Table) -> Iterator[Finding]:
    name = declaration.interval.by
    if name is None:
        return
    kind = kind_of(table.schema.field(name).type)
    without_levels = (
        f"Intervals cannot be 'by' {name!r}, which holds {PLURAL[kind]}, not categories or"
        f" booleans. Declare 'types: {{{name}: category}}' if its values name groups, or leave 'by'"
        " out."
    )
    yield finding(
        "interval_groups_are_levels",
        name,
        "" if kind in ("category", "boolean") else without_levels,
        observed=str(table.schema.field(name).type),
    )


def _missing_time_findings(
    declaration: Declaration, table: Table, labelled: np.ndarray
) -> Iterator[Finding]:
    if declaration.time is not None:
        yield row_finding(
            "time_is_known",
            (declaration.time,),
            np.flatnonzero(labelled & ~present(table.column(declaration.time))),
            declaration,
            table,
            "The time {column!r} is missing in {n} with a target: {example}. Fill it in, or"
            " quarantine such rows.",
        )


def _weight_findings(
    declaration: Declaration, table: Table, labelled: np.ndarray
) -> Iterator[Finding]:
    if declaration.weight is not None:
        name = declaration.weight
        weight = arrays(table.select([name]), [name])[name]
        yield row_finding(
            "weight_is_positive",
            (name,),
            np.flatnonzero(labelled & ~((weight > 0) & np.isfinite(weight))),
            declaration,
            table,
            "The weight {column!r} is not a finite number above zero in {n} with a target:"
            " {example}. Correct it, or quarantine such rows.",
        )


def _target_findings(declaration: Declaration, table: Table, kept: np.ndarray) -> Iterator[Finding]:
    name, column = declaration.target, table.column(declaration.target)
    labelled = kept & present(column)
    count = int(labelled.sum())
    missing = f"The target {name!r} is missing in every row. Fill it in, or declare another."
    yield finding("target_is_known", name, "" if count else missing, observed=count)
    if not count:
        return
    yield finite_finding(name, declaration, table, kept)
    yield from _bounds_findings(declaration, table, labelled)
    values = filtered(column, labelled)
    distinct = _distinct_numbers(values)
    constant = (
        f"The target {name!r} is {values[0].as_py()!r} in every row that has one, so no model is"
        " needed. Check what happened to the source."
    )
    yield finding("target_varies", name, "" if distinct > 1 else constant, observed=distinct)
    too_few = (
        f"{counted(count, 'row')} with a target, but at least {MIN_LABELLED_ROWS} are needed to"
        " learn and to test. Collect more rows."
    )
    yield finding(
        "enough_labelled_rows",
        name,
        "" if count >= MIN_LABELLED_ROWS else too_few,
        kwargs={"min_value": MIN_LABELLED_ROWS},
        observed=count,
    )


def _bounds_findings(
    declaration: Declaration, table: Table, labelled: np.ndarray
) -> Iterator[Finding]:
    if declaration.bounds is None:
        return
    name, (low, high) = declaration.target, declaration.bounds
    target = arrays(table.select([name]), [name])[name]
    outside, limits = np.zeros(len(target), dtype=bool), []
    if low is not None:
        outside |= target < low
        limits.append(f"below {low:g}")
    if high is not None:
        outside |= target > high
        limits.append(f"above {high:g}")
    yield row_finding(
        "target_is_within_bounds",
        (name,),
        np.flatnonzero(labelled & outside),
        declaration,
        table,
        f"The target {{column!r}} is {' or '.join(limits)}, and so outside its declared 'bounds',"
        " in {n}: {example}. No interval covers such a value: correct it or the 'bounds'. To reject"
        " such rows, declare an expectation.",
    )


def _distinct_numbers(numbers: pa.ChunkedArray) -> int:
    """Return how many different numbers a column without gaps has, among which -0.0 is not 0.0."""
    return distinct_values(pa.chunked_array([part.view(pa.int64()) for part in numbers.chunks]))
