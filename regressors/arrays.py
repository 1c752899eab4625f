"""The kinds of arrays that the numerics pass around."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
"""Of float32 or float64, as in a network."""
Arrays = Sequence[Floats]
Mask = NDArray[np.bool_]
"""Which rows are chosen."""
Indices = NDArray[np.int64]
"""Positions, codes or labels: whole numbers that are not measured."""
Values = NDArray[Any]
"""One column of a table: float64 (NaN: missing), object (text; None: missing) or datetime64."""
Columns = Mapping[str, Values]
"""The columns of a table by name, each n long."""
