"""Named series in a specification: each is told from the others by more than its colour."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.report.chart import DASHES, SHAPES
from tasks.report.labels import are_years

ROWS = ("training rows", "test rows")
"""The names of points, by whether they are test rows."""


def quantitative(
    title: str, *, field: str = "y", zero: bool = False, **more: Any
) -> dict[str, Any]:
    """Return the encoding of a number on an axis."""
    scale = {"zero": zero, "nice": True, **more.pop("scale", {})}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, **more}


def feature_axis(title: str, values: Iterable[float | str | None]) -> dict[str, Any]:
    """Return the encoding of a feature on the x axis; one of years has no commas in its numbers."""
    axis = {"format": "d", "tickMinStep": 1} if are_years(values) else {}
    return quantitative(title, field="x", axis=axis)


def temporal(title: str, *, field: str = "x") -> dict[str, Any]:
    """Return the encoding of a moment on an axis, in UTC and without the names of any language."""
    formats = {
        "year": "%Y",
        "quarter": "%Y-%m",
        "month": "%Y-%m",
        "week": "%m-%d",
        "date": "%m-%d",
        "hours": "%H:%M",
        "minutes": "%H:%M",
        "seconds": "%H:%M:%S",
    }
    scale = {"type": "utc", "padding": 12}
    axis = {"format": formats, "tickCount": 6}
    return {"field": field, "type": "temporal", "title": title, "scale": scale, "axis": axis}


def line_marks(names: Sequence[str], *, field: str = "series") -> dict[str, Any]:
    """Return the encoding of the lines of named series, told apart by colour and dashes."""
    dashes = [list(DASHES[place % len(DASHES)]) for place in range(len(names))]
    legend = {"title": None, "symbolType": "stroke", "symbolSize": 400}
    return {
        "color": nominal(field, names, legend),
        "strokeDash": nominal(field, names, legend, range=dashes),
    }


def point_marks(names: Sequence[str], *, field: str = "series") -> dict[str, Any]:
    """Return the encoding of the points of named series, told apart by colour and shape."""
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(names))]
    legend = {"title": None}
    return {
        "color": nominal(field, names, legend),
        "shape": nominal(field, names, legend, range=shapes),
    }


def nominal(
    field: str, names: Sequence[str], legend: Mapping[str, Any] | None, **scale: Any
) -> dict[str, Any]:
    """Return the encoding of named series by one channel."""
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), **scale},
        "legend": None if legend is None else dict(legend),
    }


def row_marks(across: dict[str, Any], up: dict[str, Any]) -> dict[str, Any]:
    """Return the mark and the encoding of points that are training rows or test rows."""
    return {
        "mark": {"type": "point", "style": "rows"},
        "encoding": {
            "x": across,
            "y": up,
            "shape": nominal("rows", ROWS, {"title": None}, range=list(SHAPES[:2])),
            "tooltip": [numbered("x", across["title"]), numbered("y", up["title"])],
        },
    }


def numbered(field: str, title: str) -> dict[str, Any]:
    """Return the line of a tooltip that shows a number."""
    return {"field": field, "type": "quantitative", "title": title, "format": ".4~g"}


def reference(**encoding: Any) -> dict[str, Any]:
    """Return the layer of one straight line to compare with."""
    mark = {"type": "rule", "style": "reference"}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": encoding}
