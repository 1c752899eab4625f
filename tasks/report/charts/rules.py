"""The rules that rows broke, with examples."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from data.checks.findings import ExpectationResult, counted
from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import numbered, quantitative
from tasks.report.facts import RunFacts
from tasks.report.labels import MAX_CELL, MAX_NAME, distinct_labels, label

MAX_BARS = 20
MAX_EXAMPLES = 3
MAX_VALUE = 60


def rules(facts: RunFacts) -> Iterator[Chart]:
    """Yield the rules that failed, by how many rows broke them; none if all were met."""
    failed = [rule for rule in facts.rules if not rule.success]
    if not any(_count(rule) for rule in failed):
        return
    failed.sort(key=lambda rule: (rule.severity != "critical" or rule.quarantine, -_count(rule)))
    names = distinct_labels([_name(rule) for rule in failed], MAX_NAME)
    values = [
        {"name": name, "x": _count(rule), "what": _consequence(rule)}
        for name, rule in zip(names, failed, strict=True)
    ]
    most = max(_count(rule) for rule in failed)
    by = f", by {counted(_count(failed[0]), 'row')}" if failed[0].unexpected_count else ""
    rejecting = sum(rule.severity == "critical" and not rule.quarantine for rule in failed)
    yield Chart(
        name="rules",
        title="Rules that were broken",
        spec={
            "height": {"step": 24},
            "data": {"values": values[:MAX_BARS]},
            "encoding": {
                "y": {
                    "field": "name",
                    "type": "nominal",
                    "sort": None,
                    "title": None,
                }
            },
            "layer": [
                {
                    "mark": {"type": "bar", "height": {"band": 0.7}},
                    "encoding": {
                        "x": quantitative(
                            "rows that broke it",
                            field="x",
                            scale={"domainMin": 0, "domainMax": max(most, 1)},
                            axis={"values": [*range(most + 1)], "format": "d"} if most < 6 else {},
                        ),
                        "tooltip": [
                            {"field": "name", "type": "nominal", "title": "rule"},
                            numbered("x", "rows"),
                            {"field": "what", "type": "nominal", "title": "consequence"},
                        ],
                    },
                },
                {
                    "mark": {"type": "text", "align": "left", "dx": 4, "style": "note"},
                    "encoding": {
                        "x": {"field": "x", "type": "quantitative"},
                        "text": {"field": "what"},
                    },
                },
            ],
        },
        description=(
            f"{len(failed)} of {len(facts.rules)} rules {'was' if len(failed) == 1 else 'were'}"
            f" broken; {rejecting or 'none'} of them {'rejects' if rejecting == 1 else 'reject'}"
            f" the run. The first is {label(_name(failed[0]), MAX_CELL)}{by}"
            f" ({_consequence(failed[0])})."
        ),
        columns=("rule", "column", "consequence", "rows", "examples"),
        rows=tuple(
            (
                label(rule.expectation, MAX_CELL),
                label(rule.column or _columns(rule) or "–", MAX_CELL),
                _consequence(rule),
                "–" if rule.unexpected_count is None else f"{rule.unexpected_count:,}",
                _examples(rule),
            )
            for rule in failed[:MAX_TABLE_ROWS]
        ),
    )


def _count(rule: ExpectationResult) -> int:
    return rule.unexpected_count or 0


def _name(rule: ExpectationResult) -> str:
    words = rule.expectation.removeprefix("expect_").replace("_", " ")
    column = rule.column or _columns(rule)
    return f"{label(column, 24)}: {words}" if column else words


def _columns(rule: ExpectationResult) -> str:
    single = [rule.kwargs.get(name) for name in ("column_A", "column_B")]
    several = rule.kwargs.get("column_list")
    names = [*single, *(several if isinstance(several, list | tuple) else ())]
    return ", ".join(str(name) for name in names if name is not None)


def _consequence(rule: ExpectationResult) -> str:
    if rule.quarantine:
        return "rows set aside"
    return "run rejected" if rule.severity == "critical" else "warning"


def _examples(rule: ExpectationResult) -> str:
    """Return some of the rows that broke a rule, as a person can look them up."""
    return "; ".join(_example(row) for row in rule.examples[:MAX_EXAMPLES]) or "–"


def _example(row: Any) -> str:
    """Return a row that broke a rule: its number in the source, its key, and the cells."""
    if not isinstance(row, Mapping):
        return label(row, MAX_VALUE)
    values = row.get("values")
    cells = values if isinstance(values, Mapping) else {}
    shown = ", ".join(
        f"{label(name, 24)} {label(_text(value), MAX_VALUE)}" for name, value in cells.items()
    )
    key = "" if row.get("key") is None else f" (key {label(row['key'])})"
    return (
        f"row {row.get('row', '–')}{key}: {shown}" if shown else f"row {row.get('row', '–')}{key}"
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
