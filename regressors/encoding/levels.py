"""Which levels of a category have a column of their own: the rules, on numbers of rows alone."""

from collections.abc import Mapping

import numpy as np

from regressors.arrays import Indices

MIN_LEVEL_ROWS = 10
"""A level of a long tail, or a word, needs this many rows for a column of its own."""
MIN_FEW_LEVELS_ROWS = 2
"""A level needs this many rows where levels are few; a single row would only fit itself."""
MAX_LEVELS_PER_ROW = 1 / 5
"""Levels are few while all categories together have no more of them than this share of the rows."""
MAX_EVEN_LEVELS_PER_ROW = 1 / 3
"""Or than this share where levels have about the same number of rows, as in an experiment.

A fold has about two thirds of all rows: a fifth of all rows is a third of its own.
"""
MIN_EVENNESS = 0.75
"""Levels are even if as many equal ones as this share of their number would repeat as often."""
MAX_EXPERIMENT_LEVELS, MAX_EXPERIMENT_SHARE = 20, 1 / 2
"""So many levels, as an experiment with few replicates has, are few up to a larger share."""
MAX_CODED_LEVELS = 200
"""At most so many levels of one category have a column of their own."""


def rows_per_level(counts: Mapping[str, Indices], rows: int) -> dict[str, int]:
    """Return how many rows a level of each category needs for a column of its own.

    `counts` holds the numbers of rows (m,) of each category's levels, missing included. Categories
    with the fewest levels come first; from where they are no longer few, levels are a long tail.
    """
    needed, total = {}, 0
    for name in sorted(counts, key=lambda name: (len(counts[name]), name)):
        number = len(counts[name])
        total += number
        most = MAX_EVEN_LEVELS_PER_ROW if _even(counts[name]) else MAX_LEVELS_PER_ROW
        few = number <= MAX_CODED_LEVELS and (
            total <= most * rows
            or (total <= MAX_EXPERIMENT_LEVELS and total <= MAX_EXPERIMENT_SHARE * rows)
        )
        needed[name] = MIN_FEW_LEVELS_ROWS if few else MIN_LEVEL_ROWS
    return needed


def _even(counts: Indices) -> bool:
    """Return whether levels have about the same number of rows (m,).

    By the inverse of Simpson's index: how many equal levels would repeat as often as these.
    """
    share = counts / max(counts.sum(), 1)
    return bool(MIN_EVENNESS * len(counts) * np.square(share).sum() <= 1)


def coded_levels(counts: Indices, min_rows: int) -> Indices:
    """Return the indices, ascending, of the levels (m,) that have columns, from their counts."""
    frequent = np.argsort(-counts, kind="stable")[:MAX_CODED_LEVELS]
    return np.sort(frequent[counts[frequent] >= min_rows])


def levels_repeat(counts: Indices, rows: int) -> bool:
    """Return whether half of the rows are in levels of two rows or more, from their counts (m,)."""
    return bool(counts[counts >= 2].sum() >= rows / 2)
