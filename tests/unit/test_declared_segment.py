import re

import pyarrow as pa
import pytest
from helpers.checked import SHOP, checked, replaced
from pydantic import ValidationError

from data.checks.segment import names_alike
from data.declarations.model import Declaration
from data.vocabulary import KINDS, POOLED_KINDS

SHOPS = {"name": "shops", "source": {"path": "/s.csv"}, "key": "id", "target": "y"}


def declared(**more: object) -> Declaration:
    return Declaration.model_validate({**SHOPS, **more})


def test_segment_is_a_category_and_no_feature_and_brings_the_kinds_with_an_equation_for_each():
    own = declared(segment="shop", candidates={"frameworks": ["torch"]}, types={"x": "number"})
    assert own.segment == ("shop",)
    assert own.types == {"x": "number", "shop": "category"}
    assert own.feature_names(["id", "shop", "x", "y"]) == ("x",)
    assert own.candidates.kinds == KINDS
    assert "shop" in own.named_columns()
    assert Declaration.model_validate_json(own.model_dump_json()) == own
    chosen = declared(segment=["a", "b"], candidates={"kinds": ["ann"]})
    assert (chosen.segment, chosen.candidates.kinds) == (("a", "b"), ("ann",))


def test_without_a_segment_everything_is_as_ever():
    own = declared()
    assert (own.segment, own.types, own.candidates.kinds) == (None, {}, POOLED_KINDS)


def test_part_of_a_key_may_be_the_segment_and_is_then_no_feature():
    own = declared(key=["shop", "day"], segment="shop")
    assert own.feature_names(["shop", "day", "x", "y"]) == ("day", "x")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"segment": "id"}, "'id' is the key, so that each row would be a segment of its own"),
        ({"segment": ["id", "x"]}, "'id' is the key, so that each row"),
        ({"segment": "y"}, "'y' is the target and cannot tell segments apart"),
        ({"segment": "t", "time": "t"}, "'t' is the time and cannot tell"),
        ({"segment": "w", "weight": "w"}, "'w' is the weight and cannot tell"),
        ({"segment": ["a", "a"]}, "'a' is listed twice"),
        ({"segment": "a", "split": {"group": "a"}}, "both 'segment' and 'split.group' are on"),
        ({"segment": "a", "features": ["x", "a"]}, "'a' is the segment, and not a feature"),
        ({"segment": "a", "terms": ["x:a"]}, "'x:a' contains the segment 'a'"),
        ({"segment": "a", "types": {"a": "number"}}, "which is a category, and not a number"),
        ({"segment": "a", "formats": {"a": "12 kg"}}, "whose values are texts as they stand"),
        (
            {"candidates": {"kinds": ["segment_least_squares"]}},
            "has an equation for each segment, but no 'segment' is declared",
        ),
    ],
)
def test_segment_that_makes_no_sense_is_refused_with_a_sentence(more, sentence):
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        declared(**more)


def test_segment_that_is_refused_is_the_only_mistake_of_a_declaration_with_its_kinds():
    with pytest.raises(ValidationError) as refused:
        declared(segment="", candidates={"kinds": ["segment_least_squares"]})
    assert {mistake["loc"][0] for mistake in refused.value.errors()} == {"segment"}


@pytest.mark.parametrize(
    ("segment", "length", "passes"),
    [
        ("level", 2_000, True),
        ("level", 2_001, False),
        (["level", "age"], 1_980, True),
        (["level", "age"], 2_000, False),
    ],
)
def test_run_with_a_name_that_no_index_takes_is_rejected(segment, length, passes):
    names = ["\u00e9" * (length // 2) + "x" * (length % 2), *SHOP["level"].to_pylist()[1:]]
    outcome = checked(segment=segment, table=replaced("level", names))
    assert outcome.passed == passes
    if not passes:
        assert "The segment of 1 row has a name of more than 2,000 bytes" in outcome.reason
        assert len(outcome.reason) < 1_500


def test_names_that_people_would_take_for_one_another_are_a_warning():
    names = ["Köln", "Köln ", "KO\u0308LN", "Bonn", "bonn", None, "Ulm"]
    assert names_alike(filter(None, names)) == [
        ["Bonn", "bonn"],
        ["KO\u0308LN", "Köln", "Köln "],
    ]
    outcome = checked(segment="level", table=replaced("level", (names * 9)[: len(SHOP)]))
    assert outcome.passed
    (warning,) = [text for text in outcome.warnings if "differ only in case, blanks" in text]
    assert "'Bonn' and 'bonn'; 'KO\\\\u0308LN' and 'Köln' and 'Köln '" in warning
    assert not any("differ only" in text for text in checked(segment="level").warnings)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (lambda _: "x", "All rows with a target are of one segment"),
        (lambda _: None, "No row with a target has a segment, because 'level' has no value there"),
        (lambda n: f"x{n}", "Each row with a target is a segment of its own"),
        (lambda n: f"x{n // 2}", None),
    ],
)
def test_segments_that_no_rows_share_are_a_warning(names, sentence):
    table = replaced("level", pa.array(map(names, range(len(SHOP))), pa.string()))
    outcome = checked(segment="level", table=table)
    own = [result for result in outcome.results if result.expectation == "segments_share_rows"]
    assert outcome.passed
    assert [result.success for result in own] == [sentence is None]
    told = [text for text in outcome.warnings if "Leave out 'segment'" in text or "No row" in text]
    assert len(told) == (sentence is not None)
    assert not told or sentence in told[0]
