"""What a column was some length of time before, which no source has: made of rows of a table."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.declarations.lags import Lag, lag_named
from data.declarations.model import Declaration
from data.sources.columns import arrays, kind_of, with_offsets
from data.sources.keys import row_key_column
from data.texts import BATCH_ROWS, Texts

Values = NDArray[np.float64]
Times = NDArray[Any]
"""Times (n,) as datetime64, or numbers."""


@dataclass(frozen=True)
class KnownValues:
    """The values of a column, each by its series and its time.

    A series is the text of a key without its time. Of places, which are the number of a series
    times that of all times, plus that of a time, each has one value (m,); they are sorted.
    """

    series: pa.Array | None
    times: Times
    places: NDArray[np.int64]
    values: Values

    @classmethod
    def of(cls, series: Texts | None, times: Times, values: Values) -> "KnownValues":
        """Return the values (n,) that there are of rows with these series and times (n,).

        Without `series`, all rows are one. A place with several values, as an hour of the clock
        that comes twice, has none: which of them is meant is not known.
        """
        there = ~np.isnan(values) & (times == times)  # noqa: PLR0124 (NaN and NaT)
        moments = np.unique(times[there])
        distinct = None if series is None else pc.unique(series.values).drop_null()
        places = _places(series, times, distinct, moments)
        rows = np.flatnonzero(there & (places >= 0))
        rows = rows[np.argsort(places[rows], kind="stable")]
        places = places[rows]
        alone = np.ones(len(places), dtype=bool)
        same = places[1:] == places[:-1]
        alone[1:] &= ~same
        alone[:-1] &= ~same
        return cls(distinct, moments, places[alone], values[rows[alone]])

    def at(self, series: Texts | None, times: Times) -> Values:
        """Return the values (n,) of these series at these times; NaN where there is none."""
        wanted = _places(series, times, self.series, self.times)
        if not len(self.places):
            return np.full(len(times), np.nan)
        at = np.minimum(np.searchsorted(self.places, wanted), len(self.places) - 1)
        found: Values = np.where(self.places[at] == wanted, self.values[at], np.nan)
        return found


def _places(
    series: Texts | None, times: Times, distinct: pa.Array | None, moments: Times
) -> NDArray[np.int64]:
    """Return the place of each row (n,), -1 where its series or its time is none of these."""
    if not len(moments):
        return np.full(len(times), -1)
    at = np.minimum(np.searchsorted(moments, times), len(moments) - 1)
    places = np.where(moments[at] == times, at, -1).astype(np.int64)
    if series is None or distinct is None:
        return places
    number = pc.index_in(series.values, value_set=distinct, skip_nulls=True).fill_null(-1)
    numbers = np.asarray(number, dtype=np.int64)
    found: NDArray[np.int64] = np.where(
        (places >= 0) & (numbers >= 0), numbers * len(moments) + places, -1
    )
    return found


class Lagging:
    """Makes the lags of a declaration of tables; its time column is part of the key.

    Rows that share the rest of the key are a series.
    """

    def __init__(self, declaration: Declaration) -> None:
        self._time, self._key = declaration.time, declaration.key

    def lag(self, name: str, columns: Collection[str]) -> Lag | None:
        """Return the lag that a feature is; None if it is one of these columns, or no lag."""
        if name in columns or self._time is None or self._time not in self._key:
            return None
        return lag_named(name)

    def needed(self, lag: Lag) -> list[str]:
        """Return the columns that a lag is made of, `OFFSETS` included."""
        assert self._time is not None
        return [*dict.fromkeys([*with_offsets([self._time]), *self._key, lag.column])]

    def can_be_made(self, lag: Lag, schema: pa.Schema) -> bool:
        """Return whether columns with these types are there, and of kinds that make a lag."""
        if not {lag.column, *self._key} <= {*schema.names}:
            return False
        of_times = kind_of(schema.field(self._time).type) == "time"
        of_numbers = kind_of(schema.field(lag.column).type) == "number"
        return of_numbers and of_times != isinstance(lag.length, float)

    def known(self, lag: Lag, table: pa.Table) -> KnownValues:
        """Return the values that the rows of a table have."""
        series, times = self._where(table)
        return KnownValues.of(series, times, arrays(table, [lag.column])[lag.column])

    def column(self, lag: Lag, table: pa.Table, known: KnownValues) -> Values:
        """Return the lag of each row of a table (n,), NaN where it is not known."""
        series, times = self._where(table)
        return known.at(series, lag.before(times))

    def _where(self, table: pa.Table) -> tuple[Texts | None, Times]:
        """Return the series (n,), None if there is but one, and the times (n,) by their clock."""
        assert self._time is not None
        times = arrays(table, [self._time])[self._time]
        others = [name for name in self._key if name != self._time]
        if not others:
            return None, times
        parts = [
            row_key_column(table.slice(start, BATCH_ROWS), others).cast(pa.large_string())
            for start in range(0, table.num_rows, BATCH_ROWS)
        ]
        chunks = [chunk for part in parts for chunk in part.chunks]
        return Texts.of(pa.chunked_array(chunks, pa.large_string())), times
