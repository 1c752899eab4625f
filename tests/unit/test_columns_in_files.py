"""Sources and snapshots are read a few columns at a time: no more of them is in memory."""

import resource
import signal
import tempfile
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from helpers.sources import TABLE, shop

import data.sources.snapshot
from data.errors import HomeError, SourceError
from data.sources.column_files import ColumnFiles
from data.sources.columns_ahead import ColumnsAhead
from data.sources.read import READERS, read
from data.sources.snapshot import load, snapshot_at, write
from data.sources.stored_columns import StoredColumns


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("held", [0, 250, 10_000], ids=["in files", "one in memory", "in memory"])
def test_columns_in_files_have_the_values_and_rows_that_were_put_there(
    held, size, tmp_path, monkeypatch
):
    monkeypatch.setattr("data.sources.column_files.BLOCK", 5)
    monkeypatch.setattr("data.sources.column_files.MAX_HELD", held)
    rows = pa.table({"n": [*range(22), None], "t": [*"abcdefghijklmnopqrstu", None, "é"]})
    files = ColumnFiles(tmp_path)
    for name in rows.column_names:
        values, dtype = rows[name].to_pylist(), rows[name].type
        chunks = [pa.array(values[at : at + size], dtype) for at in range(0, 23, size)]
        files.add(name, pa.chunked_array(chunks))
    assert len([*tmp_path.iterdir()]) == {0: 2, 250: 1, 10_000: 0}[held]
    assert (files.schema, files.num_rows) == (rows.schema, 23)
    assert files.column("t").to_pylist() == rows["t"].to_pylist()
    for start in range(23):
        for count in (1, 6, 30):
            assert files.slice(start, count).equals(rows.slice(start, count))
    files.arrange(["t", "n"])
    assert files.slice(0, 23).equals(rows.select(["t", "n"]))


def test_short_columns_are_read_from_a_parquet_file_together(tmp_path, monkeypatch):
    rows = pa.table(
        {
            "a": [1, 2],
            "b": [0.5, None],
            "t": ["x", "y"],
            "c": [True, False],
            "d": [3, 4],
            "e": [5, 6],
        }
    )
    pq.write_table(rows, tmp_path / "rows.parquet")
    monkeypatch.setattr("data.sources.columns_ahead.MAX_AHEAD", 17)
    file, read = pq.ParquetFile(tmp_path / "rows.parquet"), []

    class Noted:
        schema_arrow, metadata = file.schema_arrow, file.metadata

        def read(self, columns):
            read.append(columns)
            return file.read(columns=columns)

    ahead = ColumnsAhead(Noted(), rows.column_names)
    for name in ("a", "b", "t", "c", "d", "a"):
        assert ahead.column(name).equals(rows[name])
    assert read == [["a", "b"], ["t", "c"], ["d", "e"], ["a", "b"]]


def test_a_damaged_column_does_not_keep_those_before_it_from_being_read(tmp_path):
    path = tmp_path / "rows.parquet"
    rows = pa.table({name: np.arange(200) + number for number, name in enumerate("abc")})
    pq.write_table(rows, path, use_dictionary=False, write_page_checksum=True)
    chunk = pq.read_metadata(path).row_group(0).column(2)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 5] ^= 1
    path.write_bytes(content)
    ahead = ColumnsAhead(pq.ParquetFile(path, page_checksum_verification=True), rows.column_names)
    assert [ahead.column(name).equals(rows[name]) for name in "ab"] == [True, True]
    with pytest.raises(OSError, match="checksum"):
        ahead.column("c")


def test_columns_without_rows_have_their_types(tmp_path):
    files = ColumnFiles(tmp_path)
    files.add("n", pa.chunked_array([], pa.int64()))
    assert files.slice(0, 5).equals(pa.table({"n": pa.array([], pa.int64())}))


def test_a_snapshot_of_several_groups_of_rows_is_the_same_one(tmp_path, monkeypatch):
    whole = write(TABLE, tmp_path / "whole")
    monkeypatch.setattr(data.sources.snapshot, "ROW_GROUP", 3)
    snapshot = write(TABLE, tmp_path / "groups")
    assert pq.read_metadata(snapshot.path).num_row_groups == 2
    assert snapshot.fingerprint == whole.fingerprint == snapshot_at(snapshot.path).fingerprint
    assert load(snapshot.path).equals(TABLE)
    columns = StoredColumns(snapshot.path)
    assert columns.num_rows == 4
    for name in columns.column_names:
        assert columns.column(name).equals(TABLE[name])


POOLS: list[pa.MemoryPool] = []
"""Arrow's pools are kept for good: a buffer that is freed after its pool ends the process."""


@pytest.fixture
def arrow_memory():
    """What counts the memory that Arrow takes from then on that it is called."""
    before = pa.default_memory_pool()

    def counted():
        pool = pa.proxy_memory_pool(before)
        POOLS.append(pool)
        pa.set_memory_pool(pool)
        return pool

    yield counted
    pa.set_memory_pool(before)


def test_no_more_than_some_columns_are_in_memory_at_a_time(tmp_path, arrow_memory, monkeypatch):
    monkeypatch.setattr(data.sources.snapshot, "ROW_GROUP", 10_000)
    monkeypatch.setattr("data.sources.column_files.BLOCK", 5_000)
    monkeypatch.setattr("data.sources.column_files.MAX_HELD", 1_000_000)
    values = np.random.default_rng(1).normal(size=50_000)
    rows = pa.table({"id": np.arange(50_000), **{f"x{i}": values + i for i in range(40)}})
    pq.write_table(rows, tmp_path / "rows.parquet")
    pool = arrow_memory()
    snapshot = read(shop(tmp_path / "rows.parquet", target="x0"), folder=tmp_path)
    assert snapshot_at(snapshot.path) == snapshot
    assert 0 < pool.max_memory() < 0.5 * rows.nbytes


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_disk_that_is_full_amid_the_temporary_files_is_named_and_they_are_gone(
    name, tmp_path, scratch, monkeypatch
):
    monkeypatch.setattr("data.sources.column_files.MAX_HELD", 0)
    path = tmp_path / name
    pa.csv.write_csv(TABLE, path) if name == "rows.csv" else pq.write_table(TABLE, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(HomeError, match="temporary file: the file has reached") as caught:
            read(shop(path), folder=tmp_path / "home")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(caught.value).startswith(str(scratch))
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "flaw"),
    [
        ("rows.csv", r"The file ends in line 1\d\d,?\d\d\d after 1 of 2 values"),
        ("rows.parquet", "This is not a complete Parquet file"),
    ],
)
def test_a_file_that_ends_amid_a_batch_since_it_is_read_is_refused_and_nothing_is_left(
    name, flaw, tmp_path, scratch
):
    path, rows = tmp_path / name, 200_000
    table = pa.table({"id": np.arange(rows), "y": np.arange(rows) % 1_000})
    if name == "rows.csv":
        pa.csv.write_csv(table, path)
    else:
        pq.write_table(table, path, row_group_size=20_000)
    text = path.read_bytes()
    half = text[: text.rindex(b",", 0, len(text) // 2)] if name == "rows.csv" else text[:500_000]
    seen: list[float] = []

    def cut(share, _):
        if share > 0 and not seen:
            seen.append(share)
            path.write_bytes(half)

    with pytest.raises(SourceError, match=flaw):
        read(shop(path), folder=tmp_path / "home", report=cut)
    assert seen
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "home").exists()


def test_a_source_that_changes_between_two_of_its_columns_is_read_again(
    tmp_path, scratch, monkeypatch
):
    path, reader = tmp_path / "rows.parquet", READERS[".parquet"]
    pq.write_table(TABLE, path)
    fingerprint = read(shop(path), folder=tmp_path / "before").fingerprint

    def read_and_change(*arguments):
        source = reader(*arguments)

        def column(name):
            if name == "level":
                pq.write_table(TABLE, path)
            return source.read(name)

        monkeypatch.setitem(READERS, ".parquet", reader)
        return replace(source, read=column)

    monkeypatch.setitem(READERS, ".parquet", read_and_change)
    snapshot = read(shop(path), folder=tmp_path / "home")
    assert snapshot.warnings == (
        f"{path}: The file was changed while it was read, so it was read again.",
    )
    assert snapshot.fingerprint == fingerprint
    assert list(scratch.iterdir()) == []
