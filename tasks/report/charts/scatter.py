"""The rows of one feature with the regression line, and the ANN's curve with its interval."""

from collections.abc import Iterator
from typing import Any

from tasks.report.chart import Chart
from tasks.report.charts.series import ROWS, feature_axis, line_marks, quantitative, row_marks
from tasks.report.facts import RunFacts
from tasks.report.labels import label, number, of_feature, percent
from tasks.report.run_figures import Curve, Line, RunFigures

SHORT = 20
"""Characters of a name in the equation."""
TABLE_POINTS = 25
"""Values of the feature in the table."""


def scatter(facts: RunFacts) -> Iterator[Chart]:
    """Yield the picture of a dataset with one numeric feature."""
    figures = facts.figures
    if figures is None or figures.points.x is None or not figures.curves:
        return
    x, y = _feature(facts), label(facts.target)
    network = next((curve for curve in figures.curves if _kind(figures, curve) == "ann"), None)
    drawn = network or figures.curves[0]
    series = _series(figures, network)
    words = _equation(facts, figures.line, x)
    band = f"{percent(facts.run.interval_level)} interval of {drawn.model}"
    shown = len(figures.points.actual)
    of = figures.points.of_test + figures.points.of_training
    yield Chart(
        name="scatter",
        title=f"{y} by {x}",
        spec=_spec(figures, series, drawn, x=x, y=y, words=words),
        description=" ".join(
            [
                f"{shown:,} of {of:,} rows as points, {y} by {x}, with {' and '.join(series)}.",
                *(f"{sentence}." for sentence in words),
                f"The band is the {band}.",
            ]
        ),
        columns=(x, *series, "lower", "upper"),
        rows=tuple(_rows(series, drawn)),
    )


def _feature(facts: RunFacts) -> str:
    return label(facts.run.features or "x")


def _kind(figures: RunFigures, curve: Curve) -> str:
    return next(each.kind for each in figures.models if each.name == curve.model)


def _series(figures: RunFigures, network: Curve | None) -> dict[str, Curve]:
    """Return the lines that are drawn by their names: an ANN, and the regression line."""
    series = {} if network is None else {f"ANN ({network.model})": network}
    line = figures.line
    other = next((curve for curve in figures.curves if curve is not network), None)
    if line is not None:
        at = figures.curves[0].x
        values = tuple(None if x is None else line.intercept + line.slope * x for x in at)
        none = (None,) * len(at)
        series["regression line (least squares)"] = Curve("line", at, values, none, none)
    elif other is not None:
        series[other.model] = other
    return series


def _equation(facts: RunFacts, line: Line | None, x: str) -> list[str]:
    if line is None:
        return []
    sign = "−" if line.slope < 0 else "+"
    name, feature = label(facts.target, SHORT), label(x, SHORT)
    slope = f"{sign} {number(abs(line.slope))} × {feature}"
    words = [f"{name} = {number(line.intercept)} {slope}"]
    if line.correlation is not None:
        words.append(f"correlation {line.correlation:.3f} over {line.rows:,} rows")
    return words


def _rows(series: dict[str, Curve], drawn: Curve) -> Iterator[tuple[str, ...]]:
    step, at = max(len(drawn.x) // (TABLE_POINTS - 1), 1), of_feature(drawn.x)
    for place in range(0, len(drawn.x), step):
        values = (curve.predicted[place] for curve in series.values())
        ends = drawn.lower[place], drawn.upper[place]
        yield (at[place], *(number(each) for each in (*values, *ends)))


def _spec(
    figures: RunFigures,
    series: dict[str, Curve],
    drawn: Curve,
    *,
    x: str,
    y: str,
    words: list[str],
) -> dict[str, Any]:
    points = figures.points
    assert points.x is not None
    rows = [
        {"x": x_value, "y": actual, "rows": ROWS[place < points.tests]}
        for place, (x_value, actual) in enumerate(zip(points.x, points.actual, strict=True))
        if x_value is not None and actual is not None
    ]
    lines = [
        {"x": at, "y": value, "series": name}
        for name, curve in series.items()
        for at, value in zip(curve.x, curve.predicted, strict=True)
    ]
    name = next((name for name, curve in series.items() if curve is drawn), None)
    ends = zip(drawn.x, drawn.lower, drawn.upper, strict=True)
    band = [{"x": at, "low": low, "high": high, "series": name} for at, low, high in ends]
    names = list(series)
    across = feature_axis(x, points.x)
    layers: list[dict[str, Any]] = [
        {"data": {"values": rows}, **row_marks(across, quantitative(y))},
        {
            "data": {"values": lines},
            "mark": {"type": "line", "opacity": 1},
            "encoding": {
                "x": across,
                "y": quantitative(y),
                **line_marks(names),
            },
        },
    ]
    if any(each["low"] is not None for each in band):
        area = {
            "data": {"values": band},
            "mark": {"type": "area", "style": "band"},
            "encoding": {
                "x": across,
                "y": quantitative(y, field="low"),
                "y2": {"field": "high"},
                "color": line_marks(names)["color"],
            },
        }
        layers.insert(0, area)
    title = {"title": {"text": words}} if words else {}
    return {**title, "height": 360, "layer": layers}
