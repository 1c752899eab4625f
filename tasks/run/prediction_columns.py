"""What is stored of a candidate's predictions, put together from what is predicted of each role."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from data.split import ROLES, Split
from data.store.row_columns import ENDS, ROLE, PredictionColumns
from data.texts import Texts
from regressors.arrays import Array, Indices, Mask, Values
from regressors.predicted import Predicted
from tasks.run.rows import Rows


@dataclass(frozen=True)
class Made:
    """What is predicted of the m rows of a role, with the ends of their intervals.

    The few rows `noted` have a text each, `notes`. With `is_chosen` they are those rows of the role
    alone that are stored.
    """

    predicted: Array
    ends: tuple[tuple[Array, Array], ...]
    noted: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    notes: Values = field(default_factory=lambda: np.zeros(0, dtype=object))
    is_chosen: bool = False

    @classmethod
    def of_new(cls, made: Predicted, rows: Rows) -> "Made":
        """Return what is predicted of some new ones of a run's rows."""
        pairs = (made.lower, made.upper), *made.further
        ends = tuple((rows.stored(lower), rows.stored(upper)) for lower, upper in pairs)
        return cls(rows.stored(made.value), ends, made.noted, made.texts, is_chosen=True)


def prediction_columns(
    model: str,
    rows: Rows,
    split: Split,
    made: Mapping[int, Made],
    levels: int,
    chosen: Mask | None,
    segments: Texts | None,
) -> PredictionColumns:
    """Return a candidate's predictions of rows (n,), of those roles of which some are `made`.

    So many `levels` have intervals. With `chosen` (n,) these are the only rows; `segments` are
    those of all rows.
    """
    stored = np.isin(split.code, [*made])
    if chosen is not None:
        stored &= chosen
    code = split.code[stored]
    predicted = np.full(len(code), np.nan)
    ends = [np.full(len(code), np.nan) for _ in range(2 * levels)]
    note: Values | None = None
    for number, of_role in made.items():
        part = code == number
        own = np.ones(len(of_role.predicted), dtype=bool)
        if not of_role.is_chosen:
            own = stored[split.code == number]
        predicted[part] = of_role.predicted[own]
        for of_row, end in zip(ends, chain.from_iterable(of_role.ends), strict=False):
            of_row[part] = end[own]
        kept = own[of_role.noted]
        if kept.any():
            note = np.full(len(code), None, dtype=object) if note is None else note
            at = np.cumsum(own)[of_role.noted[kept]] - 1
            note[np.flatnonzero(part)[at]] = of_role.notes[kept]
    role = np.array([*ROLES, "warmup"], dtype=ROLE)[code]
    if split.chained:
        role[((split.code == 0) & (split.fold == 0))[stored]] = "warmup"
    return PredictionColumns(
        model=model,
        key=rows.keys if stored.all() else rows.keys[stored],
        actual=rows.target if stored.all() else rows.target[stored],
        predicted=predicted,
        **dict(zip(ENDS, ends, strict=False)),
        role=role,
        note=None if note is None else Texts.of(note.tolist()),
        segment=None if segments is None else segments[stored],
    )


def in_files(columns: PredictionColumns, rows: Rows) -> PredictionColumns:
    """Return predictions as arrays in the files of rows, if these are in files."""
    numbers: dict[str, Any] = {n: rows.stored(column) for n, column in columns.numbers.items()}
    return replace(
        columns,
        key=rows.stored_texts(Texts.of(columns.key)),
        role=rows.stored(columns.role),
        note=None if columns.note is None else rows.stored_texts(Texts.of(columns.note)),
        segment=None if columns.segment is None else rows.stored_texts(Texts.of(columns.segment)),
        **numbers,
    )
