"""Options of a source are read strictly, and belong to the formats of files that have them."""

from pathlib import Path

import pytest

from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.errors import CallError


def declared(folder: Path, text: str) -> Declaration:
    (folder / "shop.yaml").write_text(text, encoding="utf-8")
    return load_dataset("shop", folder)


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ("separater: ';'", "'separater' is not a key of 'source'. Did you mean 'separator'?"),
        ("separator: ';;'", "'source.separator' should be"),
        ("separator: é", "'source.separator': 'é' cannot be used. Use a character of ASCII."),
        ("separator: ';', quote: ';'", "'source.quote': ';' is declared as 'separator', too."),
        ("decimal: ',', thousands: ','", "'source.thousands': ',' is declared as 'decimal', too."),
        ("decimal: x", "'source.decimal' cannot be the text 'x'. Choose from"),
        ("encoding: latin-0", "'latin-0' is not an encoding that Python knows. Write for example"),
        ("encoding: base64", "'base64' is not an encoding that Python knows."),
        ("skip: -1", "'source.skip' should be at least 0"),
        ("sheet: 2", "'source.sheet': it is for files that end in .xlsx, .xlsm, .xls or .ods, but"),
    ],
)
def test_a_wrong_option_of_a_source_is_named_with_its_line(options, mistake, tmp_path):
    text = f"source: {{path: rows.csv, {options}}}\nkey: id\ntarget: y\n"
    with pytest.raises(CallError) as caught:
        declared(tmp_path, text)
    assert ", line 1: " in str(caught.value)
    assert mistake in str(caught.value)


def test_options_of_text_belong_to_packed_text_files_and_patterns_and_to_no_others(tmp_path):
    rest = "separator: ';'}\nkey: id\ntarget: y\n"
    for path in ("rows.csv.gz", "rows-*.tsv", "rows.zip", "folder"):
        assert declared(tmp_path, f"source: {{path: {path}, {rest}").source.separator == ";"
    with pytest.raises(CallError, match=r"but this one ends in \.parquet\. Leave it out\."):
        declared(tmp_path, f"source: {{path: rows.parquet, {rest}")


def test_what_is_declared_of_a_file_holds_for_another_one_of_its_format(tmp_path):
    text = "source: {path: rows.csv, decimal: ',', skip: 2}\nkey: id\ntarget: y\n"
    source = declared(tmp_path, text).source
    assert source.at(tmp_path / "new.csv").decimal == ","
    assert source.at(tmp_path / "new.parquet").decimal is None
