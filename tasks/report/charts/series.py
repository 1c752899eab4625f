"""Named series in a specification: each is told from the others by more than its colour."""

from collections.abc import Sequence
from typing import Any

from tasks.report.chart import DASHES, SHAPES


def quantitative(
    title: str, *, field: str = "y", zero: bool = False, **more: Any
) -> dict[str, Any]:
    """Return the encoding of a number on an axis."""
    scale = {"zero": zero, "nice": True, **more.pop("scale", {})}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, **more}


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


def coloured(names: Sequence[str], *, field: str = "series", legend: bool = True) -> dict[str, Any]:
    """Return the encoding of the colour of named series."""
    return _encoding(field, legend, {"domain": list(names)})


def dashed(names: Sequence[str], *, field: str = "series", legend: bool = True) -> dict[str, Any]:
    """Return the encoding of the dashes of named series."""
    dashes = [list(DASHES[place % len(DASHES)]) for place in range(len(names))]
    return _encoding(field, legend, {"domain": list(names), "range": dashes})


def shaped(names: Sequence[str], *, field: str = "series", legend: bool = True) -> dict[str, Any]:
    """Return the encoding of the points of named series."""
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(names))]
    return _encoding(field, legend, {"domain": list(names), "range": shapes})


def _encoding(field: str, legend: bool, scale: dict[str, Any]) -> dict[str, Any]:
    shown = {"title": None} if legend else None
    return {"field": field, "type": "nominal", "scale": scale, "legend": shown}
