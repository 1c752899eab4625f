"""The rows of a run as arrays: what a step needs of the snapshot, in one fixed order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.declarations.model import Declaration
from data.sources.read import Snapshot, arrays, load, row_keys
from data.split import group_numbers
from regressors.encoding.columns import sortable
from regressors.encoding.matrices import Columns
from regressors.judging.paired import time_blocks


@dataclass(frozen=True)
class Until:
    """The newest time of the training rows, and of all labelled ones; None without a time column.

    In microseconds since 1970, or as the number that it is. `period` is the oldest and the newest
    time of the labelled rows, as text.
    """

    train: float | None = None
    data: float | None = None
    period: tuple[str, str] | None = None


@dataclass(frozen=True)
class Rows:
    """n rows; `target` is NaN in new ones; `time`, `weight` and `group` are None where undeclared.

    A weight is finite and above zero in every row with a target; a new row needs none, and may
    have any number or NaN. A group is text, None in a row that stands alone.
    """

    keys: NDArray[np.object_]
    columns: Columns
    target: NDArray[np.float64]
    time: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    group: NDArray[np.object_] | None = None

    def take(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return the chosen rows (a mask of n)."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        time = None if self.time is None else self.time[chosen]
        weight = None if self.weight is None else self.weight[chosen]
        group = None if self.group is None else self.group[chosen]
        return Rows(self.keys[chosen], columns, self.target[chosen], time, weight, group)

    @property
    def group_numbers(self) -> NDArray[np.int64] | None:
        """Return a number for each group (n,); a row that stands alone has one of its own."""
        return None if self.group is None else group_numbers(self.group.tolist())

    @property
    def instants(self) -> NDArray[np.float64] | None:
        """Return times (n,) as microseconds since 1970, or as the numbers that they are.

        NaN where missing, None without a time column.
        """
        if self.time is None or self.time.dtype.kind != "M":
            return self.time
        microseconds = self.time.astype("M8[us]").astype(np.int64).astype(float)
        return np.where(np.isnat(self.time), np.nan, microseconds)

    @property
    def units(self) -> NDArray[np.int64] | None:
        """Return the block of time or the group of each row (n,); None: each row is by itself."""
        instants = self.instants
        return self.group_numbers if instants is None else time_blocks(instants)

    def newest(self, chosen: NDArray[np.bool_]) -> float | None:
        """Return the newest of the chosen rows' `instants`, None where there is none."""
        instants = self.instants
        if instants is None:
            return None
        known = instants[chosen & ~np.isnan(instants)]
        return float(known.max()) if len(known) else None

    def period(self, chosen: NDArray[np.bool_]) -> tuple[str, str] | None:
        """Return the oldest and the newest time of the chosen rows as text, None without one.

        Times are in UTC where the column has a zone, and days where both are at midnight.
        """
        if self.time is None:
            return None
        known = self.time[chosen & ~np.isnan(self.time)]
        if not len(known):
            return None
        ends = known.min(), known.max()
        if self.time.dtype.kind != "M":
            return _number_text(ends[0]), _number_text(ends[1])
        moments = [str(end).replace("T", " ").removesuffix(".000000") for end in ends]
        days = [moment.removesuffix(" 00:00:00") for moment in moments]
        first, last = moments if " " in "".join(days) else days
        return first, last


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def load_rows(
    declaration: Declaration, snapshot: Snapshot, kept: NDArray[np.bool_], features: tuple[str, ...]
) -> Rows:
    """Return the kept rows of a snapshot, in the order of their keys.

    The order is the key's, so that a source which lists its rows in another order gives the same
    fits to the last digit. A feature that the snapshot has not is left out: a model that needs it
    says so.
    """
    time, weight, group = declaration.time, declaration.weight, declaration.split.group
    roles = [name for name in (declaration.target, time, weight) if name is not None]
    needed = [*declaration.key, *roles, *features, *filter(None, [group])]
    table = load(snapshot.path, list(dict.fromkeys(needed))).filter(kept)
    keys = np.array(row_keys(table, declaration.key), dtype=object)
    order = np.argsort(sortable(keys), kind="stable")
    features = tuple(name for name in features if name in table.column_names)
    values = arrays(table, list(dict.fromkeys([*roles, *features])))
    return Rows(
        keys[order],
        {name: values[name][order] for name in features},
        values[declaration.target][order],
        None if time is None else values[time][order],
        None if weight is None else values[weight][order],
        None if group is None else np.array(row_keys(table, [group]), dtype=object)[order],
    )
