"""The checks that tonight's source looks as it did: the same columns, filled and sized alike.

Each compares it with the contract, which is how the source looked in the last good run, or in one
that a person accepted. A change that the declaration explains is a warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log10, sqrt
from typing import Any

import numpy as np

from data.checks.alike import alike
from data.checks.by_column import absolute_sizes
from data.checks.contract import NEW, Contract
from data.checks.findings import Finding, counted, finding
from data.checks.profile import LEFT_OUT, UNUSED, is_feature, role_of
from data.checks.table import Columns, Table, filtered, rows_of
from data.checks.waivers import waiver
from data.declarations.mistakes import nearest
from data.declarations.model import Declaration
from data.declarations.parts import column_of
from data.sources.columns import PLURAL, kind_of, present
from data.sources.readings import ColumnReading, kind_has_changed
from data.store.records import SourceColumnRecord

IDENTIFIERS = {UNUSED, "key", "group"}
"""Roles in which a column's values are only told apart, whatever their kind."""
KIND = "column_keeps_its_kind"
MAX_ROWS_SHOWN = 3
"""How many rows a sentence names."""
CERTAIN = 3.0
"""Standard errors; a difference of this size is not chance."""
MIN_SIZED_VALUES = 20
"""Sizes of fewer values are not compared."""
SIZE_TOLERANCE = 0.1
"""A factor this close to a power of ten is one."""
SIZE_SHARE = 0.9
"""The share of values that must be on one side of the former typical size."""
MAX_GROWTH = 3.0
"""Sizes are not compared where the number of rows has changed by more than this factor."""
MIN_REPEATED_ROWS = 10
"""Fewer different rows that each appear twice may be chance."""
MIN_DIFFERENT = 0.6
"""Where fewer of the former rows differed from each other, more of them may well be the same."""


@dataclass(frozen=True)
class _Change:
    """One difference to the contract, as a sentence."""

    column: str | None
    sentence: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def new_columns(declaration: Declaration, table: Table, contract: Contract | None) -> list[str]:
    """Return the columns that are not used, because the contract lacks them and none is declared.

    Where nothing is known about the columns of earlier runs, every column is used.
    """
    if contract is None or not contract.columns or declaration.features is not None:
        return []
    declared = {
        *declaration.key,
        declaration.target,
        declaration.time,
        declaration.weight,
        declaration.split.group,
        declaration.interval.by,
        *declaration.types,
        *declaration.formats,
        *(column_of(n, ()) for product in declaration.products for n, _ in product),
        *(name for product in declaration.products for name, _ in product),
    }
    known = {*contract.columns, *declared}
    return [name for name in table.column_names if name not in known]


def structure_changes(
    declaration: Declaration,
    table: Table,
    readings: Sequence[ColumnReading],
    contract: Contract,
) -> list[Finding]:
    """Check that no feature is gone, that each column has its kind, and which columns are new."""
    if not contract.columns:
        return []
    new = new_columns(declaration, table, contract)
    gone = _gone(declaration, table, contract, new)
    kinds = _changed_kinds(declaration, table, readings, contract)
    return [
        *_findings("feature_is_still_there", gone, declaration, contract),
        *_findings(KIND, kinds, declaration, contract),
        *_new_findings(new, declaration, contract),
    ]


def content_changes(
    declaration: Declaration,
    whole: Table,
    columns: Sequence[SourceColumnRecord],
    contract: Contract,
    kept: np.ndarray,
) -> list[Finding]:
    """Check that values, targets and sizes are still there, and that no row appears twice.

    `columns` describe tonight's source, and `kept` (n,) marks the rows that continue.
    """
    table = Columns(whole)
    pairs = [
        (column, contract.columns[column.name])
        for column in columns
        if column.name in contract.columns and column.role not in (NEW, UNUSED)
    ]
    checks = {
        "feature_still_varies": _constant(pairs, contract),
        "feature_is_still_filled": _emptied(pairs, table, contract),
        "labels_are_still_there": _vanished_labels(declaration, table, contract, kept),
        "numbers_keep_their_size": _resized(pairs, table, contract, kept),
        "rows_are_not_doubled": _doubled(declaration, table, contract),
    }
    return [
        found
        for check, changes in checks.items()
        for found in _findings(check, changes, declaration, contract)
    ]


def _findings(
    check: str, changes: Iterator[_Change], declaration: Declaration, contract: Contract
) -> list[Finding]:
    """Return a finding per change, or the one that there is none."""
    waived = waiver(declaration, contract.declaration)
    findings = []
    for change in changes:
        explained = waived.reason(change.column)
        if explained:
            sentence = (
                f"{change.sentence} This is accepted, because {explained} of the declaration has"
                " changed since then."
            )
            findings.append(finding("change_is_declared", change.column, sentence, **change.facts))
        else:
            sentence = (
                f"{change.sentence} Correct the source; if it is to stay like this, run 'nightfit"
                f" accept {declaration.name}'."
            )
            findings.append(finding(check, change.column, sentence, **change.facts))
    return findings or [finding(check, None)]


def _new_findings(
    new: Sequence[str], declaration: Declaration, contract: Contract
) -> Iterator[Finding]:
    for name in new:
        yield finding(
            "column_is_known",
            name,
            f"The column {name!r} is new since run {contract.run_id}, so it is not used. To use it,"
            f" run 'nightfit accept {declaration.name}', or declare its kind in 'types'.",
        )
    if not new:
        yield finding("column_is_known", None)


def _gone(
    declaration: Declaration, table: Table, contract: Contract, new: Sequence[str]
) -> Iterator[_Change]:
    if declaration.features is not None:  # a declared column that is missing has its own check
        return
    roles = {declaration.target, declaration.time, declaration.weight, declaration.split.group}
    roles |= {declaration.interval.by, *declaration.key, *declaration.types, *declaration.formats}
    for name, then in contract.columns.items():
        if name in table.column_names or name in roles or not is_feature(then):
            continue
        if not (then.enters or "").startswith(LEFT_OUT):
            renamed = nearest(name, new).replace("Did you mean", "Is it now called").strip()
            yield _Change(
                name,
                f"The feature {name!r} is gone; in run {contract.run_id} it held"
                f" {_held(then)}.{' ' + renamed if renamed else ''}",
            )


def _changed_kinds(
    declaration: Declaration,
    table: Table,
    readings: Sequence[ColumnReading],
    contract: Contract,
) -> Iterator[_Change]:
    by_name = {reading.name: reading for reading in readings}
    columns = table.column_names
    for name in columns:
        then = contract.columns.get(name)
        if then is None or then.kind is None:
            continue
        if set(role_of(name, declaration, columns).split(", ")) <= IDENTIFIERS:
            continue
        kind, reading = kind_of(table.schema.field(name).type), by_name.get(name)
        odd = reading is not None and (reading.unparsable or reading.natural != reading.kind)
        if kind == then.kind and not odd:
            continue
        column = table.column(name)
        filled = int(len(column) - column.null_count)
        before = f"The column {name!r} held {_held(then)} in run {contract.run_id}, but"
        if reading is not None and reading.unparsable and kind_has_changed(reading, filled):
            cells = filled + reading.unparsable
            shown = ", ".join(f"{text!r} in row {row}" for row, text in reading.examples)
            yield _Change(
                name,
                f"{before} {reading.unparsable:,} of its {cells:,} values tonight are not"
                f" {PLURAL[reading.kind]}: {shown}.",
                {"unexpected_count": reading.unparsable},
            )
            continue
        if reading is not None and kind_has_changed(reading, filled):
            kind = reading.natural
        if filled and kind != then.kind:
            row = int(np.flatnonzero(present(column))[0])
            yield _Change(
                name,
                f"{before} holds {PLURAL[kind]} tonight, such as {column[row].as_py()!s} in row"
                f" {row + 1}.",
                {"observed": kind},
            )


def _held(column: SourceColumnRecord) -> str:
    """Return what a column held, with an example."""
    kind = "nothing" if column.kind is None else PLURAL[column.kind]  # type: ignore[index]
    return kind if column.example is None else f"{kind} such as {column.example!r}"


Pairs = Sequence[tuple[SourceColumnRecord, SourceColumnRecord]]
"""Columns as they are tonight and as they were."""


def _constant(pairs: Pairs, contract: Contract) -> Iterator[_Change]:
    for now, then in pairs:
        flaw = (now.enters or "").partition(LEFT_OUT)[2]
        entered = is_feature(then) and LEFT_OUT not in (then.enters or "")
        known = then.distinct_values is not None
        if flaw and is_feature(now) and "key" not in now.role and entered and known:
            yield _Change(
                now.name,
                f"The feature {now.name!r} {flaw.removeprefix('it ')}, but had"
                f" {counted(then.distinct_values or 0, 'different value')} in run"
                f" {contract.run_id}, such as {then.example!r}.",
            )


def _emptied(pairs: Pairs, table: Table, contract: Contract) -> Iterator[_Change]:
    rows = table.num_rows
    for now, then in pairs:
        if not is_feature(now) or LEFT_OUT in (now.enters or ""):
            continue
        if then.missing is None or now.missing is None or not contract.rows or not rows:
            continue
        share_now, share_then = 1 - now.missing / rows, 1 - then.missing / contract.rows
        pooled = (rows * share_now + contract.rows * share_then) / (rows + contract.rows)
        error = sqrt(pooled * (1 - pooled) * (1 / rows + 1 / contract.rows))
        if share_now < share_then / 2 and share_then - share_now > CERTAIN * error:
            empty = np.flatnonzero(~present(table.column(now.name)))
            yield _Change(
                now.name,
                f"The feature {now.name!r} is missing in {now.missing:,} of {rows:,} rows"
                f" ({_rows(empty)}); in run {contract.run_id} it was in {then.missing:,} of"
                f" {contract.rows:,}.",
                {"unexpected_count": now.missing},
            )


def _vanished_labels(
    declaration: Declaration, table: Table, contract: Contract, kept: np.ndarray
) -> Iterator[_Change]:
    name = declaration.target
    if contract.declaration.get("target", name) != name:
        return
    has_target = present(table.column(name))
    count = int((kept & has_target).sum())
    allowed = declaration.max_shrinkage
    if count < ceil(round((1 - allowed) * contract.labelled, 6)):
        yield _Change(
            None,
            f"{count:,} rows have a target {name!r}, down from {contract.labelled:,} in run"
            f" {contract.run_id}: more than a share of {allowed:g}, which 'max_shrinkage' allows,"
            f" is missing (it has no value in {_rows(np.flatnonzero(~has_target))}).",
            {"observed": count},
        )


def _resized(pairs: Pairs, table: Table, contract: Contract, kept: np.ndarray) -> Iterator[_Change]:
    """Find columns whose values as a whole are a power of ten larger or smaller.

    Nearly all of them must lie beyond the former typical size, so that a column which spreads over
    many sizes is left alone, and the number of rows must be about the same.
    """
    if not contract.rows or not 1 / MAX_GROWTH <= table.num_rows / contract.rows <= MAX_GROWTH:
        return
    for now, then in pairs:
        if not now.typical_size or not then.typical_size or now.kind != then.kind:
            continue
        if now.role == "key" or then.distinct_values is None:
            continue
        size = log10(now.typical_size / then.typical_size)
        power = round(size)
        if power == 0 or abs(size - power) > log10(1 + SIZE_TOLERANCE):
            continue
        sizes = absolute_sizes(filtered(table.column(now.name), kept))
        beyond = sizes > then.typical_size if power > 0 else sizes < then.typical_size
        if len(sizes) < MIN_SIZED_VALUES or beyond.mean() < SIZE_SHARE:
            continue
        row = int(np.flatnonzero(kept & present(table.column(now.name)))[0])
        value = table.column(now.name)[row].as_py()
        relation = "larger" if power > 0 else "smaller"
        yield _Change(
            now.name,
            f"The values of {now.name!r} are about {10 ** abs(power):,} times {relation} than in"
            f" run {contract.run_id}: typically {now.typical_size:.6g}, formerly"
            f" {then.typical_size:.6g}. Row {row + 1} has {value!r}. Has its unit changed?",
            {"observed": now.typical_size},
        )


def _doubled(declaration: Declaration, table: Table, contract: Contract) -> Iterator[_Change]:
    """Find a table that holds every row of before twice, or more often, under new keys."""
    times = round(table.num_rows / contract.rows) if contract.rows else 0
    others = [name for name in table.column_names if name not in declaration.key]
    if times < 2 or not others:
        return
    rows, group = alike(table, others, np.arange(table.num_rows))
    repeated = np.bincount(group)
    as_often = int(repeated[repeated % times == 0].sum())
    differed = len(repeated) >= max(MIN_REPEATED_ROWS, MIN_DIFFERENT * contract.rows)
    enough = differed and as_often >= 0.95 * repeated.sum()
    if enough and as_often >= 0.95 * times * contract.rows:
        first = rows_of(table, others, rows[repeated[group] == times][:1]).to_pylist()
        row = first[0] if first else {}
        shown = ", ".join(f"{name} {value}" for name, value in list(row.items())[:MAX_ROWS_SHOWN])
        often = "twice" if times == 2 else f"{times} times"
        yield _Change(
            None,
            f"{declaration.source.shown} has {table.num_rows:,} rows, up from {contract.rows:,} in"
            f" run {contract.run_id}, and they are the same rows {often} under other keys, for"
            f" example the one with {shown}.",
            {"observed": table.num_rows},
        )


def _rows(rows: np.ndarray) -> str:
    """Return the first of some rows (from 0) in words: "row 1, 5, 7 and 12 others"."""
    first = ", ".join(str(row + 1) for row in rows[:MAX_ROWS_SHOWN])
    more = len(rows) - MAX_ROWS_SHOWN
    return f"row {first}" + (f" and {counted(more, 'other')}" if more > 0 else "")
