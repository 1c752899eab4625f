"""Rows as a table, CSV, JSON and Parquet: what people see, and what programs get back."""

import csv
import fcntl
import io
import json
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.store_nights import promoted, write

from data.errors import CallError, UserError
from data.store.read.view_rows import rows_of
from data.store.session import Store
from data.store.views import BOOLEAN, INTEGER, NUMBER, TEXT, TIME
from flows.command.output_formats import write_batches, write_rows

COLUMNS = {"key": TEXT, "n": INTEGER, "predicted": NUMBER, "inside": BOOLEAN, "at": TIME}
AT = datetime(2026, 1, 31, 2, 0, 0, 250000, UTC)
ROWS = [
    ('quoted " and, comma', 1, 0.1 + 0.2, True, AT),
    ("two\nlines", None, 5e-324, False, AT),
    ("🦊", -3, -1.7976931348623157e308, None, None),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(output_format: str, rows: list[tuple], batch: int = 2) -> str:
    stream = io.StringIO()
    batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    write_rows(batches, COLUMNS, output_format, stream)
    return stream.getvalue()


def test_csv_keeps_floats_to_the_last_bit():
    header, *rows = csv.reader(io.StringIO(written("csv", ROWS), newline=""))
    assert header == list(COLUMNS)
    assert [float(row[2]) for row in rows] == [row[2] for row in ROWS]
    assert [row[0] for row in rows] == [row[0] for row in ROWS]
    assert rows[0][3:] == ["true", "2026-01-31T02:00:00.250000+00:00"]
    assert rows[2][3:] == ["", ""]


def test_json_is_one_array_that_keeps_floats_to_the_last_bit():
    records = json.loads(written("json", ROWS))
    assert [tuple(row.values())[:4] for row in records] == [row[:4] for row in ROWS]
    assert [row["at"] for row in records] == [AT.isoformat(), AT.isoformat(), None]


@pytest.mark.parametrize("bits", range(3))
def test_random_floats_survive_csv_and_json(bits: int):
    draw = np.random.default_rng(bits).integers(0, 2**63, 500).view(np.float64)
    values = [float(value) for value in draw if np.isfinite(value)]
    rows = [(str(i), i, value, None, None) for i, value in enumerate(values)]
    assert [row["predicted"] for row in json.loads(written("json", rows))] == values
    _, *lines = csv.reader(io.StringIO(written("csv", rows)))
    assert [float(line[2]) for line in lines] == values


def test_without_rows_there_is_an_empty_array_or_a_header():
    assert json.loads(written("json", [])) == []
    assert written("csv", []) == "key,n,predicted,inside,at\n"
    assert written("table", []).split() == list(COLUMNS)


def test_a_table_is_aligned_and_rounded():
    header, first, second, third = written("table", ROWS, batch=3).splitlines()
    assert header.index("at") == first.index("2026-01-31 02:00:00")
    assert "0.3 " in first
    assert second.startswith("two lines")
    assert "-1.79769e+308" in third


def test_a_table_has_its_header_once_however_many_batches():
    assert written("table", ROWS, batch=1).count("predicted") == 1


def test_a_terminal_gets_every_value():
    stream = Terminal()
    write_rows([[ROWS[0][:2]]], {"key": TEXT, "n": INTEGER}, "table", stream)
    assert "quoted" in stream.getvalue()


def shown(rows: list[tuple], columns: dict[str, Any]) -> list[str]:
    stream = Terminal()
    write_rows([rows], columns, "table", stream)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    return [" ".join(line.split()) for line in plain.splitlines()]


WIDE = {"dataset": TEXT, "features": TEXT, "test_rmse": NUMBER, "pinned": BOOLEAN}
CARD = ("wages", "[bold]age[/bold], education, jobclass, year and others", 0.25, True)


def test_a_row_wider_than_the_terminal_is_printed_as_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert shown([CARD], WIDE) == [
        "dataset wages",
        "features [bold]age[/bold], education, jobclass, year and",
        "others",
        "test_rmse 0.25",
        "pinned yes",
        "",
    ]
    assert len(shown([CARD[:1]], {"dataset": TEXT})) == 2  # what fits is a table
    assert shown([CARD, CARD], WIDE)[0] == "dataset features test_rmse pinned"
    monkeypatch.setenv("COLUMNS", "120")
    assert shown([CARD], WIDE)[0] == "dataset features test_rmse pinned"


def test_rows_whose_names_alone_are_too_wide_are_printed_as_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    columns = {f"column_{number}": NUMBER for number in range(9)}
    lines = shown([(0.5,) * 9, (None,) * 9], columns)
    assert lines[:2] == ["column_0 0.5", "column_1 0.5"]
    assert lines[9:11] == ["", "column_0"]
    assert len(lines) == 20


def test_model_card_is_printed_one_fact_per_line(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "100")
    write(store, promoted(1, {"a": 1.0}, fingerprint="f" * 64, setup_fingerprint="5" * 64))
    with store.reading() as connection:
        view = rows_of(connection, "model_card", dataset="wages")
        (rows,) = view.batches
    lines = shown(list(rows), view.columns)
    assert [line.split()[0] for line in lines[:-1]] == list(view.columns)


def test_parquet_keeps_types_even_if_the_first_batch_has_only_nulls(tmp_path: Path):
    path = tmp_path / "rows.parquet"
    write_rows([[("a", None, None, None, None)], ROWS], COLUMNS, "parquet", path)
    table = pq.read_table(path)
    assert [str(kind) for kind in table.schema.types] == [
        "string",
        "int64",
        "double",
        "bool",
        "timestamp[us, tz=UTC]",
    ]
    assert [tuple(row.values()) for row in table.to_pylist()[1:]] == ROWS


def test_parquet_goes_to_standard_output_as_bytes():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw)
    write_rows([ROWS], COLUMNS, "parquet", stream)
    assert pq.read_table(io.BytesIO(raw.getvalue())).num_rows == 3


def test_parquet_to_a_terminal_is_refused():
    with pytest.raises(CallError, match="cannot be printed on a terminal"):
        write_rows([ROWS], COLUMNS, "parquet", Terminal())


def test_unknown_format_is_refused_and_the_known_ones_are_listed():
    with pytest.raises(CallError, match="Choose one of: table, csv, json, parquet"):
        write_rows([], COLUMNS, "xlsx", io.StringIO())


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path):
    def failing():
        yield ROWS
        raise UserError("the connection was lost")

    with pytest.raises(UserError, match="was lost"):
        write_rows(failing(), COLUMNS, "csv", tmp_path / "rows.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="the file cannot be written") as caught:
        write_rows([ROWS], COLUMNS, "csv", tmp_path / "nowhere" / "rows.csv")
    assert caught.value.where == str(tmp_path / "nowhere" / "rows.csv")


def test_arrow_keeps_the_types_of_columns_also_into_a_pipe(tmp_path):
    path = tmp_path / "rows.arrow"
    write_rows([ROWS], COLUMNS, "arrow", path)
    stream = io.TextIOWrapper(io.BytesIO())
    write_rows([ROWS], COLUMNS, "arrow", stream)
    for source in (path.read_bytes(), stream.buffer.getvalue()):
        table = pa.ipc.open_file(source).read_all()
        assert table["key"].to_pylist() == [row[0] for row in ROWS]
        assert table["n"].to_pylist() == [row[1] for row in ROWS]
        assert str(table.schema.field("at").type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "arrow"])
def test_batches_of_arrow_are_written_with_dates_and_whole_numbers_as_they_are(form, tmp_path):
    schema = pa.schema([("store", pa.int64()), ("day", pa.date32()), ("p", pa.float64())])
    batch = pa.record_batch([[1, 2], [date(2026, 1, 31), None], [0.1 + 0.2, None]], schema)
    path = tmp_path / f"rows.{form}"
    write_batches([batch], schema, form, path)
    if form == "csv":
        assert path.read_text() == "store,day,p\n1,2026-01-31,0.30000000000000004\n2,,\n"
    elif form == "json":
        first, second = json.loads(path.read_text())
        assert first == {"store": 1, "day": "2026-01-31", "p": 0.1 + 0.2}
        assert second == {"store": 2, "day": None, "p": None}
    else:
        table = pq.read_table(path) if form == "parquet" else pa.ipc.open_file(path).read_all()
        assert table == pa.Table.from_batches([batch])


def test_what_a_killed_process_left_is_removed_and_what_is_being_written_is_not(tmp_path):
    left, written_now = (tmp_path / f".nightfit-{name}.unfinished" for name in "ab")
    for path in (left, written_now):
        path.write_text("half")
        os.utime(path, (1, 1))
    with written_now.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        write_rows([ROWS], COLUMNS, "csv", tmp_path / "rows.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", written_now.name}
