"""The pictures of a tutorial: its points with the line that was learnt, and how it was learnt."""

from collections.abc import Iterator

import numpy as np

from regressors.linear.neuron import NeuronFit
from tasks.report.chart import Chart
from tasks.report.charts.series import line_marks, quantitative
from tasks.report.labels import number
from tasks.tutorial.lessons import Lesson

DRAWN_EPOCHS = 60
"""Points of a learning curve; the first epochs change it most, so they stand closest together."""

LOGARITHMIC = {
    "type": "quantitative",
    "scale": {"type": "log", "nice": False},
    "axis": {"tickCount": 5, "format": "~g"},
}

LINES = ("learnt", "least squares")


def pictures(lesson: Lesson, fit: NeuronFit) -> Iterator[Chart]:
    """Yield the charts of a tutorial."""
    yield _line(lesson, fit)
    yield _learning(lesson, fit)


def equation(weight: float, bias: float) -> str:
    """Return the equation of a line in words."""
    return f"y = {number(weight)} x {'−' if bias < 0 else '+'} {number(abs(bias))}"


def _line(lesson: Lesson, fit: NeuronFit) -> Chart:
    weight, bias = (float(value) for value in fit.weights)
    points = [{"x": float(x), "y": float(y)} for x, y in zip(lesson.x, lesson.y, strict=True)]
    ends = (float(lesson.x.min()), max(float(lesson.x.max()), lesson.asked or -np.inf))
    learnt = {"learnt": (weight, bias), "least squares": lesson.least_squares}
    lines = [
        {"x": x, "y": slope * x + intercept, "series": name}
        for name, (slope, intercept) in learnt.items()
        for x in ends
    ]
    across, up = quantitative("x", field="x"), quantitative("y")
    correlation = float(np.corrcoef(lesson.x, lesson.y)[0, 1])
    words = [equation(weight, bias), f"correlation {correlation:.3f}"]
    layers = [
        {
            "data": {"values": points},
            "mark": {"type": "point", "style": "rows", "size": 40, "opacity": 0.9, "tooltip": True},
            "encoding": {"x": across, "y": up},
        },
        {
            "data": {"values": lines},
            "mark": {"type": "line"},
            "encoding": {
                "x": across,
                "y": up,
                **line_marks(LINES),
            },
        },
    ]
    if lesson.asked is not None:
        asked = {"x": lesson.asked, "y": weight * lesson.asked + bias}
        layers.append(
            {
                "data": {"values": [asked]},
                "mark": {"type": "point", "shape": "diamond", "size": 140, "tooltip": True},
                "encoding": {"x": across, "y": up},
            }
        )
    return Chart(
        name=f"{lesson.framework}-line",
        title="The points, and the line that was learnt",
        spec={"title": words, "height": 300, "layer": layers},
        description=(
            f"{len(lesson.x)} points, and the line {equation(weight, bias)} that"
            f" {lesson.framework} learnt; least squares gives"
            f" {equation(*lesson.least_squares)}. Their correlation is {correlation:.3f}."
        ),
        columns=("line", "weight", "bias"),
        rows=tuple((name, number(a, 6), number(b, 6)) for name, (a, b) in learnt.items()),
    )


def _learning(lesson: Lesson, fit: NeuronFit) -> Chart:
    last = len(fit.losses) - 1
    epochs = np.unique(np.geomspace(1, last + 1, DRAWN_EPOCHS).round().astype(int)) - 1
    curve = [{"x": int(epoch) + 1, "y": float(fit.losses[epoch])} for epoch in epochs]
    return Chart(
        name=f"{lesson.framework}-learning",
        title="How it learnt",
        spec={
            "height": 300,
            "data": {"values": [each for each in curve if each["y"] > 0]},
            "mark": {"type": "line", "point": True, "tooltip": True},
            "encoding": {
                "x": {**LOGARITHMIC, "field": "x", "title": "epoch"},
                "y": {**LOGARITHMIC, "field": "y", "title": "mean squared error"},
            },
        },
        description=(
            f"The mean squared error in {last:,} epochs: {number(float(fit.losses[0]))} before the"
            f" first, {number(float(fit.losses[-1]))} after the last."
        ),
        columns=("epoch", "mean squared error"),
        rows=tuple((each["x"], number(each["y"])) for each in curve[:: max(len(curve) // 25, 1)]),
    )
