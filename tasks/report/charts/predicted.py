"""What the model predicts for the test rows, beside what is true of them."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import numbered, quantitative
from tasks.report.facts import RunFacts
from tasks.report.labels import label, number, percent
from tasks.report.run_figures import DrawnModel

Pair = tuple[float, float]


def predicted(facts: RunFacts) -> Iterator[Chart]:
    """Yield predictions of test rows against actual values, by the model that serves."""
    figures = facts.figures
    if figures is None or not figures.models:
        return
    main, points = figures.models[0], figures.points
    rows = zip(main.predicted[: points.tests], points.actual[: points.tests], strict=True)
    pairs = [(p, a) for p, a in rows if p is not None and a is not None]
    if not pairs:
        return
    target, reach = label(facts.target), main.half_width
    level = percent(facts.run.interval_level)
    near = (
        "" if reach is None else f" The dashed lines are {number(reach)} apart from it ({level})."
    )
    within = f" {_within(main, pairs)}" if main.inside is not None or reach is not None else ""
    yield Chart(
        name="predicted",
        title=f"Predicted and actual {target}, test rows",
        spec=_spec(pairs, main, target),
        description=(
            f"{len(pairs):,} of {points.of_test:,} test rows, as {main.name} predicts them. A"
            f" perfect prediction lies on the diagonal.{near}{within}"
        ),
        columns=("predicted", "actual", "error"),
        rows=tuple(_largest_errors(pairs)),
    )


def _within(main: DrawnModel, pairs: list[Pair]) -> str:
    """Return a sentence on how many rows are inside their intervals."""
    if main.inside is not None:
        return f"{percent(main.inside)} lie inside their interval."
    assert main.half_width is not None  # of a run of an earlier release
    inside = sum(abs(a - p) <= main.half_width for p, a in pairs)
    return f"{percent(inside / len(pairs))} lie within."


def _largest_errors(pairs: list[Pair]) -> Iterator[tuple[str, ...]]:
    for p, a in sorted(pairs, key=lambda pair: -abs(pair[1] - pair[0]))[:MAX_TABLE_ROWS]:
        yield number(p), number(a), number(a - p)


def _spec(pairs: list[Pair], main: DrawnModel, target: str) -> dict[str, Any]:
    low, high = min(p for p, _ in pairs), max(p for p, _ in pairs)
    reach = main.half_width if main.half_width and isfinite(main.half_width) else None
    shifts = [0.0] if reach is None else [0.0, -reach, reach]
    lines = [
        {"x": at, "y": at + shift, "line": str(place)}
        for place, shift in enumerate(shifts)
        for at in (low, high)
    ]
    across = quantitative(f"predicted by {main.name}", field="x")
    up = quantitative(f"actual {target}")
    return {
        "height": 340,
        "layer": [
            {
                "data": {"values": [{"x": p, "y": a} for p, a in pairs]},
                "mark": {"type": "point", "style": "rows"},
                "encoding": {
                    "x": across,
                    "y": up,
                    "tooltip": [numbered("x", "predicted"), numbered("y", "actual")],
                },
            },
            {
                "data": {"values": lines},
                "mark": {"type": "line", "style": "reference"},
                "encoding": {
                    "x": across,
                    "y": up,
                    "detail": {"field": "line", "type": "nominal"},
                    "strokeDash": {
                        "condition": {"test": "datum.line === '0'", "value": [1, 0]},
                        "value": [5, 4],
                    },
                },
            },
        ],
    }
