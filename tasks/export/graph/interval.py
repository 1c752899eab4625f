"""How far an interval reaches, in a graph; NaN where only nightfit itself can say it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.export.graph.linear import all_missing
from tasks.export.graph.row import GraphRow


def reach(row: GraphRow, interval: Mapping[str, Any] | None, weight: str | None) -> str:
    """Return the reach (n, 1), or (1, 1) where it is that of every row."""
    graph = row.graph
    if interval is None:
        return graph.constant([[np.nan]])
    width = graph.constant([[interval["half_width"]]])
    if weight is not None and interval["mean_weight"] is not None:
        positive = graph.node("Greater", weight, graph.constant(0))
        finite = graph.node("Less", weight, graph.constant(np.inf))
        ratio = graph.node("Div", graph.constant(interval["mean_weight"]), weight)
        scaled = graph.node("Mul", width, graph.node("Sqrt", ratio))
        width = graph.node("Where", graph.node("And", positive, finite), scaled, width)
    for part in interval["unknown"]:
        mask = unknown(row, part["part"], part["if_all"])
        if mask is None or part["more"] == 0:
            continue
        if part["more"] is None:
            width = graph.node("Where", mask, graph.constant([[np.nan]]), width)
        else:
            square = graph.node("Mul", width, width)
            wider = graph.node("Add", square, graph.constant(part["more"] ** 2))
            width = graph.node("Where", mask, graph.node("Sqrt", wider), width)
    return width


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
