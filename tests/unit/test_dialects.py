"""Text files in any dialect are read; what was told apart by looking is said."""

import re

import pyarrow as pa
import pytest
import yaml
from helpers.sources import refusal, rows, shop, written
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import SourceError
from data.sources import number_marks
from data.sources.read import read
from data.sources.snapshot import load

PLAIN = "id,y,x,level\n" + "".join(f"k{i},{i}.5,{i * 1000}.25,caf {i % 3}\n" for i in range(30))
COMMAS = PLAIN.replace(",", ";").replace(".", ",")


def both(content, folder, name="rows.csv", **source):
    path = written(folder, content, name)
    snapshot = read(shop(path, source={"path": path, **source}), folder=folder / "home")
    warnings = [warning.removeprefix(f"{path}: ") for warning in snapshot.warnings]
    return load(snapshot.path).to_pydict(), warnings


@pytest.fixture
def plain(tmp_path):
    return both(PLAIN, tmp_path)[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN.replace(",", ";"), "Read with semicolons. Declare source: {separator: ';'} if"),
        (PLAIN.replace(",", "\t"), r'Read with tabs. Declare source: {separator: "\t"}'),
        (PLAIN.replace(",", "|"), "Read with vertical bars."),
        (COMMAS, "Read with semicolons and decimal commas (such as '0,5' in row 1 of 'y')."),
        (COMMAS, "Declare source: {separator: ';', decimal: ','} if that is right."),
        ("made by a till\n\n" + PLAIN, "Read with its header in line 3. Declare source: {skip: 2}"),
        (PLAIN.encode("utf-16"), "Read with utf-16."),
        (PLAIN.encode("utf-16-le"), "Read with utf-16-le."),
        (re.sub(r"([^,\n]+)", r"'\1'", PLAIN), "Read with single quotes."),
    ],
)
def test_another_dialect_gives_the_same_rows_and_is_said(content, said, tmp_path, plain):
    found, warnings = both(content, tmp_path)
    assert found == plain
    assert len(warnings) == 1
    assert said in warnings[0]
    declared = re.search(r"Declare source: ({.*}) if that is right", warnings[0])
    assert declared, warnings
    assert both(content, tmp_path, **yaml.safe_load(declared[1])) == (plain, [])


def test_what_is_declared_is_not_said(tmp_path, plain):
    content = ("a title\n" + COMMAS.replace("caf", "café")).encode("latin-1")
    declared = {"separator": ";", "decimal": ",", "encoding": "latin-1", "skip": 1}
    found, warnings = both(content, tmp_path, **declared)
    assert warnings == []
    assert found["x"] == plain["x"]
    assert found["level"][:2] == ["café 0", "café 1"]


@pytest.mark.parametrize("name", ["rows.tsv", "rows.tab"])
def test_tabs_are_no_guess_where_the_ending_names_them(name, tmp_path, plain):
    assert both(PLAIN.replace(",", "\t"), tmp_path, name) == (plain, [])


def test_a_text_file_is_read_as_csv(tmp_path, plain):
    assert both(PLAIN, tmp_path, "rows.txt") == (plain, [])


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1.234,56", "12,5", "3"], [1234.56, 12.5, 3]),
        (["1.234.567,5", "1.234", "-7,25"], [1234567.5, 1234, -7.25]),
        (["1,234.50", "1,234", "1.5"], [1234.5, 1234, 1.5]),
        (["1,234,567", "1,234", "5"], [1234567, 1234, 5]),
        (["1.234.567", "1.234", "5"], [1234567, 1234, 5]),
        (["1 234", "12 345 678", "5"], [1234, 12345678, 5]),
        (["1'234.5", "12’345", "5"], [1234.5, 12345, 5]),
        (["0,504", "1,250", "NA"], [0.504, 1.25, None]),
        (["1,5e3", " 2,5", ""], [1500, 2.5, None]),
        ([",5", "1,25", "-0,5"], [0.5, 1.25, -0.5]),
        (["9007199254740993,0", "0,1", "4,9e-324"], [9007199254740992, 0.1, 5e-324]),
    ],
)
def test_numbers_that_can_mean_one_thing_are_read_to_the_last_bit(texts, values, tmp_path):
    content = "id,y\n" + "".join(f'k{i},"{text}"\n' for i, text in enumerate(texts))
    found, warnings = both(content, tmp_path)
    assert found["y"] == values
    assert "Read with " in warnings[0]


def test_a_number_that_can_mean_two_things_follows_the_file_or_is_left_with_a_sentence(tmp_path):
    alone = 'id,y,x\na,1,"3,504"\nb,2,"1,250"\n'
    found, warnings = both(alone, tmp_path)
    assert found["x"] == ["3,504", "1,250"]
    assert (
        "Column 'x' has '3,504' in row 1: its comma may stand between thousands or before"
        " decimals. Declare source: {thousands: ','} or {decimal: ','}." in warnings[0]
    )
    assert both(alone, tmp_path, thousands=",")[0]["x"] == [3504, 1250]
    assert both(alone, tmp_path, decimal=",")[0]["x"] == [3.504, 1.25]
    assert both(alone, tmp_path, decimal=".")[0]["x"] == [3504, 1250]
    with_another = 'id,y,x\na,"1,5","3,504"\nb,"2,5","1,250"\n'
    assert both(with_another, tmp_path)[0]["x"] == [3.504, 1.25]
    points = "id;y;x\na;1,5;1.234\nb;2,5;2.500\n"
    path = written(tmp_path, points, "points.csv")
    with pytest.raises(SourceError) as caught:
        read(shop(path), folder=tmp_path / "none")
    message = str(caught.value)
    assert "Column 'x' has '1.234' in row 1: with decimal commas, as column 'y' has" in message
    assert "Declare source: {thousands: '.'} or {thousands: ''}." in message
    assert both(points, tmp_path, thousands=".")[0]["x"] == [1234, 2500]
    assert both(points, tmp_path, decimal=",", thousands="")[0]["x"] == [1.234, 2.5]


def test_lists_of_numbers_are_no_number_with_marks_between_thousands(tmp_path):
    lists = [",".join(str(n) for n in range(begin, begin + 30)) for begin in (290, 300)]
    content = "id,y,x\n" + "".join(f'k{i},{i},"{text}"\n' for i, text in enumerate(lists))
    found, warnings = both(content, tmp_path)
    assert (found["x"], warnings) == (lists, [])
    longest = '"9,223,372,036,854,775,807"'
    found, _ = both(f"id,y,x\na,1,{longest}\nb,2,{longest}\n", tmp_path)
    assert found["x"] == [2**63 - 1] * 2


def test_plain_points_are_as_they_were(tmp_path):
    found, warnings = both("id,y\na,1.234\nb,2.500\n", tmp_path)
    assert (found["y"], warnings) == ([1.234, 2.5], [])


def test_a_column_with_both_marks_before_decimals_stays_as_it_is_with_a_sentence(tmp_path):
    found, warnings = both('id,y,x\na,1,"1,5"\nb,2,1.5\nc,3,"2,25"\n', tmp_path)
    assert found["x"] == ["1,5", "1.5", "2,25"]
    assert "what stands before the decimals is not certain" in warnings[0]


def test_texts_with_commas_keys_and_categories_stay_as_they_are(tmp_path):
    content = 'id,y,note,code\n"1,5",1,"a, b","1,5"\n"2,5",2,"3, 4","2,5"\n'
    path = written(tmp_path, content)
    found = rows(path, tmp_path, types={"code": "category"}).to_pydict()
    assert found["id"] == found["code"] == ["1,5", "2,5"]
    assert found["note"] == ["a, b", "3, 4"]


def test_flags_with_decimal_commas_are_booleans_where_they_are_declared_so(tmp_path):
    text = "id;y;flag\na;1,5;1,000\nb;2,5;0,000\n"
    read = rows(written(tmp_path, text), tmp_path, types={"flag": "boolean"})
    assert read["flag"].to_pylist() == [True, False]


def test_a_decimal_comma_far_behind_the_sample_is_read(tmp_path):
    content = "id;y\n" + "".join(f"k{i};{i}\n" for i in range(30_000)) + "z;1,5\n"
    assert both(content, tmp_path)[0]["y"][-2:] == [29_999, 1.5]


def test_two_separators_that_split_equally_well_are_refused(tmp_path):
    path = written(tmp_path, "a,b;c\n1,2;3\n4,5;6\n")
    message = refusal(path, tmp_path)
    assert "may be separated by commas (',') or semicolons (';')" in message
    assert "Declare source: {separator: ','}, or the other." in message


def test_a_file_that_lacks_a_declared_column_is_still_told_apart(tmp_path):
    path = written(tmp_path, "id;x\na;1\nb;2\n")
    assert rows(path, tmp_path).column_names == ["id", "x"]
    path = written(tmp_path, "k;x\na;1\nb;2\n")
    assert rows(path, tmp_path).column_names == ["k", "x"]


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        ("café", "latin-1", "latin-1"),
        ("naïve – “déjà”", "windows-1252", "windows-1252"),
        ("Größe 5 m²", "latin-1", "latin-1"),
    ],
)
def test_western_text_in_an_encoding_of_one_byte_is_read(text, encoding, name, tmp_path):
    content = PLAIN + f"z,1,2,{text}\n"
    found, warnings = both(content.encode(encoding), tmp_path)
    assert found["level"][-1] == text
    assert f"Read with {name} (such as" in warnings[0]


def test_western_text_far_behind_the_first_bytes_is_read(tmp_path):
    content = "id,y,s\n" + "".join(f"k{i},{i},plain text\n" for i in range(60_000)) + "z,1,né\n"
    assert both(content.encode("latin-1"), tmp_path)[0]["s"][-1] == "né"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Привет", "windows-1251"), ("Wrocław", "windows-1250"), ("café", "cp437"), ("日本", "gbk")],
)
def test_text_that_is_not_western_is_refused_until_its_encoding_is_declared(
    text, encoding, tmp_path
):
    content = (PLAIN + f"z,1,2,{text}\n").encode(encoding)
    message = refusal(written(tmp_path, content), tmp_path)
    assert "in line 32 cannot be read" in message
    assert "Declare its encoding" in message
    assert both(content, tmp_path, encoding=encoding)[0]["level"][-1] == text


def test_utf8_with_a_damaged_byte_is_not_taken_for_latin_1(tmp_path):
    content = (PLAIN + "z,1,2,café\n").encode() + b"zz,1,2,caf\xe9\n"
    assert "Some of it is, so it is damaged" in refusal(written(tmp_path, content), tmp_path)


def test_bytes_that_are_no_text_are_called_that_and_no_damaged_text(tmp_path):
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
    assert "The file is not text, but other bytes" in refusal(written(tmp_path, picture), tmp_path)


def test_a_declared_encoding_that_does_not_fit_is_refused(tmp_path):
    path = written(tmp_path, PLAIN)
    with pytest.raises(SourceError, match=r"not utf-16, which 'source\.encoding' declares"):
        read(shop(path, source={"path": path, "encoding": "utf-16"}), folder=tmp_path)


def test_without_quotes_a_quote_is_text(tmp_path):
    found, _ = both('id,y,s\na,1,5" pipe\nb,2,"x\n', tmp_path, quote="")
    assert found["s"] == ['5" pipe', '"x']


@given(
    st.lists(
        st.from_regex(r"[+-]?[0-9]{0,4}(,[0-9]{1,4})?(e[0-9])?", fullmatch=True)
        | st.sampled_from(["1,5", "-0,25", "", "NA", "1.234,5", "x", "inf", "1e400"]),
        min_size=1,
        max_size=30,
    )
)
@settings(deadline=None)
def test_columns_of_decimal_commas_are_read_alike_on_the_short_way(texts):
    column = pa.chunked_array([pa.array(["12,5", *texts])])[1:]
    simple = number_marks._simple_facts(
        number_marks._present(column), number_marks._present(column), column
    )
    if simple is None:
        return
    facts = number_marks._counted(number_marks._present(column), column)
    assert facts.are_numbers and not any(
        (facts.sure["."][0], facts.either["."][0], facts.spaced[0])
    )
    assert simple.sure[","][1] == facts.sure[","][1]
    pieces = [number_marks.with_points(chunk) for chunk in column.chunks]
    assert pieces == number_marks._plain(column, ",").chunks
