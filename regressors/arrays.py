"""The kinds of arrays that the numerics pass around."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def decoded(columns: Mapping[str, Coded]) -> Columns:
    """Return columns as `Columns` has them."""
    return {name: column.taken() for name, column in columns.items()}
