"""Columns with one value for each row of a run, as the store's writers are given them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.texts import Texts

ModelRef = str | int
"""A candidate of this run by its text (`torch/ann`), or a model of an earlier run by its id."""

Array = NDArray[np.float64]

TRAINING_ROLES = ("train", "warmup")
"""The roles of a model's training rows; only test rows and new rows have others."""

ROLE = np.dtype("<U6")
"""The type of roles in an array that is in a file: texts of at most six letters."""

NUMBERS = ("actual", "predicted", "lower", "upper")
"""The columns of predictions that are numbers, whatever the dataset."""

FURTHER = ("lower_2", "upper_2", "lower_3", "upper_3")
"""The ends of the intervals of further levels, of which a dataset may declare up to two."""

ENDS = ("lower", "upper", *FURTHER)
"""The ends of all intervals, the widest first."""


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """One model's predictions of the rows of a run, one array per column, (n,) each.

    They are those of all rows, or not of the training rows: a run need not store these.

    NaN means "none": in `actual` for new rows, in `predicted` for warm-up rows, in `lower` and
    `upper` where there is no interval. These are of the widest interval; `lower_2` to `upper_3` are
    of the next narrower ones, None if the model has no more levels.
    """

    model: ModelRef
    key: Sequence[str]
    actual: Array
    predicted: Array
    lower: Array
    upper: Array
    lower_2: Array | None = None
    upper_2: Array | None = None
    lower_3: Array | None = None
    upper_3: Array | None = None
    role: NDArray[Any]  # of "train", "test", "new", "warmup"
    note: Sequence[str | None] | None = None  # what makes a prediction less certain; None: nothing
    segment: Sequence[str | None] | None = None  # of each row; None: no segments are declared
    routed: NDArray[np.bool_] | None = None  # where it serves the segment; the writer's to say

    def __post_init__(self) -> None:
        refuse_unequal(
            "predictions", self, ("key", *NUMBERS, *FURTHER, "role", "note", "segment", "routed")
        )

    @property
    def numbers(self) -> dict[str, Array]:
        """Return the columns that are numbers, by name, without those of levels there are not."""
        columns = {name: getattr(self, name) for name in (*NUMBERS, *FURTHER)}
        return {name: column for name, column in columns.items() if column is not None}

    @property
    def notes(self) -> Texts | None:
        """Return the note of each row (n,), None if no row has one."""
        notes = None if self.note is None else Texts.of(self.note)
        return None if notes is None or notes.values.null_count == len(notes) else notes

    @property
    def is_training(self) -> NDArray[np.bool_]:
        """Return which rows (n,) the model's twin was fitted on."""
        return np.isin(self.role, TRAINING_ROLES)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Rows of a run that have a target, but whose predictions are not stored, (n,) each."""

    key: Sequence[str]
    actual: Array

    def __post_init__(self) -> None:
        refuse_unequal("targets", self, ("key", "actual"))


@dataclass(frozen=True, kw_only=True)
class PairedErrors:
    """Errors (actual minus predicted) of two models on the same test rows, (n,) each."""

    model: ModelRef
    other: ModelRef
    key: Sequence[str]
    error: Array
    other_error: Array
    unit: NDArray[np.int64] | None = None  # rows of one unit depend on each other; None: none do

    def __post_init__(self) -> None:
        refuse_unequal("paired errors", self, ("key", "error", "other_error", "unit"))


def refuse_unequal(what: str, columns: object, names: Sequence[str]) -> None:
    """Raise ValueError unless all columns that there are have the same length."""
    values = {name: getattr(columns, name) for name in names}
    lengths = {name: len(column) for name, column in values.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of {what} differ in length: {lengths}")
