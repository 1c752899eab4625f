"""The declared expectations, checked by Great Expectations, which is imported only when needed."""

import datetime
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from data.checks.always import column_finding
from data.checks.findings import (
    ExpectationResult,
    Finding,
    RejectedRow,
    counted,
    described,
    examples,
    plain,
)
from data.declarations.mistakes import nearest
from data.declarations.model import Declaration
from data.declarations.sections import Expectation
from data.errors import CallError, library_message
from data.sources.keys import row_key_column

CORRECT = "Correct the source, or the rule in the declaration."
NOT_DECLARED = {"batch_id", "catch_exceptions", "id", "meta", "notes", "rendered_content"}
NOT_DECLARED |= {"result_format", "severity", "windows"}
ROW_LEVEL = ("ColumnMapExpectation", "ColumnPairMapExpectation", "MulticolumnMapExpectation")


@dataclass(frozen=True)
class Outcome:
    """The finding of one declared expectation, and the rows (from 0) to set aside for it."""

    finding: Finding
    aside: np.ndarray = field(default_factory=lambda: np.array([], dtype=int))


def declared_rules(declaration: Declaration) -> list[Any]:
    """Return Great Expectations' own object for each declared expectation; raise `CallError`."""
    return [_rule(declaration, index) for index in range(len(declaration.expectations))]


def outcomes_of(rules: Sequence[Any], declaration: Declaration, table: pa.Table) -> list[Outcome]:
    """Check all declared expectations in one validation, and return their outcomes in order."""
    outcomes: dict[int, Outcome] = {}
    for index, expectation in enumerate(declaration.expectations):
        missing = [name for name in _columns(expectation) if name not in table.column_names]
        if missing and expectation.type != "expect_column_to_exist":
            absent = column_finding(missing[0], table.column_names, declaration)
            result = _result(expectation, success=False, severity="critical")
            outcomes[index] = Outcome(Finding(result, absent.sentence, fatal=True))
    runnable = [rule for index, rule in enumerate(rules) if index not in outcomes]
    if runnable:
        every_row = any(expectation.quarantine for expectation in declaration.expectations)
        for raw in _validate(table, runnable, every_row=every_row):
            index = raw.expectation_config.meta["index"]
            outcomes[index] = _outcome(declaration, declaration.expectations[index], table, raw)
    return [outcomes[index] for index in sorted(outcomes)]


def rows_set_aside(
    declaration: Declaration, table: pa.Table, outcomes: Sequence[Outcome]
) -> tuple[RejectedRow, ...]:
    """Return the rows that break a quarantine rule, in order, each with all its reasons."""
    reasons: dict[int, list[str]] = {}
    for expectation, outcome in zip(declaration.expectations, outcomes, strict=True):
        if not len(outcome.aside):
            continue
        rows = table.select(_columns(expectation)).take(pa.array(outcome.aside)).to_pylist()
        for row, values in zip(outcome.aside.tolist(), rows, strict=True):
            shown = " and ".join(f"{name} is {_shown(value)}" for name, value in values.items())
            reasons.setdefault(row, []).append(f"{shown}: breaks {_as_text(expectation)}")
    numbers = pa.array(sorted(reasons), pa.int64())
    aside = table.take(numbers)
    keys = row_key_column(aside, declaration.key).to_pylist()
    return tuple(
        RejectedRow(key, row + 1, plain(values), "; ".join(reasons[row]) + ".")
        for row, key, values in zip(numbers.to_pylist(), keys, aside.to_pylist(), strict=True)
    )


def _rule(declaration: Declaration, index: int) -> Any:
    expectation = declaration.expectations[index]
    where = f"{declaration.name}, expectation {index + 1} ({expectation.type})"
    implementations = _implementations()
    if expectation.type not in implementations:
        raise CallError(
            f"Great Expectations has no {expectation.type!r}.",
            where=where,
            next_step=nearest(expectation.type, implementations)
            + "Its documentation lists all expectations.",
        )
    implementation = implementations[expectation.type]
    row_level = any(base.__name__ in ROW_LEVEL for base in implementation.__mro__)
    if expectation.quarantine and not row_level:
        raise CallError(
            "'quarantine' sets aside single rows, but this rule is about a whole column or table.",
            where=where,
            next_step="Remove 'quarantine', or choose a rule about values.",
        )
    keywords = sorted(set(implementation.__fields__) - NOT_DECLARED)
    for name in expectation.kwargs:
        if name not in keywords:
            raise CallError(
                f"{name!r} is not one of its keywords.",
                where=where,
                next_step=nearest(name, keywords) + f"They are {', '.join(keywords)}.",
            )
    try:
        kwargs = {name: _with_times(value) for name, value in expectation.kwargs.items()}
        return implementation(**kwargs, meta={"index": index})
    except (ValueError, TypeError) as error:
        raise CallError(
            f"Its 'kwargs' are wrong: {_mistakes(error)}",
            where=where,
            next_step="Correct them in the declaration.",
        ) from None


def _validate(table: pa.Table, rules: Sequence[Any], *, every_row: bool) -> Sequence[Any]:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    definition = asset.add_batch_definition_whole_dataframe("rows")
    frame = table.to_pandas(date_as_object=False)
    batch = definition.get_batch({"dataframe": frame})
    result_format = {
        "result_format": "COMPLETE" if every_row else "SUMMARY",
        "return_unexpected_index_query": False,
    }
    suite = gx.ExpectationSuite("declared", list(rules))
    results: Sequence[Any] = batch.validate(suite, result_format=result_format).results
    return results


def _outcome(
    declaration: Declaration, expectation: Expectation, table: pa.Table, raw: Any
) -> Outcome:
    """Translate Great Expectations' result of one expectation."""
    if raised := _raised(raw.exception_info):
        sentence = f"{_as_text(expectation)} could not be checked: {raised} {CORRECT}"
        result = _result(expectation, success=False, severity="critical")
        return Outcome(Finding(result, sentence, fatal=True))
    success, critical = bool(raw.success), expectation.severity == "critical"
    if "unexpected_count" not in raw.result:
        observed = plain(raw.result.get("observed_value"))
        value = "" if observed is None else f": the value is {observed!r}"
        sentence = "" if success else f"{_as_text(expectation)} fails{value}. {CORRECT}"
        result = _result(expectation, success=success, observed=observed)
        return Outcome(Finding(result, sentence, fatal=critical and not success))
    rows = _bad_rows(raw.result)
    shown = examples(table, declaration.key, rows, _columns(expectation))
    count = int(raw.result["unexpected_count"])
    result = _result(
        expectation,
        success=success,
        observed=f"{raw.result.get('unexpected_percent') or 0:.4g}% unexpected",
        unexpected_count=count,
        examples=shown,
    )
    sentence = (
        f"{_as_text(expectation)} fails in {counted(count, 'row')}: {described(shown[0])}. "
        if shown
        else ""
    )
    if not expectation.quarantine:
        sentence = "" if success else sentence + CORRECT
        return Outcome(Finding(result, sentence, fatal=critical and not success))
    too_many = critical and not success and "mostly" in expectation.kwargs
    sentence = sentence and sentence + (CORRECT if too_many else "They are set aside.")
    return Outcome(Finding(result, sentence, fatal=too_many), rows)


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
        ", ".join(_columns(expectation)) or None,
        quarantine=expectation.quarantine,
        success=success,
        kwargs=plain(expectation.kwargs),
        **facts,
    )


def _columns(expectation: Expectation) -> list[str]:
    """Return the columns that an expectation is about."""
    single = [expectation.kwargs.get(name) for name in ("column", "column_A", "column_B")]
    several = expectation.kwargs.get("column_list")
    return [str(name) for name in [*single, *(several or [])] if name is not None]


def _as_text(expectation: Expectation) -> str:
    kwargs = ", ".join(f"{name}={plain(value)!r}" for name, value in expectation.kwargs.items())
    return f"{expectation.type}({kwargs})"


def _shown(value: object) -> str:
    return "missing" if value is None else repr(plain(value))


def _with_times(value: Any) -> Any:
    """Turn dates, which YAML makes of 2024-03-31, into the times that columns hold."""
    if isinstance(value, list):
        return [_with_times(item) for item in value]
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    return value


def _mistakes(error: Exception) -> str:
    """Return the mistakes that pydantic reports, in one line."""
    details = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
    mistakes = (
        f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}".lstrip(": ")
        for mistake in details
    )
    return "; ".join(mistakes).rstrip(".") + "."


@cache
def _implementations() -> dict[str, Any]:
    """Return Great Expectations' classes by name; its import takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    log = logging.getLogger("great_expectations")
    log.propagate = False  # some of its loggers set a level of their own
    log.addHandler(logging.NullHandler())
    import great_expectations.expectations  # noqa: F401 (fills the registry)
    from great_expectations.expectations import registry

    names = registry.list_registered_expectation_implementations()
    return {name: registry.get_expectation_impl(name) for name in names}
