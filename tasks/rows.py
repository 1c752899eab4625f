"""The rows of a run as arrays: what a step needs of the snapshot, in one fixed order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.declare import Declaration
from data.read import Snapshot, arrays, load, row_keys
from regressors.encoding import Columns


@dataclass(frozen=True)
class Rows:
    """n rows; `target` is NaN in new ones, `time` and `weight` are None where none is declared.

    A weight is finite and above zero in every row with a target; a new row needs none, and may
    have any number or NaN.
    """

    keys: NDArray[np.object_]
    columns: Columns
    target: NDArray[np.float64]
    time: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None

    def take(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return the chosen rows (a mask of n)."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        time = None if self.time is None else self.time[chosen]
        weight = None if self.weight is None else self.weight[chosen]
        return Rows(self.keys[chosen], columns, self.target[chosen], time, weight)


def load_rows(
    declaration: Declaration, snapshot: Snapshot, kept: NDArray[np.bool_], features: tuple[str, ...]
) -> Rows:
    """Return the kept rows of a snapshot, in the order of their keys.

    The order is the key's, so that a source which lists its rows in another order gives the same
    fits to the last digit. A feature that the snapshot has not is left out: a model that needs it
    says so.
    """
    time, weight = declaration.time, declaration.weight
    roles = [name for name in (declaration.target, time, weight) if name is not None]
    names = list(dict.fromkeys([*declaration.key, *roles, *features]))
    table = load(snapshot.path, names).filter(kept)
    keys = np.array(row_keys(table, declaration.key), dtype=object)
    order = np.argsort(keys.astype(str), kind="stable")
    features = tuple(name for name in features if name in table.column_names)
    values = arrays(table, list(dict.fromkeys([*roles, *features])))
    return Rows(
        keys[order],
        {name: values[name][order] for name in features},
        values[declaration.target][order],
        None if time is None else values[time][order],
        None if weight is None else values[weight][order],
    )
