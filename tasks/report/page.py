"""The page of one run: the answer first, then its charts, and what the run was made of."""

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from data.checks.findings import ExpectationResult
from tasks.report.answer import LOOKS, answer, before_words, changes, moment, tiles
from tasks.report.chart import CellValue, Chart
from tasks.report.facts import RunFacts
from tasks.report.labels import number
from tasks.report.rendering import drawings, page, specification
from tasks.report.script import VegaScript
from tasks.report.vega import CannotDraw
from tasks.run.segment_summary import SegmentFigures

LOG = logging.getLogger("nightfit")

WIDE, NARROW = 1000, 520
"""Pixels of a drawing; the page scales it, and its script draws it anew to the screen's width."""


SEGMENT_COLUMNS = (
    "segment",
    "served by",
    "rows",
    "out-of-fold RMSE",
    "that of the champion",
    "test RMSE",
    "reason",
)


@dataclass(frozen=True)
class Drawn:
    """A chart as its page shows it: without a script, and what the script draws it of."""

    chart: Chart
    svg: Markup | None
    spec: dict[str, Any]
    is_wide: bool


@dataclass(frozen=True)
class FailedRule:
    """A check that failed, with some of the rows that break it."""

    name: str
    severity: str
    look: str
    words: str
    example_columns: tuple[str, ...]
    examples: tuple[tuple[CellValue, ...], ...]


def report_page(
    facts: RunFacts,
    charts: Sequence[Chart],
    *,
    script: VegaScript | None = None,
    others: Collection[int] = (),
) -> str:
    """Return the report of a run as one file of HTML that needs no other.

    `others` are the runs whose reports are beside it. Without `script`, nothing moves.
    """
    run, said = facts.run, answer(facts)
    return page(
        "report.html.j2",
        script=script if charts else None,
        dataset=facts.dataset,
        run_id=facts.run_id,
        status=run.status,
        trained=run.status == "succeeded",
        status_look=LOOKS[run.status],
        heading=said.heading,
        started=moment(run.started_at),
        as_of=run.as_of,
        backfill=run.backfill,
        description=facts.declaration.get("description"),
        earlier=max((each for each in others if each < facts.run_id), default=None),
        good=facts.before.run_id if facts.before and facts.before.run_id in others else None,
        answer=said,
        tiles=tuple(tiles(facts)),
        before=before_words(facts),
        changes=tuple(changes(facts)),
        warnings=run.warnings,
        segments=(segments := facts.figures.segments if facts.figures else None),
        segment_columns=SEGMENT_COLUMNS,
        segment_tables=tuple(_segment_tables(segments)) if segments else (),
        failed_rules=tuple(_failed_rules(facts.rules)),
        charts=drawn_charts(charts, wide=_wide(charts)),
        rejected_rows=tuple(_rejected_rows(facts)),
        rejected_words=_rejected_words(facts),
        checked_rules=tuple(_checked(facts.rules)),
        checks_words=_checks_words(facts.rules),
        columns=tuple(_columns(facts)),
        made_of=tuple(_made_of(facts)),
        declaration=json.dumps(facts.declaration, indent=2, ensure_ascii=False)
        if facts.declaration
        else None,
        command=f"nightfit report {facts.dataset} --run {facts.run_id}",
    )


def drawn_charts(charts: Sequence[Chart], *, wide: Collection[int]) -> list[Drawn]:
    """Return each chart drawn, those at the places `wide` as wide as the page.

    Where Vega cannot draw, that is left to the page's script, and the tables are there anyway.
    """
    places = range(len(charts))
    try:
        svgs = drawings(charts, [WIDE if place in wide else NARROW for place in places])
    except CannotDraw as error:
        LOG.warning("The charts of a report are drawn by its script alone: %s", error)
        svgs = [None] * len(charts)
    return [
        Drawn(chart, svg, specification(chart), place in wide)
        for place, chart, svg in zip(places, charts, svgs, strict=True)
    ]


def _segment_tables(
    segments: SegmentFigures,
) -> Iterator[tuple[str, tuple[tuple[CellValue, ...], ...]]]:
    """Yield the name and the rows of each table of segments."""
    moved = f"Segments that moved in this run: {segments.moves:,}"
    if len(segments.moved) < segments.moves:
        moved += f", of which {len(segments.moved)} are shown"
    for name, rows in (
        ("Segments with the largest errors", segments.worst),
        (moved, segments.moved),
    ):
        yield (
            name,
            tuple(
                (
                    row.segment,
                    row.served_by,
                    row.rows,
                    row.rmse,
                    row.champion_rmse,
                    row.test_rmse,
                    row.reason,
                )
                for row in rows
            ),
        )


def _wide(charts: Sequence[Chart]) -> set[int]:
    """Return the place of the first chart, and of one that would stand alone in its row."""
    last = len(charts) - 1
    return {0, last} if last % 2 else {0}


def _failed_rules(rules: Sequence[ExpectationResult]) -> Iterator[FailedRule]:
    """Yield the checks that failed, those that reject a run first."""
    for rule in sorted(rules, key=lambda each: each.severity != "critical"):
        if not rule.success:
            columns = tuple(
                dict.fromkeys(name for each in rule.examples for name in each["values"])
            )
            yield FailedRule(
                name=f"{rule.expectation} of {rule.column}" if rule.column else rule.expectation,
                severity=rule.severity,
                look="bad" if rule.severity == "critical" else "open",
                words=_rule_words(rule),
                example_columns=("row", "key", *columns),
                examples=tuple(
                    (
                        each["row"],
                        each["key"],
                        *(_cell(each["values"].get(name)) for name in columns),
                    )
                    for each in rule.examples
                ),
            )


def _rule_words(rule: ExpectationResult) -> str:
    kwargs = ", ".join(
        f"{name}: {_cell(value)}"
        for name, value in rule.kwargs.items()
        if name not in ("column", "column_list")
    )
    parts = [f"It asks for {kwargs}." if kwargs else ""]
    if rule.unexpected_count:
        one, more = ("was set aside", "were set aside") if rule.quarantine else ("breaks", "break")
        what = (
            f"1 row {one}"
            if rule.unexpected_count == 1
            else f"{rule.unexpected_count:,} rows {more}"
        )
        parts.append(f"{what}." if rule.quarantine else f"{what} it.")
    if rule.observed is not None:
        parts.append(f"Observed: {_cell(rule.observed)}.")
    return " ".join(filter(None, parts))


def _checked(rules: Sequence[ExpectationResult]) -> Iterator[tuple[CellValue, ...]]:
    for rule in rules:
        result = "passed" if rule.success else "failed"
        yield rule.expectation, rule.column or "", rule.severity, result, rule.unexpected_count


def _checks_words(rules: Sequence[ExpectationResult]) -> str:
    failed = sum(not rule.success for rule in rules)
    return f"{len(rules)} checks, of which {failed or 'none'} failed"


def _rejected_rows(facts: RunFacts) -> Iterator[tuple[CellValue, ...]]:
    for row in facts.rejected_rows:
        values = ", ".join(f"{name}: {_cell(value)}" for name, value in row.values.items())
        yield row.row_number, row.key, values, row.reason


def _rejected_words(facts: RunFacts) -> str:
    shown, count = len(facts.rejected_rows), facts.run.rows_rejected or 0
    if shown < count:
        return f"The first {shown} of {count:,}; the table rejected_row has all of them."
    return "The run went on without them."


def _columns(facts: RunFacts) -> Iterator[tuple[CellValue, ...]]:
    for each in facts.columns:
        yield (
            each.name,
            each.role,
            each.kind or "none",
            each.missing,
            each.distinct_values,
            each.example,
            each.enters,
        )


def _made_of(facts: RunFacts) -> Iterator[tuple[str, str]]:
    """Yield what the run was made of, by name; what is not known is left out."""
    run = facts.run
    period = f"{run.period_from} to {run.period_until}" if run.period_from else None
    libraries = ", ".join(
        f"{name} {number}" for name, number in (run.library_versions or {}).items()
    )
    known = {
        "Target": run.target,
        "Features": run.features,
        "Hidden layers": run.hidden_layers,
        "Period": period,
        "Started": moment(run.started_at),
        "Ended": moment(run.finished_at),
        "Prefect's flow run": run.flow_run_id,
        "Snapshot": run.snapshot,
        "Fingerprint of the rows": run.fingerprint,
        "Python": run.python_version,
        "Libraries": libraries,
    }
    yield from ((name, value) for name, value in known.items() if value)


def _cell(value: object) -> CellValue:
    """Return a value of JSON as a cell shows it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)
