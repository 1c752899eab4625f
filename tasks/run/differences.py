"""What differs between the figures of a stored run and those of the same run trained again."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np

from data.store.row_columns import FURTHER, NUMBERS, PredictionColumns
from data.texts import BATCH_ROWS, Texts
from regressors.arrays import Array, Indices, Mask

PREDICTION = (*NUMBERS, *FURTHER, "role")

Figures = Mapping[str, tuple[Any, ...]]
"""Figures of a run by a name for people, all in the order of the same columns."""


@dataclass
class Differences:
    """How many differences there are, and the first of them, at most so many, as sentences."""

    most: int
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, sentences: Iterable[str], count: int) -> None:
        """Add so many differences; only those sentences are made that are kept."""
        self.first += islice(sentences, self.most - len(self.first))
        self.count += count


def as_stored(value: Any) -> Any:
    """Return a value as the store keeps it: None if it is not a finite number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def compare_figures(
    before: Figures, now: Figures, columns: Sequence[str], differences: Differences
) -> None:
    """Add what differs between the figures of two runs."""
    found = [
        _sentence(name, values, now.get(name), columns)
        for name, values in before.items()
        if values != now.get(name)
    ]
    found += [_unstored(name) for name in now if name not in before]
    differences.add(found, len(found))


def compare_predictions(
    stored: Mapping[str, Iterable[PredictionColumns]],
    now: Mapping[str, PredictionColumns],
    differences: Differences,
    *,
    stored_rows_alone: bool,
) -> None:
    """Add what differs between stored predictions and those of `now`, by the model's name.

    The stored ones of a model come in batches, in the order of their keys. A row that is not stored
    is a difference, unless only `stored_rows_alone` are compared.
    """
    unstored: dict[str, Mask] = {
        name: np.ones(len(columns.key), dtype=bool) for name, columns in now.items()
    }
    for name, batches in stored.items():
        columns = now.get(name, _NOTHING)
        keys = Texts.of(columns.key)
        order, end = keys.order(), 0
        for batch in batches:
            begin, end = end, keys.first_above(batch.key[-1], order, end)
            rows = order[begin:end]
            at = np.append(rows, -1)[Texts.of(batch.key).positions_in(keys[rows])]
            if name in unstored:
                unstored[name][at[at >= 0]] = False
            _compare_batch(name, batch, columns, at, differences)
    if not stored_rows_alone:
        for name, more in unstored.items():
            names = (f"{name} {key}" for key in _chosen(Texts.of(now[name].key), more))
            differences.add(map(_unstored, names), int(more.sum()))


def _compare_batch(
    name: str,
    batch: PredictionColumns,
    now: PredictionColumns,
    at: Indices,
    differences: Differences,
) -> None:
    """Add what differs between rows of a batch (n,) and those `at` these places; -1: nowhere."""
    found = np.flatnonzero(at >= 0)
    differ = at < 0
    differ[found] = np.asarray(batch.role)[found] != np.asarray(now.role)[at[found]]
    for column in {**batch.numbers, **now.numbers}:
        before, after = _of_rows(batch, column, found), _of_rows(now, column, at[found])
        differ[found] |= _unequal(before, after)
    sentences = (
        _sentence(
            f"{name} {batch.key[row]}",
            _figures(batch, row),
            _figures(now, int(at[row])) if at[row] >= 0 else None,
            PREDICTION,
        )
        for row in np.flatnonzero(differ).tolist()
    )
    differences.add(sentences, int(differ.sum()))


def _unequal(before: Array, now: Array) -> Mask:
    """Return which numbers (n,) differ as they are stored, where none is like another none."""
    was_number, is_number = np.isfinite(before), np.isfinite(now)
    unequal: Mask = np.where(was_number & is_number, before != now, was_number != is_number)
    return unequal


def _of_rows(columns: PredictionColumns, name: str, rows: Indices) -> Array:
    """Return the numbers of some rows (m,), NaN where the model has no such interval."""
    numbers: Array | None = getattr(columns, name)
    return np.full(len(rows), np.nan) if numbers is None else numbers[rows]


def _figures(columns: PredictionColumns, row: int) -> tuple[Any, ...]:
    at = np.array([row])
    numbers = (float(_of_rows(columns, name, at)[0]) for name in (*NUMBERS, *FURTHER))
    return (*map(as_stored, numbers), str(columns.role[row]))


def _chosen(keys: Texts, rows: Mask) -> Iterator[str]:
    parts = (
        keys[start : start + BATCH_ROWS][rows[start : start + BATCH_ROWS]].tolist()
        for start in range(0, len(keys), BATCH_ROWS)
    )
    return chain.from_iterable(parts)


def _sentence(
    name: str, before: tuple[Any, ...], now: tuple[Any, ...] | None, columns: Sequence[str]
) -> str:
    if now is None:
        return f"{name}: stored, but missing now"
    differing = [
        f"{column} was {_text(was)}, is now {_text(value)}"
        for column, was, value in zip(columns, before, now, strict=True)
        if was != value
    ]
    return f"{name}: {'; '.join(differing)}"


def _unstored(name: str) -> str:
    return f"{name}: not stored, but present now"


def _text(value: Any) -> str:
    return "empty" if value is None else repr(value)


_NONE = np.empty(0)
_NOTHING = PredictionColumns(
    model="", key=(), role=_NONE, actual=_NONE, predicted=_NONE, lower=_NONE, upper=_NONE
)
"""The predictions of a model that has none."""
