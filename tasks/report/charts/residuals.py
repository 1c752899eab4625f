"""What is left of the target when the predictions are taken away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import ROWS, numbered, quantitative, reference, row_marks, temporal
from tasks.report.facts import RunFacts
from tasks.report.labels import label, moment, number
from tasks.report.run_figures import RunFigures

MAX_PARTS = 12
MIN_PART = 8
"""Points of one part, whose mean is drawn."""
TABLE_QUANTILES = 21


@dataclass(frozen=True)
class _Point:
    x: float
    residual: float
    is_test: bool


def by_fitted(facts: RunFacts) -> Iterator[Chart]:
    """Yield the residuals against the predictions: a funnel or a bow shows what is not fitted."""
    figures = facts.figures
    if figures is None or not figures.models:
        return
    points = _points(figures, figures.models[0].predicted)
    title = "Residuals by prediction"
    yield from _chart(facts, figures, points, name="residuals", title=title, x="predicted")


def by_time(facts: RunFacts) -> Iterator[Chart]:
    """Yield the residuals in the order of time, if the dataset has a time column."""
    figures = facts.figures
    if figures is None or not figures.models or figures.points.time is None:
        return
    points = _points(figures, figures.points.time)
    column = label(facts.declaration.get("time") or "time")
    title = f"Residuals by {column}"
    yield from _chart(facts, figures, points, name="residuals-by-time", title=title, x=column)


def _points(figures: RunFigures, across: Sequence[float | None]) -> list[_Point]:
    points, predicted = figures.points, figures.models[0].predicted
    rows = zip(across, points.actual, predicted, strict=True)
    return [
        _Point(x, actual - value, place < points.tests)
        for place, (x, actual, value) in enumerate(rows)
        if x is not None and actual is not None and value is not None
    ]


def _chart(
    facts: RunFacts, figures: RunFigures, points: list[_Point], *, name: str, title: str, x: str
) -> Iterator[Chart]:
    if not points:
        return
    is_time = name == "residuals-by-time" and not figures.points.time_is_number
    target, main = label(facts.target), figures.models[0].name
    parts = _parts(points)
    largest = max(points, key=lambda point: abs(point.residual))
    at = moment(largest.x) if is_time else number(largest.x)
    across = temporal(x) if is_time else quantitative(_axis(x, target), field="x")
    up = quantitative(f"actual minus predicted {target}")
    values = [{"x": point.x, "y": point.residual, "rows": ROWS[point.is_test]} for point in points]
    layers: list[dict[str, Any]] = [
        {"data": {"values": values}, **row_marks(across, up)},
        reference(y={"datum": 0}),
    ]
    if len(parts) > 2:
        means = [{"x": part[0], "y": part[1]} for part in parts]
        line = {"type": "line", "opacity": 1}
        layers.append(
            {
                "data": {"values": means},
                "mark": {**line, "style": "mean"},
                "encoding": {"x": across, "y": up},
            }
        )
    training = any(not point.is_test for point in points)
    honest = "Training rows are predicted out of fold. " if training else ""
    yield Chart(
        name=name,
        title=title,
        spec={"height": 280, "layer": layers},
        description=(
            f"{len(points):,} residuals of {main}. {honest}The largest is"
            f" {number(largest.residual)} at {at}; the line joins the means of"
            f" {len(parts)} equal parts, which would be near 0 if nothing were left to learn."
        ),
        columns=(x, "mean residual", "RMS residual", "points"),
        rows=tuple(
            (moment(part[0]) if is_time else number(part[0]), *map(number, part[1:3]), part[3])
            for part in parts
        ),
    )


def _axis(x: str, target: str) -> str:
    return f"predicted {target}" if x == "predicted" else x


def _parts(points: list[_Point]) -> list[tuple[float, float, float, int]]:
    """Return mean x, mean residual, root mean square and count of parts of equal size."""
    ordered = sorted(points, key=lambda point: point.x)
    count = max(min(len(ordered) // MIN_PART, MAX_PARTS), 1)
    found = []
    for number_ in range(count):
        part = ordered[number_ * len(ordered) // count : (number_ + 1) * len(ordered) // count]
        size = len(part)
        scale = max(abs(point.residual) for point in part) or 1.0
        squares = sum((point.residual / scale) ** 2 for point in part) / size
        mean_x = sum(point.x / size for point in part)
        mean = sum(point.residual / size for point in part)
        found.append((mean_x, mean, scale * squares**0.5, size))
    return found


def quantiles(facts: RunFacts) -> Iterator[Chart]:
    """Yield the quantiles of the residuals beside those of a normal distribution."""
    residuals = facts.figures and facts.figures.residuals
    if not residuals:
        return
    pairs = [
        (normal, observed)
        for normal, observed in zip(residuals.normal, residuals.observed, strict=True)
        if normal is not None and observed is not None
    ]
    low, high = pairs[0][0], pairs[-1][0]
    across = quantitative("standard deviations of a normal distribution", field="x")
    up = quantitative("residual in standard deviations")
    step = max(-(-len(pairs) // min(TABLE_QUANTILES, MAX_TABLE_ROWS)), 1)
    yield Chart(
        name="quantiles",
        title="Are the residuals normal?",
        spec={
            "height": 300,
            "layer": [
                {
                    "data": {"values": [{"x": end, "y": end} for end in (low, high)]},
                    "mark": {"type": "line", "style": "reference"},
                    "encoding": {"x": across, "y": up},
                },
                {
                    "data": {"values": [{"x": x, "y": y} for x, y in pairs]},
                    "mark": {"type": "point", "style": "rows", "size": 30},
                    "encoding": {
                        "x": across,
                        "y": up,
                        "tooltip": [numbered("x", "normal"), numbered("y", "residual")],
                    },
                },
            ],
        },
        description=(
            f"Quantiles of {residuals.rows:,} residuals of {residuals.model}, in units of their"
            f" standard deviation, {number(residuals.sd)}, beside those of a normal distribution:"
            f" on the line if they were normal. They reach from {number(pairs[0][1])} to"
            f" {number(pairs[-1][1])}; a normal's would from {number(low)} to {number(high)}."
        ),
        columns=("normal", "residual"),
        rows=tuple((number(x), number(y)) for x, y in pairs[::step]),
    )
