"""Which columns may be predicted, the likeliest first."""

from collections.abc import Sequence

from data.proposals.facts import ColumnFacts
from data.proposals.names import BIRTHS, CODES, KEYS, TIMES, has_word, key_rank, target_rank

MIN_DIFFERENT = 10
"""Numbers that a person measured have more different values than these; classes have fewer."""

PLACES = frozenset({"lat", "latitude", "lon", "long", "lng", "longitude", "x", "elevation"})


def likely_targets(facts: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    """Return the columns of finite numbers that vary, those that look most like a target first."""
    numbers = [
        one for one in facts if one.kind == "number" and one.distinct > 1 and not one.infinite
    ]
    are_axes = {"y", "z"} <= {one.name.lower() for one in facts}
    return sorted(numbers, key=lambda one: _rank(one, are_axes=are_axes), reverse=True)


def _rank(one: ColumnFacts, *, are_axes: bool) -> tuple[int, ...]:
    """Return how likely a column is a target; of equals, the last one in the table is."""
    identifies = key_rank(one.name) == 2 or has_word(one.name, KEYS | CODES | PLACES | BIRTHS)
    counts_rows = one.is_whole and one.distinct == one.rows and (one.rises or one.falls)
    dates = one.is_year or (one.is_whole and has_word(one.name, TIMES))
    rank = 0 if are_axes and one.name.lower() == "y" else target_rank(one.name)
    is_measured = one.distinct > MIN_DIFFERENT
    return (
        not identifies and not counts_rows and not dates,
        rank if is_measured else min(rank, 1),
        is_measured,
        one.is_measured,
        one.place,
    )
