"""The products of columns that a declaration adds to the design of the linear kinds."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Columns, Values
from regressors.encoding.categories import CategoryColumn, level_names, one_hot
from regressors.encoding.columns import CannotEncode, NumberColumn, filled
from regressors.encoding.times import parts_of

Product = tuple[tuple[str, int], ...]
"""Columns with their powers: (("age", 2), ("education", 1)) is the term age^2:education."""


@dataclass(frozen=True)
class Factors:
    """The fitted columns that products are made of, parts of times among them."""

    numbers: tuple[NumberColumn, ...]
    categories: tuple[CategoryColumn, ...]

    def names(self, product: Product) -> list[str]:
        """Return the names of the columns of `columns`."""
        factors = [self._names(name, power) for name, power in product]
        return [":".join(combined) for combined in itertools.product(*factors)]

    def columns(self, product: Product, parts: Columns) -> Array:
        """Return the products (n, m) of one column of each factor, the last one varying fastest."""
        combined = np.ones((rows := len(parts[product[0][0]]), 1))
        with np.errstate(over="ignore", invalid="ignore"):
            for name, power in product:
                factor = self._columns(name, power, parts[name])
                combined = (combined[:, :, None] * factor[:, None, :]).reshape(
                    rows, combined.shape[1] * factor.shape[1]
                )
        if not np.isfinite(combined).all():
            raise CannotEncode(f"the term {_name_of(product)!r} is too large for a number")
        return combined

    def _columns(self, name: str, power: int, values: Values) -> Array:
        for column in self.numbers:
            if column.name == name:
                raised: Array = filled(column, values)[:, None] ** power
                return raised
        return one_hot(self._category(name), values)[:, 1:]

    def _names(self, name: str, power: int) -> list[str]:
        if any(column.name == name for column in self.numbers):
            return [name if power == 1 else f"{name}^{power}"]
        return level_names(self._category(name))[1:]

    def _category(self, name: str) -> CategoryColumn:
        return next(category for category in self.categories if category.name == name)


def other_factors(
    products: Sequence[Product],
    columns: Columns,
    times: Sequence[str],
    time_of: Mapping[str, str],
    alone: Collection[str],
) -> dict[str, str]:
    """Return the column of each factor that does not enter by itself: of a time, or `alone`."""
    factors = {name for product in products for name, _ in product} - {*time_of}
    factors -= {*columns} - {*alone}
    parts = parts_of(times) | {name: name for name in alone}
    return {name: parts[name] for name in sorted(factors) if name in parts}


def _name_of(product: Product) -> str:
    return ":".join(name if power == 1 else f"{name}^{power}" for name, power in product)
