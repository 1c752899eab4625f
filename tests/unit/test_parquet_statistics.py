"""A Parquet file without checksums whose values are not those that it states is refused."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.sources import shop

from data.errors import SourceLate
from data.sources.parquet_file import read_parquet
from data.sources.parquet_statistics import Stated
from data.sources.read import read

N, PER_GROUP = 3_000, 1_000
NUMBERS = pc.random(N, initializer=0)
TABLE = pa.table({"id": range(N), "y": NUMBERS, "age": pc.add(NUMBERS, 18)})
DAY = datetime.date(2024, 2, 29)
TEXTS = ["ä" * 200, "b" * 200, None]


def write(table, path, **options):
    """Write a table as most programs do: without checksums, here so that bytes are plain values."""
    plain = {"use_dictionary": False, "compression": "none", "row_group_size": PER_GROUP}
    pq.write_table(table, path, **{**plain, **options})


def zeroed(path, row_group, column, size):
    """Zero some bytes in the middle of a column of a row group."""
    chunk = pq.ParquetFile(path).metadata.row_group(row_group).column(column)
    content = bytearray(path.read_bytes())
    start = chunk.data_page_offset + chunk.total_compressed_size // 2
    content[start : start + size] = bytes(size)
    path.write_bytes(content)


def test_zeroed_bytes_are_refused_by_column_and_row_group(tmp_path):
    path = tmp_path / "rows.parquet"
    write(TABLE, path)
    zeroed(path, 1, 2, 400)
    with pytest.raises(SourceLate) as caught:
        read(shop(path), folder=tmp_path / "home")
    least = TABLE["age"][PER_GROUP : 2 * PER_GROUP]
    assert (
        f"Column 'age' has 0.0 as its least value instead of {pc.min(least)} in row group 2 of 3,"
        " which contradicts the statistics of the file: it is damaged,"
    ) in str(caught.value)
    assert "rows.parquet" in str(caught.value)
    assert not list((tmp_path / "home").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("values", "others", "words"),
    [
        (pa.array([1, None]), pa.array([1, 2]), "0 missing values instead of 1"),
        (pa.array([1, 9], pa.uint64()), pa.array([1, 10], pa.uint64()), "10 as its greatest value"),
        (pa.array([True]), pa.array([False]), "False as its least value instead of True"),
        (pa.array([DAY]), pa.array([DAY.replace(day=1)]), "2024-02-01 as its least value"),
        (pa.array(["b", "é"]), pa.array(["a", "b"]), "'a' as its least value instead of 'b'"),
        (pa.array([Decimal("1.50")]), pa.array([Decimal("1.51")]), "1.51 as its least value"),
        (
            pa.array(["b", "b"]).dictionary_encode(),
            pa.array(["b", "c"]).dictionary_encode(),
            "'c' as its greatest value instead of 'b'",
        ),
    ],
)
def test_values_of_any_type_are_compared(values, others, words, tmp_path):
    path = tmp_path / "rows.parquet"
    write(pa.table({"x": values}), path)
    stated = Stated(pq.ParquetFile(path))
    stated.refuse_other_values("x", pa.chunked_array([values]))
    with pytest.raises(SourceLate, match=words.replace(".", r"\.")):
        stated.refuse_other_values("x", pa.chunked_array([others]))


def test_sound_files_are_read_whatever_is_special_about_their_values(tmp_path):
    path = tmp_path / "rows.parquet"
    table = pa.table(
        {
            "long": TEXTS,
            "dictionary": pa.array(TEXTS).dictionary_encode(),
            "not a number": [np.nan, -0.0, np.inf],
            "zeros": [-0.0, 0.0, None],
            "nothing": pa.nulls(3, pa.float64()),
            "unsigned": pa.array([0, 2**64 - 1, None], pa.uint64()),
            "far": pa.array([2**62, -(2**62), None], pa.timestamp("us")),
            "fine": pa.array([2**62, -1, None], pa.timestamp("ns", "Europe/Berlin")),
            "short": pa.array([1, 2, None], pa.float16()),
            "span": pa.array([1, 2, None], pa.duration("s")),
            "decimal": [Decimal("1.50"), Decimal("-2.25"), None],
            "list": [[1, None], None, []],
        }
    )
    for options in ({}, {"row_group_size": 1}, {"use_dictionary": True}):
        write(table, path, **{"row_group_size": 2, **options})
        columns = read_parquet(path, shop(path), tmp_path, print)
        for name in columns.column_names:
            assert len(columns.column(name)) == 3
