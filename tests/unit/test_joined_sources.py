"""A pattern or a folder is one table of all its files; files that do not fit are named."""

import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from helpers.sources import refusal, rows, shop, written

from data.sources.read import READERS, read
from data.sources.snapshot import load

HEADER = "id,y,x\n"


def parts(folder, *, ending=".csv", names=("a", "b", "c")):
    for at, name in enumerate(names):
        table = pa.table({"id": [f"{name}1", f"{name}2"], "y": [at, None], "x": [at + 0.5, 1.5]})
        path = folder / f"sales-{name}{ending}"
        pa.csv.write_csv(table, path) if ending == ".csv" else pq.write_table(table, path)
    return folder / f"sales-*{ending}"


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_files_of_a_pattern_are_one_table_in_the_order_of_their_names(ending, tmp_path):
    pattern = parts(tmp_path, ending=ending, names=("c", "a", "b"))
    table = rows(pattern, tmp_path)
    assert table["id"].to_pylist() == ["a1", "a2", "b1", "b2", "c1", "c2"]
    assert table["y"].to_pylist() == [1, None, 2, None, 0, None]
    parts(tmp_path, ending=ending, names=("d",))
    assert rows(pattern, tmp_path).num_rows == 8
    (tmp_path / f"other{ending}").write_bytes(b"x")
    assert rows(pattern, tmp_path).num_rows == 8


def test_the_fingerprint_is_that_of_the_rows_in_one_file(tmp_path):
    pattern = parts(tmp_path)
    lines = [(tmp_path / f"sales-{name}.csv").read_text().partition("\n")[2] for name in "abc"]
    whole = written(tmp_path, HEADER + "".join(lines), "whole.csv")
    one = read(shop(pattern), folder=tmp_path / "home")
    assert one.fingerprint == read(shop(whole), folder=tmp_path / "home").fingerprint
    parts(tmp_path / ".", ending=".parquet")
    other = read(shop(tmp_path / "sales-*.parquet"), folder=tmp_path / "home")
    assert other.fingerprint == one.fingerprint


def test_columns_in_another_order_belong_to_their_names(tmp_path):
    pattern = parts(tmp_path)
    written(tmp_path, "x,id,y\n9,z,8\n", "sales-d.csv")
    assert rows(pattern, tmp_path).to_pylist()[-1] == {"id": "z", "y": 8, "x": 9}


def test_a_file_with_other_columns_is_named_with_the_one_it_differs_from(tmp_path):
    pattern = parts(tmp_path)
    path = written(tmp_path, "id,y,price\nz,8,1\n", "sales-d.csv")
    with pytest.raises(Exception, match=r"sales-d\.csv") as caught:
        rows(pattern, tmp_path)
    assert str(caught.value) == (
        f"{path}: Its columns are not those of 'sales-a.csv': it lacks 'x' and has 'price' besides."
        " Correct one of the files, or leave it out of the pattern or folder."
    )


def test_a_parquet_file_with_another_kind_is_named_and_wider_types_are_joined(tmp_path):
    pattern = parts(tmp_path, ending=".parquet")
    path = tmp_path / "sales-d.parquet"
    table = pa.table({"id": ["z"], "y": [0.25], "x": pa.array([7], pa.int16())})
    pq.write_table(table, path)
    assert rows(pattern, tmp_path).to_pylist()[-1] == {"id": "z", "y": 0.25, "x": 7.0}
    pq.write_table(pa.table({"id": ["z"], "y": [1], "x": ["dear"]}), path)
    with pytest.raises(
        Exception, match=r"Column 'x' holds string, but double in 'sales-a\.parquet'"
    ):
        rows(pattern, tmp_path)


def test_an_empty_file_and_one_of_another_format_are_named(tmp_path):
    pattern = parts(tmp_path)
    written(tmp_path, "", "sales-b.csv")
    with pytest.raises(Exception, match=r"sales-b\.csv: The file is empty \(0 bytes\)\."):
        rows(pattern, tmp_path)
    written(tmp_path, HEADER, "sales-b.csv")
    assert rows(pattern, tmp_path).num_rows == 4
    written(tmp_path, HEADER, "sales-b.tsv")
    message = refusal(tmp_path / "sales-*", tmp_path / "none", target="y")
    assert "'sales-c.csv' and 'sales-b.tsv' are of different formats." in message


def test_a_pattern_without_a_file_is_refused_with_the_nearest_name(tmp_path):
    parts(tmp_path)
    message = refusal(tmp_path / "slaes-*.csv", tmp_path)
    assert "No file has a name of this pattern. Did you mean 'sales-" in message


def test_a_file_whose_name_has_the_signs_of_a_pattern_is_that_file(tmp_path):
    path = written(tmp_path, "id,y\na,1\n", "rows[1].csv")
    assert rows(path, tmp_path).num_rows == 1


def partitioned(folder):
    for year, month in ((2023, "1"), (2023, "2"), (2024, "1")):
        place = folder / f"year={year}" / f"month={month}"
        place.mkdir(parents=True)
        table = pa.table({"id": [f"{year}-{month}"], "y": [1.5]})
        pq.write_table(table, place / "part-0.parquet")
    written(folder, "", "_SUCCESS")
    return folder


def test_a_folder_of_parquet_files_is_a_table_and_its_folders_name_columns(tmp_path):
    folder = partitioned(tmp_path / "sales")
    table = rows(folder, tmp_path)
    assert table.column_names == ["id", "y", "year", "month"]
    assert table.schema.field("year").type == pa.int64()
    assert table["year"].to_pylist() == [2023, 2023, 2024]
    kept = rows(folder, tmp_path, types={"year": "category"})
    assert kept["year"].to_pylist() == ["2023", "2023", "2024"]
    (folder / "year=__HIVE_DEFAULT_PARTITION__" / "month=3").mkdir(parents=True)
    unknown = folder / "year=__HIVE_DEFAULT_PARTITION__" / "month=3" / "p.parquet"
    pq.write_table(pa.table({"id": ["z"], "y": [2.5]}), unknown)
    assert rows(folder, tmp_path)["year"].to_pylist() == [2023, 2023, 2024, None]
    pq.write_table(pa.table({"id": ["z"], "y": [2.5]}), folder / "loose.parquet")
    with pytest.raises(Exception, match="name the columns"):
        rows(folder, tmp_path)


def test_many_files_are_not_all_kept_open(tmp_path, monkeypatch):
    monkeypatch.setattr("data.sources.read.MAX_OPEN", 1)
    opened, reader = [], READERS[".parquet"]

    def counted(path, *others):
        opened.append(path.name)
        return reader(path, *others)

    monkeypatch.setitem(READERS, ".parquet", counted)
    table = rows(parts(tmp_path, ending=".parquet"), tmp_path)
    assert table["x"].to_pylist() == [0.5, 1.5, 1.5, 1.5, 2.5, 1.5]
    assert opened.count("sales-a.parquet") == 1
    assert opened.count("sales-c.parquet") == 4


def test_dialects_are_told_once_for_files_that_share_them_and_marks_by_all_of_them(tmp_path):
    written(tmp_path, "id;y;x\na;1,5;3\n", "p-1.csv")
    written(tmp_path, "id;y;x\nb;3,504;2\n", "p-2.csv")
    pattern = tmp_path / "p-*.csv"
    snapshot = read(shop(pattern), folder=tmp_path / "home")
    assert load(snapshot.path)["y"].to_pylist() == [1.5, 3.504]
    (warning,) = snapshot.warnings
    assert "Declare source: {separator: ';', decimal: ','} if that is right." in warning
    written(tmp_path, "id,y,x\nc,7,2\n", "p-3.csv")
    snapshot = read(shop(pattern), folder=tmp_path / "home")
    assert snapshot.rows == 3


@pytest.mark.parametrize("what", ["new", "changed", "gone"])
def test_a_file_that_comes_changes_or_goes_while_the_others_are_read_is_seen(
    what, tmp_path, monkeypatch
):
    pattern, reader, done = parts(tmp_path), READERS[".csv"], [False]

    def read_and_change(*arguments):
        columns = reader(*arguments)
        if not done[0]:
            done[0] = True
            if what == "gone":
                (tmp_path / "sales-a.csv").unlink()
            else:
                name = "sales-d.csv" if what == "new" else "sales-a.csv"
                written(tmp_path, f"{HEADER}z,1,1\n", name)
        return columns

    monkeypatch.setitem(READERS, ".csv", read_and_change)
    snapshot = read(shop(pattern), folder=tmp_path / "home", quiet_seconds=0.02)
    assert snapshot.rows == {"new": 7, "changed": 5, "gone": 4}[what]
    assert "The file was changed while it was read, so it was read again." in snapshot.warnings[0]


def test_a_file_of_a_pattern_that_is_being_written_is_waited_for(tmp_path):
    pattern = parts(tmp_path)
    code = "import sys,time\nf=open(sys.argv[1],'a')\nprint(flush=True)\n" + (
        "for i in range(30): f.write(f'n{i},1,1\\n'); f.flush(); time.sleep(0.005)"
    )
    command = [sys.executable, "-c", code, tmp_path / "sales-c.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        time.sleep(0.02)
        snapshot = read(shop(pattern), folder=tmp_path / "home", quiet_seconds=0.1)
    assert snapshot.rows == 36
