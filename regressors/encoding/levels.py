"""Which levels of a category have a column of their own: the rules, on numbers of rows alone."""

from collections.abc import Mapping

import numpy as np

from regressors.arrays import Indices

MIN_LEVEL_ROWS = 10
"""A level of a long tail, or a word, needs this many rows for a column of its own."""
MIN_FEW_LEVELS_ROWS = 2
"""A level needs this many rows where levels are few; a single row would only fit itself."""
MAX_LEVELS_PER_ROW = 1 / 3
"""Levels are few while all categories together have no more of them than this share of the rows.

A fold of the training rows has about two thirds of all rows: a fifth of all is a third of its own.
"""
MAX_EXPERIMENT_LEVELS, MAX_EXPERIMENT_SHARE = 20, 1 / 2
"""So many levels, as an experiment with few replicates has, are few up to a larger share."""
MAX_CODED_LEVELS = 200
"""At most so many levels of one category have a column of their own."""


def rows_per_level(levels: Mapping[str, int], rows: int) -> dict[str, int]:
    """Return how many rows a level of each category needs for a column of its own.

    `levels` holds the number of levels, missing included, of every category. Those with the fewest
    levels come first; from where they are no longer few, levels are a long tail.
    """
    needed, total = {}, 0
    for name in sorted(levels, key=lambda name: (levels[name], name)):
        total += levels[name]
        few = levels[name] <= MAX_CODED_LEVELS and (
            total <= MAX_LEVELS_PER_ROW * rows
            or (total <= MAX_EXPERIMENT_LEVELS and total <= MAX_EXPERIMENT_SHARE * rows)
        )
        needed[name] = MIN_FEW_LEVELS_ROWS if few else MIN_LEVEL_ROWS
    return needed


def coded_levels(counts: Indices, min_rows: int) -> Indices:
    """Return the indices, ascending, of the levels (m,) that have columns, from their counts."""
    frequent = np.argsort(-counts, kind="stable")[:MAX_CODED_LEVELS]
    return np.sort(frequent[counts[frequent] >= min_rows])


def levels_repeat(counts: Indices, rows: int) -> bool:
    """Return whether half of the rows are in levels of two rows or more, from their counts (m,)."""
    return bool(counts[counts >= 2].sum() >= rows / 2)
