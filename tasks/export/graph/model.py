"""A model as an ONNX file: one input for each column, and three outputs."""

from collections.abc import Mapping
from typing import Any

from tasks.export.graph.builder import Graph
from tasks.export.graph.interval import ends
from tasks.export.graph.linear import equation
from tasks.export.graph.network import network
from tasks.export.graph.row import GraphRow, missing_text

OUTPUTS = ("predicted", "lower", "upper")


def onnx_model(
    description: Mapping[str, Any], facts: Mapping[str, str], weight: str | None = None
) -> bytes:
    """Return the model; `facts` are kept in it, and `weight` is the column of the rows' weights."""
    graph = Graph()
    row = GraphRow(graph, description)
    weight_input = None
    if weight is not None:
        given = row.graph_inputs.get(weight)
        weight_input = graph.input(weight, "DOUBLE") if given is None else given
    make = network if description["kind"] == "ann" else equation
    predicted = [make(row, member) for member in description["members"]]
    members = graph.constant(len(predicted))
    mean = graph.node("Div", graph.total(predicted), members)
    lower, upper = ends(row, description["interval"], mean, weight_input)
    taken = {column["name"] for column in description["columns"]} | {weight}
    names = output_names(taken)
    outputs = {
        names[0]: _of_rows(graph, row, mean),
        names[1]: _of_rows(graph, row, lower),
        names[2]: _of_rows(graph, row, upper),
    }
    return graph.to_bytes(outputs, facts, _text(description))


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
