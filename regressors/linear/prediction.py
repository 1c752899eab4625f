"""What a linear equation predicts: the sum of its terms, with the levels of categories looked up.

The digits of a row depend on that row alone, and are those of adding column by column: the zeros of
the other levels change nothing.
"""

import numpy as np

from regressors.arrays import Array, Columns
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.matrices import Encoding


def weighted_terms(encoding: Encoding, parts: Columns, estimates: Array) -> Array:
    """Return the sums (n,) of the terms of the parts of an encoding, each times its estimate (p,).

    They are those of `encoding.design_of(parts) @ estimates`.
    """
    total = np.zeros(len(next(iter(parts.values()), ())))
    left = estimates.tolist()
    with np.errstate(over="ignore", invalid="ignore"):  # the caller sees what is not finite
        for block in encoding.columns_before_categories(parts):
            _add(total, block, left)
        for category, skipped in encoding.referenced():
            own = [left.pop(0) for _ in category.labels[skipped:]]
            _add_levels(total, category, parts, [0.0] * skipped + own)
        for product in encoding.products:
            _add(total, encoding.product_columns(product, parts), left)
    assert not left
    return total


def _add(total: Array, block: Array, left: list[float]) -> None:
    for column in block.T:
        total += column * left.pop(0)


def _add_levels(
    total: Array, category: CategoryColumn, parts: Columns, effects: list[float]
) -> None:
    codes = category.codes(parts[category.name])
    total += np.array([*effects, 0.0])[codes]  # a code of -1 is that of no level
    if category.shares and (codes < 0).any():
        unknown = codes < 0
        for share, effect in zip(category.shares, effects, strict=True):
            total[unknown] += share * effect
