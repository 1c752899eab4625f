"""Columns with one value for each segment of a dataset, as the store's writers are given them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.store.row_columns import Array, ModelRef, refuse_unequal

PER_SEGMENT = ("segment", "rows", "residual_sd", "r2", "reason")
"""The fields of fits per segment with one value for each segment."""

PER_TERM = (
    "estimates",
    "standard_errors",
    "robust_standard_errors",
    "t",
    "p_values",
    "low",
    "high",
)
"""The fields of fits per segment with one value for each segment and term."""


@dataclass(frozen=True, kw_only=True)
class SegmentColumns:
    """What serves each segment of a dataset after a run, one array per column, (s,) each.

    A segment without a `model` of its own is served by the dataset's champion, whichever that is.
    The predictions of a model that serves segments are stored for their rows at least, with the
    segment of each row. NaN means that there is no error, such as of a segment without test rows.
    Raises ValueError for columns of different lengths, and for a segment that is there twice.
    """

    segment: Sequence[str]  # the names, as in the column `segment` of predictions
    model: Sequence[ModelRef | None]  # None: the dataset's champion
    rows: NDArray[np.int64]  # rows with a target
    rows_test: NDArray[np.int64]  # test rows among them
    validation_rmse: Array  # of what serves the segment, out of fold, on its training rows
    champion_validation_rmse: Array  # of the dataset's champion on the same rows
    test_rmse: Array  # of the twin of what serves the segment, on its test rows
    champion_test_rmse: Array
    reason: Sequence[str | None]  # why this model serves it, in words

    def __post_init__(self) -> None:
        refuse_unequal("segments", self, tuple(self.__dataclass_fields__))
        _refuse_repeats(self.segment)


@dataclass(frozen=True, kw_only=True)
class SegmentCoefficientColumns:
    """A linear candidate's equations, one for each of s segments, with p terms in original units.

    NaN means "none": a term that a segment's equation leaves out, or a figure without a value.
    Raises ValueError for columns of different lengths, and for a segment that is there twice.
    """

    segment: Sequence[str]  # (s,)
    rows: NDArray[np.int64]  # (s,) that the equation was fitted on
    terms: tuple[str, ...]  # (p,)
    estimates: Array  # (s, p)
    standard_errors: Array  # (s, p), as the next five
    robust_standard_errors: Array
    t: Array
    p_values: Array
    low: Array
    high: Array
    residual_sd: Array  # (s,) in the target's units
    r2: Array  # (s,)
    reason: Sequence[str | None]  # (s,) why a segment has no equation of its own; None: it has one

    def __post_init__(self) -> None:
        refuse_unequal("segments", self, (*PER_SEGMENT, *PER_TERM))
        for name in PER_TERM:
            if np.shape(getattr(self, name)) != (len(self.segment), len(self.terms)):
                raise ValueError(f"{name} must have a value for each segment and term")
        _refuse_repeats(self.segment)


def _refuse_repeats(segments: Sequence[str]) -> None:
    if len(set(segments)) < len(segments):
        raise ValueError("a segment is there twice")
