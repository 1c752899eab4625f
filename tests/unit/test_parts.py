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
        (["day[year]"], "no column 'day[year]'. The parts of a time are days, month, weekday and"),
        (["dya[month]"], "has no column 'dya'. Did you mean 'day'?"),
    ],
)
def test_a_part_that_cannot_be_made_ends_the_run(features, message):
    assert message in checked(table=TABLE, features=features).reason


def test_a_part_in_a_term_is_refused_as_the_time_would_be():
    reason = checked(table=TABLE, features=["day[days]", "x"], terms=["day[days]:x"]).reason
    assert "contains the time 'day', but times cannot be part of a term" in reason


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
