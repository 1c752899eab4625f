"""What reading the columns left open: cells that are not of their column's kind, and guesses."""

from collections.abc import Collection, Iterator, Sequence

from data.checks.findings import ExpectationResult, Finding, RejectedRow, counted, finding, plain
from data.checks.table import Columns, Table, rows_of
from data.declarations.model import Declaration
from data.sources.columns import PLURAL
from data.sources.keys import row_key_column
from data.sources.readings import MAX_UNPARSABLE, ColumnReading, may_be_set_aside

CELLS = "cells_are_of_their_kind"
GUESSES = "columns_are_read_without_guessing"


def cell_findings(
    declaration: Declaration, table: Table, readings: Sequence[ColumnReading]
) -> list[Finding]:
    """Check that the cells of each column that is used are of its kind, and report guesses."""
    used = _used(declaration, table, readings)
    findings = [_cell_finding(declaration, reading, table.num_rows) for reading in used]
    aside = {row for reading in used for row in reading.rows}
    too_many = declaration.unparsable == "quarantine" and not _are_few(len(aside), table.num_rows)
    if too_many and not any(check.fatal for check in findings):
        findings.append(_of_many_columns(len(aside), table.num_rows))
    return [*(findings or [finding(CELLS, None)]), *_guesses(used)]


def rows_with_unparsable_cells(
    declaration: Declaration,
    whole: Table,
    new: Collection[str],
    readings: Sequence[ColumnReading],
) -> tuple[RejectedRow, ...]:
    """Return the rows to set aside for their cells, in order, each with all its reasons.

    Of the `new` columns, which are not used, no cell counts.
    """
    if declaration.unparsable != "quarantine":
        return ()
    table = Columns(whole).without(new)
    reasons: dict[int, list[str]] = {}
    cells: dict[int, dict[str, str]] = {}
    for reading in _used(declaration, table, readings):
        noun = reading.kind
        for row, text in zip(reading.rows, reading.texts, strict=True):
            reasons.setdefault(row, []).append(f"{reading.name} {text!r} is not a {noun}")
            cells.setdefault(row, {})[reading.name] = text
    rows = sorted(reasons)
    if not rows:
        return ()
    aside = rows_of(table, table.column_names, rows)
    keys = row_key_column(aside, declaration.key).to_pylist()
    return tuple(
        RejectedRow(key, row + 1, plain(values) | cells[row], "; ".join(reasons[row]) + ".")
        for row, key, values in zip(rows, keys, aside.to_pylist(), strict=True)
    )


def _used(
    declaration: Declaration, table: Table, readings: Sequence[ColumnReading]
) -> list[ColumnReading]:
    """Return the readings of columns that a model or a rule uses, or would use."""
    used = {*declaration.named_columns(), *declaration.feature_names(table.column_names)}
    everything = declaration.features is None
    return [r for r in readings if r.name in used or (everything and r.is_left_out)]


def _are_few(count: int, rows: int) -> bool:
    return count == 0 or may_be_set_aside(count, rows)


def _cell_finding(declaration: Declaration, reading: ColumnReading, rows: int) -> Finding:
    rule, count = declaration.unparsable, reading.unparsable
    warns = rule == "missing" or (rule == "quarantine" and _are_few(count, rows))
    result = ExpectationResult(
        CELLS,
        reading.name,
        severity="warning" if count and warns else "critical",
        quarantine=bool(count) and rule == "quarantine",
        success=not count,
        kwargs={"column": reading.name, "kind": reading.kind},
        unexpected_count=count,
        examples=[
            {"row": row, "key": None, "values": {reading.name: text}}
            for row, text in reading.examples
        ],
    )
    if not count:
        return Finding(result)
    return Finding(result, _sentence(declaration, reading, rows, warns=warns), fatal=not warns)


def _sentence(declaration: Declaration, reading: ColumnReading, rows: int, *, warns: bool) -> str:
    name, count = reading.name, reading.unparsable
    origin = {
        "declared": "is declared to hold",
        "remembered": "used to hold",
        "values": "holds",
    }[reading.kind_from]
    others = count - len(reading.examples)
    cells = [f"{text!r} in row {row:,}" for row, text in reading.examples]
    cells += [f"the cells of {counted(others, 'other row')}"] if others else []
    listed = ", ".join(cells[:-1]) + (" and " if count > 1 else "") + cells[-1]
    verb = "is not one" if count == 1 else "are not"
    written = declaration.formats.get(name)
    values = f"{PLURAL[reading.kind]} written as {written!r}" if written else PLURAL[reading.kind]
    what = f"Column {name!r} {origin} {values}, but {listed} {verb}"
    them = "it" if count == 1 else "them"
    words = f"missing: [{reading.examples[0][1]!r}]"
    if warns and declaration.unparsable == "quarantine":
        aside = "This row is" if count == 1 else f"These {count:,} rows are"
        return (
            f"{what}. {aside} set aside. Correct {them} in the source; if such a text means a"
            f" missing value, declare {words}."
        )
    if warns:
        return f"{what}. {'It is' if count == 1 else 'They are'} taken as missing."
    last = f"another of the 'formats' for {name!r}" if written else f"types: {{{name}: category}}"
    way_out = f"Correct {them}, or declare {words}, 'unparsable: missing' or {last}."
    if declaration.unparsable == "refuse":
        return f"{what}, and 'unparsable' is 'refuse'. {way_out}"
    return (
        f"{what}. That is {100 * count / rows:.3g}% of the rows, and only less than"
        f" {100 * MAX_UNPARSABLE:g}% can be set aside. {way_out}"
    )


def _of_many_columns(count: int, rows: int) -> Finding:
    sentence = (
        f"{count:,} of {rows:,} rows have a cell that is not of its column's kind, in one column or"
        f" another, and only less than {100 * MAX_UNPARSABLE:g}% can be set aside. Correct the"
        " source, or declare 'unparsable: missing'."
    )
    return finding(CELLS, None, sentence, unexpected_count=count)


def _guesses(readings: Sequence[ColumnReading]) -> Iterator[Finding]:
    for reading in readings:
        for note in reading.notes:
            yield finding(GUESSES, reading.name, note)
    if not any(reading.notes for reading in readings):
        yield finding(GUESSES, None)
