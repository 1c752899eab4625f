"""The ends of an interval, in a graph; NaN where only nightfit itself can say it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.export.graph.linear import Lines, all_missing
from tasks.export.graph.row import GraphRow


def ends(
    row: GraphRow,
    interval: Mapping[str, Any] | None,
    predicted: str,
    weight: str | None,
    lines: Lines | None,
) -> tuple[str, str]:
    """Return the lower and the upper end (n, 1), or (1, 1) where they are those of every row.

    `predicted` (n, 1) are the predictions, and `lines` those of a linear model.
    """
    graph = row.graph
    if interval is None:
        nothing = graph.constant([[np.nan]])
        return nothing, nothing
    below, above = (_reach(row, interval, predicted, weight, lines, side) for side in (0, 1))
    lower, upper = graph.node("Sub", predicted, below), graph.node("Add", predicted, above)
    low, high = interval["lowest"], interval["highest"]
    return _between(row, lower, low, high), _between(row, upper, low, high)


def _reach(
    row: GraphRow,
    interval: Mapping[str, Any],
    predicted: str,
    weight: str | None,
    lines: Lines | None,
    side: int,
) -> str:
    """Return how far the interval reaches down (side 0) or up (side 1)."""
    graph = row.graph
    width = graph.constant([[interval["reaches"][0][side]]])
    if interval["groups"]:
        index = {name: i for i, name in enumerate(interval["groups"], 1)}
        table = [interval["reaches"], *interval["groups"].values()]
        own = np.array([[reaches[0][side]] for reaches in table])
        width = graph.rows_of(own, row.index(interval["by"], index, 0, 0))
    if interval["scale"] is not None:
        width = graph.node("Mul", width, _scale(row, interval["scale"], predicted))
    if interval["by_prediction"] is not None:
        curve = interval["by_prediction"][0][side]
        width = graph.node("Mul", width, _curve(row, predicted, curve))
    if weight is not None and interval["mean_weight"] is not None:
        positive = graph.node("Greater", weight, graph.constant(0))
        finite = graph.node("Less", weight, graph.constant(np.inf))
        ratio = graph.node("Div", graph.constant(interval["mean_weight"]), weight)
        scaled = graph.node("Mul", width, graph.node("Sqrt", ratio))
        width = graph.node("Where", graph.node("And", positive, finite), scaled, width)
    for part in interval["unknown"]:
        mask = unknown(row, part["part"], part["if_all"])
        if mask is None:
            continue
        if part["more"] is None:
            width = graph.node("Where", mask, graph.constant([[np.nan]]), width)
        else:
            assert lines is not None
            square = graph.node("Mul", width, width)
            wider = graph.node("Add", square, lines.squares_of(part["part"], part["more"][0]))
            width = graph.node("Where", mask, graph.node("Sqrt", wider), width)
    return width


def _scale(row: GraphRow, scale: Mapping[str, Any], predicted: str) -> str:
    """Return the scale (n, 1) of each row."""
    graph = row.graph
    summands = [graph.constant([[scale["intercept"]]])]
    for name, curve in scale["numbers"].items():
        summands.append(_curve(row, row.number(name), curve))
    for name, effects in scale["categories"].items():
        index = {level: i for i, level in enumerate(effects["levels"])}
        table = np.array([*effects["levels"].values(), effects["missing"], 0.0])[:, None]
        at = row.index(name, index, len(index), len(index) + 1)
        summands.append(graph.rows_of(table, at))
    summands.append(_curve(row, predicted, scale["predicted"]))
    total = _between(row, graph.total(summands), scale["low"], scale["high"])
    return graph.node("Exp", total)


def _curve(row: GraphRow, value: str, curve: Mapping[str, Any]) -> str:
    """Return the heights (n, 1) of a curve at values (n, 1)."""
    graph = row.graph
    knots, heights = np.array(curve["knots"]), np.array(curve["heights"])
    is_missing = graph.node("IsNaN", value)
    known = graph.node("Where", is_missing, graph.constant([[knots[0]]]), value)
    height = graph.constant([[heights[0]]])
    if len(knots) > 1:
        beyond = graph.node("Sub", known, graph.constant([knots[:-1]]))
        within = graph.node("Max", beyond, graph.constant(0))
        within = graph.node("Min", within, graph.constant([np.diff(knots)]))
        slopes = graph.constant((np.diff(heights) / np.diff(knots))[:, None])
        height = graph.node("Add", graph.node("MatMul", within, slopes), height)
    return graph.node("Where", is_missing, graph.constant([[curve["missing"]]]), height)


def _between(row: GraphRow, value: str, low: float | None, high: float | None) -> str:
    """Return values that are raised to the one bound, and lowered to the other."""
    if low is not None:
        value = row.graph.node("Max", value, row.graph.constant([[low]]))
    if high is not None:
        value = row.graph.node("Min", value, row.graph.constant([[high]]))
    return value


def unknown(row: GraphRow, name: str, conditions: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the mask (n, 1) of the rows in which no member knows a part's value, if any."""
    graph, masks = row.graph, []
    if all(condition["missing"] for condition in conditions):
        exceptions = [e for c in conditions if (e := _exception(row, c)) is not None]
        masks.append(graph.anywhere([_is_missing(row, name), *dict.fromkeys(exceptions)], "And"))
    if all(condition["texts"] is not None for condition in conditions):
        known = {text: 0 for condition in conditions for text in condition["texts"]}
        masks.append(graph.node("Cast", row.index(name, known, 0, 1), to=9))  # a boolean
    return graph.anywhere(masks) if masks else None


def _is_missing(row: GraphRow, name: str) -> str:
    if row.is_number(name):
        return row.is_missing(name)
    return row.graph.node("Cast", row.index(name, {}, 1, 0), to=9)


def _exception(row: GraphRow, condition: Mapping[str, Any]) -> str | None:
    """Return the mask (n, 1) of the rows in which a gap is not an expected one."""
    unless = condition.get("unless")
    if unless is None:
        return None
    if "all_missing" in unless:
        return row.graph.node("Not", all_missing(row, unless["all_missing"]))
    category = unless["category"]
    marked = np.ones((len(category["labels"]) + 1, 1))
    marked[unless["labels"]] = 0
    return row.graph.node("Cast", row.by_label(category, marked), to=9)
