"""Features that are single parts of a time, from the declaration to the fit."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import checked, shop

from data.declarations.file import load_dataset
from data.declarations.parts import part_of
from data.errors import CallError, DeclarationMistake

ROWS = 60
DAY = pa.array(np.datetime64("2024-01-01") + np.arange(ROWS))
TABLE = pa.table(
    {
        "id": range(ROWS),
        "day": DAY,
        "text": ["a", "b"] * (ROWS // 2),
        "x": np.arange(float(ROWS)),
        "y": np.arange(float(ROWS)),
    }
)


def test_parts_stand_for_their_column_and_are_fitted_alone():
    outcome = checked(table=TABLE, features=["day[hour]", "x", "day[weekday]"])
    assert outcome.passed
    assert outcome.features == ("day", "x")
    assert outcome.time_parts == {"day": ("hour", "weekday")}
    described = {column.name: column.enters for column in outcome.columns}
    assert described["day"] == "hour, weekday"
    assert checked(table=TABLE).time_parts == {}


def test_a_column_that_is_called_like_a_part_goes_first():
    table = TABLE.append_column("day[month]", TABLE["x"])
    outcome = checked(table=table, features=["day[month]", "day[days]"])
    assert outcome.features == ("day[month]", "day")
    assert outcome.time_parts == {"day": ("days",)}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["text[month]"], "'text[month]' is a part of 'text', which holds categories, but only"),
        (["day", "day[month]"], "The features list both 'day' and 'day[month]', a part of it."),
        (
            ["day[year]"],
            "no column 'day[year]'. The parts of a time are days, quarter, month, weekday and",
        ),
        (["dya[month]"], "has no column 'dya'. Did you mean 'day'?"),
    ],
)
def test_a_part_that_cannot_be_made_ends_the_run(features, message):
    assert message in checked(table=TABLE, features=features).reason


def test_a_time_in_a_term_is_its_days_and_enters_by_its_terms_alone_if_it_is_no_feature():
    outcome = checked(table=TABLE, features=["x"], terms=["day[days]^2", "x:day[weekday]"])
    assert outcome.products == ((("day[days]", 2),), (("x", 1), ("day[weekday]", 1)))
    assert outcome.features == ("x",)
    assert outcome.inputs == ("x", "day")
    assert outcome.time_parts == {"day": ()}
    roles = {column.name: (column.role, column.enters) for column in outcome.columns}
    assert roles["day"] == ("term", "in terms alone")
    assert roles["text"][0] == "unused"
    of_feature = checked(table=TABLE, features=["day", "x"], terms=["x:day"])
    assert of_feature.products == ((("x", 1), ("day[days]", 1)),)
    assert of_feature.inputs == ("day", "x")
    assert of_feature.time_parts == {}


def test_the_time_column_may_be_a_term_by_itself_and_hold_numbers():
    assert checked(table=TABLE, features=["x"], time="day", terms=["day"]).products == (
        (("day[days]", 1),),
    )
    numbers = checked(table=TABLE, features=["text"], time="x", terms=["x", "x^2"])
    assert numbers.products == ((("x", 1),), (("x", 2),))
    assert numbers.time_parts == {"x": ()}


def test_a_time_of_terms_that_does_not_vary_is_told():
    still = TABLE.set_column(1, "day", pa.array(np.full(ROWS, np.datetime64("2024-01-01"))))
    outcome = checked(table=still, features=["x", "text"], terms=["x:day[days]", "x:text"])
    assert outcome.products == ((("x", 1), ("text", 1)),)
    assert any(
        "The column 'day' is '2024-01-01' in every row with a target: tonight's models do without"
        " it, and without the term x:day[days]." in warning
        for warning in outcome.warnings
    )


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"terms": ["x:text[month]"]}, "has 'text[month]', which is a part of 'text', which holds"),
        ({"terms": ["x:day[year]"]}, "contains 'day[year]', but there is no such feature."),
        ({"terms": ["x:day[year]"]}, "The parts of a time are days, quarter, month, weekday"),
        ({"terms": ["day[weekday]^2"]}, "which is a category, but only numbers can be raised"),
        ({"terms": ["day:day[days]"], "time": "day"}, "has the days of 'day' twice"),
        ({"terms": ["x:day", "day[days]:x"], "time": "day"}, "are the same, since a time in a"),
        ({"terms": ["day[days]"], "features": ["day", "x"]}, "list 'day[days]' in 'features'"),
        ({"terms": ["day"], "time": "day", "features": ["day", "x"]}, "is a feature already"),
    ],
)
def test_a_time_in_a_term_that_cannot_be_made_ends_the_run(declared, message):
    assert message in checked(table=TABLE, **declared).reason


def test_a_part_of_the_target_is_refused():
    with pytest.raises((DeclarationMistake, ValueError), match="is the target and cannot explain"):
        shop(features=["y[month]"])


@pytest.mark.parametrize(
    "features",
    [
        "[day[weekday], x]",
        "[x,  day[hour],day[month] ]",
        "[\n  day[weekday],\n  'x',\n]",
        "day[weekday]",
        "['day[weekday]', \"x\"]",
        "\n- day[weekday]\n- x",
        "[x, day[days]]\nterms: [x:day[days], day[days]^2:x, x:day[hour]:day[month], x^2]",
        "[order day[days], x]  # [a, day[weekday]]",
    ],
)
def test_parts_need_no_quotes_in_a_declaration(tmp_path, features):
    text = f"source: {{path: rows.csv}}\nkey: id\ntarget: y\nfeatures: {features}\n"
    (tmp_path / "shop.yaml").write_text(text)
    names = load_dataset("shop", tmp_path).features
    assert any(name.endswith("]") for name in names)
    assert all(name == "x" or part_of(name) for name in names)


def test_brackets_that_are_no_part_are_still_a_mistake(tmp_path):
    text = "source: {path: rows.csv}\nkey: id\ntarget: y\nfeatures: [day[weekly], x]\n"
    (tmp_path / "shop.yaml").write_text(text)
    with pytest.raises(CallError, match="line 4: This is not YAML: did not find expected"):
        load_dataset("shop", tmp_path)
