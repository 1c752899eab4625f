"""A linear equation in a graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from regressors.arrays import Array
from tasks.export.graph.row import GraphRow
from tasks.export.graph.segments import segment_index


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


def equation(row: GraphRow, member: Mapping[str, Any], lines: "Lines") -> str:
    """Return the prediction (n, 1) of a linear member."""
    graph = row.graph
    medians = {number["name"]: number["median"] for number in member["numbers"]}
    categories = {category["name"]: category for category in member["categories"]}
    columns, sums = [], []
    weights: list[int] = []
    for _, group in groupby(enumerate(member["terms"]), key=lambda at: _shape(at[1])):
        positions, terms = zip(*group, strict=True)
        factors = terms[0]["factors"]
        numbers = [_number(row, f, medians) for f in factors if "category" not in f]
        names = [factor["category"] for factor in factors if "category" in factor]
        if not factors:
            sums.append(lines.of_terms(positions))
        elif not names:
            columns.append(_product(row, numbers))
            weights += positions
        else:
            found = _lookup(row, [categories[name] for name in names], terms, positions, lines)
            sums.append(_product(row, [*numbers, found]))
    if columns:
        products = graph.node("Mul", graph.beside(columns), lines.of_terms(weights))
        axes = graph.constant([1], np.int64)
        sums.append(graph.node("ReduceSum", products, axes, keepdims=1))
    return graph.total(sums or [graph.constant([[0.0]])])


@dataclass(frozen=True)
class Lines:
    """The estimates (S + 1, p) of the terms, by the `number` (n, 1) of a row's segment.

    The last row is that of all other rows, and the only one of a member without segments, which has
    no number. `more` (S) is by how much unknown parts widen the intervals of a segment's rows.
    """

    row: GraphRow
    estimates: Array
    number: str | None
    more: Sequence[Mapping[str, Sequence[float]]]

    @classmethod
    def of(cls, row: GraphRow, member: Mapping[str, Any]) -> "Lines":
        """Return the lines of a linear member."""
        of_all = [term["estimate"] for term in member["terms"]]
        lines = member.get("segments", {"columns": [], "estimates": []})
        own = lines["estimates"]
        number = None
        if own:
            segments = [line["segment"] for line in own]
            number = segment_index(row, lines["columns"], segments, range(len(own)))
        estimates = np.array([*(line["estimates"] for line in own), of_all])
        return cls(row, estimates, number, [line["more"] for line in own])

    def of_terms(self, positions: Sequence[int]) -> str:
        """Return the estimates (n, k) of some terms, or (1, k) where all rows have the same."""
        chosen = self.estimates[:, list(positions)]
        if self.number is None:
            return self.row.graph.constant(chosen)
        return self.row.graph.rows_of(chosen, self.number)

    def squares_of(self, part: str, of_all: float) -> str:
        """Return the squares (n, 1) of what an unknown part adds; (1, 1) if alike in all rows."""
        squares = np.array([[more[part][0] ** 2] for more in self.more] + [[of_all**2]])
        if self.number is None:
            return self.row.graph.constant(squares)
        return self.row.graph.rows_of(squares, self.number)

    def looked_up(self, table: Array, index: str) -> str:
        """Return the values (n, 1) of a table (S + 1, k) by a row's line and an index (n, 1)."""
        graph = self.row.graph
        if self.number is not None:
            size = graph.constant(table.shape[1], np.int64)
            index = graph.node("Add", graph.node("Mul", self.number, size), index)
        return graph.rows_of(table.reshape(-1, 1), index)


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
    row: GraphRow,
    categories: Sequence[Mapping[str, Any]],
    terms: Sequence[Mapping[str, Any]],
    positions: Sequence[int],
    lines: Lines,
) -> str:
    """Return the estimate (n, 1) of each row's labels, one axis of a table for each category."""
    own = len(lines.estimates)
    table = np.zeros([own, *(len(category["labels"]) + 1 for category in categories)])
    for position, term in zip(positions, terms, strict=True):
        at = [f["label"] for f in term["factors"] if "category" in f]
        table[(slice(None), *at)] = lines.estimates[:, position]
    for axis, category in enumerate(categories, 1):
        known = np.moveaxis(table, axis, 0)
        known[-1] = np.tensordot(category["shares"], known[:-1], 1)
    index = row.label(categories[0])
    for category in categories[1:]:
        labels = row.graph.constant(len(category["labels"]) + 1, np.int64)
        index = row.graph.node("Add", row.graph.node("Mul", index, labels), row.label(category))
    return lines.looked_up(table.reshape(own, -1), index)
