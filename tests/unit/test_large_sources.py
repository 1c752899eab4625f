"""Small files that would take much memory or time are refused in a sentence, before they do."""

import resource

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import refusal, rows, written

import data.sources.parquet_file


def repeated(path, column, groups, compression="snappy"):
    with pq.ParquetWriter(path, pa.schema([("y", column.type)]), compression=compression) as file:
        for _ in range(groups):
            file.write_table(pa.table({"y": column}), row_group_size=len(column))


def test_a_small_parquet_file_of_very_many_equal_rows_is_refused(tmp_path):
    path = tmp_path / "rows.parquet"
    repeated(path, pa.array([1.0] * 1_000_000), 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "Its 10,000,000 rows would take 1.1 GB of memory" in refusal(path, tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_parquet_file_that_repeats_a_long_text_is_refused(dictionary, tmp_path):
    path = tmp_path / "rows.parquet"
    texts = pa.DictionaryArray.from_arrays(
        pa.array([0] * 20_000, pa.int32()), pa.array(["z" * 9999])
    )
    pq.write_table(pa.table({"y": texts}), path, store_schema=dictionary)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "Its 20,000 rows would take 0.2 GB of memory" in refusal(path, tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_texts_that_are_looked_at_before_they_are_spelt_out_are_the_same(tmp_path, monkeypatch):
    path = tmp_path / "rows.parquet"
    texts = ["a", None, "", "long" * 50, "é"] * 20
    table = pa.table({"id": range(100), "y": range(100), "t": texts, "l": [[1]] * 100})
    table = table.append_column("c", pa.array(texts).dictionary_encode())
    pq.write_table(table, path, row_group_size=30)
    expected = rows(path, tmp_path)
    monkeypatch.setattr(data.sources.parquet_file, "MIN_UNPACKED", 20_000)
    monkeypatch.setattr(data.sources.parquet_file, "MAX_RATIO", 0)
    monkeypatch.setattr(data.sources.parquet_file, "MAX_CHUNK", 700)
    assert rows(path, tmp_path / "again").equals(expected)


def test_a_list_is_left_out_without_reading_its_values(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [1, 2], "y": [1, 2], "l": [[7] * 1_000_000] * 2}), path)
    assert rows(path, tmp_path).column_names == ["id", "y"]
    assert "Column 'l' holds list<element: int64>" in refusal(path, tmp_path / "other", time="l")


@pytest.mark.parametrize("sign", [",", ";"])
def test_a_file_of_very_many_columns_is_refused(sign, tmp_path):
    line = sign.join(f"c{number}" for number in range(5_001))
    path = written(tmp_path, f"{line}\n{line}\n")
    assert "The file has 5,001 columns, but at most 5,000 are possible." in refusal(path, tmp_path)
    pq.write_table(pa.table({f"c{number}": [1] for number in range(5_001)}), tmp_path / "r.parquet")
    assert "The file has 5,001 columns" in refusal(tmp_path / "r.parquet", tmp_path)


def test_a_line_without_an_end_is_refused(tmp_path):
    endless = "9" * 3_000_000
    assert "The first line has more than 1,000,000" in refusal(written(tmp_path, endless), tmp_path)
    path = written(tmp_path, f"id,y\n1,{endless}\n2,3\n")
    assert "A row, or a value with line breaks, has more than" in refusal(path, tmp_path)


def test_a_long_name_of_a_column_is_refused_and_not_repeated(tmp_path):
    message = refusal(written(tmp_path, f"id,y,{'n' * 10_000}\n1,2,3\n"), tmp_path)
    assert "The name of column 3, 'nnn" in message
    assert "has 10,000 characters, but at most 1,000 are possible" in message
    assert len(message) < 400
