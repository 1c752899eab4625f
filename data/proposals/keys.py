"""The key of a source: the smallest set of columns that is unique and has no gaps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import SourceError
from data.proposals.facts import ColumnFacts
from data.proposals.names import ENTITIES, TIMES, has_word, key_rank
from data.sources.column_files import Columns
from data.sources.columns import value_text
from data.sources.made_keys import CONTENT, ROW

MAX_COLUMNS = 3
"""Columns of a key."""

MAX_TRIED = 24
"""So many columns are tried in combinations, the likeliest ones."""

MOST = 0.8
"""Of the whole numbers from its least to its most a column has, if it counts something."""

MANY_ROWS, FEW_TRIED = 1_000_000, 8
"""The same of a large table, since the values of each are in memory."""

FIRST_ROWS = 2_000
"""Are tried before all others: most combinations repeat among them."""

MIN_COLLISIONS = 5.0
"""Values that are spread at random repeat at least so often, or they are unique by chance alone."""


MADE = {
    CONTENT: "no columns identify the rows, so a hash of their values does: a row that is corrected"
    " counts as deleted, and as a new one",
    ROW: "no columns identify the rows, so they are numbered: after a row is deleted or moved,"
    " those behind it count as changed ones",
}
"""What a key that is made means, in a sentence."""


@dataclass(frozen=True)
class KeyProposal:
    """The columns of a key, or `row` or `content` where there is none, and why in a sentence."""

    columns: tuple[str, ...]
    words: str

    @property
    def is_made(self) -> bool:
        """Return whether no column identifies the rows."""
        return not self.words.startswith("unique")


def proposed_key(
    columns: Columns,
    facts: Sequence[ColumnFacts],
    *,
    apart: Sequence[str] = (),
    made: Sequence[str] = (ROW, CONTENT),
) -> KeyProposal:
    """Return the key of a table, without the columns `apart`, of which one is the target.

    Uniqueness is that of all rows. A number with decimals is never part of a key, and neither is a
    measured whole number, whose values are all different by chance. Where there is no key, it is
    the first one that can be `made`, as no column has its name; if there is none, a `SourceError`.
    """
    usable = [each for each in facts if _is_usable(each) and each.name not in apart]
    usable.sort(key=_rank)
    for one in usable:
        if one.distinct == one.rows and _identifies_alone(one):
            return KeyProposal((one.name,), f"unique, without gaps{_by_name([one])}")
    several = [one for one in usable if _identifies_with_others(one)]
    several = several[: MAX_TRIED if columns.num_rows < MANY_ROWS else FEW_TRIED]
    coded = _Coded(columns)
    for some in _sets(several):
        names = tuple(sorted((one.name for one in some), key=_place(facts)))
        if coded.are_unique(names):
            return KeyProposal(names, f"unique together, without gaps{_by_name(some)}")
    taken = {each.name for each in facts}
    for name in made:
        if name not in taken:
            return KeyProposal((name,), MADE[name])
    columns_of = "a column has the name" if len(made) == 1 else "columns have the names"
    raise SourceError(
        "No columns identify the rows, and a key cannot be made of their values or numbers:"
        f" {columns_of} {' and '.join(map(repr, made))}.",
        next_step="Rename it, in the source or in a query, or add a column that is a key.",
    )


def _is_usable(one: ColumnFacts) -> bool:
    has_kind = one.kind in ("category", "number", "time") and not one.is_measured
    return has_kind and not one.missing and not one.is_free_text and one.distinct > 1


def _identifies_alone(one: ColumnFacts) -> bool:
    """Return whether values that are unique were meant to be so."""
    if key_rank(one.name) or one.kind != "number":
        return True
    is_dense = one.rows * one.rows / (2 * one.span) >= MIN_COLLISIONS
    is_ordered = one.rises or one.falls
    return is_dense and (is_ordered or not (one.is_year or has_word(one.name, TIMES)))


def _identifies_with_others(one: ColumnFacts) -> bool:
    """Return whether a column may be part of a key: what names, dates or counts something does."""
    if one.kind != "number" or key_rank(one.name) or has_word(one.name, ENTITIES | TIMES):
        return True
    return one.is_whole and one.distinct > MOST * one.span


def _rank(one: ColumnFacts) -> tuple[int, int]:
    return -key_rank(one.name), one.place


def _sets(several: Sequence[ColumnFacts]) -> Iterator[tuple[ColumnFacts, ...]]:
    """Yield sets of columns that may be unique: the smaller ones, then the likelier ones first."""
    for size in range(2, MAX_COLUMNS + 1):
        ranked = sorted(combinations(several, size), key=_set_rank)
        yield from (some for some in ranked if _can_be_unique(some))


def _set_rank(some: Sequence[ColumnFacts]) -> tuple[int, int, int]:
    named = sum(
        2 if key_rank(one.name) == 2 else bool(key_rank(one.name))
        or one.kind == "time" or has_word(one.name, ENTITIES | TIMES)
        for one in some
    )  # fmt: skip
    return -named, sum(one.kind == "number" for one in some), sum(one.place for one in some)


def _can_be_unique(some: Sequence[ColumnFacts]) -> bool:
    """Return whether there are enough combinations, but few enough that chance would repeat some.

    Of n rows spread over m combinations at random, n^2 / 2m repeat another (the birthday problem).
    """
    rows = some[0].rows
    cells = float(np.prod([float(one.distinct) for one in some]))
    if cells < rows:
        return False
    are_named = all(key_rank(one.name) == 2 or one.kind == "time" for one in some)
    return are_named or rows * rows / (2 * cells) >= MIN_COLLISIONS


class _Coded:
    """The values of columns as numbers, each column once."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._codes: dict[str, np.ndarray] = {}

    def are_unique(self, names: Sequence[str]) -> bool:
        codes = [self._of(name) for name in names]
        return all(_are_unique([each[:most] for each in codes]) for most in (FIRST_ROWS, None))

    def _of(self, name: str) -> np.ndarray:
        if name not in self._codes:
            encoded = value_text(self._columns.column(name)).combine_chunks().dictionary_encode()
            self._codes[name] = encoded.indices.to_numpy().astype(np.int32)
        return self._codes[name]


def _are_unique(codes: Sequence[np.ndarray]) -> bool:
    joined = codes[0].astype(np.int64)
    for more in codes[1:]:
        joined = joined * (int(more.max(initial=0)) + 1) + more
        joined = np.unique(joined, return_inverse=True)[1].astype(np.int64)
    return len(joined) == 0 or int(joined.max()) + 1 == len(joined)


def _by_name(some: Sequence[ColumnFacts]) -> str:
    named = [one.name for one in some if key_rank(one.name) == 2]
    return "" if not named else ", and named like a key"


def _place(facts: Sequence[ColumnFacts]) -> Callable[[str], int]:
    return {each.name: each.place for each in facts}.__getitem__


def codes_of(column: pa.ChunkedArray) -> np.ndarray:
    """Return the number of each row's value (n,), -1 where it is missing."""
    encoded = pc.fill_null(value_text(column).combine_chunks().dictionary_encode().indices, -1)
    return np.asarray(encoded.to_numpy(zero_copy_only=False))
