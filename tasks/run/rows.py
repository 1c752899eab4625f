"""The rows of a snapshot as arrays, in one fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.declarations.model import Declaration
from data.sources.columns import arrays, with_offsets
from data.sources.keys import row_keys
from data.sources.snapshot import Snapshot, load
from data.split import group_numbers
from regressors.arrays import Columns, Values
from regressors.encoding.columns import sortable
from regressors.judging.paired import time_blocks

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """n rows; `target` is NaN in new rows; `time`, `weight` and `group` are None if undeclared.

    A weight is finite and above zero in every row with a target; a new row needs none and may have
    any number or NaN. A group is text, None in a row that stands alone. `alike` has one number for
    rows that repeat each other and stay together, -1 in all others; None where there are none.
    """

    keys: NDArray[np.object_]
    columns: Columns
    target: NDArray[np.float64]
    time: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    group: NDArray[np.object_] | None = None
    alike: NDArray[np.int64] | None = None

    def take(self, chosen: Mask) -> "Rows":
        """Return the chosen rows (a mask of n), or this same object if all are chosen."""
        if chosen.all():
            return self
        columns = {name: values[chosen] for name, values in self.columns.items()}
        time = None if self.time is None else self.time[chosen]
        weight = None if self.weight is None else self.weight[chosen]
        group = None if self.group is None else self.group[chosen]
        alike = None if self.alike is None else self.alike[chosen]
        return Rows(self.keys[chosen], columns, self.target[chosen], time, weight, group, alike)

    @cached_property
    def group_numbers(self) -> NDArray[np.int64] | None:
        """Return a number for each group (n,); a row that stands alone has a number of its own."""
        return None if self.group is None else group_numbers(self.group.tolist())

    @cached_property
    def together(self) -> NDArray[np.int64] | None:
        """Return a number for rows (n,) that stay together: of one group, or repeating each other.

        None where every row stands alone.
        """
        if self.group is not None or self.alike is None:
            return self.group_numbers
        alone = self.alike < 0
        numbers = self.alike.copy()
        numbers[alone] = self.alike.max(initial=-1) + 1 + np.arange(alone.sum())
        return numbers

    @cached_property
    def instants(self) -> NDArray[np.float64] | None:
        """Return times (n,) in microseconds since 1970, or unchanged if they are numbers.

        NaN where one is missing, None without a time column.
        """
        if self.time is None or self.time.dtype.kind != "M":
            return self.time
        microseconds = self.time.astype("M8[us]").astype(np.int64).astype(float)
        return np.where(np.isnat(self.time), np.nan, microseconds)

    @cached_property
    def units(self) -> NDArray[np.int64] | None:
        """Return each row's block of time or group (n,); None if each row is its own unit."""
        instants = self.instants
        return self.together if instants is None else time_blocks(instants)

    def newest(self, chosen: Mask) -> float | None:
        """Return the newest of the chosen rows' `instants`, None if none has a time."""
        instants = self.instants
        if instants is None:
            return None
        present = instants[chosen & ~np.isnan(instants)]
        return float(present.max()) if len(present) else None

    def period(self, chosen: Mask) -> tuple[str, str] | None:
        """Return the oldest and the newest time of the chosen rows as text, None without times.

        Times are in UTC if the column has a zone, and are written as dates if both are midnight.
        """
        if self.time is None:
            return None
        present = self.time[chosen & ~np.isnan(self.time)]
        if not len(present):
            return None
        ends = present.min(), present.max()
        if self.time.dtype.kind != "M":
            return _number_text(ends[0]), _number_text(ends[1])
        moments = [str(end).replace("T", " ").removesuffix(".000000") for end in ends]
        days = [moment.removesuffix(" 00:00:00") for moment in moments]
        first, last = moments if " " in "".join(days) else days
        return first, last


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


class SnapshotRows:
    """The kept rows of a snapshot, read once and sorted by the text of their keys.

    The order does not depend on the source's, so that a source that lists its rows in another order
    gives the same fits to the last digit. `features` that the snapshot does not have are left out;
    a model that needs one refuses to predict. `alike` are the labels of the snapshot's rows that
    stay together, -1 in the others. Not a dataclass, because Prefect would walk through everything
    in it each time that a task gets it as an argument.
    """

    def __init__(
        self,
        declaration: Declaration,
        snapshot: Snapshot,
        kept: Mask,
        features: Sequence[str],
        alike: NDArray[np.int64] | None = None,
    ) -> None:
        target, time, weight = declaration.target, declaration.time, declaration.weight
        group = declaration.split.group
        roles = [name for name in (target, time, weight) if name is not None]
        needed = [*declaration.key, *roles, *features, *filter(None, [group])]
        table = load(snapshot.path, with_offsets(list(dict.fromkeys(needed)))).filter(kept)
        keys = np.array(row_keys(table, declaration.key), dtype=object)
        order = np.argsort(sortable(keys), kind="stable")
        names = [name for name in features if name in table.column_names]
        values = arrays(table, roles, in_utc=True)
        self._path, self._kept, self._order = snapshot.path, kept, order
        self.rows = Rows(
            keys[order],
            {name: column[order] for name, column in arrays(table, names).items()},
            values[target][order],
            None if time is None else values[time][order],
            None if weight is None else values[weight][order],
            None if group is None else np.array(row_keys(table, [group]), dtype=object)[order],
            None if alike is None or (alike < 0).all() else self.arranged(alike),
        )

    def arranged(self, values: Values) -> Values:
        """Return values of all rows of the snapshot as values of the kept ones, in their order."""
        return values[self._kept][self._order]

    @cached_property
    def row_numbers(self) -> NDArray[np.int64]:
        """Return the number of each row (n,) in the source, from 1."""
        return (1 + np.flatnonzero(self._kept))[self._order]

    def columns(self, names: Sequence[str], chosen: Mask) -> Columns:
        """Return columns of the chosen rows (a mask of n); one that is not yet read is read now.

        A column that the snapshot does not have is left out.
        """
        own = self.rows.columns
        others = [name for name in dict.fromkeys(names) if name not in own]
        read: Columns = {}
        if others:
            table = load(self._path, with_offsets(others))
            present = [name for name in others if name in table.column_names]
            if present:  # a table without columns has no rows to filter
                kept = arrays(table.filter(self._kept), present)
                read = {name: values[self._order] for name, values in kept.items()}
        everything = {**own, **read}
        return {name: everything[name][chosen] for name in names if name in everything}
