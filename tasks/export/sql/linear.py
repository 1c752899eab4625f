"""A linear equation in SQL: the sum of its terms, in the order in which nightfit adds them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tasks.export.sql.expressions import Row, by_label, gap, indicator, joined

Labels = tuple[int, ...]


def equation(row: Row, member: Mapping[str, Any]) -> str:
    """Return the prediction of a linear member. The levels of a category are one lookup."""
    return joined(_summands(row, member), "\n    +", row.dialect.literal(0)).replace(" \n", "\n")


def _summands(row: Row, member: Mapping[str, Any]) -> Iterator[str]:
    medians = {number["name"]: number["median"] for number in member["numbers"]}
    categories = {category["name"]: category for category in member["categories"]}
    for _, group in groupby(member["terms"], key=_shape):
        terms = list(group)
        factors = terms[0]["factors"]
        numbers = [_number(row, factor, medians) for factor in factors if "category" not in factor]
        names = [factor["category"] for factor in factors if "category" in factor]
        if not names:
            for term in terms:
                yield " * ".join([*numbers, row.dialect.literal(term["estimate"])])
            continue
        estimates = {
            tuple(f["label"] for f in term["factors"] if "category" in f): term["estimate"]
            for term in terms
        }
        yield " * ".join([*numbers, _lookup(row, [categories[n] for n in names], estimates)])


def _shape(term: Mapping[str, Any]) -> list[Any]:
    """Return what the terms of one product have in common: all but the labels."""
    shape = [factor.get("category", factor) for factor in term["factors"]]
    return shape if any("category" in factor for factor in term["factors"]) else [term["term"]]


def _number(row: Row, factor: Mapping[str, Any], medians: Mapping[str, float]) -> str:
    if "missing" in factor:
        return indicator(gap(row, factor["missing"]), row.dialect)
    name = factor["number"]
    filled = f"COALESCE({row.values[name]}, {row.dialect.literal(medians[name])})"
    return " * ".join([filled] * factor["power"])


def _lookup(
    row: Row, categories: Sequence[Mapping[str, Any]], estimates: Mapping[Labels, float]
) -> str:
    """Return the estimate of the labels of some categories, one inside the other."""
    if not categories:
        return row.dialect.literal(estimates.get((), 0.0))
    first, *others = categories
    by_first: list[dict[Labels, float]] = [{} for _ in first["labels"]]
    mixed: dict[Labels, float] = {}
    for (label, *rest), estimate in estimates.items():
        by_first[label][tuple(rest)] = estimate
        share = first["shares"][label] * estimate
        mixed[tuple(rest)] = mixed.get(tuple(rest), 0.0) + share
    results = [_lookup(row, others, own) for own in by_first]
    value = row.values[first["name"]]
    return by_label(row.dialect, value, first, results, _lookup(row, others, mixed))
