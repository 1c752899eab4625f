"""Whether two encodings make the same design of the rows that both were fitted on."""

from regressors.encoding.categories import CategoryColumn
from regressors.encoding.columns import NumberColumn
from regressors.encoding.matrices import Encoding


def same_design(one: Encoding, other: Encoding) -> bool:
    """Return whether two encodings certainly make the same design, to the last bit.

    That is of rows that both were fitted on: what they do with unseen levels may differ.
    """
    return (
        one.names == other.names
        and one.entered == other.entered
        and one.products == other.products
        and one.intercept == other.intercept
        and one.gaps == other.gaps
        and _all_same(one, other)
    )


def _all_same(one: Encoding, other: Encoding) -> bool:
    if len(one.numbers) != len(other.numbers) or len(one.coded) != len(other.coded):
        return False
    numbers = zip(one.numbers, other.numbers, strict=True)
    categories = zip(one.coded, other.coded, strict=True)
    return all(_same_number(a, b) for a, b in numbers) and all(
        _same_category(a, b) for a, b in categories
    )


def _same_number(one: NumberColumn, other: NumberColumn) -> bool:
    filled = one.missing_share or other.missing_share
    return (
        one.name == other.name
        and (one.sd > 0) == (other.sd > 0)
        and (not filled or one.median == other.median)
    )


def _same_category(one: CategoryColumn, other: CategoryColumn) -> bool:
    pooled = one.other or not (one.rare or other.rare)  # else rare ones are coded by their shares
    return (
        one.name == other.name
        and one.levels == other.levels
        and one.other == other.other
        and one.missing_term == other.missing_term
        and pooled
        and not one.missing_implied
        and not other.missing_implied
    )
