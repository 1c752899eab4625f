"""A network in a graph: blocks of columns that are alike, and then its layers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regressors.network.recipe import GELU_CUBIC, GELU_SLOPE
from tasks.export.graph.linear import as_numbers, filled
from tasks.export.graph.row import GraphRow

BLOCKS = ("standardised", "squashed", "piece", "missing", "category", "word", "effect", "count")


@dataclass(frozen=True)
class Block:
    """Columns (n, k) of a graph, and at which positions of a matrix they belong."""

    columns: str
    positions: list[int]


def network(row: GraphRow, member: Mapping[str, Any]) -> str:
    """Return the prediction (n, 1) of a network."""
    graph, target = row.graph, member["target"]
    ridge = [[entry["weight"]] for entry in member["linear"]]
    start = _product(row, member, member["linear"], np.array(ridge).reshape(-1, 1))
    start = graph.node("Add", start, graph.constant(member["intercept"]))
    values = None
    for layer in member["layers"]:
        weights = np.array(layer["weights"], dtype=float).reshape(-1, len(layer["bias"]))
        if values is None:
            sums = _product(row, member, member["inputs"], weights)
        else:
            active = _gelu(row, values)
            sums = graph.node("MatMul", active, graph.constant(weights))
        values = graph.node("Add", sums, graph.constant([layer["bias"]]))
    assert values is not None
    standardised = graph.node("Add", start, values)
    scaled = graph.node("Mul", standardised, graph.constant(target["sd"]))
    return graph.node("Add", scaled, graph.constant(target["mean"]))


def _product(
    row: GraphRow,
    member: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    weights: np.ndarray[Any, Any],
) -> str:
    """Return the columns (n, k) that entries describe times weights (k, m)."""
    blocks = [
        block for kind in BLOCKS for block in _blocks(row, member, _of_kind(entries, kind), kind)
    ]
    if not blocks:
        return row.graph.constant(np.zeros((1, weights.shape[1])))
    order = [position for block in blocks for position in block.positions]
    matrix = row.graph.beside([block.columns for block in blocks])
    return row.graph.node("MatMul", matrix, row.graph.constant(weights[order]))


Placed = list[tuple[int, Mapping[str, Any]]]


def _of_kind(entries: Sequence[Mapping[str, Any]], kind: str) -> Placed:
    return [(i, entry) for i, entry in enumerate(entries) if next(iter(entry)) == kind]


def _blocks(row: GraphRow, member: Mapping[str, Any], placed: Placed, kind: str) -> list[Block]:
    """Return the blocks of the columns of one kind."""
    if not placed:
        return []
    positions, entries = [i for i, _ in placed], [entry for _, entry in placed]
    if kind in ("standardised", "squashed", "piece"):
        return [Block(_numbers(row, member, entries, kind), positions)]
    if kind in ("effect", "count"):
        groups = [member["groups"][entry[kind]] for entry in entries]
        return [
            Block(_group(row, group, kind), [i]) for i, group in zip(positions, groups, strict=True)
        ]
    if kind == "category":
        return _categories(row, member, placed)
    if kind == "word":
        columns = [_word(row, entry["of"], entry["word"]) for entry in entries]
    else:
        columns = [as_numbers(row, row.is_missing(entry["missing"][0])) for entry in entries]
    return [Block(row.graph.beside(columns), positions)]


def _numbers(
    row: GraphRow, member: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], kind: str
) -> str:
    graph = row.graph
    numbers = member["numbers"]
    at = {number["name"]: i for i, number in enumerate(numbers)}
    all_filled = filled(row, list(at), [number["median"] for number in numbers])
    values = graph.columns_of(all_filled, [at[entry[kind]] for entry in entries])
    own = [numbers[at[entry[kind]]] for entry in entries]

    def less_over(less: list[float], over: list[float]) -> str:
        shifted = graph.node("Sub", values, graph.constant([less]))
        return graph.node("Div", shifted, graph.constant([over]))

    if kind == "standardised":
        return less_over([n["mean"] for n in own], [n["sd"] for n in own])
    if kind == "squashed":
        q = less_over([n["median"] for n in own], [n["spread"] for n in own])
        third = graph.node("Div", q, graph.constant(3))
        square = graph.node("Add", graph.node("Mul", third, third), graph.constant(1))
        return graph.node("Div", q, graph.node("Sqrt", square))
    widths = [entry["high"] - entry["low"] for entry in entries]
    share = less_over([entry["low"] for entry in entries], widths)
    share = graph.node("Max", graph.node("Min", share, graph.constant(1)), graph.constant(0))
    return graph.node("Sub", share, graph.constant(0.5))


def _categories(row: GraphRow, member: Mapping[str, Any], placed: Placed) -> list[Block]:
    blocks = []
    for category in member["categories"]:
        own = [(i, entry) for i, entry in placed if entry["category"] == category["name"]]
        size = len(category["labels"])
        table = np.vstack([np.eye(size), category["shares"]])
        table = table[:, [entry["label"] for _, entry in own]]
        table = table - [entry.get("less", 0.0) for _, entry in own]
        blocks.append(Block(row.by_label(category, table), [i for i, _ in own]))
    return blocks


def _word(row: GraphRow, column: str, word: str) -> str:
    """Return whether a text has a word, whatever the case of its letters."""
    folded = re.escape(word).replace("ss", "(ss|ß|ẞ)")
    pattern = rf"(?is)(.*[^\pL\pN_])?{folded}([^\pL\pN_].*)?"
    return as_numbers(row, row.graph.node("RegexFullMatch", row.text(column), pattern=pattern))


def _group(row: GraphRow, group: Mapping[str, Any], kind: str) -> str:
    """Return what the level of each row adds (n, 1)."""
    others = len(group["levels"])
    table = np.array([*group[f"{kind}s"], group[f"{kind}_of_others"]])[:, None]
    if len(group["columns"]) == 1:
        index = {level[0]: i for i, level in enumerate(group["levels"])}
        return row.graph.rows_of(table, _level_index(row, group["columns"][0], index, others))
    firsts, seconds = (
        {level: i for i, level in enumerate(dict.fromkeys(levels))}
        for levels in zip(*group["levels"], strict=True)
    )
    wide = len(seconds) + 1
    pairs = {
        firsts[first] * wide + seconds[second]: i
        for i, (first, second) in enumerate(group["levels"])
    }
    both = [
        _level_index(row, name, index, len(index))
        for name, index in zip(group["columns"], (firsts, seconds), strict=True)
    ]
    graph = row.graph
    scaled = graph.node("Mul", both[0], graph.constant(wide, np.int64))
    level = graph.node(
        "LabelEncoder",
        graph.node("Add", scaled, both[1]),
        domain="ai.onnx.ml",
        keys_int64s=list(pairs),
        values_int64s=list(pairs.values()),
        default_int64=others,
    )
    return graph.rows_of(table, level)


def _level_index(row: GraphRow, name: str, index: Mapping[Any, int], others: int) -> str:
    known = {level: i for level, i in index.items() if level is not None}
    missing = index.get(None, others)
    if row.is_number(name):
        return row.level_index(name, known, missing, others)
    return row.index(name, known, missing, others)


def _gelu(row: GraphRow, z: str) -> str:
    node, constant = row.graph.node, row.graph.constant
    cube = node("Mul", node("Mul", node("Mul", constant(GELU_CUBIC), z), z), z)
    bent = node("Tanh", node("Mul", constant(GELU_SLOPE), node("Add", z, cube)))
    half = node("Mul", constant(0.5), z)
    return node("Mul", half, node("Add", constant(1), bent))
