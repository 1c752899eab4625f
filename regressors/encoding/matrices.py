"""An encoding: from the columns of a table to the matrices that the regressors fit.

It is fitted on training rows alone and makes three matrices: `design` (raw units, reference coded;
for the linear kinds), `standardised` (for the linear start of an ANN) and `network` (what the
layers see). A fitted encoding is plain JSON. The order of the columns makes no difference.
"""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from regressors.arrays import Array, Columns, Indices, Values
from regressors.encoding.columns import (
    MISSING,
    CannotEncode,
    CategoryColumn,
    NumberColumn,
    category_column,
    filled,
    level_names,
    missing_column,
    number_column,
    one_hot,
    piece_limit,
    pieces_for,
    with_edges,
)
from regressors.encoding.groups import FittedGroups, GroupColumn, fit_groups
from regressors.encoding.times import with_time_parts
from regressors.encoding.words import WordsColumn, one_hot_words, words_column

_DTYPES = {"number": "f", "category": "O", "boolean": "O", "time": "M"}
Product = tuple[tuple[str, int], ...]
"""Columns with their powers: (("age", 2), ("education", 1)) is the term age^2:education."""

INTERCEPT = "intercept"


@dataclass(frozen=True)
class Encoding:
    """A fitted encoding.

    `names` are all columns that it was fitted on. Only the design of the linear kinds has
    `products` and `intercept`, only an ANN has `groups` and `words`.
    """

    times: tuple[str, ...] = ()
    numbers: tuple[NumberColumn, ...] = ()
    categories: tuple[CategoryColumn, ...] = ()
    names: tuple[str, ...] = field(default=())
    products: tuple[Product, ...] = ()
    intercept: bool = True
    groups: tuple[GroupColumn, ...] = ()
    words: tuple[WordsColumn, ...] = ()

    @classmethod
    def fit(
        cls, columns: Columns, *, products: Sequence[Product] = (), intercept: bool = True
    ) -> "Encoding":
        """Fit on training rows, n values per feature.

        A product is left out where one of its columns does not vary among these rows.
        """
        times = tuple(sorted(name for name in columns if columns[name].dtype.kind == "M"))
        parts = with_time_parts(columns, times)
        names = sorted(parts)
        numeric = [name for name in names if parts[name].dtype.kind == "f"]
        fitted = {name: number_column(name, parts[name]) for name in numeric}
        pieces = piece_limit(len(numeric))
        numbers = tuple(
            with_edges(fitted[name], parts[name], pieces)
            for name in numeric
            if fitted[name].sd > 0 or fitted[name].indicator
        )
        levels = [category_column(n, parts[n]) for n in names if parts[n].dtype.kind == "O"]
        categories = tuple(column for column in levels if len(column.labels) > 1)
        wordy = (words_column(c.name, parts[c.name]) for c in levels if c.other)
        words = tuple(column for column in wordy if column.words)
        varying = {c.name for c in numbers if c.sd > 0} | {c.name for c in categories}
        usable = tuple(p for p in products if {name for name, _ in p} <= varying)
        names = sorted(columns)
        return cls(times, numbers, categories, tuple(names), usable, intercept, words=words)

    @property
    def column_types(self) -> dict[str, str]:
        """Return the type of each column that is used: number, category, boolean or time."""
        named = [n for group in self.groups for n in group.columns] + [w.name for w in self.words]
        types = dict.fromkeys(named, "category")  # overwritten below where they are numbers
        types |= {c.name: "boolean" if c.boolean else "category" for c in self.categories}
        types |= {column.name: "number" for column in self.numbers}
        types |= dict.fromkeys(self.times, "time")
        return {name: of_type for name, of_type in types.items() if name in self.names}

    # What goes into a fit

    def design(self, columns: Columns) -> Array:
        """Return the design (n, p) of the linear kinds, in raw units, by `term_names`."""
        parts, rows = self._parts(columns)
        blocks = [np.ones((rows, 1))] if self.intercept else []
        for column in self.numbers:
            values = parts[column.name]
            if column.sd > 0:
                blocks.append(filled(column, values)[:, None])
            blocks += missing_column(column, values)
        for category, skipped in self._coded():
            blocks.append(one_hot(category, parts[category.name])[:, skipped:])
        blocks += [self._product(product, parts) for product in self.products]
        return _stack(blocks, rows)

    def term_names(self) -> tuple[str, ...]:
        """Return the name of each column of `design`: `age`, `age[missing]`, `age^2:sex[male]`.

        Raises CannotEncode where two have the same name, for example because a column is called
        `intercept`.
        """
        names = [INTERCEPT] if self.intercept else []
        for column in self.numbers:
            names += [column.name] if column.sd > 0 else []
            names += [f"{column.name}[{MISSING}]"] if column.indicator else []
        for category, skipped in self._coded():
            names += level_names(category)[skipped:]
        for product in self.products:
            factors = [self._factor_names(name, power) for name, power in product]
            names += [":".join(combined) for combined in itertools.product(*factors)]
        if len(set(names)) < len(names):
            repeated = next(name for i, name in enumerate(names) if name in names[:i])
            raise CannotEncode(f"two terms would be called {repeated!r}: rename a column")
        return tuple(names)

    def _coded(self) -> list[tuple[CategoryColumn, int]]:
        """Return each category and how many of its first levels have no column of their own.

        The first level is the reference. Without an intercept the first category has no reference:
        its levels are then intercepts of their own.
        """
        complete = 0 if self.intercept else 1
        return [(c, 1 if i >= complete else 0) for i, c in enumerate(self.categories)]

    def _product(self, product: Product, parts: dict[str, Values]) -> Array:
        """Return the products (n, m) of one column of each factor, the last one varying fastest."""
        combined = np.ones((len(parts[product[0][0]]), 1))
        with np.errstate(over="ignore", invalid="ignore"):
            for name, power in product:
                factor = self._factor(name, power, parts[name])
                combined = (combined[:, :, None] * factor[:, None, :]).reshape(len(combined), -1)
        if not np.isfinite(combined).all():
            raise CannotEncode(f"the term {_product_name(product)!r} is too large for a number")
        return combined

    def _factor(self, name: str, power: int, values: Values) -> Array:
        for column in self.numbers:
            if column.name == name:
                raised: Array = filled(column, values)[:, None] ** power
                return raised
        return one_hot(self._category(name), values)[:, 1:]

    def _factor_names(self, name: str, power: int) -> list[str]:
        if any(column.name == name for column in self.numbers):
            return [name if power == 1 else f"{name}^{power}"]
        return level_names(self._category(name))[1:]

    def _category(self, name: str) -> CategoryColumn:
        return next(category for category in self.categories if category.name == name)

    def standardised(self, columns: Columns) -> Array:
        """Return the matrix (n, q) of the linear start: numbers as (x - mean) / sd."""
        parts, rows = self._parts(columns)
        blocks = [
            ((filled(column, parts[column.name]) - column.mean) / column.sd)[:, None]
            for column in self.numbers
            if column.sd > 0
        ]
        return _stack(blocks + self._shared(parts) + self._groups(parts)[:1], rows)

    def network(self, columns: Columns) -> Array:
        """Return the matrix (n, d) of the hidden layers: squashed numbers and their pieces.

        The squash is q / sqrt(1 + (q / 3)^2) of q = (x - median) / spread; the pieces are the
        piecewise-linear encoding of Gorishniy et al. (2022).
        """
        parts, rows = self._parts(columns)
        blocks = []
        for column in self.numbers:
            if column.sd == 0:
                continue
            values = filled(column, parts[column.name])
            q = (values - column.median) / column.spread
            blocks.append((q / np.sqrt(1 + (q / 3) ** 2))[:, None])
            if column.edges:
                edges = np.asarray(column.edges)
                pieces = (values[:, None] - edges[:-1]) / np.diff(edges)
                blocks.append(np.clip(pieces, 0, 1) - 0.5)
        return _stack(blocks + self._shared(parts) + self._groups(parts), rows)

    def with_groups(
        self,
        columns: Columns,
        residual: Array,
        weight: Array,
        seed: Sequence[int],
        *,
        pairs: bool,
        together: Indices | None = None,
    ) -> tuple["Encoding", FittedGroups]:
        """Return the encoding with the groups that explain `residual` (n,) of the fitted rows.

        Rows with the same number in `together` (n,) are not used for one another's effects. For the
        fitted rows, the fitted groups hold what belongs in the last columns: `standardised` and
        `network` would leak a row's own target.
        """
        parts, _ = self._parts(columns)
        numbers = {column.name for column in self.numbers if column.sd > 0}
        parts = {n: v for n, v in parts.items() if v.dtype.kind == "O" or n in numbers}
        pieces = min(pieces_for(len(residual)), piece_limit(len(self.numbers)))
        rng = np.random.default_rng(seed)
        fitted = fit_groups(
            parts, residual, weight, rng, pieces=pieces, pairs=pairs, together=together
        )
        return replace(self, groups=fitted.columns), fitted

    def _groups(self, parts: dict[str, Values]) -> list[Array]:
        """Return the effects (n, k) of the groups, and their log counts (n, k)."""
        if not self.groups:
            return []
        encoded = [group.encode(group.values(parts)) for group in self.groups]
        return [np.column_stack(block) for block in zip(*encoded, strict=True)]

    def _shared(self, parts: dict[str, Values]) -> list[Array]:
        """Return what the linear start and the network both see: indicators, categories, words."""
        blocks = [b for column in self.numbers for b in missing_column(column, parts[column.name])]
        for category in self.categories:
            matrix = one_hot(category, parts[category.name])
            blocks.append(matrix[:, 1:] - 0.5 if matrix.shape[1] == 2 else matrix)
        return blocks + [one_hot_words(column, parts[column.name]) for column in self.words]

    def _parts(self, columns: Columns) -> tuple[dict[str, Values], int]:
        missing = sorted(set(self.names) - set(columns))
        if missing:
            raise CannotEncode(f"the column {missing[0]!r} that the model was fitted on is missing")
        chosen = {name: columns[name] for name in self.names}
        for name, of_type in self.column_types.items():
            if chosen[name].dtype.kind != _DTYPES[of_type]:
                raise CannotEncode(f"the column {name!r} is no longer a {of_type}")
        rows = len(next(iter(chosen.values()))) if chosen else 0
        return with_time_parts(chosen, self.times), rows

    # As stored

    def to_json(self) -> dict[str, Any]:
        """Return the encoding as plain JSON values; floats keep every digit."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Encoding":
        """Return the encoding that `to_json` wrote."""
        numbers = (NumberColumn(**{**n, "edges": tuple(n["edges"])}) for n in value["numbers"])
        categories = (
            CategoryColumn(c["name"], tuple(c["levels"]), c["other"]) for c in value["categories"]
        )
        return cls(
            tuple(value["times"]),
            tuple(numbers),
            tuple(categories),
            tuple(value["names"]),
            tuple(tuple((n, p) for n, p in product) for product in value.get("products", ())),
            value.get("intercept", True),
            tuple(GroupColumn.from_json(group) for group in value.get("groups", ())),
            tuple(WordsColumn(w["name"], tuple(w["words"])) for w in value.get("words", ())),
        )


def _product_name(product: Product) -> str:
    return ":".join(name if power == 1 else f"{name}^{power}" for name, power in product)


def _stack(blocks: list[Array], rows: int) -> Array:
    return np.ascontiguousarray(np.hstack(blocks)) if blocks else np.empty((rows, 0))
