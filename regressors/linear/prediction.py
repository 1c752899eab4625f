"""What a linear equation predicts: the sum of its terms, with the levels of categories looked up.

The digits of a row depend on that row alone, and are those of adding column by column: the zeros of
the other levels, and those of gaps where nothing is missing, change nothing.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from regressors.arrays import Array, CodedTexts, Columns, Values
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.columns import NumberColumn
from regressors.encoding.gaps import GapColumn, gap_column
from regressors.encoding.matrices import Encoding


def weighted_terms(encoding: Encoding, parts: Columns, estimates: Array) -> Array:
    """Return the sums (n,) of the terms of the parts of an encoding, each times its estimate (p,).

    They are those of `encoding.design_of(parts) @ estimates`. Where no number is missing, none is
    looked for: the sum of a row with one that is missing is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # the caller sees what is not finite
        total = _summed(encoding, parts, estimates, _whole_numbers(encoding, parts))
        if np.isfinite(total).all():
            return total
        blocks = islice(encoding.columns_before_categories(parts), int(encoding.intercept), None)
        return _summed(encoding, parts, estimates, blocks)


def _summed(
    encoding: Encoding, parts: Columns, estimates: Array, first: Iterator[Array | None]
) -> Array:
    """Return the sums (n,), where `first` are the columns between the intercept and categories.

    None stands for one without anything but zeros.
    """
    left = iter(estimates.tolist())
    intercept = next(left) if encoding.intercept else 0.0
    total = np.full(len(next(iter(parts.values()), ())), intercept + 0.0)  # no sum is -0.0
    spare = np.empty_like(total)
    for block in first:
        _add(total, block, left, spare)
    for category, skipped in encoding.referenced():
        own = [next(left) for _ in category.labels[skipped:]]
        _add_levels(total, category, parts[category.name], [0.0] * skipped + own)
    for product in encoding.products:
        _add(total, encoding.factors.columns(product, parts), left, spare)
    assert next(left, None) is None
    return total


def _whole_numbers(encoding: Encoding, parts: Columns) -> Iterator[Array | None]:
    """Yield what `columns_before_categories` has behind the intercept, as if no number had gaps.

    A gap is computed where none of its numbers has a term, which would show that it is missing.
    """
    gaps = encoding.gaps_by_number()
    with_term = {column.name for column in encoding.numbers if column.sd > 0}
    for column in encoding.numbers:
        yield from _whole_number(column, gaps.get(column.name, []), parts, with_term)


def _whole_number(
    column: NumberColumn, gaps: list[GapColumn], parts: Columns, with_term: set[str]
) -> Iterator[Array | None]:
    if column.sd > 0:
        yield parts[column.name][:, None]
    for gap in gaps:
        yield None if with_term.intersection(gap.names) else gap_column(gap, parts)


def _add(total: Array, block: Array | None, left: Iterator[float], spare: Array) -> None:
    if block is None:
        next(left)
        return
    for column in block.T:
        np.multiply(column, next(left), out=spare)
        np.add(total, spare, out=total)


def _add_levels(
    total: Array, category: CategoryColumn, values: Values, effects: list[float]
) -> None:
    table = np.array([*effects, 0.0])  # a code of -1 is that of no level
    if isinstance(values, CodedTexts) and len(values.labels) <= len(values):
        of_labels = category.codes(values.labels)
        total += table[of_labels][values.codes]
        has_unknown = (of_labels[:-1] < 0).any() or (of_labels[-1] < 0 and values.codes.min() < 0)
        if not (category.shares and has_unknown):
            return
        codes = of_labels[values.codes]
    else:
        codes = category.codes(values)
        total += table[codes]
    if category.shares and (codes < 0).any():
        unknown = codes < 0
        for share, effect in zip(category.shares, effects, strict=True):
            total[unknown] += share * effect
