"""The columns of a Parquet file, of which several narrow ones are read at once.

Reading one takes a millisecond in a file of a thousand, whatever it holds.
"""

from collections.abc import Sequence
from itertools import takewhile

import pyarrow as pa
import pyarrow.parquet as pq

from data.sources.columns import is_fixed_width

MAX_AHEAD = 4_000_000
"""Bytes of memory that columns which have not been asked for may take."""


class ColumnsAhead:
    """Columns that are mostly asked for in the order of `names`.

    Those behind the one that is asked for are read with it, as many as take little memory. Each is
    handed out once without being read again.
    """

    def __init__(self, file: pq.ParquetFile, names: Sequence[str]) -> None:
        self._file, self._names = file, list(names)
        self._place = {name: number for number, name in enumerate(names)}
        self._narrow = {each.name for each in file.schema_arrow if is_fixed_width(each.type)}
        self._ahead = MAX_AHEAD // (8 * file.metadata.num_rows + 1)
        self._read: dict[str, pa.ChunkedArray] = {}

    def column(self, name: str) -> pa.ChunkedArray:
        """Return all values of one column; what is damaged raises what Arrow raises."""
        if name not in self._read:
            self._read = {}
            names = self._with_next(name)
            try:
                table = self._file.read(columns=names)
            except (OSError, pa.ArrowException):
                names = [name]  # another one may be damaged
                table = self._file.read(columns=names)
            self._read = {each: table[each] for each in names}
        return self._read.pop(name)

    def _with_next(self, name: str) -> list[str]:
        if name not in self._place:
            return [name]
        start = self._place[name] + 1
        following = self._names[start : start + self._ahead]
        return [name, *takewhile(self._narrow.__contains__, following)]
