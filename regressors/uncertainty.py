"""How far the value of a part that training does not know may move a prediction."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from regressors.arrays import Array, Columns, Values
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.columns import NumberColumn
from regressors.encoding.matrices import Encoding

MAX_TRIED_LEVELS = 20
"""Where a level's effect differs from row to row, at most so many are tried: the most frequent."""


class Member(Protocol):
    """What predicts (n,) from the parts of its encoding."""

    @property
    def encoding(self) -> Encoding:
        """Return the encoding whose parts `predict` takes."""
        ...

    def predict(self, parts: Columns) -> Array:
        """Predict (n,) in the target's units."""
        ...


def linear_spread(encoding: Encoding, estimates: Array, part: str) -> float:
    """Return the SD of a part's effects in a linear equation without products of it."""
    effects = encoding.effects(part, estimates)
    column = _column(encoding.coded, encoding, part)
    if isinstance(column, CategoryColumn):
        return float(_sd(effects[None, :], np.array(column.shares))[0])
    return float(np.abs(effects).max())


def tried_spread(member: Member, part: str, parts: Columns) -> Array:
    """Return the SD (n,) of a member's predictions when a part has one value after the other.

    A category is tried at its most frequent levels, a number one SD above and below its median.
    """
    encoding = member.encoding
    column = _column((*encoding.categories, *encoding.all_coded), encoding, part)
    if not isinstance(column, NumberColumn):
        levels, shares = _levels(column, encoding, part)
        first = np.argsort(-shares, kind="stable")[:MAX_TRIED_LEVELS]
        tried = [
            member.predict(_with(parts, part, np.full(len(parts[part]), levels[i], object)))
            for i in first
        ]
        return _sd(np.column_stack(tried), shares[first] / shares[first].sum())
    ends = (np.full(len(parts[part]), column.median + step) for step in (column.sd, -column.sd))
    above, below = (member.predict(_with(parts, part, end)) for end in ends)
    return np.abs(above - below) / 2


def _levels(
    column: CategoryColumn | None, encoding: Encoding, part: str
) -> tuple[tuple[Any, ...], Array]:
    """Return the levels of a category, or of the groups of one without columns, and their sizes."""
    if column is not None:
        return column.levels, np.array(column.shares[: len(column.levels)])
    group = next(group for group in encoding.groups if group.columns == (part,))
    return group.levels, np.array(group.counts)


def _column(
    categories: tuple[CategoryColumn, ...], encoding: Encoding, part: str
) -> CategoryColumn | NumberColumn | None:
    columns: tuple[CategoryColumn | NumberColumn, ...] = (*categories, *encoding.all_numbers)
    return next((column for column in columns if column.name == part), None)


def _with(parts: Columns, name: str, values: Values) -> Mapping[str, Values]:
    return {**parts, name: values}


def _sd(values: Array, shares: Array) -> Array:
    """Return the SD (n,) of values (n, m) by their shares (m,), without bias.

    The sum of squares is over 1 - sum(share^2), which is (m - 1) / m for equal shares. It adds
    column by column, so that a row's digits do not depend on the other rows.
    """
    mean, squares = np.zeros(len(values)), np.zeros(len(values))
    for column, share in zip(values.T, shares, strict=True):
        mean += share * column
    for column, share in zip(values.T, shares, strict=True):
        squares += share * np.square(column - mean)
    left = 1 - float(np.square(shares).sum())
    return np.sqrt(squares / left) if left > 0 else np.zeros(len(values))
