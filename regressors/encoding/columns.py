"""Numbers: how a column is fitted on training rows, and then encoded; and what texts need."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regressors.arrays import Array, CodedTexts, Mask, Values

MIN_MISSING_ROWS = 5
"""Gaps of a number need this many rows for a column of their own."""
MAX_SHORT_TEXT = 200
"""Texts with more characters than this are not sorted as NumPy strings."""
MIN_SAMPLED_ROWS, SAMPLE = 2**16, 2**11
"""A median of so many rows begins with a sample of about so many of them."""
MISSING, OTHER = "missing", "other"


class CannotEncode(ValueError):
    """Rows that no regressor can use, with the column and the reason."""


@dataclass(frozen=True)
class NumberColumn:
    """A number: its median fills gaps, `mean` and `sd` scale it for the linear start of an ANN.

    `spread`, the interquartile range, scales it for the network, and `edges` cut it into pieces;
    for the linear kinds the spread is the SD, and there are no edges.
    `indicator` is whether gaps have a column of their own, and `missing_share` the share of the
    fitted rows with a gap. An `sd` of 0 means a constant. `low` and `high` are the extremes, None
    in a column of version 0.1.0.
    """

    name: str
    median: float
    mean: float
    sd: float
    spread: float
    indicator: bool
    edges: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    missing_share: float = 0.0


def number_column(name: str, values: Array) -> NumberColumn:
    """Fit a number (n,) for the linear kinds; raise CannotEncode for an infinite value."""
    missing = np.isnan(values)
    count = int(missing.sum())
    present = values[~missing] if count else values
    if not present.size:
        return NumberColumn(name, 0.0, 0.0, 0.0, 0.0, indicator=False)
    low, high = float(present.min()), float(present.max())
    if np.isinf([low, high]).any():
        raise CannotEncode(f"the column {name!r} holds an infinite value")
    median = median_of(present)
    del present
    filled = np.where(missing, median, values) if count else values
    sd = float(filled.std()) if low < high else 0.0
    indicator = MIN_MISSING_ROWS <= count < len(values)
    return NumberColumn(
        name,
        median,
        float(filled.mean()),
        sd,
        sd,
        indicator,
        low=low,
        high=high,
        missing_share=count / len(values),
    )


def median_of(values: Array) -> float:
    """Return the median of values (n,) without a gap, as `np.median` does, in a third of its time.

    Of many values, only those between two quantiles of a sample are sorted, or all if it is not
    among them.
    """
    rows = len(values)
    middle = [(rows - 1) // 2, rows // 2]
    if rows >= MIN_SAMPLED_ROWS:
        sample = np.sort(values[:: rows // SAMPLE])
        low, high = sample[int(0.45 * len(sample))], sample[int(0.55 * len(sample))]
        below = np.count_nonzero(values < low)
        between = values[(values >= low) & (values <= high)]
        if below <= middle[0] and middle[1] < below + len(between):
            values, middle = between, [at - int(below) for at in middle]
    nearest = np.partition(values, middle)[middle[0] : middle[1] + 1]
    return float(nearest.mean())


def pieces_for(rows: int) -> int:
    """Return how many pieces a number may be cut into on so many rows."""
    return int(np.clip(rows // 60, 4, 48))


def piece_limit(numeric_columns: int) -> int:
    """Return the maximum number of pieces per number that keeps a network's input narrow."""
    return max(8, 640 // max(1, numeric_columns))


def with_edges(column: NumberColumn, values: Array, limit: int) -> NumberColumn:
    """Return the column with its spread and the edges of at most `limit` pieces, for an ANN.

    The edges are quantiles of the values (n,).
    """
    present = values[~np.isnan(values)]
    if not present.size:
        return column
    low, high = np.quantile(present, [0.25, 0.75])
    column = replace(column, spread=float(high - low) or column.sd)
    if column.sd == 0:
        return column
    pieces = min(pieces_for(len(values)), limit)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, pieces + 1)))
    return replace(column, edges=tuple(edges.tolist()) if len(edges) >= 3 else ())


def filled(column: NumberColumn, values: Array) -> Array:
    """Return a number's values (n,) with its median for missing ones; if none is, this array."""
    if np.isfinite(values).all():
        return values
    if np.isinf(values).any():
        raise CannotEncode(f"the column {column.name!r} holds an infinite value")
    return np.where(np.isnan(values), column.median, values)


def missing_column(column: NumberColumn, values: Array) -> list[Array]:
    """Return the 0/1 column (n, 1) of missing values, if the number has one."""
    return [np.isnan(values).astype(float)[:, None]] if column.indicator else []


def with_tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a fitted column as JSON kept them, where tuples became lists."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }


def sortable(texts: Values) -> Values:
    """Return texts (n,) as NumPy strings, which sort fastest, or as they are where one is long.

    A NumPy array of strings gives every text as much memory as the longest.
    """
    short = max(map(len, texts), default=0) <= MAX_SHORT_TEXT
    return texts.astype(str) if short else texts


def is_missing(values: Values) -> Mask:
    """Return which values (n,) of a column are missing."""
    if isinstance(values, CodedTexts):
        blank: Mask = values.codes < 0
        return blank
    missing: Mask = values == None if values.dtype.kind == "O" else np.isnan(values)  # noqa: E711
    return missing
