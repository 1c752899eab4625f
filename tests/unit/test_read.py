"""Files become typed rows, keys and fingerprints that are right to the last bit."""

import datetime as dt
import json
import random
import sqlite3
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import TABLE, refusal, rows, shop, written

from data.sources.columns import arrays
from data.sources.keys import row_keys
from data.sources.read import read
from data.sources.snapshot import load

HARD = [
    "0.1",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "2.2250738585072011e-308",
    "2.2250738585072014e-308",
    "4.9e-324",
    "2.47032822920623272e-324",
    "9007199254740993.0",
    "9007199254740992.99999999999999999999",
    "9007199254740993.00000000000000000001",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "123456789012345678901234567890.123456789",
    "0.000000000000000000000000000000000000000000000000000000000000000012345678901234567890",
    "-0.0",
]


def test_decimals_become_the_nearest_doubles_to_the_last_bit(tmp_path):
    draw = random.Random(7)
    texts = HARD + [
        f"{draw.randrange(10**17, 10 ** draw.randint(18, 40))}e{draw.randint(-340, 280)}"
        for _ in range(5000)
    ]
    for bits in (draw.getrandbits(62) for _ in range(2000)):
        # Halfway between two neighbouring doubles, written out in full, and a hair above it.
        low = np.uint64(bits).view(np.float64)
        high = np.nextafter(low, np.inf)
        if np.isfinite(high) and 1e-200 < low < 1e200:
            middle = format((Decimal(float(low)) + Decimal(float(high))) / 2, "e")
            texts += [middle, middle.replace("e", "0000000000001e")]
    path = written(tmp_path, "id,y\n" + "".join(f"{i},{t}\n" for i, t in enumerate(texts)))
    column = arrays(rows(path, tmp_path), ["y"])["y"]
    assert column.tobytes() == np.array([float(text) for text in texts]).tobytes()


def test_decimal_columns_of_parquet_become_the_nearest_doubles(tmp_path):
    value = Decimal("0.1234567890123456789012345")
    table = pa.table({"id": [1], "y": pa.array([value], pa.decimal128(38, 25))})
    pq.write_table(table, tmp_path / "rows.parquet")
    column = arrays(rows(tmp_path / "rows.parquet", tmp_path), ["y"])["y"]
    assert column[0] == float(value)


def test_kinds_are_recognised_by_their_values(tmp_path):
    path = written(
        tmp_path,
        "id,y,whole,flag,level,day,moment,zoned,clock\n"
        "a,1.5,3,true,x,2024-03-31,2024-03-31 12:00:00,2024-03-31T12:00:00+02:00,12:30:00\n"
        "b,,,,,,,,\n"
        "c,2,4,False,NA,2024-04-01,2024-04-01 00:00:00.25,2024-03-31T12:00:00Z,00:00:01\n",
    )
    columns = arrays(
        rows(path, tmp_path), ["y", "whole", "flag", "level", "day", "moment", "zoned"]
    )
    assert columns["y"].dtype == np.float64
    np.testing.assert_array_equal(columns["y"], [1.5, np.nan, 2])
    np.testing.assert_array_equal(columns["whole"], [3, np.nan, 4])
    assert columns["flag"].tolist() == ["true", None, "false"]
    assert columns["level"].tolist() == ["x", None, None]
    assert columns["day"].dtype == "datetime64[us]"
    assert columns["day"][0] == np.datetime64("2024-03-31")
    assert np.isnat(columns["day"][1])
    assert columns["moment"][2] == np.datetime64("2024-04-01T00:00:00.250000")
    assert columns["zoned"][0] == np.datetime64("2024-03-31T10:00")  # in UTC
    clock = arrays(rows(path, tmp_path), ["clock"])["clock"]
    np.testing.assert_array_equal(clock, [45000, np.nan, 1])


def test_the_declaration_overrides_the_recognised_kind(tmp_path):
    path = written(tmp_path, "id,y,code,paid,day,level\n1,2,007,1,2024-03-31,NA\n2,3,010,0,,x\n")
    types = {"code": "category", "paid": "boolean", "day": "category", "level": "category"}
    columns = arrays(rows(path, tmp_path, types=types), list(types))
    assert columns["code"].tolist() == ["007", "010"]
    assert columns["paid"].tolist() == ["true", "false"]
    assert columns["day"].tolist() == ["2024-03-31", None]
    assert columns["level"].tolist() == ["NA", "x"]
    assert arrays(rows(path, tmp_path), ["code"])["code"].tolist() == ["007", "010"]
    declared = {"code": "number"}
    assert arrays(rows(path, tmp_path, types=declared), ["code"])["code"].tolist() == [7, 10]


def test_a_parquet_text_column_may_be_declared_a_number_or_a_time(tmp_path):
    table = pa.table({"id": [1, 2], "y": ["1.5", "NA"], "t": ["2024-03-31T10:00:00", None]})
    pq.write_table(table, tmp_path / "rows.parquet")
    types = {"y": "number", "t": "time"}
    columns = arrays(rows(tmp_path / "rows.parquet", tmp_path, types=types), ["y", "t"])
    np.testing.assert_array_equal(columns["y"], [1.5, np.nan])
    assert columns["t"][0] == np.datetime64("2024-03-31T10:00")


def test_a_column_without_any_value_of_the_declared_kind_is_refused(tmp_path):
    path = written(tmp_path, "id,y,age,size\n1,2,30,1\n2,3,forty,2\n3,4,50,3\n")
    message = refusal(path, tmp_path, types={"size": "time"})
    assert (
        "'size' is declared to hold times, but has no such value: it has '1' in row 1." in message
    )
    pq.write_table(pa.table({"id": [1], "y": [2], "size": [3]}), tmp_path / "rows.parquet")
    assert "holds numbers, but is declared to hold times" in refusal(
        tmp_path / "rows.parquet", tmp_path, types={"size": "time"}
    )


def keys_of(folder: Path, content: str, *key: str, **more: object) -> list[str]:
    table = rows(written(folder, content), folder, key=list(key) or ["id"], **more)
    return row_keys(table, key or ("id",))


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        (["1", "20", "-3"], ["1", "20", "-3"]),
        (["007", "7", "010"], ["007", "7", "010"]),
        (["9007199254740993", "9007199254740992"], ["9007199254740993", "9007199254740992"]),
        (["12345678901234567890", "12345678901234567891"], None),
        (["1.5", "2", "3.0"], None),
        (["1.0", "1.00"], ["1.0", "1.00"]),
        (["2024-03-31", "2024-04-01"], ["2024-03-31", "2024-04-01"]),
        (["2024-03-31 12:00", "2024-04-01 00:00"], ["2024-03-31T12:00:00", "2024-04-01"]),
        (["true", "x"], ["true", "x"]),
        (["Straße", "two words"], None),
    ],
)
def test_keys_have_one_canonical_text(tmp_path, values, keys):
    content = "id,y\n" + "".join(f"{value},1\n" for value in values)
    assert keys_of(tmp_path, content) == (keys or values)


def test_keys_of_typed_columns_have_the_same_text_as_those_of_a_csv_file():
    moment = dt.datetime(2024, 3, 31, 12, 0, 0, 5)
    table = pa.table(
        {
            "whole": pa.array([7, 2**63 - 1], pa.int64()),
            "double": [7.0, 1e300],
            "gap": pa.array([7, None], pa.float64()),
            "flag": [True, False],
            "day": [dt.date(2024, 3, 31), dt.date(1, 1, 1)],
            "moment": pa.array([moment, dt.datetime(2024, 3, 31)], pa.timestamp("ns")),
        }
    )
    assert row_keys(table, ("whole",)) == ["7", "9223372036854775807"]
    assert row_keys(table, ("double",)) == ["7", "1e+300"]
    assert row_keys(table, ("gap",)) == ["7", None]
    assert row_keys(table, ("flag",)) == ["true", "false"]
    assert row_keys(table, ("day",)) == ["2024-03-31", "0001-01-01"]
    assert row_keys(table, ("moment",)) == ["2024-03-31T12:00:00.000005", "2024-03-31"]


def test_several_key_columns_make_the_json_array_that_sqlite_makes():
    awkward = ['say "hi"', "back\\slash", "tab\there", "Straße", ""]
    table = pa.table({"site": awkward, "number": [1, 2, 3, 4, 5]})
    keys = row_keys(table, ("site", "number"))
    assert [json.loads(key) for key in keys] == [
        [site, str(number)] for number, site in enumerate(awkward, start=1)
    ]
    database = sqlite3.connect(":memory:")
    for site, number, key in zip(awkward, "12345", keys, strict=True):
        assert database.execute("select json_array(?, ?)", (site, number)).fetchone() == (key,)
    database.close()


def test_a_missing_part_makes_the_key_missing():
    table = pa.table({"site": ["a", None], "number": [None, 1]})
    assert row_keys(table, ("site", "number")) == [None, None]


def test_whole_numbers_beyond_64_bits_stay_exact_as_keys_of_parquet(tmp_path):
    table = pa.table({"id": pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), "y": [1, 2]})
    pq.write_table(table, tmp_path / "rows.parquet")
    table = rows(tmp_path / "rows.parquet", tmp_path)
    assert row_keys(table, ("id",)) == ["18446744073709551615", "18446744073709551614"]


def fingerprint(table: pa.Table, folder: Path, **write: object) -> str:
    pq.write_table(table, folder / "rows.parquet", **write)
    return read(shop(folder / "rows.parquet"), folder=folder / "home").fingerprint


def test_the_fingerprint_depends_on_neither_chunks_nor_file_format(tmp_path):
    whole = fingerprint(TABLE, tmp_path)
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1, 0), TABLE.slice(1)])
    assert fingerprint(chunked, tmp_path, row_group_size=1, compression="none") == whole
    dictionary = TABLE.set_column(4, "level", TABLE["level"].dictionary_encode())
    assert fingerprint(dictionary, tmp_path) == whole
    text = (
        "id,y,n,flag,level,day,moment\na,1.5,1,true,x,2024-01-01,2024-01-01 12:00:00\n"
        'b,,,,"",,NA\nc,3.0,3,false,yy,2024-01-03,\nd,0.1,4,true,x,2024-01-04,\n'
    )
    path = written(tmp_path, text)
    assert read(shop(path), folder=tmp_path / "home").fingerprint == whole


def test_the_fingerprint_changes_with_any_value_name_type_or_order(tmp_path):
    changed = [
        TABLE,
        TABLE.set_column(1, "y", pa.array([1.5, 0.0, 3.0, 0.1])),
        TABLE.set_column(2, "n", pa.array([1, 0, 3, 4])),
        TABLE.set_column(3, "flag", pa.array([True, False, False, True])),
        TABLE.set_column(4, "level", pa.array(["x", "y", "yy", "x"])),
        TABLE.set_column(4, "level", pa.array(["xy", None, "y", "x"])),
        TABLE.set_column(2, "n", TABLE["n"].cast(pa.float64())),
        TABLE.rename_columns(["id", "y", "n", "flag", "LEVEL", "day", "moment"]),
        TABLE.take([1, 0, 2, 3]),
        TABLE.slice(0, 3),
    ]
    assert len({fingerprint(table, tmp_path) for table in changed}) == len(changed)


def test_the_snapshot_is_named_by_its_fingerprint_and_written_once(tmp_path):
    path = written(tmp_path, "id,y\n1,2\n")
    first = read(shop(path), folder=tmp_path / "home")
    assert first.path == tmp_path / "home" / "shop" / f"{first.fingerprint[:16]}.parquet"
    assert first.rows == 1
    written_at = first.path.stat().st_mtime_ns
    assert read(shop(path), folder=tmp_path / "home") == first
    assert first.path.stat().st_mtime_ns == written_at
    assert [file.name for file in first.path.parent.iterdir()] == [first.path.name]


def test_a_header_without_rows_gives_an_empty_snapshot(tmp_path):
    snapshot = read(shop(written(tmp_path, "id,y\n")), folder=tmp_path / "home")
    assert snapshot.rows == 0
    assert load(snapshot.path).column_names == ["id", "y"]


def test_quoted_text_may_hold_commas_quotes_and_line_ends(tmp_path):
    path = written(tmp_path, '\ufeffid,y,note\r\n1,2,"a, ""b""\nc"\r\n')
    assert rows(path, tmp_path)["note"].to_pylist() == ['a, "b"\nc']


def test_columns_of_an_unsupported_type_are_left_out_unless_they_are_needed(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [1], "y": [2.0], "list": [[1, 2]]}), path)
    for role in ("features", "time", "weight"):
        assert "Column 'list' holds list<" in refusal(path, tmp_path, **{role: "list"})
    assert rows(path, tmp_path).column_names == ["id", "y"]


def test_infinite_features_become_missing_if_declared_and_targets_never_do(tmp_path):
    path = written(tmp_path, "id,x,y\n1,inf,inf\n2,-inf,2\n3,1.5,3\n")
    declared = shop(path, infinite="missing")
    table = load(read(declared, folder=tmp_path / "home").path)
    assert table["x"].to_pylist() == [None, None, 1.5]
    assert table["y"].to_pylist() == [float("inf"), 2.0, 3.0]
    kept = load(read(shop(path), folder=tmp_path / "home").path)
    assert kept["x"].to_pylist() == [float("inf"), float("-inf"), 1.5]
