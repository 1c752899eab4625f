"""JSON lines and lists of records are read with all digits; what is not a table is refused."""

import json

import pyarrow as pa
import pytest
from helpers.sources import refusal, rows, shop, written

from data.sources import records
from data.sources.keys import row_keys
from data.sources.read import read
from data.sources.snapshot import readings_of


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", '{"id": "a", "y": 1}\n\n{"y": 2.5, "id": "b"}\n'),
        ("rows.ndjson", '\ufeff{"id": "a", "y": 1}\r\n{"y": 2.5, "id": "b"}'),
        ("rows.json", '[{"id": "a", "y": 1},\n {"y": 2.5, "id": "b"}]'),
        ("rows.json", '{"id": "a", "y": 1}\n{"y": 2.5, "id": "b"}\n'),
    ],
)
def test_lines_and_lists_of_records_are_read(name, content, tmp_path):
    table = rows(written(tmp_path, content, name), tmp_path)
    assert table.to_pydict() == {"id": ["a", "b"], "y": [1, 2.5]}


def lines(folder, *texts):
    content = "".join(f'{{"id": "k{i}", "y": 1, "v": {text}}}\n' for i, text in enumerate(texts))
    return written(folder, content, "rows.jsonl")


@pytest.mark.parametrize(
    ("texts", "values", "dtype"),
    [
        (["9007199254740993", "null", "-1"], [9007199254740993, None, -1], pa.int64()),
        (["0.1", "1e-400", "4.9e-324"], [0.1, 0.0, 5e-324], pa.float64()),
        (["123456789012345678901", "1"], [123456789012345678901.0, 1.0], pa.float64()),
        (["9007199254740993.0000000000000001", "1"], [9007199254740994.0, 1.0], pa.float64()),
        (["NaN", "1.5"], [None, 1.5], pa.float64()),
        (["true", "false"], [True, False], pa.bool_()),
        (['"x"', '"y"'], ["x", "y"], pa.string()),
        (['"x"', "1", "2.50", "true"], ["x", "1", "2.5", "true"], pa.string()),
    ],
)
@pytest.mark.parametrize("block", [1, 2, 20_000])
def test_values_have_the_type_that_holds_them_all(
    texts, values, dtype, block, tmp_path, monkeypatch
):
    monkeypatch.setattr(records, "BLOCK", block)
    column = rows(lines(tmp_path, *texts), tmp_path)["v"]
    assert (column.to_pylist(), column.type) == (values, dtype)


def test_numbers_under_the_name_of_a_time_are_named(tmp_path):
    content = '{"id": "a", "y": 1, "soldAt": 1331683200123, "size": 1331683200123}\n'
    snapshot = read(shop(written(tmp_path, content, "rows.jsonl")), folder=tmp_path)
    notes = {one.name: one.notes for one in readings_of(snapshot.path) if one.notes}
    assert [*notes] == ["soldAt"]
    assert "Declare formats: {soldAt: 'epoch milliseconds'}" in notes["soldAt"][0]


def test_a_number_beyond_the_doubles_is_infinite_and_refused_by_the_checks_not_lost(tmp_path):
    assert rows(lines(tmp_path, "1e400", "1"), tmp_path)["v"].to_pylist() == [float("inf"), 1]


def test_large_whole_numbers_stay_apart_as_keys(tmp_path):
    keys = ["12345678901234567890", "12345678901234567891"]
    content = "".join(f'{{"id": {key}, "y": 1}}\n' for key in keys)
    table = rows(written(tmp_path, content, "rows.jsonl"), tmp_path)
    assert row_keys(table, ("id",)) == keys


def test_a_name_that_some_records_lack_is_missing_there(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "BLOCK", 2)
    content = '{"id": 1, "y": 1}\n{"id": 2}\n{"id": 3, "x": "b"}\n{"y": 4, "id": 4, "x": null}\n'
    table = rows(written(tmp_path, content, "rows.jsonl"), tmp_path)
    assert table.to_pydict() == {
        "id": [1, 2, 3, 4],
        "y": [1, None, None, 4],
        "x": [None, None, "b", None],
    }


def test_objects_and_lists_are_left_out_or_refused_where_they_are_needed(tmp_path):
    path = lines(tmp_path, '{"a": 1}', "2", "[3]")
    assert rows(path, tmp_path).column_names == ["id", "y"]
    snapshot = read(shop(path), folder=tmp_path / "home")
    assert snapshot.rows == 3
    message = refusal(path, tmp_path / "none", features=["v"])
    assert "Column 'v' holds objects or lists" in message
    assert "Flatten it in the source, or leave it out of the declaration." in message


def test_values_of_several_types_are_named(tmp_path):
    path = lines(tmp_path, "1", '"x"')
    (warning,) = read(shop(path), folder=tmp_path).warnings
    assert "Values of several types (numbers, texts, booleans) are read as text in 'v'." in warning


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"id": 1, "y": 1}\n{"id": 2, "y"', "The record in line 2 is not complete JSON:"),
        ('[{"id": 1, "y": 1}', "The record in line 1 is not complete JSON: the list has no end."),
        ('[{"id": 1}] x', "there is more behind the end of the list."),
        ('{"id": 1, "y": 1}\n[2, 3]\n', "What is in line 2 is not an object, but list."),
        ("3\n4\n", "What is in line 1 is not an object, but int."),
        ("[]", "The file has no records with names."),
        (
            '{"meta": {"of": "x"}, "rows": [{"id": 1, "y": 2}]}',
            "Nothing but objects and lists is in 'meta', 'rows', so there are no rows",
        ),
        ('{"id": ' + "9" * 5_000 + "}", "a number is too long"),
        ('{"id": ' + "[" * 100_000, "it is nested too deeply"),
        (b'{"id": "\xe9"}', "The file is not UTF-8: byte 0xe9 behind line 1"),
        ("id,y\n1,2\n", "The record in line 1 is not complete JSON: expecting value."),
    ],
)
def test_what_is_no_table_of_records_is_refused_with_its_line(content, what, tmp_path):
    assert what in refusal(written(tmp_path, content, "rows.json"), tmp_path)


def test_records_are_read_a_piece_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("data.sources.json_file.PIECE", 7)
    content = json.dumps([{"id": i, "y": i / 3, "s": f"é {i}"} for i in range(50)], indent=1)
    table = rows(written(tmp_path, content, "rows.json"), tmp_path)
    assert table["s"].to_pylist() == [f"é {i}" for i in range(50)]
    assert table["y"].to_pylist() == [i / 3 for i in range(50)]


def test_name_that_stands_twice_in_a_record_is_refused_with_its_line(tmp_path):
    text = '{"id": 1, "y": 2}\n{"id": 2, "y": 3, "y": 4}\n'
    message = refusal(written(tmp_path, text, "rows.jsonl"), tmp_path)
    assert "The record in line 2 has the name 'y' twice" in message


def test_name_that_stands_twice_in_an_object_that_is_left_out_does_no_harm(tmp_path):
    text = '{"id": 1, "y": 2, "o": {"a": 1, "a": 2}}\n{"id": 2, "y": 3, "o": null}\n'
    table = rows(written(tmp_path, text, "rows.jsonl"), tmp_path)
    assert table.column_names == ["id", "y"]
