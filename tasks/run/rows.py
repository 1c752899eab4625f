"""The rows of a snapshot as arrays, in one fixed order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.calls import Do, done_here
from data.declarations.lags import Lag
from data.declarations.model import Declaration
from data.lags import KnownValues
from data.sources.snapshot import Snapshot
from data.sources.stored_columns import StoredColumns
from data.split import group_numbers
from data.texts import Texts
from regressors.arrays import Coded, Columns, Indices, Values
from regressors.judging.paired import time_blocks
from tasks.run.kept_columns import Arranged, KeptColumns, arranged_rows
from tasks.run.row_files import RowColumns, RowFiles

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """n rows; `target` is NaN in new rows; `time`, `weight` and `group` are None if undeclared.

    A weight is finite and above zero in every row with a target; a new row needs none and may have
    any number or NaN. A group is text, None in a row that stands alone. `alike` has one number for
    rows that repeat each other and stay together, -1 in all others; None where there are none. The
    arrays are in `files`; in memory where that is None. What looks at all rows is done by `do`.
    """

    keys: Texts
    columns: Columns
    target: NDArray[np.float64]
    time: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    group: Texts | None = None
    alike: NDArray[np.int64] | None = None
    files: RowFiles | None = None
    do: Do = done_here

    def __reduce__(self) -> tuple[type["Rows"], tuple[Any, ...]]:
        """Leave out what is of the process that made them: the files, and who does the work."""
        own = (each.name for each in fields(self))
        return Rows, tuple(getattr(self, name) for name in own if name not in ("files", "do"))

    def without_columns(self) -> "Rows":
        """Return the rows for a call that looks at no feature."""
        bare = replace(self)
        bare.__dict__.update({**self.__dict__, "columns": {}})  # with what is known of them
        return bare

    def take(self, chosen: Mask | Indices) -> "Rows":
        """Return the chosen rows (a mask of n, or numbers), or this object if a mask has all."""
        (taken,) = self.do("arranging rows", [(taken_rows, (self.without_columns(), chosen))])
        return self if taken is None else self.having(taken, chosen)

    def having(self, taken: "Rows", chosen: Mask | Indices) -> "Rows":
        """Return some rows of these, of which all but the columns are `taken`."""
        columns = self.columns
        return Rows(
            self.stored_texts(taken.keys),
            columns.take(chosen) if isinstance(columns, RowColumns) else _taken(columns, chosen),
            self.stored(taken.target),
            None if taken.time is None else self.stored(taken.time),
            None if taken.weight is None else self.stored(taken.weight),
            None if taken.group is None else self.stored_texts(taken.group),
            None if taken.alike is None else self.stored(taken.alike),
            self.files,
            self.do,
        )

    def stored(self, values: Values) -> Values:
        """Return values of these rows in a file, if the rows are in files."""
        return values if self.files is None else self.files.stored(values)

    def stored_texts(self, texts: Texts) -> Texts:
        """Return texts of these rows in a file, if the rows are in files."""
        return texts if self.files is None else self.files.stored_texts(texts)

    def _made(self, function: Callable[..., Any], *of: Any) -> Any:
        """Return what a function makes of values of all rows, as values of these rows."""
        (values,) = self.do("arranging rows", [(function, of)])
        return self.stored(values)

    @cached_property
    def group_numbers(self) -> NDArray[np.int64] | None:
        """Return a number for each group (n,); a row that stands alone has a number of its own."""
        return None if self.group is None else self._made(group_numbers, self.group)

    @cached_property
    def together(self) -> NDArray[np.int64] | None:
        """Return a number for rows (n,) that stay together: of one group, or repeating each other.

        None where every row stands alone.
        """
        if self.group is not None or self.alike is None:
            return self.group_numbers
        return self._made(_together, self.alike)  # type: ignore[no-any-return]

    @cached_property
    def instants(self) -> NDArray[np.float64] | None:
        """Return times (n,) in microseconds since 1970, or unchanged if they are numbers.

        NaN where one is missing, None without a time column.
        """
        if self.time is None or self.time.dtype.kind != "M":
            return self.time
        return self._made(in_numbers, self.time)  # type: ignore[no-any-return]

    @cached_property
    def units(self) -> NDArray[np.int64] | None:
        """Return each row's block of time or group (n,); None if each row is its own unit."""
        instants = self.instants
        return self.together if instants is None else self._made(time_blocks, instants)

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


def taken_rows(rows: Rows, chosen: Mask | Indices) -> Rows | None:
    """Return the chosen rows without their columns; None if that is a mask of all."""
    if chosen.dtype == bool and chosen.all():
        return None
    return Rows(
        rows.keys[chosen],
        {},
        rows.target[chosen],
        None if rows.time is None else rows.time[chosen],
        None if rows.weight is None else rows.weight[chosen],
        None if rows.group is None else rows.group[chosen],
        None if rows.alike is None else rows.alike[chosen],
    )


def _together(alike: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for rows (n,) that are alike; one that is like no other has its own."""
    alone = alike < 0
    numbers = alike.copy()
    numbers[alone] = alike.max(initial=-1) + 1 + np.arange(alone.sum())
    return numbers


def in_numbers(time: NDArray[Any]) -> NDArray[np.float64]:
    """Return times (n,) in microseconds since 1970, NaN where one is missing."""
    microseconds = time.astype("M8[us]").astype(np.int64).astype(float)
    return np.where(np.isnat(time), np.nan, microseconds)


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _taken(columns: Columns, chosen: Mask | Indices) -> Columns:
    return {name: values[chosen] for name, values in columns.items()}


class SnapshotRows:
    """The kept rows of a snapshot, sorted by the text of their keys; each column is read once.

    The order does not depend on the source's, so that a source that lists its rows in another order
    gives the same fits to the last digit. `features` that the snapshot does not have are left out;
    a model that needs one refuses to predict. `alike` are the labels of the snapshot's rows that
    stay together, -1 in the others. What looks at all rows is done by `do`. Not a dataclass,
    because Prefect would walk through everything in it each time that a task gets it as an
    argument.
    """

    def __init__(
        self,
        declaration: Declaration,
        snapshot: Snapshot,
        kept: Mask,
        features: Sequence[str],
        *,
        arranged: Arranged | None = None,
        files: RowFiles | None = None,
        do: Do = done_here,
    ) -> None:
        self.files = files = files or RowFiles()
        self.do = do
        path = StoredColumns(snapshot.path)
        of = arranged or arranged_rows(path, kept, declaration)
        order = slice(None) if of.order is None else files.stored(of.order)
        reader = self._reader = KeptColumns(path, files.stored(kept), declaration, order)
        self._columns = RowColumns(reader.present(features), reader.column, files, do=do)
        self.rows = Rows(
            files.stored_texts(of.keys),
            self._columns,
            files.stored(of.target),
            None if of.time is None else files.stored(of.time),
            None if of.weight is None else files.stored(of.weight),
            None if of.group is None else files.stored_texts(of.group),
            None if of.alike is None else files.stored(of.alike),
            files,
            do,
        )

    @property
    def arrangement(self) -> tuple[Mask, NDArray[np.int64] | slice]:
        """Return which rows of the snapshot are kept, and the order of these."""
        return self._reader.kept, self._reader.order

    def labels(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return a number for the values of each row (n,) in these columns of the key."""
        (labels,) = self.do("numbering series", [(self._reader.labels, (names,))])
        return labels  # type: ignore[no-any-return]

    def columns(self, names: Sequence[str], chosen: Mask) -> Columns:
        """Return columns of the chosen rows (a mask of n); each is read when it is asked for.

        A column that the snapshot does not have is left out.
        """
        columns = self._columns if chosen.all() else self._columns.take(chosen)
        return columns.named(self._reader.present(names))

    def columns_of(self, rows: Rows, names: Sequence[str]) -> Columns:
        """Return columns of rows that were taken from these, likewise."""
        assert isinstance(rows.columns, RowColumns)
        return rows.columns.named(self._reader.present(names))

    def known(self, lag: Lag) -> KnownValues | None:
        """Return the values that a lag may find in these rows; None if it cannot be made."""
        return self._reader.known(lag)

    def coded(self, name: str) -> Coded | None:
        """Return a column of all rows as it is kept; None if the snapshot does not have it."""
        return self._columns.coded(name) if self._reader.present([name]) else None
