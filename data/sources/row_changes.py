"""How the rows of one snapshot differ from those of an earlier one, row by row by their keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.sources.columns import TYPES, kind_of
from data.sources.keys import row_key_column
from data.sources.stored_columns import StoredColumns

PIECE = 131_072
"""Rows that are compared at once."""


@dataclass(frozen=True)
class RowChanges:
    """How many rows were added, removed and changed, and which columns are new, gone or of another
    kind.

    A row is changed if any column that both have differs in it; one whose kind is another is named
    instead.
    """

    added: int
    removed: int
    changed: int
    new_columns: tuple[str, ...] = ()
    gone_columns: tuple[str, ...] = ()
    other_kinds: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = (self.added, "added"), (self.removed, "removed"), (self.changed, "changed")
        parts = [f"{count:,} {word}" for count, word in counts if count]
        for names, word in (
            (self.new_columns, "new"),
            (self.gone_columns, "gone"),
            (self.other_kinds, "of another kind"),
        ):
            if names:
                parts.append(f"{word}: {', '.join(map(repr, names))}")
        return ", ".join(parts) or "the same rows, in another order or read in another way"


def row_changes(before: StoredColumns, now: StoredColumns, key: Sequence[str]) -> RowChanges | None:
    """Return how the rows of two snapshots differ; None if either lacks a column of the key.

    Of rows that have one key, the first counts. The keys are in memory, and one column at a time.
    """
    old, new = set(before.column_names), set(now.column_names)
    if not {*key} <= old & new:
        return None
    then, keys = (_keys(columns, key) for columns in (before, now))
    place = pc.index_in(keys, value_set=then.combine_chunks())
    at = np.asarray(pc.fill_null(place, -1))
    matched = np.flatnonzero(at >= 0)
    seen = np.zeros(len(then), dtype=bool)
    seen[at[matched]] = True
    both = [name for name in now.column_names if name in old and name not in key]
    others = [n for n in both if _kind(before, n) != _kind(now, n)]
    changed = np.zeros(len(matched), dtype=bool)
    for name in both:
        if name not in others:
            changed |= _differ(before.column(name), now.column(name), at[matched], matched)
    return RowChanges(
        added=len(at) - len(matched),
        removed=int((~seen).sum()),
        changed=int(changed.sum()),
        new_columns=tuple(name for name in now.column_names if name not in old),
        gone_columns=tuple(name for name in before.column_names if name not in new),
        other_kinds=tuple(others),
    )


def _keys(columns: StoredColumns, key: Sequence[str]) -> pa.ChunkedArray:
    """Return the keys as text, which outlives a change of a column's type."""
    return row_key_column(columns.select(list(key)), key).cast(pa.large_string())


def _differ(
    before: pa.ChunkedArray, now: pa.ChunkedArray, old_rows: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return which of the paired rows have different values, a missing one included."""
    differ = np.zeros(len(rows), dtype=bool)
    before, now = _whole(before, now.type), _whole(now, before.type)
    for start in range(0, len(rows), PIECE):
        part = slice(start, start + PIECE)
        old, new = before.take(pa.array(old_rows[part])), now.take(pa.array(rows[part]))
        unequal = pc.fill_null(pc.not_equal(old, new), False)
        gap = pc.xor(pc.is_null(old), pc.is_null(new))
        differ[part] = np.asarray(pc.or_(unequal, gap))
    return differ


def _whole(column: pa.ChunkedArray, other: pa.DataType) -> pa.Array:
    """Return a column in one piece, in a type that holds the values of the other one, too."""
    if pa.types.is_string(column.type):
        column = column.cast(pa.large_string())
    elif column.type != other:
        kind = kind_of(column.type)
        column = column if kind is None else column.cast(TYPES[kind])
    return column.combine_chunks()


def _kind(columns: StoredColumns, name: str) -> Kind | None:
    return kind_of(columns.schema.field(name).type)
