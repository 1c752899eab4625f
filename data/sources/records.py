"""Rows whose values bring types of their own, cell by cell, as columns in temporary files.

A column is what its values are: booleans, whole numbers, numbers, dates, times or texts. Values of
several of these become text, each as it is written in any other column.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import listed
from data.sources.column_files import ArrowFile
from data.sources.columns import has_kind, value_text
from data.sources.forms import TIMESTAMP
from data.sources.parquet_file import without_values
from data.sources.source_columns import SourceColumns

BLOCK = 20_000
"""Rows that are Python objects at once."""

FETCHED = 500
"""Rows of a database that are fetched at once."""

NESTED = pa.struct([])
"""The type of a column with a list, an object or bytes in it, which has no kind."""

Row = tuple[tuple[str, ...], Collection[Any]]
"""The names and the values of one row."""

Run = tuple[tuple[str, ...], list[Any], int]
"""The names of rows that follow each other and have the same ones, their values, row by row in one
list, and the number of the first. A list per row would keep Python looking for what it may forget.
"""

TEXT = {str, type(None)}

OF_ONE_KIND = {
    frozenset({float}): pa.float64(),
    frozenset({str}): pa.string(),
    frozenset({bool}): pa.bool_(),
    frozenset({dt.date}): pa.date32(),
    frozenset({dt.time}): pa.time64("us"),
    frozenset({dt.timedelta}): pa.duration("us"),
}
"""The type of values that are all of one kind and need no look at each of them."""

BIG = pa.decimal256(76, 0)
MAX_BIG = 10**76
LEAST, MOST = -(2**63), 2**63 - 1


class Records:
    """Columns that are written a block of rows at a time, each block with types of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._types: dict[str, list[pa.DataType]] = {}
        self._blocks: list[tuple[Path, int, tuple[str, ...]]] = []
        self._mixed: set[str] = set()
        self.num_rows = 0

    def name(self, names: Sequence[str]) -> None:
        """Give the columns that there are, in their order, whether they have values or not."""
        for name in filter(None, names):
            self._types.setdefault(name, [])

    def add(self, columns: dict[str, list[Any]], rows: int) -> None:
        """Write some rows; a column that earlier ones lack was missing in them."""
        arrays = {name: _array(values) for name, values in columns.items()}
        file = self._folder / f"block-{len(self._blocks)}.arrow"
        names = {str(number): array for number, array in enumerate(arrays.values())}
        table = pa.table(names)
        with ArrowFile(file, table.schema) as written:
            written.write(table)
        for name, array in arrays.items():
            self._types.setdefault(name, []).append(array.type)
            if pa.types.is_string(array.type) and not {*map(type, columns[name])} <= TEXT:
                self._mixed.add(name)
        self._blocks.append((file, rows, tuple(arrays)))
        self.num_rows += rows

    def columns(self) -> SourceColumns:
        """Return all columns, in the order in which they were first met."""
        schema = pa.schema([(name, _united(types)) for name, types in self._types.items()])
        return SourceColumns(schema, self.num_rows, partial(self._column, schema), has_types=False)

    def _column(self, schema: pa.Schema, name: str) -> pa.ChunkedArray:
        field = schema.field(name)
        if not has_kind(field.type):
            return without_values(field, self.num_rows)
        pieces: list[pa.Array] = []
        for file, rows, names in self._blocks:
            if name not in names:
                pieces.append(pa.nulls(rows, field.type))
                continue
            number = names.index(name)
            with pa.memory_map(str(file)) as source, pa.ipc.open_file(source) as reader:
                chunks = [
                    reader.get_batch(at).column(number) for at in range(reader.num_record_batches)
                ]
            pieces += _cast(pa.chunked_array(chunks), field.type).chunks
        return pa.chunked_array(pieces, field.type)

    @property
    def mixed(self) -> list[str]:
        """Return the columns with values of several types, which are text."""
        return [
            name
            for name, types in self._types.items()
            if name in self._mixed
            or (
                pa.types.is_string(_united(types))
                and any(not pa.types.is_string(t) and not pa.types.is_null(t) for t in types)
            )
        ]


def fetched(fetch: Callable[[int], Sequence[Sequence[Any]]], columns: int) -> Iterator[list[Any]]:
    """Yield the columns of a block of rows after the other, which `fetch(count)` returns.

    Few rows are fetched at once: Python looks through all rows that there are for cycles, which
    takes as long as fetching them, and it does not where they are gone by then.
    """
    while True:
        block: list[list[Any]] = [[] for _ in range(columns)]
        while len(block[0]) < BLOCK and (rows := fetch(FETCHED)):
            for column, values in zip(block, zip(*rows, strict=True), strict=True):
                column.extend(values)
        if not block[0]:
            return
        yield block


def note_on_mixed(records: Records) -> tuple[str, ...]:
    """Return a sentence on the columns with values of several types, if there are any."""
    if not records.mixed:
        return ()
    names = listed([repr(name) for name in records.mixed])
    return (
        f"Values of several types (numbers, texts, booleans) are read as text in {names}. Write"
        " them with one type in the source.",
    )


def in_blocks(rows: Iterable[Row], records: Records, done: Callable[[int], None]) -> None:
    """Add rows to records, a block at a time; of a name that stands in a row twice, the last."""
    names: tuple[str, ...] = ()
    runs: list[Run] = []
    count = 0
    for own, values in rows:
        if own != names or not runs:
            names = own
            runs.append((names, [], count))
        runs[-1][1].extend(values)
        count += 1
        if count == BLOCK:
            records.add(_columns(runs, count), count)
            runs, count = [], 0
            done(records.num_rows)
    if count or not records.num_rows:
        records.add(_columns(runs, count), count)


def _columns(runs: Sequence[Run], rows: int) -> dict[str, list[Any]]:
    """Return the columns of so many rows; a value that one lacks is None."""
    columns: dict[str, list[Any]] = {}
    for names, values, first in runs:
        for place, name in enumerate(names):
            column = columns.setdefault(name, [])
            column.extend([None] * (first - len(column)))
            column[first:] = values[place :: len(names)]
    for column in columns.values():
        column.extend([None] * (rows - len(column)))
    return columns


def _array(values: list[Any]) -> pa.Array:
    """Return values of one block as an array of the one type that holds all of them."""
    types = set(map(type, values))
    kinds = types - {type(None)}
    if any(issubclass(kind, (dict, list, bytes)) for kind in kinds):
        return pa.array([None] * len(values), NESTED)
    if not kinds:
        return pa.nulls(len(values))
    if (of_one := OF_ONE_KIND.get(frozenset(kinds))) is not None:  # without a call per value
        return pa.array(values, of_one)
    if kinds == {int}:
        present = [v for v in values if v is not None] if types != kinds else values
        if min(present) >= LEAST and max(present) <= MOST:
            return pa.array(values, pa.int64())
        if max(map(abs, present)) < MAX_BIG:
            return pa.array([v if v is None else Decimal(v) for v in values], BIG)
    if kinds <= {int, float}:
        return pa.array([v if v is None else _double(v) for v in values], pa.float64())
    if kinds <= {dt.date, dt.datetime}:
        return pa.array(values, TIMESTAMP)
    return pa.array([v if v is None else _text(v) for v in values], pa.string())


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    array = _array([value])
    text: str = _as_text(pa.chunked_array([array]))[0].as_py()
    return text


def _united(types: Sequence[pa.DataType]) -> pa.DataType:
    """Return the type that holds the values of all blocks."""
    present = [dtype for dtype in dict.fromkeys(types) if not pa.types.is_null(dtype)]
    if not present:
        return pa.null()
    if NESTED in present:
        return NESTED
    if len(present) == 1:
        return present[0]
    if {*present} <= {pa.int64(), BIG}:
        return BIG
    if {*present} <= {pa.int64(), BIG, pa.float64()}:
        return pa.float64()
    if {*present} <= {pa.date32(), TIMESTAMP}:
        return TIMESTAMP
    return pa.string()


def _cast(column: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray:
    if column.type == dtype:
        return column
    if pa.types.is_string(dtype) and not pa.types.is_null(column.type):
        return _as_text(column)
    if column.type == BIG and pa.types.is_floating(dtype):
        return column.cast(pa.string()).cast(dtype)  # Arrow's own is not correctly rounded
    return column.cast(dtype, safe=False)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_decimal(column.type) or pa.types.is_time(column.type):
        return column.cast(pa.string())
    if pa.types.is_duration(column.type):
        return pc.divide(column.cast(pa.int64()), 1e6).cast(pa.string())
    return value_text(column)
