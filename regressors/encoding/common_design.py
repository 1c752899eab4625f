"""One design for several encodings of a table: the design of each is made of sums of its columns.

Encodings that are fitted on different rows of one table differ in the medians that fill its gaps,
and in the levels that have a column of their own. With x0 for a number whose gaps are zero and m
for its gaps, a number that is filled in is x0 + median * m, without any rounding; rare levels that
share a column are a sum of columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regressors.arrays import Array, Columns, Indices
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.columns import NumberColumn, filled
from regressors.encoding.gaps import all_missing
from regressors.encoding.matrices import Encoding
from regressors.encoding.products import Product

Key = tuple[Any, ...]
Sum = dict[int, float]
"""A column as a sum of others, by their positions: what each is multiplied by."""


@dataclass(frozen=True)
class CommonDesign:
    """The columns that the designs of some encodings are made of.

    `whole` is the encoding of all rows. The `numbers` are filled in with the one median of all
    encodings, or with zero if their names are among `split`; `gaps` are the patterns of missing
    numbers; `categories` have a column for every level, and `products` are those whose factors all
    encodings code alike. `blank` says which categories have missing values in these rows.
    """

    whole: Encoding
    numbers: tuple[NumberColumn, ...]
    split: frozenset[str]
    gaps: tuple[tuple[str, ...], ...]
    categories: tuple[CategoryColumn, ...]
    products: tuple[Product, ...]
    blank: Callable[[str], bool]

    @classmethod
    def of(
        cls, whole: Encoding, others: Sequence[Encoding], blank: Callable[[str], bool]
    ) -> "CommonDesign":
        """Return the columns for an encoding of all rows of a table and those of some of them."""
        encodings = [whole, *others]
        medians = _medians(encodings)
        fills = {c.name: medians.get(c.name, set[float]()) for c in whole.numbers if c.sd > 0}
        split = frozenset(name for name, medians in fills.items() if len(medians) > 1)
        numbers = tuple(
            replace(column, median=0.0 if column.name in split else min(fills[column.name]))
            if fills[column.name]
            else column
            for column in whole.numbers
            if column.sd > 0
        )
        found = (
            gap.names
            for encoding in encodings
            for gaps in encoding.gaps_by_number().values()
            for gap in gaps
        )
        gaps = dict.fromkeys([*found, *((name,) for name in sorted(split))])
        return cls(
            whole,
            numbers,
            split,
            tuple(gaps),
            tuple(_all_levels(column, encodings) for column in whole.coded),
            tuple(p for p in whole.products if not _differs(p, split, encodings)),
            blank,
        )

    def with_rows(
        self, whole: Encoding, blank: Callable[[str], bool]
    ) -> tuple["CommonDesign", list[Sum]] | None:
        """Return the columns for further rows, and the terms of an encoding of all rows together.

        The columns are those of the sums over the first rows. None where these do not tell what the
        encoding needs, such as the rows of a level that had no column.
        """
        levels = {column.name: column for column in self.categories}
        medians = {column.name: column.median for column in self.numbers}
        filled_alike = all(
            column.name in self.split or medians.get(column.name) == column.median
            for column in whole.numbers
            if column.sd > 0 and column.missing_share
        )
        placed = all(
            column.name in levels and (levels[column.name].other or not column.other)
            for column in whole.coded
        )
        known = {key[1:] for key in self._positions() if key[0] == "product"}
        multiplied_alike = all(
            (product,) in known and not _differs(product, self.split, [self.whole, whole])
            for product in whole.products
        )
        same_parts = (whole.times, whole.entered) == (self.whole.times, self.whole.entered)
        if not (filled_alike and placed and multiplied_alike and same_parts):
            return None
        common = replace(self, whole=whole, blank=blank)
        terms = common.terms(whole)
        return None if terms is None else (common, terms)

    def with_terms_known(self) -> "CommonDesign":
        """Return the same for another process, where nobody asks for the terms any more."""
        return replace(self, blank=frozenset[str]().__contains__)

    @property
    def columns(self) -> int:
        """Return the number of columns that are not those of levels."""
        products = sum(map(self._width, self.products))
        return len(self.numbers) + len(self.gaps) + products

    @property
    def sizes(self) -> list[int]:
        """Return the number of levels of each category."""
        return [len(category.labels) for category in self.categories]

    def design(self, columns: Columns) -> tuple[list[Array], list[Indices]]:
        """Return the columns of some rows of the table, one or more in an array (n, k).

        And the codes (n,) of the rows by category.
        """
        parts = self.whole.parts(columns)
        codes = [category.codes(parts[category.name]) for category in self.categories]
        blocks = [filled(column, parts[column.name])[:, None] for column in self.numbers]
        blocks += [all_missing(names, parts).astype(float)[:, None] for names in self.gaps]
        blocks += [self.whole.factors.columns(product, parts) for product in self.products]
        return blocks, codes

    def terms(self, encoding: Encoding) -> list[Sum] | None:
        """Return what each column of an encoding's design is made of, in the rows it is fitted on.

        The columns of `design` are followed by one of ones, the target, and those of the levels of
        each category. None where a column is no sum of them, for
        example because a single rare level is coded by the shares of the others.
        """
        at = self._positions()
        found: list[Sum | None] = [{self.columns: 1.0}] if encoding.intercept else []
        gaps = encoding.gaps_by_number()
        for column in encoding.numbers:
            if column.sd > 0:
                found.append(self._number(column, at))
            patterns = (at.get(("gap", *gap.names)) for gap in gaps.get(column.name, ()))
            found += [None if pattern is None else {pattern: 1.0} for pattern in patterns]
        for category, skipped in encoding.referenced():
            found += self._labels(category, at)[skipped:]
        for product in encoding.products:
            first = at.get(("product", product))
            width = len(encoding.factors.names(product))
            found += [None if first is None else {first + i: 1.0} for i in range(width)]
        terms = [term for term in found if term is not None]
        return terms if len(terms) == len(found) else None

    def _number(self, column: NumberColumn, at: dict[Key, int]) -> Sum | None:
        if ("number", column.name) not in at:
            return None
        gaps = {}
        if column.name in self.split and column.missing_share and column.median:
            gaps = {at["gap", column.name]: column.median}
        return {at["number", column.name]: 1.0, **gaps}

    def _labels(self, category: CategoryColumn, at: dict[Key, int]) -> list[Sum | None]:
        """Return the sums of a category's labels; None for all of them if a row is of no label."""
        levels = {key[2:]: i for key, i in at.items() if key[:2] == ("level", category.name)}
        known = levels.keys() >= {(level,) for level in category.levels}
        if not levels or not known or self._has_shares(category):
            return [None] * len(category.labels)
        own: list[Sum | None] = [{levels.pop((level,)): 1.0} for level in category.levels]
        return [*own, dict.fromkeys(levels.values(), 1.0)] if category.other else own

    def _has_shares(self, category: CategoryColumn) -> bool:
        """Return whether a row may be coded by the shares of the levels."""
        if category.missing_implied or (category.rare and not category.other):
            return True
        pooled = category.other and None in category.rare
        return None not in category.levels and not pooled and self.blank(category.name)

    def _positions(self) -> dict[Key, int]:
        """Return the position of each column, of a product that of its first one."""
        keys: list[Key] = [("number", column.name) for column in self.numbers]
        keys += [("gap", *names) for names in self.gaps]
        for product in self.products:
            keys += [("product", product)]
            keys += [("product", product, i) for i in range(1, self._width(product))]
        keys += [("ones",), ("target",)]
        for category in self.categories:
            keys += [("level", category.name, level) for level in category.levels]
            keys += [("level", category.name)] if category.other else []
        return {key: i for i, key in enumerate(keys)}

    def _width(self, product: Product) -> int:
        return len(self.whole.factors.names(product))


def _medians(encodings: Sequence[Encoding]) -> dict[str, set[float]]:
    """Return the medians that fill the gaps of each number that has some."""
    medians: dict[str, set[float]] = {}
    for column in (column for encoding in encodings for column in encoding.all_numbers):
        if column.sd > 0 and column.missing_share:
            medians.setdefault(column.name, set()).add(column.median)
    return medians


def _codings(name: str, encodings: Sequence[Encoding]) -> set[tuple[tuple[str | None, ...], bool]]:
    """Return the levels of a category that have columns, and whether others share one."""
    columns = (column for encoding in encodings for column in encoding.all_coded)
    return {(column.levels, column.other) for column in columns if column.name == name}


def _all_levels(column: CategoryColumn, encodings: Sequence[Encoding]) -> CategoryColumn:
    """Return a category with every level that has a column in some encoding."""
    levels = {level for own, _ in _codings(column.name, encodings) for level in own}
    texts = sorted(level for level in levels if level is not None)
    missing = [None] if None in levels else []
    return CategoryColumn(column.name, (*texts, *missing), other=column.other or bool(column.rare))


def _differs(product: Product, split: frozenset[str], encodings: Sequence[Encoding]) -> bool:
    """Return whether a factor of a product is not the same in all encodings that have it."""
    factors = {column.name for encoding in encodings for column in encoding.factor_numbers}
    medians = _medians(encodings)
    return any(
        name in split
        or len(_codings(name, encodings)) > 1
        or (name in factors and len(medians.get(name, ())) > 1)
        for name, _ in product
    )
