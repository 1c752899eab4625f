"""Sources that cannot be read, and folders that cannot be written to, leave nothing behind."""

import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import TABLE, refusal, shop, written

from data.errors import HomeError, SourceError
from data.sources.read import READERS, read
from data.sources.snapshot import load


def test_a_missing_file_is_reported_with_the_nearest_name_in_its_folder(tmp_path):
    written(tmp_path, "id,y\n", "sales.csv")
    message = refusal(tmp_path / "slaes.csv", tmp_path)
    assert "There is no such file. Did you mean 'sales.csv'?" in message


def test_an_empty_file_is_reported(tmp_path):
    for name in ("rows.csv", "rows.parquet"):
        assert "empty (0 bytes)" in refusal(written(tmp_path, b"", name), tmp_path)
    assert "It needs a header" in refusal(written(tmp_path, "\n\n"), tmp_path)


def test_a_folder_in_place_of_a_file_is_reported(tmp_path):
    (tmp_path / "rows.csv").mkdir()
    assert "This is a folder" in refusal(tmp_path / "rows.csv", tmp_path)


def test_an_unknown_ending_is_reported_with_the_known_ones(tmp_path):
    path = written(tmp_path, "id,y\n", "rows.sas7bdat")
    message = refusal(path, tmp_path)
    assert "'.sas7bdat' cannot be read. Use a file that ends in .csv, .tsv, " in message
    assert all(f"{ending}" in message for ending in READERS)


@pytest.mark.parametrize(
    "content",
    [b"id,y,s\n1,2,a\n2,3,caf\x8d\n", b"id,y\n1,2\n\x8d,3\n", b"id,y\n1,2\n2,\x8d\n"],
)
def test_bytes_that_are_not_utf8_are_reported_with_position_and_line(tmp_path, content):
    position = content.index(b"\x8d")
    message = refusal(written(tmp_path, content), tmp_path)
    assert f"not UTF-8: byte {position} (0x8d) in line 3" in message


def test_a_header_that_is_not_utf8_is_reported(tmp_path):
    assert "byte 3 (0xff) in line 1" in refusal(written(tmp_path, b"id,\xff\n1,2\n"), tmp_path)


def test_a_row_of_another_length_is_reported_with_its_line(tmp_path):
    path = written(tmp_path, 'id,y\n1,2\n\n2,"3\n4"\n5\n6,7\n')
    assert "Line 6 has 1 values, but the header has 2." in refusal(path, tmp_path)
    path = written(tmp_path, f'id,y\n"{"long" * 50_000}",2\n5\n')
    assert "Line 3 has 1 values, but the header has 2." in refusal(path, tmp_path)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('id,y,s\n1,2,a\n2,3,"b\n3,4,c\n4,5,d\n', 3),
        ('id,y\n1,2\n2,"3\n4,5\n', 3),
        ('id,y\r\n1,2\r\n2,"3\r\n4,5', 3),
        ('id,s,y\n1,"two\nlines",2\n2,"b,3\n3,c,4\n', 4),
        ('id,s,y\n1,"a ""quote""",2\n"2,b,3\n', 3),
        ('id,y\n1,2\n2,"' + "3,4\n" * 500_000, 3),
        ('\ufeff"id,y\n1,2\n', 1),
    ],
)
def test_a_quote_that_is_never_closed_is_reported_with_the_line_where_it_opens(
    tmp_path, content, line
):
    message = refusal(written(tmp_path, content), tmp_path)
    assert f"The quote opened in line {line} is never closed. Close it;" in message


def test_a_last_value_of_several_lines_and_quotes_inside_text_are_read(tmp_path):
    text = 'id,y,s\n1,2,5" pipe\n2,3,"a ""b"""\n3,4,"two\n""lines"",""\n"\n'
    table = load(read(shop(written(tmp_path, text)), folder=tmp_path).path)
    assert table["s"].to_pylist() == ['5" pipe', 'a "b"', 'two\n"lines","\n']


def test_columns_with_the_same_name_or_none_are_reported(tmp_path):
    path = written(tmp_path, "id,y,id\n1,2,3\n")
    assert "2 columns are called 'id'" in refusal(path, tmp_path)
    assert "Column 1 has no name" in refusal(written(tmp_path, ",id,y\n0,1,2\n"), tmp_path)
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["y", "y"])
    pq.write_table(table, tmp_path / "rows.parquet")
    assert "2 columns are called 'y'" in refusal(tmp_path / "rows.parquet", tmp_path)


@pytest.mark.parametrize(("one", "other"), [("Price", "price"), ("a b", "a  b "), ("x", " x")])
def test_columns_whose_names_differ_in_case_or_blanks_only_are_refused(one, other, tmp_path):
    message = refusal(written(tmp_path, f"id,y,{one},{other}\n1,2,3,4\n"), tmp_path)
    assert f"Columns {one!r} and {other!r} differ in case or blanks only. Rename one" in message


@pytest.mark.parametrize("kept", [0.5, 0.99, 0.02])
def test_a_truncated_parquet_file_is_reported(tmp_path, kept):
    pq.write_table(TABLE, tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    path = written(tmp_path, content[: int(kept * len(content))], "rows.parquet")
    assert "not a complete Parquet file" in refusal(path, tmp_path)


def test_a_parquet_file_with_one_wrong_byte_is_reported(tmp_path):
    table = pa.table({"id": range(1000), "y": np.random.default_rng(0).normal(size=1000)})
    plain = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    pq.write_table(table, tmp_path / "whole.parquet", **plain)
    content = bytearray((tmp_path / "whole.parquet").read_bytes())
    content[10_000] ^= 1
    path = written(tmp_path, bytes(content), "rows.parquet")
    assert "not a complete Parquet file" in refusal(path, tmp_path)


def test_a_file_of_another_format_is_reported(tmp_path):
    path = written(tmp_path, gzip.compress(b"id,y\n1,2\n" * 50))
    assert "The file is not text: it begins like a gzip file (.csv.gz)." in refusal(path, tmp_path)
    path = written(tmp_path, b"SQLite format 3\0" + bytes(100))
    assert "it begins like an SQLite database." in refusal(path, tmp_path)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.xlsx", "a.xls", "a.csv.gz", "a.zip"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"id,y\n1,2\n" * 50, "text, such as CSV"),
        (b"\xef\xbb\xbf<!DOCTYPE html><title>Log in</title>", "a web page"),
        (b"%PDF-1.7\n\0", "a PDF"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_told_by_how_it_begins(
    name, content, what, tmp_path
):
    message = refusal(written(tmp_path, content, name), tmp_path)
    assert "This is no " in message
    assert f": it begins like {what}. Rename it if it is" in message


@pytest.mark.parametrize(
    ("content", "what"), [("<html><body>", "a web page"), ('<?xml version="1.0"?><a/>', "XML")]
)
def test_markup_in_place_of_rows_is_named(content, what, tmp_path):
    message = refusal(written(tmp_path, content), tmp_path)
    assert f"The file holds no rows of values: it begins like {what}." in message


def test_values_twice_in_the_first_line_are_no_names(tmp_path):
    message = refusal(written(tmp_path, "0,0\n1,2\n"), tmp_path)
    assert "The file has no header: its first line has values such as 0, 0." in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_to_read_is_reported(tmp_path):
    path = written(tmp_path, "id,y\n1,2\n")
    path.chmod(0)
    assert "Permission denied" in refusal(path, tmp_path)


def test_a_folder_that_cannot_be_written_is_reported_with_the_setting_that_moves_it(tmp_path):
    path = written(tmp_path, "id,y\n1,2\n")
    written(tmp_path, "in the way", "home")
    with pytest.raises(HomeError, match="NIGHTFIT_HOME") as caught:
        read(shop(path), folder=tmp_path / "home")
    assert str(tmp_path / "home" / "shop") in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(SourceError, match="File name too long"):
        read(shop(tmp_path / f"{300 * 'x'}.csv"), folder=tmp_path / "home")


def test_where_the_source_is_named_is_what_has_to_be_corrected(tmp_path):
    assert "Correct 'source' in the declaration." in refusal(tmp_path / "none.csv", tmp_path)
    with pytest.raises(SourceError, match=r"no such file\. Correct --source\."):
        read(shop(tmp_path / "none.csv"), folder=tmp_path / "home", named_in="--source")
    with pytest.raises(SourceError, match=r"Name a file in --source\."):
        read(shop(tmp_path), folder=tmp_path / "home", named_in="--source")


def test_what_is_not_a_file_of_rows_is_refused_before_it_is_read(tmp_path):
    pipe = tmp_path / "rows.csv"
    os.mkfifo(pipe)
    assert "This is a pipe, a socket or a device" in refusal(pipe, tmp_path)
    for target in ("/dev/zero", "/dev/null"):
        assert "This is a pipe, a socket or a device" in refusal(Path(target), tmp_path)
    memory = refusal(Path("/proc", str(os.getpid()), "mem"), tmp_path)
    assert "The file cannot be read: Input/output error." in memory
