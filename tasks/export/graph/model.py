"""A model as an ONNX file: one input for each column, and three outputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.export.graph.builder import Graph
from tasks.export.graph.interval import ends
from tasks.export.graph.linear import Lines, equation
from tasks.export.graph.network import network
from tasks.export.graph.row import GraphRow, missing_text
from tasks.export.graph.segments import segment_index
from tasks.export.routed import together

OUTPUTS = ("predicted", "lower", "upper")


def onnx_model(
    description: Mapping[str, Any], facts: Mapping[str, str], weight: str | None = None
) -> bytes:
    """Return the model; `facts` are kept in it, and `weight` is the column of the rows' weights."""
    graph, whole = Graph(), together(description)
    row = GraphRow(graph, whole)
    weight_input = None
    if weight is not None:
        given = row.graph_inputs.get(weight)
        weight_input = graph.input(weight, "DOUBLE") if given is None else given
    results = _results(row, description, weight_input)
    routes = description.get("routes", ())
    numbered = [(segment, i) for i, route in enumerate(routes) for segment in route["segments"]]
    if numbered:
        segments, numbers = zip(*numbered, strict=True)
        serving = segment_index(row, description["segment"], segments, numbers)
        for number, route in enumerate(routes):
            own = _results(row, route["description"], weight_input)
            is_own = graph.node("Equal", serving, graph.constant(number, np.int64))
            results = [
                graph.node("Where", is_own, *pair) for pair in zip(own, results, strict=True)
            ]
    taken = {column["name"] for column in whole["columns"]} | {weight}
    names = output_names(taken)
    outputs = {
        name: _of_rows(graph, row, result) for name, result in zip(names, results, strict=True)
    }
    return graph.to_bytes(outputs, facts, _text(whole))


def _results(row: GraphRow, description: Mapping[str, Any], weight: str | None) -> list[str]:
    """Return what one model predicts (n, 1), and the ends of its interval."""
    graph = row.graph
    lines = None
    if description["kind"] == "ann":
        predicted = [network(row, member) for member in description["members"]]
    else:
        (member,) = description["members"]
        lines = Lines.of(row, member)
        predicted = [equation(row, member, lines)]
    mean = graph.node("Div", graph.total(predicted), graph.constant(len(predicted)))
    return [mean, *ends(row, description["interval"], mean, weight, lines)]


def output_names(taken: set[str | None]) -> tuple[str, ...]:
    """Return the names of the outputs, which no input has."""
    prefix = ""
    while any(prefix + name in taken for name in OUTPUTS):
        prefix += "nightfit_"
    return tuple(prefix + name for name in OUTPUTS)


def _of_rows(graph: Graph, row: GraphRow, column: str) -> str:
    """Return a column with a row for each of the input, also where it is the same for all."""
    if not row.graph_inputs:
        return column
    first = next(iter(row.graph_inputs.values()))
    shape = graph.node("Shape", first)
    return graph.node("Expand", column, shape)


def _text(description: Mapping[str, Any]) -> str:
    missing = missing_text(description)
    return (
        "A model of nightfit. Inputs, each of shape (rows, 1): numbers and booleans (1 and 0) as"
        f" doubles, NaN where missing; categories as texts, {missing!r} where missing; times as"
        " microseconds since 1970 of the clock that the source shows, -2^63 where missing. Outputs:"
        " the prediction and the bounds of its interval, NaN where there is none."
    )
