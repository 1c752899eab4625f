"""A look reads a source that nobody has declared: its layout is told by the rows alone."""

import pytest
from helpers.sources import written

from data.declarations.source import PathSource
from data.errors import SourceError
from data.sources.look import look
from data.sources.undeclared import undeclared


def seen(content, tmp_path, name="rows.csv", folder="look", **more):
    path = written(tmp_path, content, name)
    source = PathSource.model_validate({"path": path, **more})
    return look(undeclared(source), folder=tmp_path / folder)


def values(found):
    return {name: found.columns.column(name).to_pylist() for name in found.names}


ROWS = "\n".join(f"{i};{i}.5;a,b" for i in range(30))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_divides_all_rows_alike(separator, tmp_path):
    text = "id;x;note\n" + "\n".join(f'{i};{i}.5;"u{separator}v"' for i in range(30))
    found = seen(text.replace(";", separator), tmp_path)
    assert found.names == ["id", "x", "note"]
    assert values(found)["note"][0] == f"u{separator}v"
    told = {one.option: one.value for one in found.told}
    assert told == ({} if separator == "," else {"separator": separator})


def test_decimal_commas_do_not_make_commas_the_separator(tmp_path):
    text = "a;b;c\n" + "\n".join(f"{i},5;{i},25;{i}" for i in range(30))
    assert seen(text, tmp_path).names == ["a", "b", "c"]


def test_lines_above_the_header_are_skipped(tmp_path):
    text = "Exported by a program\nin March\n\nid,x\n" + "\n".join(f"{i},{i}" for i in range(30))
    found = seen(text, tmp_path)
    assert found.names == ["id", "x"]
    assert {one.option: one.value for one in found.told} == {"skip": 3}


def test_a_title_with_as_many_separators_as_the_rows_is_skipped(tmp_path):
    text = "Prices of March,,\n,,\nid,x,y\n" + "\n".join(f"{i},{i}," for i in range(30))
    found = seen(text, tmp_path)
    assert found.names == ["id", "x", "y"]
    assert {one.option: one.value for one in found.told} == {"skip": 2}
    names = seen(",x,y\n1,2,3\n2,3,4\n", tmp_path, folder="again").names
    assert names == ["row_name", "x", "y"]


def test_a_header_with_a_name_too_few_is_not_skipped(tmp_path):
    with pytest.raises(SourceError, match="Line 2 has 3 values, but the header has 2"):
        seen("a b\n".replace(" ", ",") + "\n".join(f"{i},1,2" for i in range(30)), tmp_path)


def test_a_first_column_without_a_name_has_the_names_of_the_rows(tmp_path):
    found = seen('"","x"\n"a",1\n"b",2\n', tmp_path)
    assert values(found) == {"row_name": ["a", "b"], "x": [1, 2]}


def test_a_table_without_a_header_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no header: its first line has values such as"):
        seen("1.5,2.5,3\n4.5,5.5,6\n", tmp_path)


def test_years_are_names_if_there_are_words_among_them(tmp_path):
    assert seen("country,1990,1991\nA,1,2\nB,3,4\n", tmp_path).names == ["country", "1990", "1991"]


def test_many_numbers_that_rise_are_names_beside_a_word(tmp_path):
    speeds = [f"{speed / 2}" for speed in range(8)]
    text = ",".join(["turbine", *speeds]) + "\n" + "A" + ",1" * 8 + "\nB" + ",2" * 8 + "\n"
    assert seen(text, tmp_path).names == ["turbine", *speeds]
    with pytest.raises(SourceError, match="no header"):
        seen(text.replace("1.0,1.5", "1.5,1.0"), tmp_path, folder="again")


def test_a_source_without_rows_is_refused(tmp_path):
    with pytest.raises(SourceError, match="It has no rows"):
        seen("a,b\n", tmp_path)


def test_signs_for_missing_values_are_counted_by_column(tmp_path):
    text = "a,b\n" + "\n".join(f"{i},{'?' if i % 5 == 0 else i}" for i in range(50))
    assert seen(text, tmp_path).marks == {"b": {"?": 10}}


def test_values_that_stand_apart_by_blanks_are_told_apart(tmp_path):
    text = " id   x  note\n" + "\n".join(f' {i:>3}  {i}.5  "a b"' for i in range(30))
    found = seen(text, tmp_path, "rows.txt")
    assert values(found)["note"][:2] == ["a b", "a b"]
    assert values(found)["x"][:2] == [0.5, 1.5]
    assert {one.option: one.value for one in found.told} == {"separator": " "}
    assert seen(text, tmp_path, "rows.txt", folder="again", separator=" ").names == [
        "id",
        "x",
        "note",
    ]


def test_a_table_of_r_has_the_names_of_its_rows_in_front(tmp_path):
    text = '"x" "y"\n' + "\n".join(f'"car {i}" {i} {i}' for i in range(30))
    assert seen(text, tmp_path, "rows.txt").names == ["row_name", "x", "y"]


def test_a_column_of_sentences_is_not_split_at_its_blanks(tmp_path):
    text = "note\n" + "\n".join("some words" + " more" * (i % 4) for i in range(30))
    assert seen(text, tmp_path, "rows.txt").names == ["note"]


def test_what_a_column_is_as_a_key_is_told_beside_what_it_is_as_a_feature(tmp_path):
    text = "clock,day,number,mark\n" + "\n".join(
        f'0{i}:30,2024-01-0{i + 1},{i + 1},"{i + 1},234"' for i in range(9)
    )
    found = seen(text, tmp_path, thousands=",")
    kinds = {name: found.columns.column(name).type for name in found.names}
    assert [str(kinds[name]) for name in ("clock", "mark")] == ["double", "int64"]
    as_key = {name: found.kind_as_key(name, None) for name in found.names}
    assert as_key == {"clock": "category", "day": "time", "number": "number", "mark": "category"}
    assert found.kind_as_key("clock", "number") == "number"
    assert found.kind_as_key("mark", "number") is None
