"""The words that levels of a category share, which describe levels with few rows."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, CodedTexts, Values
from regressors.encoding.columns import pieces_for
from regressors.encoding.levels import MIN_LEVEL_ROWS


@dataclass(frozen=True)
class WordsColumn:
    """The words of a category's levels that have a column each."""

    name: str
    words: tuple[str, ...]


def words_column(name: str, counts: Mapping[str, int], rows: int) -> WordsColumn:
    """Fit the words of a category: the most frequent ones that two or more levels share.

    `counts` are the numbers of rows of its levels. A level with too few rows for a column of its
    own, or none at all, can still be described by its words, such as those in a school's name.
    There are at most as many as a number may have pieces.
    """
    return WordsColumn(name, shared_words(counts, rows))


def shared_words(counts: Mapping[str, int], rows: int) -> tuple[str, ...]:
    """Return the words that have columns, from the number of rows of each level."""
    word_rows, levels = Counter[str](), Counter[str]()
    for level, count in counts.items():
        for word in _words(level):
            word_rows[word] += count
            levels[word] += 1
    shared = [w for w in word_rows if MIN_LEVEL_ROWS <= word_rows[w] < rows and levels[w] > 1]
    frequent = sorted(shared, key=lambda word: (-word_rows[word], word))[: pieces_for(rows)]
    return tuple(sorted(frequent))


def one_hot_words(column: WordsColumn, values: Values) -> Array:
    """Return one 0/1 column per word: whether a value (n,) has it."""
    if isinstance(values, CodedTexts) and len(values.labels) <= len(values):
        of_labels: Array = one_hot_words(column, values.labels)[values.codes]
        return of_labels
    index = {word: i for i, word in enumerate(column.words)}
    distinct = list(dict.fromkeys(values.tolist()))
    has_word = np.zeros((len(distinct), len(index)))
    for row, level in enumerate(distinct):
        has_word[row, [index[word] for word in _words(level or "") if word in index]] = 1
    row_of = {level: row for row, level in enumerate(distinct)}
    rows = np.fromiter((row_of[v] for v in values.tolist()), dtype=int, count=len(values))
    matrix: Array = has_word[rows]
    return matrix


def _words(level: str) -> set[str]:
    return set(re.findall(r"\w+", level.casefold()))
