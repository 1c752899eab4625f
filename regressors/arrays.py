"""The kinds of arrays that the numerics pass around."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
"""Of float32 or float64, as in a network."""
Arrays = Sequence[Floats]
Mask = NDArray[np.bool_]
"""Which rows are chosen."""
Indices = NDArray[np.integer[Any]]
"""Positions, codes or labels: whole numbers that are not measured."""
Values = NDArray[Any]
"""One column of a table: float64 (NaN: missing), object (text; None: missing) or datetime64."""
Columns = Mapping[str, Values]
"""The columns of a table by name, each n long."""


@dataclass(frozen=True)
class Coded:
    """A column (n,) as it is kept: its values, or for a category codes of its `labels`.

    The last label is None, for a code of -1.
    """

    values: Values
    labels: Values | None = None

    def taken(self, rows: Any = slice(None)) -> Values:
        """Return some rows, or all, as `Columns` has them; equal texts are one object."""
        values = self.values[rows]
        texts: Values = values if self.labels is None else self.labels[values]
        return texts


class CodedTexts:
    """A category (n,) that is kept as codes of its `labels`, the last of which is None, for -1.

    The linear kinds use it as they do an array of texts; NumPy makes it one where it must.
    """

    dtype: np.dtype[Any] = np.dtype(object)

    def __init__(self, codes: Indices, labels: Values) -> None:
        self.codes, self.labels = codes, labels

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, int | np.integer):
            return self.labels[self.codes[rows]]
        return CodedTexts(self.codes[rows], self.labels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Values:
        texts: Values = self.labels[self.codes]
        return texts if dtype is None else texts.astype(dtype)

    def tolist(self) -> list[str | None]:
        """Return the texts."""
        texts: list[str | None] = self.labels[self.codes].tolist()
        return texts

    def counts(self, folds: Indices | None = None, number: int = 1) -> Indices:
        """Return the rows (m, number) of each label by fold (n,), or those (m, 1) of all folds."""
        codes = np.where(self.codes < 0, len(self.labels) - 1, self.codes).astype(np.int64)
        cells = codes if folds is None else codes * number + folds
        return np.bincount(cells, minlength=len(self.labels) * number).reshape(-1, number)


def in_codes(columns: Mapping[str, Coded]) -> Columns:
    """Return columns as `Columns` has them, but categories as their codes."""
    return {
        name: column.values
        if column.labels is None
        else cast(Values, CodedTexts(column.values, column.labels))
        for name, column in columns.items()
    }


def spelt_out(columns: Columns) -> Columns:
    """Return columns with categories as arrays of texts.

    Such an array takes 8 bytes of memory per row. Equal texts are one object.
    """
    return {
        name: np.asarray(column) if isinstance(column, CodedTexts) else column
        for name, column in columns.items()
    }
