"""One sheet of a spreadsheet is read, with the types of its cells."""

import datetime as dt
import sys
from typing import Any

import pyarrow as pa
import pytest
from helpers.sources import refusal, rows, shop, written
from helpers.spreadsheets import Error, Percent, xlsx

from data.sources.read import read
from data.sources.snapshot import load

pytest.importorskip("python_calamine")

HEADER = ["id", "y", "x"]
MIXED: list[list[Any]] = [HEADER, ["a", 1, "x1"], ["b", 2, 12], ["c", 3, 2.5]]
ROWS: list[list[Any]] = [HEADER, ["a", 1.5, 1], ["b", None, 2]]


def read_with(path, folder, **source):
    snapshot = read(shop(path, source={"path": path, **source}), folder=folder / "home")
    return load(snapshot.path), snapshot.warnings


def test_cells_keep_their_types(tmp_path):
    moment = dt.datetime(2024, 3, 31, 12)
    path = xlsx(
        tmp_path / "rows.xlsx",
        {
            "s": [
                ["id", "y", "whole", "share", "flag", "day", "moment", "level", "odd"],
                ["a", 0.1, 3, Percent(0.125), True, dt.date(2024, 3, 31), moment, "x", 1],
                ["b", Error("#N/A"), -4, None, False, None, None, None, Error("#DIV/0!")],
            ]
        },
    )
    table = rows(path, tmp_path)
    assert table.to_pylist() == [
        {
            **{"id": "a", "y": 0.1, "whole": 3, "share": 0.125, "flag": True},
            **{"day": dt.date(2024, 3, 31), "moment": moment, "level": "x", "odd": 1},
        },
        {
            **{"id": "b", "y": None, "whole": -4, "share": None, "flag": False},
            **{"day": None, "moment": None, "level": None, "odd": None},
        },
    ]
    assert table.schema.field("whole").type == pa.int64()


def test_text_and_numbers_in_one_column_are_text_and_named(tmp_path):
    path = xlsx(
        tmp_path / "rows.xlsx", {"s": [HEADER, ["a", 1, "x1"], ["b", 2, 12], ["c", 3, 2.5]]}
    )
    table, warnings = read_with(path, tmp_path)
    assert table["x"].to_pylist() == ["x1", "12", "2.5"]
    assert "read as text in 'x'" in warnings[0]


def test_the_header_is_the_row_with_the_declared_columns_or_the_declared_one(tmp_path):
    path = xlsx(
        tmp_path / "rows.xlsx", {"s": [["Sales of 2024"], [], *ROWS, [None, None], ["c", 2, 3]]}
    )
    table, warnings = read_with(path, tmp_path)
    assert table["id"].to_pylist() == ["a", "b", "c"]
    assert "Read with its header in row 3. Declare source: {skip: 2}" in warnings[0]
    assert read_with(path, tmp_path, skip=2) == (table, ())


def test_a_sheet_is_chosen_by_name_or_number_and_must_be_chosen_where_there_are_several(tmp_path):
    path = xlsx(tmp_path / "rows.xlsx", {"notes": [["x"]], "sales": ROWS})
    for sheet in ("sales", 2):
        assert read_with(path, tmp_path, sheet=sheet)[0].num_rows == 2
    message = refusal(path, tmp_path / "none")
    assert "The file has 2 sheets: 'notes', 'sales'. Declare which: source: {sheet:" in message
    for sheet in ("slaes", 3):
        source = {"path": path, "sheet": sheet}
        with pytest.raises(Exception, match=f"has no sheet {sheet!r}, but 'notes', 'sales'"):
            read(shop(path, source=source), folder=tmp_path / "none")


def test_two_columns_of_one_name_are_refused_and_one_without_name_or_values_is_none(tmp_path):
    path = xlsx(tmp_path / "rows.xlsx", {"s": [["id", "y", "y"], ["a", 1, 2]]})
    assert "2 columns are called 'y'" in refusal(path, tmp_path)
    path = xlsx(tmp_path / "rows.xlsx", {"s": [["id", None, "y"], ["a", 5, 2]]})
    assert "Column 3 has no name" in refusal(path, tmp_path)
    path = xlsx(tmp_path / "rows.xlsx", {"s": [["id", None, "y"], ["a", None, 2]]})
    assert rows(path, tmp_path).column_names == ["id", "y"]


def test_merged_cells_are_named(tmp_path):
    path = xlsx(tmp_path / "rows.xlsx", {"s": ROWS}, merged="A2:A3")
    assert "1 ranges of cells are merged" in read_with(path, tmp_path)[1][0]


def test_files_with_a_password_damaged_ones_and_other_bytes_are_refused(tmp_path):
    content = xlsx(tmp_path / "rows.xlsx", {"s": ROWS}).read_bytes()
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5_000)
    locked = old + "EncryptionInfo\0EncryptedPackage\0".encode("utf-16-le") + bytes(5_000)
    for name in ("locked.xlsx", "locked.xls"):
        assert "The file has a password" in refusal(written(tmp_path, locked, name), tmp_path)
    assert "so that its name ends in .xls" in refusal(written(tmp_path, old, "a.xlsx"), tmp_path)
    for kept in (content[:300], content[:-30]):
        for name in ("cut.xlsx", "cut.ods"):
            message = refusal(written(tmp_path, kept, name), tmp_path)
            assert f"This is not a complete {name[3:]} file" in message
    message = refusal(written(tmp_path, content, "new.xls"), tmp_path)
    assert "This is no .xls file: it begins like a zip archive or a spreadsheet (.xlsx)." in message


def test_an_empty_sheet_is_refused_by_what_it_lacks(tmp_path):
    path = xlsx(tmp_path / "rows.xlsx", {"s": []})
    assert read(shop(path), folder=tmp_path).rows == 0


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    path = xlsx(tmp_path / "rows.xlsx", {"s": ROWS})
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    message = refusal(path, tmp_path)
    assert "need the package python-calamine. Install it: pip install 'nightfit[excel]'." in message
