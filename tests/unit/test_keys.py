"""A row's key as text: the same from CSV and Parquet, whatever the column's type and gaps."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from helpers.sources import rows, written
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import SourceError
from data.sources.keys import row_keys

BERLIN = pa.timestamp("us", "Europe/Berlin")
MOMENT = dt.datetime(2024, 3, 31, 12, 0, 0, 5)


def of_parquet(folder: Path, *columns: pa.Array) -> list[str]:
    names = [f"k{i}" for i in range(len(columns))]
    numbers = [float(i) for i in range(len(columns[0]))]
    pq.write_table(pa.table([*columns, numbers], [*names, "y"]), folder / "rows.parquet")
    return row_keys(rows(folder / "rows.parquet", folder, key=names), names)


def of_csv(folder: Path, *columns: pa.Array) -> list[str]:
    names = [f"k{i}" for i in range(len(columns))]
    numbers = [float(i) for i in range(len(columns[0]))]
    pa.csv.write_csv(pa.table([*columns, numbers], [*names, "y"]), folder / "rows.csv")
    return row_keys(rows(folder / "rows.csv", folder, key=names), names)


@pytest.mark.parametrize(
    ("column", "keys"),
    [
        (pa.array([1, -7], pa.int8()), ["1", "-7"]),
        (pa.array([2**53 + 1, 2**63 - 1], pa.int64()), ["9007199254740993", "9223372036854775807"]),
        (pa.array([2**64 - 1, 3], pa.uint64()), ["18446744073709551615", "3"]),
        (pa.array([7.0, 0.1]), ["7", "0.1"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([dt.date(2024, 3, 31), dt.date(1, 1, 1)]), ["2024-03-31", "0001-01-01"]),
        (pa.array([MOMENT] * 1, pa.timestamp("us")), ["2024-03-31T12:00:00.000005"]),
        (pa.array([MOMENT] * 1, BERLIN), ["2024-03-31T12:00:00.000005"]),  # read as UTC
        (pa.array([Decimal("1.15"), Decimal("2.25")]), ["1.15", "2.25"]),
        (pa.array([Decimal("12345678901234567890.11"), Decimal("2.25")]), None),
        (
            pa.array([1, 1_001], pa.timestamp("ns")),
            ["1970-01-01T00:00:00.000000001", "1970-01-01T00:00:00.000001001"],
        ),
        (pa.array(["e\u0301", "\u00e9", " a", "a ", "A"]), ["e\u0301", "\u00e9", " a", "a ", "A"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
    ],
)
def test_a_key_is_the_same_from_csv_and_parquet(tmp_path, column, keys):
    from_parquet = of_parquet(tmp_path, column)
    assert from_parquet == (keys or column.cast(pa.string()).to_pylist())
    assert of_csv(tmp_path, column) == from_parquet


def test_uuids_of_parquet_are_written_in_their_usual_form(tmp_path):
    uuids = [uuid.UUID(int=5), uuid.uuid4()]
    storage = pa.array([value.bytes for value in uuids], pa.binary(16))
    column = pa.ExtensionArray.from_storage(pa.uuid(), storage)
    texts = [str(value) for value in uuids]
    assert of_parquet(tmp_path, column) == texts
    assert of_csv(tmp_path, pa.array(texts)) == texts


def test_bytes_are_refused_as_a_key(tmp_path):
    with pytest.raises(SourceError, match="holds fixed_size_binary"):
        of_parquet(tmp_path, pa.array([b"0123456789abcdef"], pa.binary(16)))


NARROW = st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=5, unique=True)


@settings(max_examples=25, deadline=None)
@given(NARROW)
def test_a_whole_number_is_the_same_key_whatever_the_type_of_its_column(numbers):
    with TemporaryDirectory() as name:
        folder, texts = Path(name), [str(number) for number in numbers]
        for dtype in (pa.int32(), pa.int64(), pa.float64(), pa.decimal128(21, 2), pa.string()):
            column = pa.array(numbers).cast(dtype) if dtype != pa.string() else pa.array(texts)
            assert of_parquet(folder, column) == texts
            gap = pa.concat_arrays([column, pa.nulls(1, dtype)])
            assert of_parquet(folder, gap) == [*texts, None]
            if not pa.types.is_decimal(dtype):  # of which CSV has the zeros, as in 7.00
                assert of_csv(folder, column) == texts


DOUBLES = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: abs(number) < 2**53
)


@settings(max_examples=50, deadline=None)
@given(st.lists(DOUBLES, min_size=1, max_size=5))
def test_the_key_of_a_double_reads_as_the_same_double(numbers):
    with TemporaryDirectory() as name:
        keys = of_parquet(Path(name), pa.array(numbers))
    assert [float(text) for text in keys] == numbers
    assert "-0" not in keys  # it equals 0, so it is the same key


PART = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PART, PART), min_size=1, max_size=4, unique=True))
def test_keys_of_several_columns_differ_as_their_parts_do(pairs):
    with TemporaryDirectory() as name:
        first, second = zip(*pairs, strict=True)
        keys = of_parquet(Path(name), pa.array(first), pa.array(second))
    assert [tuple(json.loads(text)) for text in keys] == pairs
    assert len(set(keys)) == len(pairs)


def test_a_part_of_a_key_is_text_whatever_its_type(tmp_path):
    city = pa.array(["Berlin"])
    for number in (pa.array([1]), pa.array(["1"]), pa.array([1.0])):
        assert of_parquet(tmp_path, city, number) == ['["Berlin","1"]']


def test_keys_of_a_csv_file_that_a_number_would_change_stay_as_they_are(tmp_path):
    for texts in (["007", "7"], ["1e22", "-0.0"], ["-0", "0"], [" 1", "1"], ["0x10", "2"]):
        path = written(tmp_path, "id,y\n" + "".join(f"{text},1\n" for text in texts))
        assert row_keys(rows(path, tmp_path), ["id"]) == texts
