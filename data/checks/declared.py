"""The declared expectations, checked by Great Expectations, which is imported only when needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow.compute as pc

from data.checks.always import column_finding
from data.checks.by_column import COLUMNS_TOGETHER
from data.checks.conditions import rows_where
from data.checks.findings import (
    ExpectationResult,
    Finding,
    RejectedRow,
    counted,
    described,
    examples,
    plain,
)
from data.checks.rule_engine import Rule, implementations, is_row_level, validated
from data.checks.rule_values import column_frame, typed_keywords
from data.checks.table import Columns, Table, rows_of
from data.declarations.conditions import columns_in
from data.declarations.model import Declaration
from data.declarations.rules import refuse_unknown_rule, refuse_wrong_keywords
from data.declarations.sections import Expectation
from data.errors import CallError, DeclarationMistake, library_message, listed
from data.sources.columns import PLURAL, kind_of
from data.sources.keys import row_key_column

MANY_ROWS = 2**19
"""The rules of so many rows are computed a few columns at a time."""

MAX_SHOWN = 3
"""Rows that a sentence about a failed rule names."""

MAX_TEXT = 200
"""Characters of a value that a sentence quotes."""

TO_EXIST = "expect_column_to_exist"
"""The rule about a column that looks at none of its values."""

CORRECT = "Correct the source, or the rule in the declaration."


@dataclass(frozen=True)
class Outcome:
    """The finding of one declared expectation, and the rows (from 0) to set aside for it."""

    finding: Finding
    aside: np.ndarray = field(default_factory=lambda: np.array([], dtype=int))


Show = Callable[[np.ndarray, Sequence[str]], list[dict[str, Any]]]
"""Returns rows (from 0, among those that a rule looks at) with the values of some columns."""


def refuse_wrong_rules(declaration: Declaration) -> None:
    """Raise `CallError` for a rule that Great Expectations does not know, or a wrong keyword."""
    for index, expectation in enumerate(declaration.expectations):
        where = f"{declaration.name}, expectation {index + 1} ({expectation.type})"
        implementation = _implementation(expectation, where)
        try:
            implementation(**plain(_computed_by_library(expectation.kwargs)))
        except (ValueError, TypeError) as error:
            raise CallError(
                f"Its 'kwargs' are wrong: {_mistakes(error)}",
                where=where,
                next_step="Correct them in the declaration.",
            ) from None


def rules_together(declaration: Declaration, rows: int) -> list[tuple[int, ...]]:
    """Return which declared expectations are computed together, by their positions from 0.

    These are all of them where the rows are few; else those of a few columns.
    """
    by_columns: dict[tuple[str, ...], list[int]] = {}
    for index, expectation in enumerate(declaration.expectations):
        columns = tuple(expectation.columns()) if rows >= MANY_ROWS else ()
        by_columns.setdefault(columns, []).append(index)
    together: list[tuple[int, ...]] = []
    width = 0
    for columns, indices in by_columns.items():
        width += len(columns)
        if together and width <= COLUMNS_TOGETHER:
            together[-1] += tuple(indices)
        else:
            together.append(tuple(indices))
            width = len(columns)
    return together


def outcomes_of(
    declaration: Declaration, source: Table, kept: np.ndarray, indices: Sequence[int]
) -> dict[int, Outcome]:
    """Check some declared expectations on the `kept` rows (n,), and return their outcomes.

    They are named by their positions from 0. Rows in the outcomes are numbered as in the source.
    """
    whole, numbers = Columns(source), np.flatnonzero(kept)
    table = whole.where(kept)

    def show(rows: np.ndarray, columns: Sequence[str]) -> list[dict[str, Any]]:
        return examples(whole, declaration.key, numbers[rows], columns)

    outcomes: dict[int, Outcome] = {}
    rules: list[Rule] = []
    for index in indices:
        expectation = declaration.expectations[index]
        condition = expectation.kwargs.get("row_condition")
        names = [*expectation.columns(), *(columns_in(condition) if condition else ())]
        missing = [name for name in names if name not in table.column_names]
        if missing and expectation.type != TO_EXIST:
            absent = column_finding(missing[0], table.column_names, declaration)
            result = _result(expectation, success=False, severity="critical")
            outcomes[index] = Outcome(Finding(result, absent.sentence, fatal=True))
            continue
        try:
            rules.append(_rule(expectation, index, table))
        except (ValueError, TypeError, ArithmeticError, NotImplementedError) as error:
            reason = _mistakes(error)
            outcomes[index] = _not_computed(expectation, table, reason, show)
    for index, raw in validated(table, rules):
        expectation = declaration.expectations[index]
        if isinstance(raw, Exception):
            outcomes[index] = _not_computed(expectation, table, library_message(raw), show)
            continue
        outcome = _outcome(expectation, table, raw, show)
        outcomes[index] = replace(outcome, aside=numbers[outcome.aside])
    return outcomes


def rows_set_aside(
    declaration: Declaration, source: Table, aside_for: Sequence[np.ndarray]
) -> tuple[RejectedRow, ...]:
    """Return the rows that break a quarantine rule, in order, each with all its reasons.

    `aside_for` are the rows (from 0) to set aside for each declared expectation.
    """
    table, reasons = Columns(source), dict[int, list[str]]()
    for expectation, rows_aside in zip(declaration.expectations, aside_for, strict=True):
        if not len(rows_aside):
            continue
        rows = rows_of(table, expectation.columns(), rows_aside).to_pylist()
        for row, values in zip(rows_aside.tolist(), rows, strict=True):
            shown = " and ".join(f"{name} is {_shown(value)}" for name, value in values.items())
            reasons.setdefault(row, []).append(f"{shown}: breaks {_as_text(expectation)}")
    if not reasons:
        return ()
    numbers = sorted(reasons)
    aside = rows_of(table, table.column_names, numbers)
    keys = row_key_column(aside, declaration.key).to_pylist()
    return tuple(
        RejectedRow(key, row + 1, plain(values), "; ".join(reasons[row]) + ".")
        for row, key, values in zip(numbers, keys, aside.to_pylist(), strict=True)
    )


def _implementation(expectation: Expectation, where: str) -> Any:
    """Return Great Expectations' class for an expectation; raise `CallError`."""
    try:
        refuse_unknown_rule(expectation.type)
        refuse_wrong_keywords(expectation.type, expectation.kwargs)
    except DeclarationMistake as mistake:
        raise CallError(f"{mistake.what}.", where=where, next_step=mistake.next_step) from None
    implementation = implementations()[expectation.type]
    if expectation.quarantine and not is_row_level(implementation):
        raise CallError(
            "'quarantine' sets aside single rows, but this rule is about a whole column or table.",
            where=where,
            next_step="Remove 'quarantine', or choose a rule about values.",
        )
    return implementation


def _computed_by_library(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords but `row_condition`, which Great Expectations would run as text."""
    return {name: value for name, value in kwargs.items() if name != "row_condition"}


def _rule(expectation: Expectation, index: int, table: Table) -> Rule:
    """Return Great Expectations' own object for an expectation, and the rows it looks at."""
    kwargs = _computed_by_library(typed_keywords(expectation, table))
    computed = implementations()[expectation.type](**kwargs, meta={"index": index})
    rows = rows_where(expectation.kwargs.get("row_condition"), table)
    about_table = expectation.type.startswith("expect_table_")
    columns = () if about_table or expectation.type == TO_EXIST else expectation.columns()
    bits = None if rows is None else np.packbits(rows).tobytes()
    return Rule(index, computed, tuple(columns), bits, expectation.quarantine)


def _outcome(expectation: Expectation, table: Table, raw: Any, show: Show) -> Outcome:
    """Translate Great Expectations' result of one expectation."""
    if raised := _raised(raw.exception_info):
        return _not_computed(expectation, table, raised, show)
    if "element_count" not in raw.result:
        return _whole_outcome(expectation, table, raw, show)
    success, critical = bool(raw.success), expectation.severity == "critical"
    rows = _bad_rows(raw.result)
    shown = show(rows, expectation.columns())
    count = int(raw.result["unexpected_count"])
    result = _result(
        expectation,
        success=success,
        observed=f"{raw.result.get('unexpected_percent') or 0:.4g}% unexpected",
        unexpected_count=count,
        examples=shown,
    )
    sentence = (
        f"{_as_text(expectation)} fails in {counted(count, 'row')}: {_listed(shown)}. "
        if shown
        else ""
    )
    if not expectation.quarantine:
        sentence = "" if success else sentence + CORRECT
        return Outcome(Finding(result, sentence, fatal=critical and not success))
    too_many = critical and not success and "mostly" in expectation.kwargs
    sentence = sentence and sentence + (CORRECT if too_many else "They are set aside.")
    return Outcome(Finding(result, sentence, fatal=too_many), rows)


def _whole_outcome(expectation: Expectation, table: Table, raw: Any, show: Show) -> Outcome:
    """Translate the result of an expectation about a whole column or table."""
    success = bool(raw.success)
    shown: list[dict[str, Any]] = []
    observed = plain(raw.result.get("observed_value"))
    if success:
        found = ""
    elif {"unexpected_count", "missing_count"} & set(raw.result):
        found, shown = _found_values(expectation, table, raw.result, show)
    elif expectation.type == TO_EXIST:
        found = f"the columns are {listed(table.column_names)}"
    elif observed is None:
        found = _shortened(f"found {plain(raw.result.get('details', 'nothing'))!r}")
    else:
        found = _shortened(f"the value is {observed!r}")
    result = _result(
        expectation,
        success=success,
        observed=observed,
        unexpected_count=raw.result.get("unexpected_count"),
        examples=shown,
    )
    sentence = "" if success else f"{_as_text(expectation)} fails: {found}. {CORRECT}"
    fatal = expectation.severity == "critical" and not success
    return Outcome(Finding(result, sentence, fatal=fatal))


def _found_values(
    expectation: Expectation, table: Table, result: dict[str, Any], show: Show
) -> tuple[str, list[dict[str, Any]]]:
    """Return which distinct values a column has beside those expected, and rows that have them."""
    (name,) = expectation.columns()
    column = table.column(name)
    present = column_frame(table.select([name]))[name].dropna()
    values = [str(plain(value)) for value in pc.unique(column.drop_null()).to_pylist()]
    parts = [_shortened(f"the values are {', '.join(sorted(values))}")]
    unexpected = result.get("partial_unexpected_list") or []
    rows = np.asarray(present.index[present.isin(unexpected)], dtype=int)
    shown = show(rows, [name])
    if shown:
        parts.append(_shortened(f"not expected: {_listed(shown)}"))
    if lacking := result.get("partial_missing_list"):
        absent = ", ".join(repr(plain(value)) for value in lacking)
        parts.append(_shortened(f"missing: {absent}"))
    return "; ".join(parts), shown


def _not_computed(expectation: Expectation, table: Table, reason: str, show: Show) -> Outcome:
    """Return the outcome of a rule that has no result, with what its columns hold."""
    names = [name for name in expectation.columns() if name in table.column_names]
    shown = show(np.arange(min(MAX_SHOWN, table.num_rows)), names)
    holds = " and ".join(
        f"{name!r} holds {PLURAL[kind_of(table.schema.field(name).type)]}" for name in names
    )
    rows = f" ({_listed(shown)})" if names else ""
    found = f"{holds}{rows}. " if names else ""
    sentence = f"{_as_text(expectation)} could not be checked: {reason} {found}{CORRECT}"
    result = _result(expectation, success=False, severity="critical", examples=shown)
    return Outcome(Finding(result, sentence, fatal=True))


def _listed(shown: Sequence[dict[str, Any]]) -> str:
    return ", ".join(described(example) for example in shown[:MAX_SHOWN])


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _raised(info: dict[str, Any]) -> str:
    """Return what an expectation raised while it was computed, as a sentence, or ""."""
    causes = [cause for cause in (info, *info.values()) if isinstance(cause, dict)]
    messages = [cause["exception_message"] for cause in causes if cause.get("raised_exception")]
    return library_message(messages[0]) if messages else ""


def _bad_rows(result: dict[str, Any]) -> np.ndarray:
    """Return the numbers (from 0) of the rows that break a rule: all of them, or the first few."""
    rows = result.get("unexpected_index_list") or result.get("partial_unexpected_index_list")
    return np.array(rows or [], dtype=int)


def _result(expectation: Expectation, *, success: bool, **facts: Any) -> ExpectationResult:
    facts = {"severity": expectation.severity, **facts}
    return ExpectationResult(
        expectation.type,
        ", ".join(expectation.columns()) or None,
        quarantine=expectation.quarantine,
        success=success,
        kwargs=plain(expectation.kwargs),
        **facts,
    )


def _as_text(expectation: Expectation) -> str:
    kwargs = (f"{name}={_shortened(repr(plain(v)))}" for name, v in expectation.kwargs.items())
    return f"{expectation.type}({', '.join(kwargs)})"


def _shown(value: object) -> str:
    return "missing" if value is None else repr(plain(value))


def _mistakes(error: Exception) -> str:
    """Return the mistakes that pydantic reports, in one line."""
    details = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
    mistakes = (
        f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}".lstrip(": ")
        for mistake in details
    )
    return "; ".join(mistakes).rstrip(".") + "."
