"""Categories: how a column of texts is fitted on training rows, and then coded as 0/1 columns."""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, CodedTexts, Indices, Values
from regressors.blocks import blocks_of
from regressors.encoding.columns import MISSING, OTHER, with_tuples
from regressors.encoding.levels import (
    MIN_FEW_LEVELS_ROWS,
    MIN_LEVEL_ROWS,
    coded_levels,
    rows_per_level,
)

MAX_RARE_LEVELS, MAX_RARE_CHARACTERS = 1000, 100_000
"""Of more rare levels, or longer ones, none is kept: an unseen level then counts as one of them."""


@dataclass(frozen=True)
class CategoryColumn:
    """A category: the levels that have a column of their own; the first one is the reference.

    A level is a text, or None for missing. `other` is whether rarer levels share a column, and
    `pools_unseen` whether unseen ones join them there. `shares` are the shares of the fitted rows
    of each label: any other value is coded by them, which predicts the weighted mean of the levels.
    `rare` are the fitted levels without a column. `missing_term` is the name of the term of None
    where other columns are missing in the same rows; with `missing_implied`, the levels of another
    category imply which rows are missing here.
    """

    name: str
    levels: tuple[str | None, ...]
    other: bool
    shares: tuple[float, ...] = ()
    rare: tuple[str | None, ...] = ()
    pools_unseen: bool = True
    missing_term: str | None = None
    missing_implied: bool = False

    @property
    def boolean(self) -> bool:
        """Return whether the levels are those of a boolean column."""
        texts = {level for level in (*self.levels, *self.rare) if level is not None}
        return bool(texts) and texts <= {"true", "false"}

    @property
    def varies(self) -> bool:
        """Return whether there are two labels or more."""
        return len(self.labels) > 1

    @property
    def labels(self) -> list[str]:
        """Return the names of the levels, `other` last; in brackets where a level has that name."""
        missing = _label_apart(MISSING, self.levels)
        return [missing if level is None else level for level in self.levels] + (
            [_label_apart(OTHER, self.levels)] if self.other else []
        )

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "CategoryColumn":
        """Return the column with the fields that JSON kept, where tuples became lists."""
        return cls(**with_tuples(fields))

    def codes(self, values: Values) -> Indices:
        """Return the index of each value's label (n,); -1 for a value that is no level."""
        if isinstance(values, CodedTexts) and len(values.labels) <= len(values):
            of_labels: Indices = self.codes(values.labels)[values.codes]
            return of_labels
        index = {level: i for i, level in enumerate(self.levels)}
        other = len(self.levels)
        if self.other:
            index |= dict.fromkeys(self.rare, other)
        default = other if self.other and self.pools_unseen else -1
        if self.missing_implied or (self.shares and None not in index):
            index[None] = -1
        codes = map(index.get, values.tolist(), itertools.repeat(default))
        return np.fromiter(codes, dtype=int, count=len(values))

    def without_missing(self, codes: NDArray[np.integer[Any]]) -> "CategoryColumn":
        """Return the column without a term for missing values; `codes` are its fitted rows'."""
        at = self.levels.index(None)
        levels = self.levels[:at] + self.levels[at + 1 :]
        shares = _shares(np.delete(np.bincount(codes[codes >= 0], minlength=len(self.labels)), at))
        return replace(self, levels=levels, shares=shares, missing_implied=True)


def _label_apart(label: str, levels: Collection[str | None]) -> str:
    while label in levels:
        label = f"({label})"
    return label


@dataclass(frozen=True)
class LevelCounts:
    """The levels of a category, in order, and their numbers of rows; `missing` rows have none."""

    name: str
    levels: Values
    counts: Indices
    missing: int

    @classmethod
    def of(cls, name: str, values: Values) -> "LevelCounts":
        """Count the values (n,) of a category."""
        rows = Counter[str | None]()
        if isinstance(values, CodedTexts):
            counted = values.counts()[:, 0]
            there = np.flatnonzero(counted)
            rows.update(
                dict(zip(values.labels[there].tolist(), counted[there].tolist(), strict=True))
            )
        else:
            for block in blocks_of(len(values)):
                rows.update(values[block].tolist())
        missing = rows.pop(None, 0)
        levels = np.array(sorted(level for level in rows if level is not None), dtype=object)
        counts = np.array([rows[level] for level in levels], dtype=np.int64)
        return cls(name, levels, counts, missing)

    @property
    def by_level(self) -> dict[str, int]:
        """Return the number of rows of each level, missing not included."""
        return dict(zip(self.levels.tolist(), self.counts.tolist(), strict=True))

    @property
    def sizes(self) -> Indices:
        """Return the numbers of rows of the levels, missing included."""
        return np.append(self.counts, [self.missing] if self.missing else []).astype(np.int64)


def category_column(counted: LevelCounts, min_rows: int = MIN_LEVEL_ROWS) -> CategoryColumn:
    """Fit a category whose levels need `min_rows` rows for a column of their own.

    The others share a column. If they are one row in all, they have none, since it would fit that
    row alone, whatever its target. Unseen levels join the others where these are levels enough to
    stand for them: several, with as many rows as a level of a long tail needs.
    """
    coded = coded_levels(counted.counts, min_rows)
    kept: list[str | None] = counted.levels[coded].tolist()
    rows: list[int] = counted.counts[coded].tolist()
    is_rare = np.ones(len(counted.levels), dtype=bool)
    is_rare[coded] = False
    rare: list[str | None] = counted.levels[is_rare].tolist()
    rare_rows, several = int(counted.counts[is_rare].sum()), len(rare) > 1
    if counted.missing >= min_rows:
        kept.append(None)
        rows.append(counted.missing)
    elif counted.missing:
        rare.append(None)
        rare_rows += counted.missing
    other = rare_rows >= MIN_FEW_LEVELS_ROWS
    characters = sum(len(level) for level in rare if level is not None)
    kept_too = len(rare) <= MAX_RARE_LEVELS and characters <= MAX_RARE_CHARACTERS
    return CategoryColumn(
        counted.name,
        tuple(kept),
        other,
        _shares([*rows, rare_rows] if other else rows),
        tuple(rare) if kept_too else (),
        pools_unseen=not kept_too or (several and rare_rows >= MIN_LEVEL_ROWS),
    )


Categories = tuple[CategoryColumn, ...]


def coded_categories(counted: Sequence[LevelCounts], rows: int) -> tuple[Categories, Categories]:
    """Return the columns of categories counted in `rows`, for the ANN and for the design.

    The design keeps every level with two rows or more while levels are few. The ANN also has what
    levels have in common, so each of its levels needs ten; a category that would then have no
    column has those of the design.
    """
    needed = rows_per_level({counts.name: counts.sizes for counts in counted}, rows)
    design = tuple(category_column(counts, needed[counts.name]) for counts in counted)
    network = tuple(category_column(counts) for counts in counted)
    pairs = zip(network, design, strict=True)
    return tuple(own if own.varies else of_design for own, of_design in pairs), design


def _shares(rows: Sequence[int] | Indices) -> tuple[float, ...]:
    counts = np.asarray(rows, dtype=float)
    return tuple((counts / counts.sum()).tolist()) if counts.size else ()


def level_names(column: CategoryColumn) -> list[str]:
    """Return the name of each level's column: `education[BA]`."""
    names = [f"{column.name}[{label}]" for label in column.labels]
    if column.missing_term is not None:
        names[column.levels.index(None)] = column.missing_term
    return names


def one_hot(column: CategoryColumn, values: Values) -> Array:
    """Return one column per label: 0/1, or the labels' shares for a value that is no level.

    A column of version 0.1.0 has no shares: such a value then has zeros.
    """
    codes = column.codes(values)
    matrix = np.zeros((len(codes), len(column.labels)))
    known = np.flatnonzero(codes >= 0)
    matrix[known, codes[known]] = 1.0
    if column.shares:
        matrix[codes < 0] = column.shares
    return matrix
