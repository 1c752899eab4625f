"""Parquet files with damaged bytes, and valid ones with types and values that are rare."""

import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fuzz.dataset import HEADER, source_trial
from fuzz.trial import Trial
from fuzz.words import flipped, word

LAST_SECOND = 2**62 // 10**6
"""Beyond the year 140,000: a timestamp may say so, and Python's datetime may not."""

Maker = Callable[[int, Random], pa.Array]
"""Makes a column of so many rows."""


def generate(chance: Random, folder: Path) -> Trial:
    """Write a Parquet file, valid or damaged; check it, or let a champion predict its rows."""
    table = _table(chance)
    data = _written(table, chance)
    damaged = chance.random() < 0.5
    if damaged and chance.random() < 0.8:
        data = flipped(data, chance)
    elif damaged:
        data = data[: chance.randrange(len(data))]
    return source_trial(data, "parquet", None if damaged else table.num_rows, chance, folder)


def _written(table: pa.Table, chance: Random) -> bytes:
    """Return a table as a Parquet file, written in one of the many ways that programs choose."""
    options = {
        "compression": chance.choice(("NONE", "snappy", "zstd", "gzip")),
        "row_group_size": chance.choice((1_000, 7)),
        "use_dictionary": chance.random() < 0.5,
        "store_schema": chance.random() < 0.8,
    }
    version = chance.choice(("1.0", "2.4", "2.6"))
    stream = io.BytesIO()
    try:
        pq.write_table(table, stream, version=version, **options)
    except pa.ArrowException:  # older versions of the format have not all of the types
        stream = io.BytesIO()
        pq.write_table(table, stream, **options)
    return stream.getvalue()


def _table(chance: Random) -> pa.Table:
    """Return a table of which one to three columns are of hostile types."""
    count = chance.choice((0, 1, 30, 60, 60, 60, 300))
    columns = {
        "row": pa.array(range(count)),
        "x": pa.array([number % 13 for number in range(count)]),
        "level": pa.array(["abc"[number % 3] for number in range(count)], pa.string()),
        "day": pa.array(
            [dt.date(2024, 1, number % 28 + 1) for number in range(count)], pa.date32()
        ),
        "flag": pa.array([bool(number % 2) for number in range(count)], pa.bool_()),
        "y": pa.array([2.0 * (number % 13) + number % 3 for number in range(count)], pa.float64()),
    }
    for name in chance.sample(HEADER, chance.randint(0, 3)):
        columns[name] = chance.choice(MAKERS)(count, chance)
    names = list(columns)
    if chance.random() < 0.15:
        names[chance.randrange(len(names))] = chance.choice((word(chance), "row", "x", ""))
    table = pa.Table.from_arrays(list(columns.values()), names=names)
    if chance.random() < 0.1:
        table = table.replace_schema_metadata({b"pandas": chance.randbytes(20)})
    return table


def _scattered(values: list[Any], kind: pa.DataType) -> Maker:
    """Return a maker of a column in which these values, and gaps, are scattered among others."""

    def make(count: int, chance: Random) -> pa.Array:
        share = chance.choice((0.02, 0.5, 1.0))
        plain = values[0]
        cells = [chance.choice(values) if chance.random() < share else plain for _ in range(count)]
        if chance.random() < 0.3:
            cells = [None if chance.random() < 0.2 else cell for cell in cells]
        return pa.array(cells, kind)

    return make


def _numbers(kind: pa.DataType, *values: float) -> Maker:
    return _scattered([1, *values], kind)


def _nested(count: int, chance: Random) -> pa.Array:
    return pa.array([[number, None] if number % 3 else None for number in range(count)])


def _structures(count: int, chance: Random) -> pa.Array:
    kind = pa.struct({"a": pa.int64(), "b": pa.list_(pa.string())})
    return pa.array([{"a": number, "b": ["x"]} for number in range(count)], kind)


def _dictionary(count: int, chance: Random) -> pa.Array:
    words = [word(chance).replace("\0", "") for _ in range(5)]
    return pa.array([chance.choice(words) for _ in range(count)]).dictionary_encode()


def _number_dictionary(count: int, chance: Random) -> pa.Array:
    return pa.array([number % 5 for number in range(count)], pa.int64()).dictionary_encode()


def _texts(count: int, chance: Random) -> pa.Array:
    kind = chance.choice((pa.string(), pa.large_string(), pa.string_view()))
    return pa.array([word(chance) for _ in range(count)], pa.string()).cast(kind)


def _not_utf8(count: int, chance: Random) -> pa.Array:
    raw = pa.array([chance.choice((b"a", b"\xff\xfe", b"\xed\xa0\x80")) for _ in range(count)])
    buffers = raw.buffers()
    return pa.StringArray.from_buffers(count, buffers[1], buffers[2]) if count else raw


def _times(kind: pa.DataType, *moments: int) -> Maker:
    def make(count: int, chance: Random) -> pa.Array:
        return _numbers(pa.int64(), *moments)(count, chance).cast(kind)

    return make


DAYS = (0, 2**31 - 1, -(2**31), 2_932_896, 2_932_897, 3_000_000, -719_162, -719_163)
"""Days since 1970, around the ends of what Python's dates hold."""
MOMENTS = (0, -(2**63) + 1, 2**63 - 1, LAST_SECOND, -62_135_596_801)

MAKERS: tuple[Maker, ...] = (
    _scattered([dt.date(2024, 1, 1), dt.date(9999, 12, 31), dt.date(1, 1, 1)], pa.date64()),
    lambda count, chance: pa.array([chance.choice(DAYS) for _ in range(count)], pa.int32()).cast(
        pa.date32()
    ),
    _times(pa.timestamp("s"), 0, LAST_SECOND, 253_402_300_800, -62_135_596_801),
    _times(pa.timestamp("ms"), *(number // 1_000 for number in MOMENTS)),
    _times(pa.timestamp("us"), *MOMENTS),
    _times(pa.timestamp("ns"), *MOMENTS),
    _times(pa.timestamp("us", tz="UTC"), *MOMENTS),
    _times(pa.timestamp("us", tz="Europe/Berlin"), *MOMENTS),
    _times(pa.timestamp("ms", tz="+14:01"), 0, LAST_SECOND, -LAST_SECOND),
    _times(pa.timestamp("us", tz="Mars/Olympus"), 0, 10**15),
    _times(pa.time64("us"), 0, 86_399_999_999),
    _times(pa.duration("us"), 0, 2**63 - 1, -(2**63) + 1),
    _numbers(pa.uint64(), 2**64 - 1, 2**63, 2**53 + 1),
    _numbers(pa.int64(), 2**63 - 1, -(2**63), 2**53 + 1),
    _numbers(pa.int8(), 127, -128),
    _numbers(pa.float64(), float("inf"), float("-inf"), float("nan"), 1e308, 5e-324, -0.0, 1e151),
    _numbers(pa.float32(), float("inf"), float("nan"), 3.4e38, 1e-45),
    _numbers(pa.float16(), 65_504.0, float("nan")),
    _scattered([Decimal(1), Decimal("9" * 38), Decimal("-" + "9" * 38)], pa.decimal128(38)),
    _scattered([Decimal("0.1"), Decimal("1e-30"), Decimal("9" * 40)], pa.decimal256(76, 30)),
    _scattered([b"", b"\0", b"\xff" * 300], pa.binary()),
    _scattered([b"\0" * 16, b"\xff" * 16], pa.binary(16)),
    _nested,
    _structures,
    _dictionary,
    _number_dictionary,
    _texts,
    _texts,
    _not_utf8,
    lambda count, chance: pa.nulls(count),
    lambda count, chance: pa.array([True] * count, pa.bool_()),
)
