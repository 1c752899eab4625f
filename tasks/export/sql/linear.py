"""A linear equation in SQL: the sum of its terms, in the order in which nightfit adds them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tasks.export.sql.expressions import Row, by_label, gap, indicator, joined

Labels = tuple[int, ...]
Shares = dict[int, float]
"""Of the estimates of some terms, by the positions of these, what stands for an estimate."""


def equation(row: Row, member: Mapping[str, Any], estimates: Sequence[str] | None = None) -> str:
    """Return the prediction of a linear member. The levels of a category are one lookup.

    `estimates` are columns of the estimates of the terms, where these differ between rows.
    """
    of = _Equation(row, member, estimates)
    return joined(of.summands(), "\n    +", row.dialect.literal(0)).replace(" \n", "\n")


class _Equation:
    def __init__(
        self, row: Row, member: Mapping[str, Any], estimates: Sequence[str] | None
    ) -> None:
        self._row, self._terms, self._columns = row, member["terms"], estimates
        self._medians = {number["name"]: number["median"] for number in member["numbers"]}
        self._categories = {category["name"]: category for category in member["categories"]}

    def summands(self) -> Iterator[str]:
        """Yield what is added up."""
        numbered = enumerate(self._terms)
        for _, group in groupby(numbered, key=lambda numbered_term: _shape(numbered_term[1])):
            terms = dict(group)
            factors = next(iter(terms.values()))["factors"]
            numbers = [self._number(factor) for factor in factors if "category" not in factor]
            names = [factor["category"] for factor in factors if "category" in factor]
            if not names:
                for position in terms:
                    yield " * ".join([*numbers, self._estimate({position: 1.0})])
                continue
            by_labels: dict[Labels, Shares] = {
                tuple(f["label"] for f in term["factors"] if "category" in f): {position: 1.0}
                for position, term in terms.items()
            }
            categories = [self._categories[name] for name in names]
            yield " * ".join([*numbers, self._lookup(categories, by_labels)])

    def _estimate(self, shares: Shares) -> str:
        """Return the sum of shares of estimates: a literal, or an expression of their columns."""
        literal = self._row.dialect.literal
        if self._columns is None:
            return literal(
                sum(share * self._terms[position]["estimate"] for position, share in shares.items())
            )
        products = (
            self._columns[position]
            if share == 1
            else f"{literal(share)} * {self._columns[position]}"
            for position, share in shares.items()
            if share
        )
        total = joined(products, "+", literal(0))
        return f"({total})" if len(shares) > 1 else total

    def _number(self, factor: Mapping[str, Any]) -> str:
        row = self._row
        if "missing" in factor:
            return indicator(gap(row, factor["missing"]), row.dialect)
        name = factor["number"]
        filled = f"COALESCE({row.values[name]}, {row.dialect.literal(self._medians[name])})"
        return " * ".join([filled] * factor["power"])

    def _lookup(
        self, categories: Sequence[Mapping[str, Any]], by_labels: Mapping[Labels, Shares]
    ) -> str:
        """Return the estimate of the labels of some categories, one inside the other."""
        if not categories:
            return self._estimate(by_labels.get((), {}))
        first, *others = categories
        by_first: list[dict[Labels, Shares]] = [{} for _ in first["labels"]]
        mixed: dict[Labels, Shares] = {}
        for (label, *rest), shares in by_labels.items():
            by_first[label][tuple(rest)] = shares
            own = mixed.setdefault(tuple(rest), {})
            for position, share in shares.items():
                own[position] = own.get(position, 0.0) + first["shares"][label] * share
        results = [self._lookup(others, own) for own in by_first]
        value = self._row.values[first["name"]]
        return by_label(self._row.dialect, value, first, results, self._lookup(others, mixed))


def _shape(term: Mapping[str, Any]) -> list[Any]:
    """Return what the terms of one product have in common: all but the labels."""
    shape = [factor.get("category", factor) for factor in term["factors"]]
    return shape if any("category" in factor for factor in term["factors"]) else [term["term"]]
