"""Printing the summary of a night: a few lines per dataset, or JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from flows.command.screen import Screen, print_json
from tasks.report.labels import number

if TYPE_CHECKING:
    from tasks.run.summary import Summary

STATUS_STYLE = {"skipped": "dim"}
VERDICT_STYLE = {"yay": "green", "nay": "red", "undecided": "yellow"}


def print_summaries(
    summaries: "Sequence[Summary]", store_url: str, *, reports: str | None = None, as_json: bool
) -> None:
    """Print what became of each dataset.

    `store_url` is the database as people may see it, `reports` the address of the reports.
    """
    if as_json:
        print_json([asdict(summary) for summary in summaries])
        return
    console = Screen()
    for summary in summaries:
        console.print()
        night = f", night of {summary.as_of}" if summary.as_of else ""
        console.print(Text(summary.dataset + night, style="bold"))
        for label, text in _facts(summary):
            console.print(Text.assemble((f"  {label:<10}", "dim"), text), soft_wrap=True)
    console.print()
    console.print(Text.assemble(("results in ", "dim"), store_url), soft_wrap=True)
    commands = "nightfit query leaderboard, nightfit query champion"
    console.print(Text.assemble(("details in ", "dim"), commands), soft_wrap=True)
    if reports:
        console.print(Text.assemble(("reports in ", "dim"), reports), soft_wrap=True)


def _facts(summary: "Summary") -> Iterator[tuple[str, Text]]:
    if summary.status == "succeeded":
        yield from _results(summary)
    else:
        yield "status", Text(summary.status, style=STATUS_STYLE.get(summary.status, "red"))
        if summary.read:
            yield "rows", Text(summary.read)
    for remark in summary.remarks:
        yield "note", Text(remark, style="yellow" if summary.status != "skipped" else "")
    if summary.undelivered:
        yield "output", Text(summary.undelivered, style="red")


def _results(summary: "Summary") -> Iterator[tuple[str, Text]]:
    yield "rows", Text(f"{summary.read}; {summary.rows_rejected:,} rejected")
    change = summary.change if summary.run_id else f"would be {summary.change}"
    yield "champion", Text(f"{summary.champion} ({change})")
    if summary.rmse is not None:
        yield "error", Text(_error(summary))
    if summary.interval:
        yield "interval", Text(summary.interval)
    if summary.naive:
        yield "naive", Text(summary.naive)
    verdict = (f"{summary.verdict}", VERDICT_STYLE[summary.verdict or "undecided"])
    yield "ANN", Text.assemble(verdict, f": {summary.verdict_reason}")
    if summary.recency:
        yield "recency", Text(summary.recency)
    if summary.ann_plan:
        yield "plan", Text(summary.ann_plan)
    for place, line in enumerate(summary.segments):
        yield "" if place else "segments", Text(line)
    if summary.agreement:
        yield "agreement", Text(summary.agreement)
    yield "decision", Text(summary.decision or "")
    if summary.sight:
        yield "gate", Text(summary.sight)
    yield "run", Text(str(summary.run_id) if summary.run_id else "not stored (dry run)")


def _error(summary: "Summary") -> str:
    interval = (
        f" (95% interval {number(summary.rmse_low)} to {number(summary.rmse_high)})"
        if summary.rmse_low is not None
        else ""
    )
    r2 = f", R2 {summary.r2:.3f}" if summary.r2 is not None else ""
    scheme = f", by {summary.scheme}" if summary.scheme else ""
    return f"test RMSE {number(summary.rmse)} {summary.target}{interval}{r2}{scheme}"
