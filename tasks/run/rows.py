"""The rows of a snapshot as arrays, in one fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.calls import Do, done_here
from data.declarations.lags import Lag
from data.declarations.model import Declaration
from data.lags import KnownValues, Lagging
from data.sources.columns import arrays, kind_of, typed_column, value_text, with_offsets
from data.sources.keys import row_key_column
from data.sources.snapshot import Snapshot
from data.sources.stored_columns import StoredColumns
from data.split import group_numbers
from data.texts import BATCH_ROWS, Texts
from regressors.arrays import Coded, Columns, Values
from regressors.judging.paired import time_blocks
from tasks.run.row_files import RowColumns, RowFiles

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """n rows; `target` is NaN in new rows; `time`, `weight` and `group` are None if undeclared.

    A weight is finite and above zero in every row with a target; a new row needs none and may have
    any number or NaN. A group is text, None in a row that stands alone. `alike` has one number for
    rows that repeat each other and stay together, -1 in all others; None where there are none. The
    arrays are in `files`; in memory where that is None.
    """

    keys: Texts
    columns: Columns
    target: NDArray[np.float64]
    time: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    group: Texts | None = None
    alike: NDArray[np.int64] | None = None
    files: RowFiles | None = None

    def __reduce__(self) -> tuple[type["Rows"], tuple[Any, ...]]:
        """Leave out the files, which are those of the process that made them."""
        return Rows, tuple(getattr(self, own.name) for own in fields(self) if own.name != "files")

    def without_columns(self) -> "Rows":
        """Return the rows for a call that looks at no feature."""
        bare = replace(self)
        bare.__dict__.update({**self.__dict__, "columns": {}})  # with what is known of them
        return bare

    def take(self, chosen: Mask) -> "Rows":
        """Return the chosen rows (a mask of n), or this same object if all are chosen."""
        if chosen.all():
            return self
        columns = self.columns
        return Rows(
            self._stored_texts(self.keys[chosen]),
            columns.take(chosen) if isinstance(columns, RowColumns) else _taken(columns, chosen),
            self.stored(self.target[chosen]),
            None if self.time is None else self.stored(self.time[chosen]),
            None if self.weight is None else self.stored(self.weight[chosen]),
            None if self.group is None else self._stored_texts(self.group[chosen]),
            None if self.alike is None else self.stored(self.alike[chosen]),
            self.files,
        )

    def stored(self, values: Values) -> Values:
        """Return values of these rows in a file, if the rows are in files."""
        return values if self.files is None else self.files.stored(values)

    def _stored_texts(self, texts: Texts) -> Texts:
        return texts if self.files is None else self.files.stored_texts(texts)

    @cached_property
    def group_numbers(self) -> NDArray[np.int64] | None:
        """Return a number for each group (n,); a row that stands alone has a number of its own."""
        return None if self.group is None else self.stored(group_numbers(self.group))

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
        return self.stored(numbers)

    @cached_property
    def instants(self) -> NDArray[np.float64] | None:
        """Return times (n,) in microseconds since 1970, or unchanged if they are numbers.

        NaN where one is missing, None without a time column.
        """
        if self.time is None or self.time.dtype.kind != "M":
            return self.time
        return self.stored(in_numbers(self.time))

    @cached_property
    def units(self) -> NDArray[np.int64] | None:
        """Return each row's block of time or group (n,); None if each row is its own unit."""
        instants = self.instants
        return self.together if instants is None else self.stored(time_blocks(instants))

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


def in_numbers(time: NDArray[Any]) -> NDArray[np.float64]:
    """Return times (n,) in microseconds since 1970, NaN where one is missing."""
    microseconds = time.astype("M8[us]").astype(np.int64).astype(float)
    return np.where(np.isnat(time), np.nan, microseconds)


def _taken(columns: Columns, chosen: Mask) -> Columns:
    return {name: values[chosen] for name, values in columns.items()}


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


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
        arranged: "Arranged | None" = None,
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
        )

    def arranged(self, values: Values) -> Values:
        """Return values of all rows of the snapshot as values of the kept ones, in their order."""
        return values[self._reader.kept][self._reader.order]

    @cached_property
    def row_numbers(self) -> NDArray[np.int64]:
        """Return the number of each row (n,) in the source, from 1."""
        return (1 + np.flatnonzero(self._reader.kept))[self._reader.order]

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


@dataclass(frozen=True)
class Arranged:
    """What is known of the kept rows (n,) of a snapshot but their features, sorted by their keys.

    `order` gives the place of each among the kept ones, None if these are sorted already. The other
    fields are those of `Rows`.
    """

    order: NDArray[np.int64] | None
    keys: Texts
    target: NDArray[np.float64]
    time: NDArray[Any] | None
    weight: NDArray[np.float64] | None
    group: Texts | None
    alike: NDArray[np.int64] | None


def arranged_rows(
    stored: StoredColumns,
    kept: Mask,
    declaration: Declaration,
    alike: NDArray[np.int64] | None = None,
) -> Arranged:
    """Sort the kept rows (a mask) of a snapshot by the text of their keys.

    `alike` are the labels of the snapshot's rows that stay together, -1 in the others.
    """
    reader = KeptColumns(stored, kept, declaration)
    keys, order = reader.texts(declaration.key), None
    if not keys.is_sorted():
        order = reader.order = keys.order()
        keys = keys[order]
    time, weight, group = declaration.time, declaration.weight, declaration.split.group
    return Arranged(
        order,
        keys,
        reader.role(declaration.target),
        None if time is None else reader.role(time),
        None if weight is None else reader.role(weight),
        None if group is None else reader.texts([group])[reader.order],
        None if alike is None or (alike < 0).all() else alike[kept][reader.order],
    )


class KeptColumns:
    """Reads columns of the kept rows of a snapshot, in an `order` of them: at first its own.

    It knows nothing of the arrays that are made of them, so that these go with their last use.
    """

    def __init__(
        self,
        stored: StoredColumns,
        kept: Mask,
        declaration: Declaration,
        order: NDArray[np.int64] | slice = slice(None),
    ) -> None:
        self._stored, self.kept, self._lagging = stored, kept, Lagging(declaration)
        self._names = frozenset(stored.column_names)
        self.order = order

    def present(self, names: Sequence[str]) -> list[str]:
        """Return those of the names that the snapshot has, or a lag of what it has."""
        return [name for name in names if name in self._names or self._lag(name) is not None]

    def _lag(self, name: str) -> Lag | None:
        lag = self._lagging.lag(name, self._names)
        can_be_made = lag is not None and self._lagging.can_be_made(lag, self._stored.schema)
        return lag if can_be_made else None

    def known(self, lag: Lag) -> KnownValues | None:
        """Return the values that a lag may find in the kept rows; None if it cannot be made."""
        if not self._lagging.can_be_made(lag, self._stored.schema):
            return None
        return self._lagging.known(lag, self._read(self._lagging.needed(lag)))

    def _read(self, names: Sequence[str]) -> pa.Table:
        table = self._stored.select(list(dict.fromkeys(names)))
        return table if self.kept.all() else table.filter(self.kept)

    def texts(self, key: Sequence[str]) -> Texts:
        """Return the text of each row's key, in the order of the source."""
        table = self._read(key)
        parts = [
            row_key_column(table.slice(start, BATCH_ROWS), key).cast(pa.large_string())
            for start in range(0, table.num_rows, BATCH_ROWS)
        ]
        chunks = [chunk for part in parts for chunk in part.chunks]
        return Texts.of(pa.chunked_array(chunks, pa.large_string()))

    def labels(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return a number for the values of each row (n,) in these columns of the key."""
        return self.texts(names)[self.order].numbered()[0]

    def role(self, name: str) -> Values:
        """Return the target, the weights or the times (n,), these in UTC."""
        return arrays(self._read([name]), [name], in_utc=True)[name][self.order]

    def column(self, name: str) -> Coded:
        """Return a feature (n,); a time is what the clock showed."""
        lag = self._lag(name)
        if lag is not None:
            table = self._read(self._lagging.needed(lag))
            known = self._lagging.known(lag, table)
            return Coded(self._lagging.column(lag, table, known)[self.order])
        coded = coded_column(self._read(with_offsets([name])), name)
        return Coded(coded.values[self.order], coded.labels)


def coded_column(table: pa.Table, name: str) -> Coded:
    """Return a column (n,) of typed rows as the numerics have it; a time by its own clock.

    The table has the column, and its `OFFSETS` if there are some.
    """
    column = typed_column(table, name)
    if kind_of(column.type) not in ("category", "boolean"):
        return Coded(arrays(table, [name])[name])
    coded = value_text(column).dictionary_encode().combine_chunks()
    codes = np.asarray(coded.indices.fill_null(-1), dtype=np.int32)
    return Coded(codes, np.array([*coded.dictionary.to_pylist(), None], dtype=object))
