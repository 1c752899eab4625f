"""The coefficients of the linear equation with their intervals, made comparable."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from data.checks.findings import counted
from data.store.records import CandidateRecord, CoefficientRecord
from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import numbered, point_marks, quantitative
from tasks.report.facts import RunFacts
from tasks.report.labels import MAX_CELL, MAX_NAME, distinct_labels, finite, label, number

MAX_TERMS = 25
CLEAR, UNCLEAR = "interval without 0", "interval with 0"


@dataclass(frozen=True)
class _Bar:
    term: str
    effect: float
    low: float | None
    high: float | None
    of: CoefficientRecord

    @property
    def series(self) -> str:
        """Whether it is clear that the coefficient is not 0."""
        if self.low is None or self.high is None:
            return UNCLEAR
        return CLEAR if self.low > 0 or self.high < 0 else UNCLEAR


def coefficients(facts: RunFacts) -> Iterator[Chart]:
    """Yield a forest plot of the coefficients: those of least squares, which have intervals.

    Terms have different units. A number's effect is that of two standard deviations, which can be
    compared with that of a level against the first level (Gelman 2008).
    """
    candidate = next(
        (c for c in facts.ranking if c.kind == "least_squares" and c.coefficients), None
    )
    scales = facts.figures.term_scale if facts.figures else {}
    if candidate is None or not scales:
        return
    bars = _bars(candidate, scales)
    if not bars:
        return
    shown = bars[:MAX_TERMS]
    target = label(facts.target)
    largest, clear = bars[0], sum(bar.series == CLEAR for bar in bars)
    left_out = f" The {MAX_TERMS} largest are drawn." if len(bars) > MAX_TERMS else ""
    yield Chart(
        name="coefficients",
        title=f"What the linear equation says ({candidate.name})",
        spec=_spec(shown, target),
        description=(
            f"{counted(len(bars), 'term')} of {candidate.name} by the size of their effect on"
            f" {target}: of two standard deviations of a number, or of a level against the first"
            " one. The largest is"
            f" {number(largest.effect)} by {label(largest.term)}; 0 is outside the 95% intervals"
            f" of {clear if clear < len(bars) else 'all'} of them.{left_out}"
        ),
        columns=("term", "coefficient", "from", "to", "effect"),
        rows=tuple(
            (
                label(bar.term, MAX_CELL),
                number(bar.of.estimate),
                number(bar.of.low),
                number(bar.of.high),
                number(bar.effect),
            )
            for bar in bars[:MAX_TABLE_ROWS]
        ),
    )


def _bars(candidate: CandidateRecord, scales: dict[str, float]) -> list[_Bar]:
    bars = []
    for each in candidate.coefficients:
        scale = scales.get(each.term)
        effect = None if scale is None else finite(each.estimate * scale)
        if each.term == "intercept" or scale is None or effect is None:
            continue
        low, high = (None if end is None else finite(end * scale) for end in (each.low, each.high))
        bars.append(_Bar(each.term, effect, low, high, each))
    return sorted(bars, key=lambda bar: -abs(bar.effect))


def _spec(bars: list[_Bar], target: str) -> dict[str, Any]:
    names = distinct_labels([bar.term for bar in bars], MAX_NAME)
    values = [
        {"name": name, "x": bar.effect, "low": bar.low, "high": bar.high, "series": bar.series}
        for name, bar in zip(names, bars, strict=True)
    ]
    title = f"effect on {target}"
    return {
        "height": {"step": 22},
        "data": {"values": values},
        "encoding": {"y": {"field": "name", "type": "nominal", "sort": None, "title": None}},
        "layer": [
            {
                "mark": {"type": "rule", "style": "reference"},
                "encoding": {"x": {"datum": 0}, "y": {"value": 0}, "y2": {"value": "height"}},
            },
            {
                "mark": {"type": "rule", "style": "interval"},
                "encoding": {
                    "x": quantitative(title, field="low"),
                    "x2": {"field": "high"},
                    "color": point_marks((CLEAR, UNCLEAR))["color"],
                },
            },
            {
                "mark": {"type": "point", "size": 70, "opacity": 1},
                "encoding": {
                    "x": quantitative(title, field="x"),
                    **point_marks((CLEAR, UNCLEAR)),
                    "tooltip": [
                        {"field": "name", "type": "nominal", "title": "term"},
                        numbered("x", "effect"),
                        numbered("low", "from"),
                        numbered("high", "to"),
                    ],
                },
            },
        ],
    }
