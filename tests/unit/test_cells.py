"""Cells that cannot be read, and what was guessed, reach the person who runs a night."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import refusal, shop, written

from data.checks.check import check
from data.checks.findings import Checked
from data.sources.columns import arrays, with_offsets
from data.sources.keys import row_keys
from data.sources.read import read
from data.sources.snapshot import Snapshot, load, readings_of, snapshot_at
from tasks.run.rows import SnapshotRows

N = 300


def by_the_clock(snapshot, name):
    """Return the times of a column as the clock showed them."""
    return arrays(load(snapshot.path, with_offsets([name])), [name])[name]


def table(**columns: list[str]) -> str:
    """Return a CSV file of `N` rows with a key and a target beside these columns."""
    rows = [",".join(["id", *columns, "y"])]
    rows += [
        ",".join([str(i + 1), *(f'"{values[i]}"' for values in columns.values()), f"{i}.5"])
        for i in range(N)
    ]
    return "\n".join(rows) + "\n"


def doses(**odd: str) -> list[str]:
    """Return numbers with other texts in the rows (from 1) named like `row57`."""
    values = [f"{i}.25" for i in range(N)]
    for row, text in odd.items():
        values[int(row.removeprefix("row")) - 1] = text
    return values


def outcome(folder: Path, content: str, kinds=None, **declared: object) -> tuple[Checked, Snapshot]:
    declaration = shop(written(folder, content), **declared)
    snapshot = read(declaration, folder=folder / "home", kinds=kinds)
    return check(declaration, load(snapshot.path), readings_of(snapshot.path)), snapshot


def test_a_row_whose_cell_cannot_be_read_is_set_aside_with_a_warning(tmp_path):
    checked, snapshot = outcome(tmp_path, table(dose=doses(row57="12,5")))
    assert checked.warnings == (
        "Column 'dose' holds numbers, but '12,5' in row 57 is not one. This row is set aside."
        " Correct it in the source; if such a text means a missing value, declare missing:"
        " ['12,5'].",
    )
    (row,) = checked.rejected_rows
    assert (row.key, row.row_number, row.reason) == ("57", 57, "dose '12,5' is not a number.")
    assert row.values == {"id": 57, "dose": "12,5", "y": 56.5}
    assert not checked.kept[56]
    assert checked.kept.sum() == N - 1
    assert checked.passed
    assert snapshot_at(snapshot.path) == snapshot


def test_rows_with_such_cells_end_the_run_from_one_in_a_hundred_on(tmp_path):
    checked, _ = outcome(tmp_path, table(dose=doses(row5="a", row6="b", row7="c")))
    assert not checked.passed
    assert checked.reason == (
        "Column 'dose' holds numbers, but 'a' in row 5, 'b' in row 6 and 'c' in row 7 are not."
        " That is 1% of the rows, and only less than 1% can be set aside. Correct them, or declare"
        " missing: ['a'], 'unparsable: missing' or types: {dose: category}."
    )
    columns = {f"c{i}": doses(**{f"row{i + 1}": "x"}) for i in range(3)}
    together, _ = outcome(tmp_path, table(**columns))
    assert "3 of 300 rows have a cell that is not of its column's kind" in together.reason


def test_such_cells_can_be_declared_missing_or_to_be_refused(tmp_path):
    many = table(dose=doses(**{f"row{row}": "x" for row in range(1, 11)}))
    missing, snapshot = outcome(tmp_path, many, unparsable="missing")
    assert missing.passed
    assert missing.kept.all()
    assert load(snapshot.path)["dose"].null_count == 10
    assert missing.warnings == (
        "Column 'dose' holds numbers, but 'x' in row 1, 'x' in row 2, 'x' in row 3 and the cells of"
        " 7 other rows are not. They are taken as missing.",
    )
    refused, _ = outcome(tmp_path, table(dose=doses(row57="12,5")), unparsable="refuse")
    assert "'12,5' in row 57 is not one, and 'unparsable' is 'refuse'" in refused.reason


def test_cells_of_a_remembered_kind_are_held_against_it(tmp_path):
    text = table(dose=[f"{i} mg" for i in range(N)])
    checked, _ = outcome(tmp_path, text, kinds={"dose": "number"})
    assert "Column 'dose' used to hold numbers, but '0 mg' in row 1" in checked.reason


def test_columns_that_no_model_uses_are_not_worth_a_warning(tmp_path):
    content = table(dose=doses(), remark=doses(row57="12,5"), code=["007"] * N)
    checked, _ = outcome(tmp_path, content, features=["dose"])
    assert checked.warnings == ()
    assert checked.kept.all()


def test_declared_words_for_missing_may_be_numbers_and_count_in_every_column(tmp_path):
    text = table(dose=doses(row3="-999", row4="-999.0"), level=["unknown", "a", "b"] * (N // 3))
    checked, snapshot = outcome(tmp_path, text, missing=["unknown", -999])
    assert checked.warnings == ()
    rows = load(snapshot.path)
    assert rows["dose"].to_pylist()[1:5] == [1.25, None, None, 4.25]
    assert rows["level"].null_count == N // 3


def test_a_foreign_format_of_the_target_or_the_time_is_named(tmp_path):
    content = "id,t,y\n" + "".join(f"{i},{i % 28 + 1}/12/2023,1\n" for i in range(N))
    checked, _ = outcome(tmp_path, content, time="t")
    assert "holds dates with the day first, such as '1/12/2023' in row 1" in checked.reason
    content = "id,x,y\n" + "".join(f'{i},{i},"{i},500"\n' for i in range(1, N))
    checked, _ = outcome(tmp_path, content)
    assert "The target 'y' holds numbers with commas between the thousands, such as '1,500'" in (
        checked.reason
    )


@pytest.mark.parametrize("value", ["1.8e308", "-1.8e308", "1.7e308", "1e200"])
def test_a_target_too_large_to_be_squared_is_refused_with_its_row(tmp_path, value):
    content = "id,x,y\n" + "".join(f"{i},{i},{i % 7}\n" for i in range(N)) + f"a,1,{value}\n"
    checked, _ = outcome(tmp_path, content)
    assert checked.reason.startswith("The target 'y' is infinite")
    assert "in row 301 (key a)" in checked.reason


def test_the_index_of_a_pandas_table_is_no_feature_unless_it_is_named(tmp_path):
    frame = pd.DataFrame({"id": range(N), "x": np.arange(N) % 5, "y": np.arange(N) % 7})
    frame[frame.x != 3].to_parquet(tmp_path / "rows.parquet")
    declaration = shop(tmp_path / "rows.parquet")
    snapshot = read(declaration, folder=tmp_path / "home")
    assert load(snapshot.path).column_names == ["id", "x", "y"]
    checked = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    assert checked.features == ("x",)
    (warning,) = (text for text in checked.warnings if "pandas" in text)
    assert (
        "Column '__index_level_0__' is the index of a pandas table, so it is left out." in warning
    )
    named = shop(tmp_path / "rows.parquet", features=["x", "__index_level_0__"])
    assert "__index_level_0__" in load(read(named, folder=tmp_path / "home").path).column_names


def test_numbers_kept_as_text_in_parquet_are_numbers_with_a_note(tmp_path):
    columns = {"id": range(N), "x": [str(i) for i in range(N)], "y": np.arange(N) % 7}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    snapshot = read(shop(tmp_path / "rows.parquet"), folder=tmp_path / "home")
    assert load(snapshot.path)["x"].type == pa.int64()
    (reading,) = (r for r in readings_of(snapshot.path) if r.notes)
    assert reading.notes[0].startswith(
        "Column 'x' is text in the source, but its values are numbers"
    )
    level = pa.array(["1", "2"] * (N // 2)).dictionary_encode()
    pq.write_table(pa.table({**columns, "x": level}), tmp_path / "rows.parquet")
    snapshot = read(shop(tmp_path / "rows.parquet"), folder=tmp_path / "home")
    assert load(snapshot.path)["x"].to_pylist()[:2] == ["1", "2"]


def test_times_of_a_zone_order_rows_in_utc_and_are_what_the_clock_showed_as_features(tmp_path):
    moments = [
        dt.datetime(2024, 10, 26, 22, tzinfo=dt.UTC) + dt.timedelta(hours=i) for i in range(6)
    ]
    times = pa.array(moments, pa.timestamp("us", "Europe/Berlin"))
    pq.write_table(pa.table({"id": range(6), "t": times, "y": range(6)}), tmp_path / "rows.parquet")
    declaration = shop(tmp_path / "rows.parquet", time="t")
    snapshot = read(declaration, folder=tmp_path / "home")
    clock = [np.datetime64(f"2024-10-27T{hour:02}:00", "us") for hour in (0, 1, 2, 2, 3, 4)]
    assert by_the_clock(snapshot, "t").tolist() == np.array(clock).tolist()
    rows = SnapshotRows(declaration, snapshot, np.ones(6, dtype=bool), ["t"])
    assert rows.rows.time.tolist() == [moment.replace(tzinfo=None) for moment in moments]
    assert rows.rows.columns["t"].tolist() == np.array(clock).tolist()
    assert rows.columns(["t"], np.ones(6, dtype=bool))["t"].tolist() == np.array(clock).tolist()
    assert load(snapshot.path).column_names == ["id", "t", "y"]
    assert snapshot_at(snapshot.path) == snapshot

    as_csv = tmp_path / "rows.csv"
    summer = dt.timezone(dt.timedelta(hours=2))
    lines = [f"{i},{t.astimezone(summer).isoformat()},{i}\n" for i, t in enumerate(moments)]
    as_csv.write_text("id,t,y\n" + "".join(lines))
    snapshot = read(shop(as_csv, time="t"), folder=tmp_path / "home")
    assert by_the_clock(snapshot, "t")[0] == np.datetime64("2024-10-27T00:00")
    assert row_keys(load(snapshot.path), ["t"])[0] == "2024-10-26T22:00:00"


def test_replaying_a_snapshot_sets_the_same_rows_aside(tmp_path):
    first, snapshot = outcome(tmp_path, table(dose=doses(row57="12,5")))
    again = check(shop(tmp_path / "rows.csv"), load(snapshot.path), readings_of(snapshot.path))
    assert again.rejected_rows == first.rejected_rows
    clean = read(shop(written(tmp_path, table(dose=doses(row57="")))), folder=tmp_path / "home")
    assert clean.fingerprint != snapshot.fingerprint


def test_a_kind_that_is_remembered_is_no_change_of_the_rows(tmp_path):
    content = table(dose=doses(row57="12,5"), level=["a", "b"] * (N // 2))
    _, first = outcome(tmp_path, content)
    kinds = {reading.name: reading.kind for reading in readings_of(first.path)}
    assert kinds == {"id": "number", "dose": "number", "level": "category", "y": "number"}
    _, second = outcome(tmp_path, content, kinds=kinds)
    assert second.fingerprint == first.fingerprint
    assert {reading.kind_from for reading in readings_of(second.path)} == {"remembered"}


def test_a_nul_character_is_refused_in_a_cell_that_is_no_number_too(tmp_path):
    path = written(tmp_path, table(dose=doses(row57="1\0")))
    assert "Column 'dose' contains a NUL character in row 57" in refusal(path, tmp_path)
