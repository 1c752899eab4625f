"""A linear equation in a graph."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from tasks.export.graph.row import GraphRow


def filled(row: GraphRow, names: Sequence[str], medians: Sequence[float]) -> str:
    """Return numbers (n, k) with their medians where they are missing."""
    numbers = row.numbers(names)
    missing = row.graph.node("IsNaN", numbers)
    return row.graph.node("Where", missing, row.graph.constant([medians]), numbers)


def all_missing(row: GraphRow, names: Sequence[str]) -> str:
    """Return the mask (n, 1) of the rows in which all of these numbers are missing."""
    return row.graph.anywhere([row.is_missing(name) for name in names], "And")


def as_numbers(row: GraphRow, mask: str) -> str:
    """Return 1 where a mask is true, else 0."""
    return row.graph.node("Cast", mask, to=11)


def equation(row: GraphRow, member: Mapping[str, Any]) -> str:
    """Return the prediction (n, 1) of a linear member."""
    graph = row.graph
    medians = {number["name"]: number["median"] for number in member["numbers"]}
    categories = {category["name"]: category for category in member["categories"]}
    columns, weights, sums = [], [], []
    for _, group in groupby(member["terms"], key=_shape):
        terms = list(group)
        factors = terms[0]["factors"]
        numbers = [_number(row, f, medians) for f in factors if "category" not in f]
        names = [factor["category"] for factor in factors if "category" in factor]
        estimate = terms[0]["estimate"]
        if not factors:
            sums.append(graph.constant([[estimate]]))
        elif not names:
            columns.append(_product(row, numbers))
            weights.append(estimate)
        else:
            found = _lookup(row, [categories[name] for name in names], terms)
            sums.append(_product(row, [*numbers, found]))
    if columns:
        products = graph.node("Mul", graph.beside(columns), graph.constant([weights]))
        axes = graph.constant([1], np.int64)
        sums.append(graph.node("ReduceSum", products, axes, keepdims=1))
    return graph.total(sums or [graph.constant([[0.0]])])


def _shape(term: Mapping[str, Any]) -> list[Any]:
    shape = [factor.get("category", factor) for factor in term["factors"]]
    return shape if any("category" in factor for factor in term["factors"]) else [term["term"]]


def _number(row: GraphRow, factor: Mapping[str, Any], medians: Mapping[str, float]) -> str:
    if "missing" in factor:
        return as_numbers(row, all_missing(row, factor["missing"]))
    name = factor["number"]
    return _product(row, [filled(row, [name], [medians[name]])] * factor["power"])


def _product(row: GraphRow, factors: Sequence[str]) -> str:
    first, *others = factors
    for factor in others:
        first = row.graph.node("Mul", first, factor)
    return first


def _lookup(
    row: GraphRow, categories: Sequence[Mapping[str, Any]], terms: Sequence[Mapping[str, Any]]
) -> str:
    """Return the estimate (n, 1) of each row's labels, one axis of a table for each category."""
    table = np.zeros([len(category["labels"]) + 1 for category in categories])
    for term in terms:
        table[tuple(f["label"] for f in term["factors"] if "category" in f)] = term["estimate"]
    for axis, category in enumerate(categories):
        known = np.moveaxis(table, axis, 0)
        known[-1] = np.tensordot(category["shares"], known[:-1], 1)
    index = row.label(categories[0])
    for category in categories[1:]:
        labels = row.graph.constant(len(category["labels"]) + 1, np.int64)
        index = row.graph.node("Add", row.graph.node("Mul", index, labels), row.label(category))
    return row.graph.rows_of(table.reshape(-1, 1), index)
