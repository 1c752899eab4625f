"""An encoding that stays as it is while its rows become more: a network keeps its inputs."""

from dataclasses import replace

from regressors.encoding.columns import NumberColumn
from regressors.encoding.matrices import Encoding


def continued(earlier: Encoding, later: Encoding) -> Encoding | None:
    """Return the encoding of `earlier` for the rows of `later`, which are more.

    It makes the same columns, scaled and cut alike, but knows the extremes, the gaps and the rare
    levels of the later rows. None where these need other columns, for example for a new level, and
    where there are groups, which would leak the targets of the rows that they were fitted on.
    """
    if earlier.groups or _columns_of(earlier) != _columns_of(later):
        return None
    pairs = zip(earlier.numbers, later.numbers, strict=True)
    return replace(later, numbers=tuple(_with_range_of(own, new) for own, new in pairs))


def _columns_of(encoding: Encoding) -> tuple[object, ...]:
    """Return what decides on the columns that a network sees, but not how they are scaled."""
    return (
        encoding.names,
        encoding.times,
        encoding.entered,
        [(number.name, number.sd > 0, number.indicator) for number in encoding.numbers],
        [
            (c.name, c.levels, c.other, c.pools_unseen, c.missing_implied)
            for c in encoding.categories
        ],
        encoding.words,
    )


def _with_range_of(number: NumberColumn, later: NumberColumn) -> NumberColumn:
    return replace(number, low=later.low, high=later.high, missing_share=later.missing_share)
