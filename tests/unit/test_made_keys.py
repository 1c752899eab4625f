"""Keys of sources that have none: row numbers, or hashes of the rows' values."""

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
from helpers.sources import refusal, rows, shop, written

from data.sources.read import read
from data.sources.snapshot import readings_of

TEXT = "a,b,y\n1,x,10\n2,,20\n1,x,30\n,x,\n"


def keys(folder, text=TEXT, name="rows.csv", **declared):
    source = written(folder, text, name)
    table = rows(source, folder, **declared)
    return table[table.column_names[0]].to_pylist()


def note(folder, text=TEXT, **declared):
    snapshot = read(shop(written(folder, text), **declared), folder=folder / "home")
    return " ".join(readings_of(snapshot.path)[0].notes)


def test_rows_without_a_key_are_numbered_from_1(tmp_path):
    assert keys(tmp_path, key="row") == [1, 2, 3, 4]
    assert "cannot be followed from night to night" in note(tmp_path, key="row")


def test_a_night_in_the_past_has_the_numbers_of_the_whole_source(tmp_path):
    source = written(tmp_path, "t,y\n2024-01-03,1\n2024-01-01,2\n2024-01-02,3\n")
    declaration = shop(source, key="row", time="t")
    past = read(declaration, folder=tmp_path / "home", as_of="2024-01-02")
    assert pq.read_table(past.path)["row"].to_pylist() == [2, 3]


def test_a_column_called_row_or_content_is_an_ordinary_key(tmp_path):
    text = "content,row,y\nk1,7,1\nk2,8,2\n"
    source = written(tmp_path, text)
    assert rows(source, tmp_path, key="row").column_names == ["content", "row", "y"]
    assert rows(source, tmp_path, key="content").column_names == ["content", "row", "y"]


def test_a_hash_depends_on_the_values_of_the_row_alone_and_repeated_rows_are_numbered(tmp_path):
    first, second, again, last = keys(tmp_path, key="content")
    assert again == f"{first}-2"
    assert len({first, second, last}) == 3
    assert all(len(key) == 16 for key in (first, second, last))
    assert keys(tmp_path, "b,y,a\nx,,\nx,99,1\n", key="content") == [last, first]
    assert "1 row repeats the values of an earlier one" in note(tmp_path, key="content")


def test_a_hash_takes_only_the_declared_features(tmp_path):
    declared = {"key": "content", "features": ["a"]}
    with_more = keys(tmp_path, "a,other,y\n1,p,1\n2,q,2\n", **declared)
    assert keys(tmp_path, "a,y\n1,1\n2,2\n", **declared) == with_more


def test_values_that_differ_never_run_together_to_the_same_text(tmp_path):
    first, second = keys(tmp_path, 'a,b,y\n"x","yz",1\n"xy","z",2\n', key="content")
    assert "-" not in first + second
    assert first != second


def test_a_hash_needs_a_column(tmp_path):
    assert "There is no column to make a key of" in refusal(
        written(tmp_path, "y\n1\n2\n"), tmp_path, key="content"
    )


def test_a_hash_is_the_same_from_csv_and_parquet(tmp_path):
    day = dt.date(2024, 1, 1)
    pq.write_table(
        pa.table({"a": [1, 2], "d": [day, None], "y": [1.0, 2.0]}), tmp_path / "r.parquet"
    )
    table = rows(tmp_path / "r.parquet", tmp_path, key="content")
    assert keys(tmp_path, f"a,d,y\n1,{day},1\n2,,2\n", key="content") == (
        table["content"].to_pylist()
    )
