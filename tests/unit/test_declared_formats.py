"""Columns whose format is declared, in sources of every sort, in every role, night after night."""

import datetime as dt
import json
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.contracts import contract_after
from helpers.scoring import learned
from helpers.sources import refusal, rows, shop, written
from helpers.spreadsheets import xlsx

from data.checks.check import check
from data.checks.waivers import remembered_kinds
from data.sources.read import read
from data.sources.snapshot import load, readings_of

DAYS = [dt.date(2012, 3, 14), dt.date(2012, 4, 1), None]
FORMATS = {"day": "%m/%d/%Y", "price": "$1,234.50", "share": "12.5 %", "paid": "ja/nein"}
PLAIN = {
    "id": ["a", "b", "c"],
    "y": [1, 2, 3],
    "day": DAYS,
    "price": [1234.5, -3.0, None],
    "share": [0.125, 0.07, 0.5],
    "paid": [True, False, None],
}
AS_WRITTEN = {
    **PLAIN,
    "day": ["03/14/2012", "4/1/2012", ""],
    "price": ["$1,234.50", "($3)", "NA"],
    "share": ["12.5 %", "7%", "50 %"],
    "paid": ["ja", "Nein", None],
}


def fingerprint(path, folder, **more):
    return read(shop(path, **more), folder=folder / "home").fingerprint


def notes(path, folder, **more):
    snapshot = read(shop(path, **more), folder=folder / "home")
    return {reading.name: reading.notes for reading in readings_of(snapshot.path)}


def in_csv(folder, columns):
    path = folder / "rows.csv"
    pa.csv.write_csv(pa.table(columns), path)
    return path


def test_the_same_rows_are_the_same_however_their_values_are_written(tmp_path):
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.table(PLAIN), plain)
    expected = fingerprint(plain, tmp_path)
    assert fingerprint(in_csv(tmp_path, AS_WRITTEN), tmp_path, formats=FORMATS) == expected
    texts = tmp_path / "texts.parquet"
    pq.write_table(pa.table(AS_WRITTEN), texts)
    assert fingerprint(texts, tmp_path, formats=FORMATS) == expected
    coded = tmp_path / "coded.parquet"
    table = pa.table(AS_WRITTEN)
    table = table.set_column(2, "day", table["day"].dictionary_encode())
    pq.write_table(table, coded)
    assert fingerprint(coded, tmp_path, formats=FORMATS) == expected
    lines = "\n".join(map(json.dumps, pa.table(AS_WRITTEN).to_pylist()))
    path = written(tmp_path, lines, "rows.jsonl")
    assert fingerprint(path, tmp_path, formats=FORMATS) == expected


def test_values_that_a_source_has_with_their_type_need_no_format(tmp_path):
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table(PLAIN), path)
    assert fingerprint(path, tmp_path, formats=FORMATS) == fingerprint(path, tmp_path)
    found = notes(path, tmp_path, formats=FORMATS)
    assert "they are taken as they are" in found.pop("share")[0]
    assert not any(found.values())


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_counted_times_are_read_from_numbers_of_any_source(ending, tmp_path):
    columns = {
        "id": [1, 2],
        "y": [1.5, 2.5],
        "serial": [40982, 40983],
        "epoch": [1331683200123, -999],
        "digits": [20120314, 20120315],
    }
    path = tmp_path / f"rows{ending}"
    if ending == ".parquet":
        pq.write_table(pa.table(columns), path)
    elif ending == ".csv":
        pa.csv.write_csv(pa.table(columns), path)
    else:
        path.write_text("\n".join(map(json.dumps, pa.table(columns).to_pylist())))
    formats = {"serial": "excel", "epoch": "epoch milliseconds", "digits": "%Y%m%d"}
    table = rows(path, tmp_path, formats=formats, missing=["-999"])
    days = [dt.date(2012, 3, 14), dt.date(2012, 3, 15)]
    assert table["serial"].to_pylist() == table["digits"].to_pylist() == days
    assert table["epoch"].to_pylist() == [dt.datetime(2012, 3, 14, 0, 0, 0, 123_000), None]


def test_a_cell_that_does_not_fit_is_unparsable_and_named_with_the_format(tmp_path):
    days = [f"{row % 12 + 1}/{row % 28 + 1}/2012" for row in range(300)]
    days[7] = "2012-03-14"
    content = "id,x,day,y\n" + "".join(f"{i},{i},{d},{i % 7}\n" for i, d in enumerate(days))
    path = written(tmp_path, content)
    declaration = shop(path, formats={"day": "%m/%d/%Y"})
    snapshot = read(declaration, folder=tmp_path / "home")
    outcome = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    assert outcome.passed
    assert (
        "Column 'day' is declared to hold times written as '%m/%d/%Y', but '2012-03-14' in row 8"
        " is not one. This row is set aside."
    ) in " ".join(outcome.warnings)
    assert not outcome.kept[7]
    snapshot = read(shop(path, formats={"day": "%m/%d/%Y"}, unparsable="missing"), folder=tmp_path)
    assert load(snapshot.path)["day"].null_count == 1


def test_a_column_that_no_value_fits_is_refused_with_the_format_that_does(tmp_path):
    path = written(tmp_path, "id,y,day\n1,1,14.03.2012\n2,2,15.03.2012\n")
    message = refusal(path, tmp_path, formats={"day": "%m/%d/%Y"})
    assert "no value is: it has '14.03.2012' in row 1" in message
    assert "Declare formats: {day: '%d.%m.%Y'}" in message
    path = tmp_path / "days.parquet"
    pq.write_table(pa.table({"id": [1], "y": [1], "day": [5]}), path)
    assert "holds numbers, but is declared to hold times" in refusal(
        path, tmp_path, formats={"day": "%m/%d/%Y"}
    )


def test_what_is_not_declared_stays_text_with_the_line_that_declares_it(tmp_path):
    content = 'id,y,day,sum,time\n1,1,03/14/2012,"$1,234.50",2012 Q1\n2,2,01/02/2012,$3,2012 Q2\n'
    path = written(tmp_path, content)
    found = notes(path, tmp_path)
    assert found["day"] == (
        "Column 'day' holds dates with the month first, such as '03/14/2012' in row 1, so it is"
        " taken as a category. Declare formats: {day: '%m/%d/%Y'} to read them, or types: {day:"
        " category} to keep it as it is.",
    )
    assert "Declare formats: {sum: '$1,234.50'} to read them" in found["sum"][0]
    assert "Declare formats: {time: '%Y Q%q'} to read them" in found["time"][0]
    assert rows(path, tmp_path)["day"].to_pylist() == ["03/14/2012", "01/02/2012"]


def test_what_may_mean_two_things_stays_text_with_both_lines_and_values(tmp_path):
    path = written(tmp_path, "id,y,day\n1,1,02/02/2012\n2,2,03/04/2012\n")
    assert notes(path, tmp_path)["day"] == (
        "Column 'day' holds dates whose day and month cannot be told apart, such as '03/04/2012'"
        " in row 2, so it is taken as a category. Declare formats: {day: '%m/%d/%Y'} if that is"
        " 2012-03-04, or formats: {day: '%d/%m/%Y'} if it is 2012-04-03, or types: {day: category}"
        " to keep it as it is.",
    )
    assert rows(path, tmp_path)["day"].to_pylist() == ["02/02/2012", "03/04/2012"]


def test_a_key_with_a_format_is_the_text_of_its_value(tmp_path):
    path = written(tmp_path, "id,y\n03/14/2012,1\n3/15/2012,2\n")
    assert rows(path, tmp_path, formats={"id": "%m/%d/%Y"})["id"].to_pylist() == [
        dt.date(2012, 3, 14),
        dt.date(2012, 3, 15),
    ]


def test_target_weight_and_time_have_formats_too(tmp_path):
    content = "id,y,w,t\n1,$5,2 kg,14.03.2012\n2,$1.50,3 kg,15.03.2012\n3,,3 kg,16.03.2012\n"
    formats = {"y": "$5", "w": "12 kg", "t": "%d.%m.%Y"}
    path = written(tmp_path, content)
    declared = {"formats": formats, "weight": "w", "time": "t", "max_age": "2 days"}
    table = rows(path, tmp_path, **declared)
    assert table["y"].to_pylist() == [5.0, 1.5, None]
    assert table["w"].to_pylist() == [2, 3, 3]
    past = read(shop(path, **declared), folder=tmp_path / "past", as_of="2012-03-14")
    assert load(past.path)["t"].to_pylist() == [dt.date(2012, 3, 14)]


def test_an_offset_orders_times_in_utc(tmp_path):
    path = written(tmp_path, "id,y,t\n1,1,14.03.2012 10:00 +0200\n2,2,14.03.2012 09:00 Z\n")
    declaration = shop(path, formats={"t": "%d.%m.%Y %H:%M %z"})
    table = pq.read_table(read(declaration, folder=tmp_path).path)
    assert table["t"].to_pylist() == [dt.datetime(2012, 3, 14, 8), dt.datetime(2012, 3, 14, 9)]
    assert table["\x1futc_offset:t"].to_pylist() == [120, 0]


def test_the_names_of_folders_have_formats_too(tmp_path):
    for month in ("2012-Q1", "2012-Q2"):
        (tmp_path / f"part/quarter={month}").mkdir(parents=True)
        written(tmp_path / f"part/quarter={month}", f"id,y\n{month},1\n")
    table = rows(tmp_path / "part", tmp_path, formats={"quarter": "%Y-Q%q"})
    assert table["quarter"].to_pylist() == [dt.date(2012, 1, 1), dt.date(2012, 4, 1)]


def test_decimal_commas_of_a_file_leave_columns_with_a_format_alone(tmp_path):
    path = written(tmp_path, "id;y;share\n1;1,5;12,5 %\n2;2,5;1.234,5 %\n")
    assert rows(path, tmp_path, formats={"share": "1.234,5 %"})["share"].to_pylist() == [
        0.125,
        12.345,
    ]


def test_a_blank_or_a_sign_is_a_word_where_a_format_says_so(tmp_path):
    path = written(tmp_path, "id,y,paid,more,word\n1,1,x,+,ja\n2,2,,-,nein\n3,3,X,?,n/a\n")
    formats = {"paid": "x/", "more": "+/-", "word": "ja/nein"}
    table = rows(path, tmp_path, formats=formats)
    assert table["paid"].to_pylist() == [True, False, True]
    assert table["more"].to_pylist() == [True, False, None]
    assert table["word"].to_pylist() == [True, False, None]
    table = rows(path, tmp_path, formats=formats, missing=["-"])
    assert table["more"].to_pylist() == [True, None, None]


@pytest.mark.skipif(not find_spec("python_calamine"), reason="the extra excel is not installed")
def test_texts_and_serial_days_of_a_sheet_are_read_by_formats(tmp_path):
    cells = [["id", "y", "day", "serial", "share"]]
    cells += [["a", 1, "14.03.2012", 40982, "12,5 %"], ["b", 2, "1.4.2012", 40983.5, "7 %"]]
    path = xlsx(tmp_path / "rows.xlsx", {"sales": cells})
    formats = {"day": "%d.%m.%Y", "serial": "excel", "share": "12,5 %"}
    table = rows(path, tmp_path, formats=formats)
    assert table["day"].to_pylist() == [dt.date(2012, 3, 14), dt.date(2012, 4, 1)]
    assert table["serial"].to_pylist() == [dt.datetime(2012, 3, 14), dt.datetime(2012, 3, 15, 12)]
    assert table["share"].to_pylist() == [0.125, 0.07]


def test_a_format_that_is_new_is_a_declared_change_and_the_kind_before_does_not_hold(tmp_path):
    path = written(tmp_path, "id,x,d,y\n" + "".join(f"{i},{i},${i},{i % 7}\n" for i in range(200)))
    before = shop(path)
    contract = contract_after(before, load(read(before, folder=tmp_path / "h").path))
    assert contract.kinds["d"] == "category"
    after = shop(path, formats={"d": "$1,234.50"})
    kinds = remembered_kinds(after, contract)
    assert "d" not in kinds and kinds["x"] == "number"
    snapshot = read(after, folder=tmp_path / "h", kinds=kinds)
    outcome = check(after, load(snapshot.path), readings_of(snapshot.path), contract)
    assert outcome.passed
    assert "because 'formats' of the declaration has changed since then" in " ".join(
        outcome.warnings
    )


def test_a_format_for_a_column_that_is_not_there_is_refused_with_the_nearest_name(tmp_path):
    path = written(tmp_path, "id,x,y\n" + "".join(f"{i},{i},{i % 7}\n" for i in range(200)))
    declaration = shop(path, formats={"xx": "$5"})
    snapshot = read(declaration, folder=tmp_path / "h")
    outcome = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    assert "has no column 'xx'. Did you mean 'x'?" in outcome.reason


def test_a_file_to_predict_is_read_by_the_formats_that_the_model_was_trained_with(tmp_path):
    generator = np.random.default_rng(1)
    content = "id,x,d,y\n" + "".join(
        f'{i},"${i % 90 + 1000:,}.50",{i % 12 + 1}/{i % 28 + 1}/2012,{generator.normal()}\n'
        for i in range(120)
    )
    formats = {"x": "$1,234.50", "d": "%m/%d/%Y"}
    model = learned(shop(written(tmp_path, content), formats=formats), tmp_path)
    new = written(tmp_path, 'id,x,d\na,"$1,050.50",03/14/2012\nb,1050.50,14/3/2012\n', "new.csv")
    outcome = model.scored(new)
    assert outcome.note[0] is None
    assert "x is not a number; d is not a time" in outcome.note[1]
    plain = tmp_path / "new.parquet"
    pq.write_table(pa.table({"id": ["a"], "x": [1050.5], "d": [dt.date(2012, 3, 14)]}), plain)
    assert model.scored(plain).value[0] == outcome.value[0]
