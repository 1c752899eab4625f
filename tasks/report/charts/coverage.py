"""Whether prediction intervals cover as many test rows as they should, by their width."""

from collections.abc import Iterator
from typing import Any

from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import line_marks, quantitative, reference
from tasks.report.facts import RunFacts
from tasks.report.labels import label, number, percent
from tasks.report.run_figures import Coverage

COVERED, EXPECTED = "test rows covered", "expected (out of fold)"


def coverage(facts: RunFacts) -> Iterator[Chart]:
    """Yield the coverage of test rows by intervals of several widths."""
    figures = facts.figures
    if figures is None or len(figures.coverage) < 2 or figures.coverage[-1].half_width <= 0:
        return
    widths, target = figures.coverage, label(facts.target)
    level = facts.run.interval_level
    narrower = " and ".join(
        f"those of {percent(each.expected)} cover {percent(each.share)}"
        for level in facts.run.levels[1:]
        for each in widths
        if each.expected == level
    )
    declared = next((each for each in widths if each.expected == level), widths[-1])
    yield Chart(
        name="coverage",
        title="Do the intervals cover what they should?",
        spec=_spec(widths, target, level),
        description=(
            f"Intervals of {figures.covered_by} that reach {number(declared.half_width)} to each"
            f" side in the mean should cover {percent(declared.expected)} of the"
            f" {declared.rows:,} test rows, and cover {percent(declared.share)} (95% interval"
            f" {percent(declared.low)} to {percent(declared.high)})."
            + (f" Of the narrower ones, {narrower}." if narrower else "")
        ),
        columns=("mean reach to each side", "expected", "covered", "from", "to"),
        rows=tuple(
            (
                number(each.half_width),
                percent(each.expected),
                percent(each.share),
                percent(each.low),
                percent(each.high),
            )
            for each in widths
        )[:MAX_TABLE_ROWS],
    )


def _spec(widths: tuple[Coverage, ...], target: str, level: float | None) -> dict[str, Any]:
    names = [COVERED, EXPECTED]
    values = [
        {"x": each.half_width, "y": share, "series": name}
        for each in widths
        for name, share in ((COVERED, each.share), (EXPECTED, each.expected))
    ]
    band = [{"x": each.half_width, "low": each.low, "high": each.high} for each in widths]
    across = quantitative(f"mean reach to each side, in {target}", field="x", zero=True)
    share: dict[str, Any] = {"scale": {"domain": [0, 1]}, "axis": {"format": ".0%"}}
    up = quantitative("share of rows", **share)
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": band},
            "mark": {"type": "area", "style": "band"},
            "encoding": {
                "x": across,
                "y": quantitative("share of rows", field="low", **share),
                "y2": {"field": "high"},
                "color": {"datum": COVERED},
            },
        },
        {
            "data": {"values": values},
            "mark": {"type": "line", "opacity": 1, "point": {"size": 30}},
            "encoding": {"x": across, "y": up, **line_marks(names)},
        },
    ]
    if level is not None:
        layers.append(reference(y={"datum": level}))
    return {"height": 260, "layer": layers}
