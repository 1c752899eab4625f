"""The text of a proposal: YAML with comments, which reads back as what was proposed."""

import datetime as dt

import pytest
from helpers.proposals import N, declaration, noise, proposal, text_of
from hypothesis import given
from hypothesis import strategies as st

from data.declarations.yaml_nodes import root_of
from data.declarations.yaml_values import value_of
from data.proposals.missing import MissingProposal
from data.proposals.written import FormatProposal, flow

IDS = [f"r{i}" for i in range(N)]


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
        min_size=1,
        max_size=30,
    )
)
def test_any_name_reads_back_as_itself(text):
    assert value_of(root_of(f"a: {flow(text)}")) == {"a": text}
    assert value_of(root_of(f"a: {flow({'b': [text]})}")) == {"a": {"b": [text]}}


@pytest.mark.parametrize("value", [0, -3, 2.5, 1e-7, 1e22, True, dt.date(2024, 3, 1), "2024-03-01"])
def test_plain_values_read_back_with_their_kind(value):
    read = value_of(root_of(f"a: {flow(value)}"))["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("word", ["yes", "No", "null", "on", "1e5", "007", "a: b", "#x", "", "~"])
def test_words_with_a_meaning_in_yaml_are_quoted(word):
    assert value_of(root_of(f"a: {flow(word)}")) == {"a": word}


def test_a_proposal_reads_back_as_a_declaration():
    made = proposal(
        **{
            "id": IDS,
            "x: #1": noise(),
            "yes": [i % 2 for i in range(N)],
            "zip": [1000 + i % 30 for i in range(N)],
            "gone": ["a"] * N,
        }
    )
    read = declaration(made, missing=MissingProposal({"-999": "1 row", "?": "2 rows"}, "many"))
    assert (read.key, read.target) == (("id",), "y")
    assert read.features == ("x: #1", "yes", "zip")
    assert read.types == {"yes": "boolean", "zip": "category"}
    assert read.missing == ("-999", "?")
    assert read.unparsable == "missing"
    assert {rule.severity for rule in read.expectations} == {"warning"}
    assert "x: #1" in read.expectations[0].columns()


def test_proposals_that_do_not_hold_are_comments():
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i * 7 % N) for i in range(N)]
    made = proposal(id=IDS, x=noise(), day=days, rooms=[1 + i % 4 for i in range(N)])
    text, read = text_of(made), declaration(made)
    assert "# time: day" in text
    assert "#   rooms: category" in text
    assert (read.time, read.types) == (None, {})


def test_a_format_that_is_certain_is_declared_and_others_wait_for_a_person():
    formats = [
        FormatProposal("when", "%d.%m.%Y", "dates such as 14.03.2012"),
        FormatProposal("day", "%d/%m/%Y", "dates such as 03/04/2012", ("%m/%d/%Y",)),
    ]
    made = proposal(id=IDS, x=noise())
    assert declaration(made, formats=formats).formats == {"when": "%d.%m.%Y"}
    text = text_of(made, formats=formats)
    assert '# day: "%d/%m/%Y"' in text
    assert '"%m/%d/%Y": it stays text until you choose' in " ".join(text.replace("#", "").split())


def test_new_rows_are_counted_beside_the_target():
    y = [None, None, *noise(N - 2).tolist()]
    text = text_of(proposal(id=IDS, x=noise(), y=y))
    assert "target: y    # 2 rows have none: they are new" in text


def test_no_comment_breaks_out_of_its_line():
    made = proposal(id=IDS, x=noise(), **{"a\nb: c": ["a"] * N})
    assert declaration(made).features == ("x",)
