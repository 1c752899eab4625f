"""The declared expectations, checked by Great Expectations, and what they mean for the run.

A critical one that fails ends the run; a warning is stored; a rule with `quarantine` sets the rows
that break it aside and lets the others go on. Only where such a rule is critical and says
`mostly`, and even that share is not met, does it end the run.
"""

import datetime
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from data.checks.always import column_exists, contents, structure
from data.checks.features import products_of
from data.checks.findings import (
    Checked,
    ExpectationResult,
    Finding,
    RejectedRow,
    counted,
    described,
    examples,
    plain,
)
from data.declarations.mistakes import nearest
from data.declarations.model import Declaration, Expectation
from data.errors import CallError
from data.sources.keys import row_key_column

__all__ = ["Checked", "ExpectationResult", "RejectedRow", "check"]

MEND = "Correct the source, or the rule in the declaration."
NOT_DECLARED = {"batch_id", "catch_exceptions", "id", "meta", "notes", "rendered_content"}
NOT_DECLARED |= {"result_format", "severity", "windows"}
ROW_LEVEL = ("ColumnMapExpectation", "ColumnPairMapExpectation", "MulticolumnMapExpectation")


@dataclass(frozen=True)
class _Outcome:
    """A declared expectation's finding, and the rows (from 0) to set aside for it."""

    finding: Finding
    aside: np.ndarray = field(default_factory=lambda: np.array([], dtype=int))


def check(
    declaration: Declaration,
    table: pa.Table,
    *,
    last_rows: int | None = None,
    now: datetime.datetime | None = None,
) -> Checked:
    """Check the rows of a snapshot; the table itself is not changed.

    `last_rows` is how many the last good night read, None where there was none; `now` has a zone,
    and is the time to which the rows should reach where it is not the present.
    Once a check has failed, those that would make no sense any more are left out. An expectation
    that Great Expectations does not know, a wrong keyword of one, or `quarantine` on a rule that
    is not about single rows is a `CallError`. One that names a missing column, or that cannot be
    computed on the values there are, is a failed critical result.
    """
    kept = np.ones(table.num_rows, dtype=bool)
    rules = [_rule(declaration, place) for place in range(len(declaration.expectations))]
    found = structure(declaration, table, last_rows)
    if any(one.fatal for one in found):
        return _verdict(declaration, table, found, (), kept)
    outcomes = _validate(declaration, table, rules)
    rejected = _set_aside(declaration, table, outcomes)
    kept[[row.row_number - 1 for row in rejected]] = False
    found += [outcome.finding for outcome in outcomes]
    now = now or datetime.datetime.now(datetime.UTC)
    found += contents(declaration, table, kept, now)
    return _verdict(declaration, table, found, rejected, kept)


def _verdict(
    declaration: Declaration,
    table: pa.Table,
    found: Sequence[Finding],
    rejected: tuple[RejectedRow, ...],
    kept: np.ndarray,
) -> Checked:
    fatal = [one.sentence for one in found if one.fatal]
    reason = fatal[0] if fatal else None
    if len(fatal) > 1:
        reason = f"{fatal[0]} (And {counted(len(fatal) - 1, 'more critical check')} failed.)"
    dropped = {
        one.result.column
        for one in found
        if one.result.expectation == "feature_varies" and not one.result.success
    }
    names = declaration.feature_names(table.column_names)
    features = tuple(name for name in names if name not in dropped)
    return Checked(
        passed=not fatal,
        reason=reason,
        results=tuple(one.result for one in found),
        rejected_rows=rejected,
        kept=kept,
        features=features,
        products=products_of(declaration, features),
        warnings=tuple(one.sentence for one in found if one.sentence and not one.fatal),
    )


def _rule(declaration: Declaration, place: int) -> Any:
    """Return Great Expectations' own object for the declared expectation at `place`."""
    ours = declaration.expectations[place]
    where = f"{declaration.name}, expectation {place + 1} ({ours.type})"
    known = _implementations()
    if ours.type not in known:
        raise CallError(
            f"Great Expectations has no {ours.type!r}.",
            where=where,
            next_step=nearest(ours.type, known) + "Its documentation lists all.",
        )
    implementation = known[ours.type]
    if ours.quarantine and not any(base.__name__ in ROW_LEVEL for base in implementation.__mro__):
        raise CallError(
            "'quarantine' sets single rows aside, and this rule is about a whole column or table.",
            where=where,
            next_step="Leave 'quarantine' out, or take a rule about values.",
        )
    fields = sorted(set(implementation.__fields__) - NOT_DECLARED)
    for name in ours.kwargs:
        if name not in fields:
            raise CallError(
                f"{name!r} is not one of its keywords.",
                where=where,
                next_step=nearest(name, fields) + f"They are {', '.join(fields)}.",
            )
    try:
        kwargs = {name: _as_time(value) for name, value in ours.kwargs.items()}
        return implementation(**kwargs, meta={"place": place})
    except (ValueError, TypeError) as error:
        raise CallError(f"Its 'kwargs' are wrong: {_told(error)}", where=where) from None


def _validate(declaration: Declaration, table: pa.Table, rules: Sequence[Any]) -> list[_Outcome]:
    """Check all declared expectations in one validation, and return their outcomes in order."""
    outcomes: dict[int, _Outcome] = {}
    for place, ours in enumerate(declaration.expectations):
        missing = [name for name in _columns(ours) if name not in table.column_names]
        if missing and ours.type != "expect_column_to_exist":
            absent = column_exists(missing[0], table.column_names, declaration)
            result = _result(ours, success=False, severity="critical")
            outcomes[place] = _Outcome(Finding(result, absent.sentence, fatal=True))
    runnable = [rule for place, rule in enumerate(rules) if place not in outcomes]
    if runnable:
        every_row = any(ours.quarantine for ours in declaration.expectations)
        for raw in _run(table, runnable, every_row=every_row):
            place = raw.expectation_config.meta["place"]
            outcomes[place] = _outcome(declaration, declaration.expectations[place], table, raw)
    return [outcomes[place] for place in sorted(outcomes)]


def _run(table: pa.Table, rules: Sequence[Any], *, every_row: bool) -> Sequence[Any]:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    definition = asset.add_batch_definition_whole_dataframe("rows")
    frame = table.to_pandas(date_as_object=False)
    batch = definition.get_batch({"dataframe": frame})
    form = {
        "result_format": "COMPLETE" if every_row else "SUMMARY",
        "return_unexpected_index_query": False,
    }
    return batch.validate(gx.ExpectationSuite("declared", list(rules)), result_format=form).results


def _outcome(declaration: Declaration, ours: Expectation, table: pa.Table, raw: Any) -> _Outcome:
    """Translate what Great Expectations says of one expectation."""
    info = raw.exception_info
    causes = [one for one in (info, *info.values()) if isinstance(one, dict)]
    raised = [one["exception_message"] for one in causes if one.get("raised_exception")]
    if raised:
        told = raised[0].partition("\n")[0].rstrip(".")
        sentence = f"{_spoken(ours)} could not be checked: {told}. {MEND}"
        result = _result(ours, success=False, severity="critical")
        return _Outcome(Finding(result, sentence, fatal=True))
    success, critical = bool(raw.success), ours.severity == "critical"
    if "unexpected_count" not in raw.result:
        observed = plain(raw.result.get("observed_value"))
        found = "" if observed is None else f": {observed!r} was found"
        sentence = "" if success else f"{_spoken(ours)} fails{found}. {MEND}"
        result = _result(ours, success=success, observed=observed)
        return _Outcome(Finding(result, sentence, fatal=critical and not success))
    rows = _bad_rows(raw.result)
    shown = examples(table, declaration.key, rows, _columns(ours))
    count = int(raw.result["unexpected_count"])
    result = _result(
        ours,
        success=success,
        observed=f"{raw.result.get('unexpected_percent') or 0:.4g}% unexpected",
        unexpected_count=count,
        examples=shown,
    )
    sentence = (
        f"{_spoken(ours)} fails in {counted(count, 'row')}: {described(shown[0])}. "
        if shown
        else ""
    )
    if not ours.quarantine:
        sentence = "" if success else sentence + MEND
        return _Outcome(Finding(result, sentence, fatal=critical and not success))
    too_many = critical and not success and "mostly" in ours.kwargs
    sentence = sentence and sentence + (MEND if too_many else "They are set aside.")
    return _Outcome(Finding(result, sentence, fatal=too_many), rows)


def _bad_rows(result: dict[str, Any]) -> np.ndarray:
    """Return the numbers (from 0) of the rows that break a rule: all, or the first few."""
    listed = result.get("unexpected_index_list") or result.get("partial_unexpected_index_list")
    return np.array(listed or [], dtype=int)


def _set_aside(
    declaration: Declaration, table: pa.Table, outcomes: Sequence[_Outcome]
) -> tuple[RejectedRow, ...]:
    """Return the rows that break a quarantine rule, in order, each with all its reasons."""
    reasons: dict[int, list[str]] = {}
    for ours, outcome in zip(declaration.expectations, outcomes, strict=True):
        if not len(outcome.aside):
            continue
        values = table.select(_columns(ours)).take(pa.array(outcome.aside)).to_pylist()
        for row, held in zip(outcome.aside.tolist(), values, strict=True):
            told = " and ".join(f"{name} is {_shown(value)}" for name, value in held.items())
            reasons.setdefault(row, []).append(f"{told}: breaks {_spoken(ours)}")
    rows = pa.array(sorted(reasons), pa.int64())
    aside = table.take(rows)
    keys = row_key_column(aside, declaration.key).to_pylist()
    return tuple(
        RejectedRow(key, row + 1, plain(values), "; ".join(reasons[row]) + ".")
        for row, key, values in zip(rows.to_pylist(), keys, aside.to_pylist(), strict=True)
    )


def _result(ours: Expectation, *, success: bool, **facts: Any) -> ExpectationResult:
    facts = {"severity": ours.severity, **facts}
    column = ", ".join(_columns(ours)) or None
    kwargs = plain(ours.kwargs)
    return ExpectationResult(
        ours.type, column, quarantine=ours.quarantine, success=success, kwargs=kwargs, **facts
    )


def _columns(ours: Expectation) -> list[str]:
    """Return the columns that an expectation is about."""
    alone = [ours.kwargs.get(name) for name in ("column", "column_A", "column_B")]
    several = ours.kwargs.get("column_list")
    return [str(name) for name in [*alone, *(several or [])] if name is not None]


def _spoken(ours: Expectation) -> str:
    given = ", ".join(f"{name}={plain(value)!r}" for name, value in ours.kwargs.items())
    return f"{ours.type}({given})"


def _shown(value: object) -> str:
    return "missing" if value is None else repr(plain(value))


def _as_time(value: Any) -> Any:
    """YAML reads 2024-03-31 as a date, and Great Expectations compares times with times."""
    if isinstance(value, list):
        return [_as_time(one) for one in value]
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    return value


def _told(error: Exception) -> str:
    """Return the mistakes that pydantic found, in one line."""
    details = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
    told = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}".lstrip(": ") for one in details)
    return "; ".join(told).rstrip(".") + "."


@cache
def _implementations() -> dict[str, Any]:
    """Return Great Expectations' classes by name; importing it takes seconds, so only if needed."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    log = logging.getLogger("great_expectations")
    log.propagate = False  # some of its loggers set a level of their own
    log.addHandler(logging.NullHandler())
    import great_expectations.expectations  # noqa: F401 (fills the registry)
    from great_expectations.expectations import registry

    names = registry.list_registered_expectation_implementations()
    return {name: registry.get_expectation_impl(name) for name in names}
