"""One chart of a report: what is drawn, what it says in words, and the same as a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_TABLE_ROWS = 50
"""Rows of the table under a chart."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

CellValue = str | int | float | None


@dataclass(frozen=True)
class Chart:
    """One chart: a Vega-Lite specification with its data inline, and the same in words and figures.

    `name` is like that of no other chart of a page: lower-case letters, digits and dashes. `spec`
    has neither a width nor colours: `themed` adds both. Its fields have fixed names, because Vega
    takes the dots and brackets of a column's name for a path. `description` is what a person hears
    who does not see the chart. The table has at most `MAX_TABLE_ROWS` rows.
    """

    name: str
    title: str
    spec: Mapping[str, Any]
    description: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[CellValue, ...], ...] = ()


@dataclass(frozen=True)
class Palette:
    """The colours of charts on one kind of page.

    `series` are those of named series, in the order in which a scale lists them, and 4.5 to 1 from
    `paper`, as is `text`; `grid` is mere decoration. `rows` is the colour of points, `reference`
    that of lines to compare with.
    """

    paper: str
    text: str
    grid: str
    rows: str
    reference: str
    series: tuple[str, ...]


LIGHT = Palette(
    paper="#ffffff",
    text="#24292f",
    grid="#d8dee4",
    rows="#57606a",
    reference="#57606a",
    series=("#0550ae", "#b3470a", "#1a7037", "#8a3ea8", "#6b5a00", "#a5314f"),
)
DARK = Palette(
    paper="#0d1117",
    text="#e6edf3",
    grid="#30363d",
    rows="#a9b1ba",
    reference="#a0a8b1",
    series=("#6cb6ff", "#f0975a", "#5cc878", "#d2a8ff", "#d4b83a", "#ff8fa8"),
)

DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (10, 4), (4, 2, 1, 2))
"""How the lines of named series are dashed, in the order of a palette's `series`."""

SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down")
"""The points of named series, in the same order."""

ROW_OPACITY = 0.75
"""Of points: where many lie on each other, it is darker."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def themed(spec: Mapping[str, Any], palette: Palette, *, width: int | str) -> dict[str, Any]:
    """Return a specification with a width in pixels, or `"container"`, and the palette's colours.

    The width is that of the whole chart, with its axes.
    """
    return {
        "$schema": SCHEMA,
        **spec,
        "width": width,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": config(palette),
    }


def config(palette: Palette) -> dict[str, Any]:
    """Return Vega-Lite's configuration, with the styles that specifications name.

    These are `rows` (points), `band` (an interval around a line), `reference` (a line to compare
    with), `first` (the only series), `mean` (a line through points), `interval` (one whisker) and
    `note` (a text). Nothing is said of single marks: whoever shows a chart says what the whole of
    it shows. Lengths of texts have no limit here, only in the page's script: most of the time of a
    drawing is for measuring texts, and a limit has each measured once more.
    """
    ink = {"color": palette.reference}
    return {
        "aria": False,
        "background": palette.paper,
        "font": FONT,
        "padding": 6,
        "view": {"stroke": None},
        "title": {
            "color": palette.text,
            "subtitleColor": palette.text,
            "anchor": "start",
            "fontSize": 13,
            "fontWeight": 400,
            "frame": "group",
            "subtitleFontSize": 13,
            "offset": 8,
        },
        "axis": {
            "labelColor": palette.text,
            "titleColor": palette.text,
            "titleFontWeight": 600,
            "gridColor": palette.grid,
            "domainColor": palette.reference,
            "tickColor": palette.reference,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titlePadding": 8,
            "labelLimit": 0,
            "titleLimit": 0,
            "labelOverlap": True,
            "labelFlush": False,
        },
        "axisQuantitative": {"tickCount": 6},
        "legend": {
            "labelColor": palette.text,
            "titleColor": palette.text,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "orient": "top",
            "direction": "horizontal",
            "columns": 1,
            "labelLimit": 0,
            "symbolStrokeWidth": 2,
            "symbolSize": 80,
        },
        "range": {"category": list(palette.series), "symbol": list(SHAPES)},
        "line": {"strokeWidth": 2.5, **ink},
        "point": {"filled": True, "size": 40, **ink},
        "bar": {"color": palette.series[0]},
        "rule": ink,
        "text": {"color": palette.text, "fontSize": 12},
        "style": {
            "rows": {"color": palette.rows, "size": 18, "opacity": ROW_OPACITY},
            "band": {"color": palette.series[0], "opacity": 0.22},
            "reference": {**ink, "strokeDash": [4, 4], "strokeWidth": 1.5},
            "interval": {"strokeWidth": 2},
            "first": {"color": palette.series[0]},
            "mean": {"color": palette.series[1], "strokeWidth": 2},
            "note": {"color": palette.text, "fontSize": 12},
        },
    }
