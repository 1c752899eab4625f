"""The rows of each role by themselves: training, test and new rows, and all that are labelled."""

from dataclasses import dataclass

import numpy as np

from data.split import NEW, TEST, TRAIN, Split
from regressors.arrays import Indices
from tasks.run.rows import Mask, Rows, taken_rows


@dataclass(frozen=True)
class Part:
    """The m rows of some roles: which of all n rows they are, and what the split says of them.

    `fold` and `known` (m,) are those of `Split`.
    """

    chosen: Mask
    rows: Rows
    is_test: Mask
    fold: Indices
    known: Indices | None


@dataclass(frozen=True)
class Parts:
    """The parts of the rows of a run."""

    train: Part
    test: Part
    new: Part
    labelled: Part


def parts_of(rows: Rows, split: Split) -> Parts:
    """Return the parts of rows (n,), each made by one call."""
    bare, roles = rows.without_columns(), ((TRAIN,), (TEST,), (NEW,), (TRAIN, TEST))
    made = rows.do("arranging rows", [(_part, (bare, split, of)) for of in roles])
    return Parts(*(_in_files(rows, part) for part in made))


def _part(rows: Rows, split: Split, roles: tuple[int, ...]) -> Part:
    """Return the rows of some roles, without their columns."""
    chosen = np.isin(split.code, roles)
    return Part(
        chosen,
        taken_rows(rows, chosen) or rows,
        split.code[chosen] == TEST,
        split.fold[chosen],
        None if split.known is None else split.known[chosen],
    )


def _in_files(rows: Rows, part: Part) -> Part:
    """Return a part of rows with their columns, all of it in the files of the rows."""
    stored, is_whole = rows.stored, len(part.fold) == len(rows.keys)
    return Part(
        stored(part.chosen),
        rows if is_whole else rows.having(part.rows, part.chosen),
        stored(part.is_test),
        stored(part.fold),
        None if part.known is None else stored(part.known),
    )
