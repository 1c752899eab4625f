"""Text for a spreadsheet: nothing in it is a formula, and everything else is as it was."""

import csv
import io
from pathlib import Path

import pytest

from data.errors import CallError
from data.store.views import NUMBER, TEXT
from flows.command.output_formats import write_rows
from flows.command.spreadsheet import guarded

FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "@SUM(1)",
    "+1-1",
    "-2+3",
    "-",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1+1",
    "−1+cmd|' /C calc'!A0",
    "=cmd|' /C calc'!A0",
]
HIDDEN = [
    "a;=1+1;",
    'a"=1',
    "a'=1",
    "a,@x",
    "a\t+1+1",
    "a\n=1",
    "a\r\n-1-1",
    "a|=1",
    "a; =1",
    "x\u2028=1",
]
"""Another separator, or a quotation mark, would let a cell begin in the middle of these."""

HARMLESS = [
    "-3.5",
    "+3",
    "-1e-05",
    "-12,5",
    "a=b",
    "x - y",
    "2024-03-01",
    "k1",
    "",
    "naïve",
    "'",
    "a,b",
]


def test_whatever_begins_a_formula_gets_an_apostrophe_before_it():
    assert [text for text in FORMULAS if not guarded(text).startswith("'")] == []


@pytest.mark.parametrize("text", HIDDEN)
def test_a_formula_in_the_middle_of_a_text_is_guarded_where_it_would_begin(text: str):
    shown = guarded(text)
    assert len(shown) == len(text) + 1
    assert shown.replace("'", "") == text.replace("'", "")
    assert shown[1] in "\"',;|\t\n\r\u2028"  # after the separator


def test_numbers_and_other_texts_stay_as_they_are():
    assert [guarded(text) for text in HARMLESS] == HARMLESS
    assert [guarded(value) for value in (-3.5, -1, None)] == [-3.5, -1, None]


def test_csv_is_exact_and_a_spreadsheet_gets_quoted_and_guarded_cells():
    rows = [(text, -3.5) for text in [*FORMULAS, *HIDDEN, *HARMLESS]]
    columns = {"=key": TEXT, "predicted": NUMBER}
    for spreadsheet in (False, True):
        stream = io.StringIO(newline="")
        write_rows([rows], columns, "csv", stream, spreadsheet=spreadsheet)
        header, *read = csv.reader(io.StringIO(stream.getvalue(), newline=""))
        changed = guarded if spreadsheet else str
        assert header == [changed("=key"), "predicted"]
        assert read == [[changed(text), "-3.5"] for text, _ in rows]
    assert stream.getvalue().startswith('"\'=key","predicted"\n"\'=1+1",-3.5\n')


def test_a_spreadsheet_is_csv_and_nothing_else(tmp_path: Path):
    with pytest.raises(CallError, match="--spreadsheet writes CSV, and not json"):
        write_rows([], {"key": TEXT}, "json", tmp_path / "rows.json", spreadsheet=True)
    assert list(tmp_path.iterdir()) == []
