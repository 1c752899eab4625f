"""One column of a table: how it was fitted on training rows, and the matrix columns it gives."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RARE_ROWS, MOST_LEVELS = 10, 200
"""A level needs so many rows for a column of its own, and so many levels may have one."""
INDICATOR_ROWS = 5
LONGEST_QUICK = 200
MISSING, OTHER = "missing", "other"


class CannotEncode(ValueError):
    """Rows that no regressor can use, with the column and the reason."""


@dataclass(frozen=True)
class NumberColumn:
    """One number: how it is filled, scaled and cut into pieces."""

    name: str
    median: float
    mean: float
    sd: float
    spread: float
    indicator: bool
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class CategoryColumn:
    """One category: the levels with a column of their own; the first one is the reference.

    A level is a text, None for missing. `other` tells that rarer levels were seen in the fit.
    """

    name: str
    levels: tuple[str | None, ...]
    other: bool

    @property
    def boolean(self) -> bool:
        """Tell whether the levels are those of a boolean column."""
        return {"true", "false"} >= {level for level in self.levels if level is not None}

    @property
    def labels(self) -> list[str]:
        """Return the names of the levels, `other` last; in brackets where a level is called so."""
        missing = _unlike(self.levels, MISSING)
        return [missing if level is None else level for level in self.levels] + (
            [_unlike(self.levels, OTHER)] if self.other else []
        )


def _unlike(levels: Collection[str | None], label: str) -> str:
    while label in levels:
        label = f"({label})"
    return label


@dataclass(frozen=True)
class WordsColumn:
    """The words that levels of a category share; each has a column of its own."""

    name: str
    words: tuple[str, ...]


def number_column(name: str, values: NDArray[np.float64]) -> NumberColumn:
    """Fit a number (n,): what fills its gaps, its scale, and whether gaps get a column."""
    if np.isinf(values).any():
        raise CannotEncode(f"the column {name!r} holds an infinite value")
    missing = np.isnan(values)
    known = values[~missing]
    if not known.size:
        return NumberColumn(name, 0.0, 0.0, 0.0, 0.0, indicator=False)
    median = float(np.median(known))
    filled = np.where(missing, median, values)
    varies = filled.min() < filled.max()
    sd = float(filled.std()) if varies else 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    spread = float(high - low) or sd
    count = int(missing.sum())
    indicator = INDICATOR_ROWS <= count < len(values)
    return NumberColumn(name, median, float(filled.mean()), sd, spread, indicator)


def pieces_of(rows: int) -> int:
    """Return how many pieces so many rows allow a number to have."""
    return int(np.clip(rows // 60, 4, 48))


def piece_limit(numeric_columns: int) -> int:
    """Return the most pieces a number may have, so that wide tables keep a narrow network."""
    return max(8, 640 // max(1, numeric_columns))


def with_edges(column: NumberColumn, values: NDArray[np.float64], limit: int) -> NumberColumn:
    """Return the column with the edges of its pieces: unique quantiles of even levels."""
    if column.sd == 0:
        return column
    pieces = min(pieces_of(len(values)), limit)
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, pieces + 1)))
    enough = len(edges) >= 3
    return NumberColumn(**{**asdict(column), "edges": tuple(edges.tolist()) if enough else ()})


def category_column(name: str, values: NDArray[Any]) -> CategoryColumn:
    """Fit a category (n,): its frequent levels, 200 at most, and the others together."""
    missing = _is_missing(values)
    levels, counts = np.unique(sortable(values[~missing]), return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    frequent = np.sort(frequent[counts[frequent] >= RARE_ROWS])
    kept: list[str | None] = levels[frequent].tolist()
    rare = int(counts.sum() - counts[frequent].sum())
    n_missing = int(missing.sum())
    if n_missing >= RARE_ROWS:
        kept.append(None)
    else:
        rare += n_missing
    return CategoryColumn(name, tuple(kept), other=rare > 0)


def sortable(texts: NDArray[Any]) -> NDArray[Any]:
    """Return texts (n,) as NumPy's own, which sort quickest, or as they are where one is long.

    NumPy gives each of them the room of the longest.
    """
    short = max(map(len, texts), default=0) <= LONGEST_QUICK
    return texts.astype(str) if short else texts


def _is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.fromiter((value is None for value in values), dtype=bool, count=len(values))


def level_names(column: CategoryColumn) -> list[str]:
    """Return the name of each level's column: `education[BA]`."""
    return [f"{column.name}[{label}]" for label in column.labels]


def one_hot(column: CategoryColumn, values: NDArray[Any]) -> NDArray[np.float64]:
    """Return one 0/1 column per label; an unseen level is `other`, or else no level at all."""
    place = {level: i for i, level in enumerate(column.levels)}
    other = len(column.levels)
    codes = np.fromiter((place.get(v, other) for v in values), dtype=int, count=len(values))
    return (codes[:, None] == np.arange(len(column.labels))).astype(float)


def words_column(name: str, values: NDArray[Any]) -> WordsColumn:
    """Fit the words of a category (n,): those of two levels and ten rows, the most frequent ones.

    They tell of a level that has too few rows for a column of its own, or none: a school by its
    name. There are at most as many as a number may have pieces.
    """
    rows, levels = Counter[str](), Counter[str]()
    for level, count in Counter(values[~_is_missing(values)].tolist()).items():
        for word in _words(level):
            rows[word] += count
            levels[word] += 1
    shared = [w for w in rows if RARE_ROWS <= rows[w] < len(values) and levels[w] > 1]
    frequent = sorted(shared, key=lambda word: (-rows[word], word))[: pieces_of(len(values))]
    return WordsColumn(name, tuple(sorted(frequent)))


def _words(level: str) -> set[str]:
    return set(re.findall(r"\w+", level.casefold()))


def one_hot_words(column: WordsColumn, values: NDArray[Any]) -> NDArray[np.float64]:
    """Return one 0/1 column per word: whether a value (n,) has it."""
    place: Mapping[str, int] = {word: i for i, word in enumerate(column.words)}
    distinct = list(dict.fromkeys(values.tolist()))
    held = np.zeros((len(distinct), len(place)))
    for row, level in enumerate(distinct):
        held[row, [place[word] for word in _words(level or "") if word in place]] = 1
    number = {level: row for row, level in enumerate(distinct)}
    return held[np.fromiter((number[v] for v in values), dtype=int, count=len(values))]


def filled(column: NumberColumn, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a number's values (n,) with its median for the missing ones."""
    if np.isinf(values).any():
        raise CannotEncode(f"the column {column.name!r} holds an infinite value")
    return np.where(np.isnan(values), column.median, values)


def missing_column(column: NumberColumn, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the 0/1 column (n, 1) of missing values, if the number has one."""
    return [np.isnan(values).astype(float)[:, None]] if column.indicator else []
