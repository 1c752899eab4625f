"""The kept rows of a snapshot: their columns, and the order of their keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.declarations.lags import Lag
from data.declarations.model import Declaration
from data.lags import KnownValues, Lagging
from data.sources.columns import arrays, kind_of, typed_column, value_text, with_offsets
from data.sources.keys import row_key_column
from data.sources.stored_columns import StoredColumns
from data.texts import BATCH_ROWS, Texts
from regressors.arrays import Coded, Mask, Values


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
