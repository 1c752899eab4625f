"""The same rows give the same columns and the same fingerprint, whatever source they came from."""

import datetime as dt
import gzip
import json
import struct
import zipfile
from importlib.util import find_spec

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from helpers.databases import KINDS as DATABASES
from helpers.databases import shop_of
from helpers.sources import TABLE, refusal, shop, written
from helpers.spreadsheets import xlsx

from data.sources.read import read
from data.sources.snapshot import load

CARRIED = TABLE.set_column(1, "y", pa.array([1.5, None, 3.25, 0.1]))


def csv_text(separator=",", decimal="."):
    def cell(value):
        if value is None:
            return ""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return text.replace(".", decimal) if isinstance(value, float) else text

    names = [separator.join(CARRIED.column_names)]
    rows = [separator.join(map(cell, row.values())) for row in CARRIED.to_pylist()]
    return "\n".join(names + rows)


def json_rows():
    plain = (dt.date, dt.datetime)
    return [
        {name: str(v) if isinstance(v, plain) else v for name, v in row.items()}
        for row in CARRIED.to_pylist()
    ]


def stream(path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, CARRIED.schema) as writer:
        writer.write_table(CARRIED, 3)


def in_a_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.csv", csv_text())


def in_a_folder(path):
    path.mkdir()
    for start in (0, 1, 2, 3):
        pq.write_table(CARRIED.slice(start, 1), path / f"part-{start}.parquet")


def sheet_rows():
    return [CARRIED.column_names, *([*row.values()] for row in CARRIED.to_pylist())]


KINDS = {
    "rows.csv": lambda path: path.write_text(csv_text()),
    "rows.tsv": lambda path: path.write_text(csv_text("\t")),
    "semicolons.csv": lambda path: path.write_text(csv_text(";", ",")),
    "utf16.csv": lambda path: path.write_text(csv_text(), "utf-16"),
    "rows.csv.gz": lambda path: path.write_bytes(gzip.compress(csv_text().encode())),
    "rows.zip": in_a_zip,
    "rows.parquet": lambda path: pq.write_table(CARRIED, path),
    "rows.feather": lambda path: pa.feather.write_feather(CARRIED, path),
    "rows.arrow": stream,
    "rows.jsonl": lambda path: path.write_text("\n".join(map(json.dumps, json_rows()))),
    "rows.json": lambda path: path.write_text(json.dumps(json_rows())),
    "folder": in_a_folder,
}
if find_spec("python_calamine"):  # an extra
    KINDS["rows.xlsx"] = lambda path: xlsx(path, {"sheet": sheet_rows()})


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    pq.write_table(CARRIED, folder / "rows.parquet")
    return read(shop(folder / "rows.parquet"), folder=folder / "home")


@pytest.mark.parametrize("name", KINDS)
def test_the_same_rows_have_the_same_columns_and_fingerprint(name, tmp_path, expected):
    KINDS[name](tmp_path / name)
    snapshot = read(shop(tmp_path / name), folder=tmp_path / "home")
    assert load(snapshot.path).equals(load(expected.path))
    assert snapshot.fingerprint == expected.fingerprint


def all_files(folder):
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_any_kind_has_the_same_rows_at_an_address(name, tmp_path, memory, expected):
    KINDS[name](tmp_path / name)
    for file in all_files(tmp_path):
        memory.pipe_file(f"/shop/{file.relative_to(tmp_path)}", file.read_bytes())
    snapshot = read(shop(f"memory://shop/{name}"), folder=tmp_path / "home")
    assert load(snapshot.path).equals(load(expected.path))
    assert snapshot.fingerprint == expected.fingerprint


@pytest.mark.parametrize("name", [name for name in KINDS if name != "folder"])
def test_a_file_of_any_kind_has_the_same_rows_from_a_web_server(name, tmp_path, web, expected):
    KINDS[name](tmp_path / name)
    address = web.put(name, (tmp_path / name).read_bytes())
    snapshot = read(shop(address), folder=tmp_path / "home")
    assert snapshot.fingerprint == expected.fingerprint


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.parquet", "folder"])
def test_a_file_has_the_same_rows_from_an_object_store(name, tmp_path, objects, expected):
    KINDS[name](tmp_path / name)
    bucket = objects.bucket()
    for file in all_files(tmp_path):
        objects.put(bucket, str(file.relative_to(tmp_path)), file.read_bytes())
    snapshot = read(shop(f"s3://{bucket}/{name}"), folder=tmp_path / "home")
    assert snapshot.fingerprint == expected.fingerprint
    assert snapshot.warnings == ()


@pytest.mark.parametrize("how", ["table", "query"])
@pytest.mark.parametrize("kind", DATABASES)
def test_the_rows_of_a_database_have_them_too_whatever_their_order(
    kind, how, tmp_path, expected, new_source_database
):
    database = new_source_database(kind)
    database.fill("Sales of 'é'", CARRIED.take([2, 0, 3, 1]))
    table = "Sales of 'é'"
    rows = {"table": table} if how == "table" else {"query": f"TABLE {database.quoted(table)};"}
    if how == "query" and kind != "postgresql":
        rows = {"query": f"SELECT * FROM {database.quoted(table)} ORDER BY id DESC;\n"}
    snapshot = read(shop_of(database.url, **rows), folder=tmp_path / "home")
    assert load(snapshot.path).equals(load(expected.path))
    assert snapshot.fingerprint == expected.fingerprint


ENDLESS = ("rows.csv", "rows.tsv", "semicolons.csv", "utf16.csv", "rows.jsonl", "folder")


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ENDLESS])
def test_a_file_that_is_cut_off_is_refused_where_its_format_has_an_end(name, tmp_path):
    KINDS[name](tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for kept in (len(content) // 2, len(content) - 2):
        message = refusal(written(tmp_path, content[:kept], name), tmp_path)
        assert "it may have been cut off" in message


def test_an_arrow_stream_that_ends_between_two_pieces_is_refused(tmp_path):
    stream(tmp_path / "rows.arrow")
    content = (tmp_path / "rows.arrow").read_bytes()
    path = written(tmp_path, content[:-8], "rows.arrow")
    assert "This is not a complete Arrow file or stream: it has no end." in refusal(path, tmp_path)


def test_arrow_files_of_old_feather_and_other_bytes_are_refused(tmp_path):
    path = written(tmp_path, b"FEA1" + bytes(100) + b"FEA1", "rows.feather")
    assert "This is a Feather file of version 1. Write it with version 2" in refusal(path, tmp_path)
    path = written(tmp_path, b"id,y\n1,2\n", "rows.arrow")
    assert "This is no Arrow file or stream: it begins like text" in refusal(path, tmp_path)


def test_texts_outside_an_arrow_file_are_refused_and_do_not_end_the_process(tmp_path):
    table = pa.table({"id": ["aa", "bb", "cc"], "y": [1, 2, 3]})
    pa.feather.write_feather(table, tmp_path / "whole.arrow", compression="uncompressed")
    content, places = (tmp_path / "whole.arrow").read_bytes(), struct.pack("<4i", 0, 2, 4, 6)
    for damaged in ((0, -7, 4, 6), (0, 2, 4, 2**30), (0, 4, 2, 6), (-1, 2, 4, 6)):
        other = content.replace(places, struct.pack("<4i", *damaged))
        message = refusal(written(tmp_path, other, "rows.arrow"), tmp_path)
        assert "This is not a complete Arrow file" in message


def test_a_list_in_an_arrow_file_is_left_out(tmp_path):
    table = CARRIED.append_column("l", pa.array([[1]] * 4))
    pa.feather.write_feather(table, tmp_path / "rows.arrow")
    snapshot = read(shop(tmp_path / "rows.arrow"), folder=tmp_path / "home")
    assert load(snapshot.path).equals(CARRIED)
