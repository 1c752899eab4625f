"""A column of text becomes numbers, times, booleans or a category, and what is odd is reported."""

import datetime as dt
import re
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.errors import SourceError
from data.sources.columns import value_text
from data.sources.key_columns import read_key_text
from data.sources.missing_words import BESIDE_VALUES, MARKS, NULLS
from data.sources.readings import ColumnReading
from data.sources.text_columns import TextColumn, read_text
from data.sources.text_request import Request


def column(texts: list[str | None], **request: object) -> TextColumn:
    return read_text(pa.chunked_array([pa.array(texts, pa.string())]), Request("x", **request))


def reading(texts: list[str | None], **request: object) -> ColumnReading:
    return column(texts, **request).reading


def values(texts: list[str | None], **request: object) -> list[object]:
    return column(texts, **request).values.to_pylist()


def note(texts: list[str | None], **request: object) -> str:
    (sentence,) = reading(texts, **request).notes
    return sentence


NUMBERS = [str(number) for number in range(300)]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2.5", "-3e2", ".5", "+4"], "number"),
        (["12:30:00", "00:00:01.5"], "number"),
        (["2024-03-31", "2024-04-01 12:00", "2024-04-01T12:00:00.123456789"], "time"),
        (["2024-03-31T12:00:00Z", "2024-03-31 12:00+02:00", "2024-03-31 12:00:00 +0200"], "time"),
        (["2002-01", "2002-12"], "time"),
        (["true", "False", "TRUE"], "boolean"),
        (["true", "false", "unknown"], "category"),
        (["0x10", "0x11"], "category"),
        (["24:00", "25:00"], "category"),
        (["red", "blue"], "category"),
    ],
)
def test_the_kind_of_a_column_is_that_of_all_its_values(texts, kind):
    assert reading(texts) == ColumnReading("x", kind, "values", natural=kind)


def test_a_column_without_values_has_no_kind_yet():
    empty = column(["", None, "NA"])
    assert empty.values.to_pylist() == [None, None, None]
    assert (empty.reading.kind, empty.reading.natural) == (None, None)
    assert column(["", ""], kind="time", kind_from="remembered").reading.kind == "time"
    assert read_text(pa.chunked_array([[]], pa.string()), Request("x")).reading.kind is None


def test_a_year_and_a_month_are_the_first_day_of_the_month():
    assert values(["2002-01", "2003-11"]) == [dt.date(2002, 1, 1), dt.date(2003, 11, 1)]


@pytest.mark.parametrize("word", [*NULLS, *MARKS, *BESIDE_VALUES, "", " ", "\u00a0", " \t"])
def test_each_word_for_missing_is_missing_beside_numbers_and_times(word):
    assert values([word, "1.5", f" {word} "]) == [None, 1.5, None]
    assert values(["2024-03-31", word]) == [dt.date(2024, 3, 31), None]
    assert reading([word, "1.5"]).unparsable == 0


def test_words_that_may_mean_something_are_named_with_row_and_count():
    assert reading(["1", "NA", "", "NULL"]).notes == ()
    assert note(["1", "?", "2", "?", "?"]) == (
        "Column 'x' has '?' in row 2 and 2 other rows, taken as a missing value. Declare missing:"
        " ['?'] if that is right."
    )
    assert note(["DE", "NA", "", "NA"]) == (
        "Column 'x' has 'NA' in row 2 and 1 other row, taken as a missing value. Declare types: {x:"
        " category} if it is a value."
    )
    assert reading(["1", "?"], words=("?",)).notes == ()


def test_a_declared_category_keeps_all_but_blanks_and_declared_words():
    texts = ["NA", "-", "", " ", "x", "unknown"]
    declared = column(texts, kind="category", kind_from="declared", words=("unknown",))
    assert declared.values.to_pylist() == ["NA", "-", None, None, "x", None]
    assert declared.reading.notes == ()


def test_numbers_with_blanks_or_a_unicode_minus_are_numbers():
    assert values([" 1", "2 ", "\u00a03", "\u22124.5"]) == [1.0, 2.0, 3.0, -4.5]


def test_texts_among_numbers_are_cells_that_cannot_be_read_and_all_are_listed_while_few():
    texts = [*NUMBERS, "12,5", "forty"]
    read = reading(texts)
    assert (read.kind, read.unparsable, read.rows) == ("number", 2, (300, 301))
    assert read.examples == ((301, "12,5"), (302, "forty"))
    assert values(texts)[299:] == [299.0, None, None]
    many = reading([*NUMBERS, *"abcdef"])
    assert (many.unparsable, many.rows) == (6, (300, 301, 302))
    assert reading(texts, list_all=False).rows == (300, 301)


def test_texts_that_repeat_among_few_numbers_make_a_category():
    grades = ["1", "2", "3", "4", "5"] * 40
    assert note([*grades, "absent", "absent"]) == (
        "Column 'x' holds numbers, and 'absent' in 2 rows. It has few different values, so it is"
        " taken as a category. Declare types: {x: number} and missing: ['absent'] if they mean a"
        " missing value."
    )
    assert reading([*grades, "absent"]).kind == "number"
    assert reading([*grades, "absent", "absent"], needs="number").kind == "number"


def test_codes_with_leading_zeros_or_bare_exponents_stay_text_with_a_note():
    assert values(["001", "002", "10"]) == ["001", "002", "10"]
    assert "has codes with leading zeros, such as '001' in row 1" in note(["001", "2"])
    assert "has codes with an exponent, such as '1E7' in row 2" in note(["1000", "1E7"])
    assert values(["007", "1.5"]) == [7.0, 1.5]
    assert values(["1e-3", "0.5"]) == [0.001, 0.5]
    assert values(["1e3", "1e4"]) == [1000.0, 10000.0]
    assert values(["100", "1e+05"]) == [100.0, 1e5]
    assert values(["007", "8"], needs="number") == [7, 8]
    assert values(["007", "8"], kind="number", kind_from="declared") == [7, 8]


def test_numbers_that_look_like_dates_are_named():
    assert "such as 20231231 in row 2 (2023-12-31)" in note(["", "20231231", "20240101"])
    text = pa.chunked_array([["40982", "40983"]])
    (sentence,) = read_text(text, Request("sold_on")).reading.notes
    assert "as spreadsheets count them, such as 40982 in row 1 (2012-03-14)" in sentence
    assert "Declare formats: {sold_on: 'excel'} if they are times" in sentence
    assert read_text(text, Request("price")).reading.notes == ()
    assert reading(["20231231", "20241301"]).notes == ()
    assert reading(["20231231"], kind="number", kind_from="declared").notes == ()


def test_booleans_with_an_odd_text_are_a_category_and_the_text_is_quoted():
    mostly = ["true"] * 6 + ["false"] * 6 + ["maybe"]
    assert reading(mostly).kind == "category"
    assert "holds booleans, and 'maybe' in 1 row." in note(mostly)
    assert "types: {x: boolean} and missing: ['maybe']" in note(mostly)
    assert reading([*mostly, "maybe", "perhaps"]).notes == ()


def test_a_remembered_kind_holds_against_tonights_values():
    remembered = {"kind_from": "remembered"}
    kept = column(["1", "2"], kind="category", **remembered)
    assert kept.values.to_pylist() == ["1", "2"]
    assert (kept.reading.kind, kept.reading.natural) == ("category", "number")
    assert "holds numbers tonight, but it was a category before" in kept.reading.notes[0]
    lost = column(["1,5", "2,5", "3"], kind="number", **remembered)
    assert lost.values.to_pylist() == [None, None, 3]
    assert (lost.reading.natural, lost.reading.unparsable) == ("category", 2)
    codes = column(["007", "8"], kind="number", **remembered)
    assert codes.values.to_pylist() == [7, 8]
    assert "they are read as numbers" in codes.reading.notes[0]


def test_a_declared_kind_that_no_cell_has_is_refused_with_the_format():
    with pytest.raises(SourceError) as caught:
        column(["$5", "$6"], kind="number", kind_from="declared")
    assert str(caught.value) == (
        "Column 'x' is declared to hold numbers, but holds numbers with a currency: it has '$5' in"
        " row 1. Declare formats: {x: '$12.5'}, or declare another kind in 'types'."
    )


def test_booleans_that_are_declared_numbers_are_ones_and_zeros():
    assert values(["true", "False", ""], kind="number", kind_from="declared") == [1, 0, None]
    assert reading(["1", "2", "true"], kind="number", kind_from="declared").unparsable == 1


def test_declared_booleans_may_be_written_in_other_words():
    texts = ["yes", "N", "1", "", "0.0", "1.00", "0."]
    read = values(texts, kind="boolean", kind_from="declared")
    assert read == [True, False, True, None, False, True, False]


def test_times_with_and_without_a_zone_are_named():
    mixed = note(["2024-03-31T12:00Z", "2024-03-31T13:00"])
    assert "'2024-03-31T12:00Z' in row 1, and without one, such as '2024-03-31T13:00' in row 2" in (
        mixed
    )


def test_times_with_a_zone_are_in_utc_with_the_offset_of_the_clock():
    zoned = column(["2024-03-31T23:30+02:00", "2024-03-31T12:00Z", "", "2024-01-01T00:00-05:30"])
    assert zoned.values.to_pylist() == [
        dt.datetime(2024, 3, 31, 21, 30),
        dt.datetime(2024, 3, 31, 12),
        None,
        dt.datetime(2024, 1, 1, 5, 30),
    ]
    assert zoned.offsets.to_pylist() == [120, 0, None, -330]


TEXT = st.one_of(
    st.integers(-(10**19), 10**19).map(str),
    st.floats(allow_nan=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6))
@example(["-0"])
@example(["-0", "1"])
@example(["9007199254740993", "1e400", "4.9e-324"])
def test_a_number_is_the_double_that_python_reads_to_the_last_bit(texts):
    doubles = column(texts, kind="number", kind_from="declared").values.cast(
        pa.float64(), safe=False
    )
    expected = np.array([float(text) for text in texts])
    assert doubles.to_numpy().tobytes() == expected.tobytes()


KEYS = st.one_of(
    st.sampled_from(
        ["1", "1.0", "1.10", "007", "1E7", "NA", "-", "2024-03-31", "2024-03-31 12:00"]
    ),
    st.from_regex(re.compile(r"\d{1,3}(\.\d{1,2})?", re.ASCII), fullmatch=True),
    st.sampled_from(["2024-03-31T12:00:00.123456789", "2024-03-31T00:00", "x", "0x1", " a"]),
)


@cache
def keys(texts: tuple[str, ...], kind: str | None) -> list[str | None]:
    origin = "remembered" if kind else "values"
    request = Request("k", kind=kind, kind_from=origin)
    read = read_key_text(pa.chunked_array([list(texts)], pa.string()), request, has_words=True)
    return value_text(read.values).to_pylist()


@settings(max_examples=300, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=5), st.sampled_from(["number", "category", "time"]))
def test_a_key_depends_on_its_own_text_and_the_remembered_kind_alone(texts, kind):
    together = keys(tuple(texts), kind)
    assert together == [keys((text,), kind)[0] for text in texts]


@settings(max_examples=300, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=5))
def test_a_key_of_no_remembered_kind_is_its_text_unless_all_are_times(texts):
    written = [None if text == "NA" else text for text in texts]
    if not all(text is None or text.startswith("2024") for text in written):
        assert keys(tuple(texts), None) == written


def test_a_key_that_is_a_feature_too_is_a_number_only_while_each_is_written_as_its_key():
    request = Request("k", kind="number", kind_from="remembered", is_feature=True)
    texts = pa.chunked_array([["1.1", "1.2", "12,5"]], pa.string())
    read = read_key_text(texts, request, has_words=True)
    assert (read.values.to_pylist(), read.reading.unparsable) == ([1.1, 1.2, None], 1)
    texts = pa.chunked_array([["1.1", "1.10"]], pa.string())
    read = read_key_text(texts, request, has_words=True)
    assert read.values.to_pylist() == ["1.1", "1.10"]


def test_a_key_of_numbers_does_not_change_when_its_column_becomes_one_of_doubles():
    assert keys(("1.0", "2.0", "007"), "number") == ["1", "2", "007"]
    assert keys(("1.0", "2.0"), "category") == ["1.0", "2.0"]


def test_a_key_of_codes_has_a_note_unless_it_is_declared():
    texts = pa.chunked_array([["1000", "1E7", "2E3"]], pa.string())
    (sentence,) = read_key_text(texts, Request("part"), has_words=True).reading.notes
    assert sentence == (
        "Column 'part' has codes with an exponent, such as '1E7' in row 2: they stay as they are"
        " written. Declare types: {part: category} if that is right, or number if they are numbers."
    )
    declared = Request("part", kind="category", kind_from="declared")
    assert read_key_text(texts, declared, has_words=True).reading.notes == ()


def test_times_that_are_all_in_utc_need_no_offsets():
    assert column(["2024-03-31T12:00Z", "2024-03-31T13:00+00:00"]).offsets is None


CELLS = [
    "1",
    "2.5",
    "1",
    "-",
    " NA ",
    "",
    "2024-03-31",
    "12:30",
    "true",
    "007",
    "$5",
    "red",
    "\u22123",
]


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.sampled_from([*CELLS, None]), min_size=1, max_size=40),
    often=st.sampled_from(CELLS),
    kind=st.sampled_from([None, None, "number", "category"]),
)
def test_a_column_is_read_alike_whether_or_not_its_texts_are_told_apart_first(texts, often, kind):
    texts = [*texts, *[often] * 60]
    request = {"kind": kind, "kind_from": "remembered" if kind else "values"}
    with pytest.MonkeyPatch.context() as patch:
        expected = column(texts, **request)
        patch.setattr("data.sources.distinct.MANY", 1)
        patch.setattr("data.sources.distinct.SAMPLE", 1)  # as if most texts were different
        actual = column(texts, **request)
    assert actual.values.equals(expected.values)
    assert actual.reading == expected.reading
