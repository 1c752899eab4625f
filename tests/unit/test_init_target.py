"""What `nightfit init` says where there is nothing to predict."""

import pytest

from data.proposals.facts import ColumnFacts
from flows.command.init_target import chosen_target

TEXT = ColumnFacts("type", 0, "category", 5, 0, 1)
NESTED = ColumnFacts("properties", 1, None, 5, 0, 0, why_left_out="it holds objects or lists")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([TEXT], r"nothing to predict\. A column of text with numbers in it needs 'formats'"),
        ([TEXT, NESTED], r"Left out: 'properties' \(it holds objects or lists\)\. Write what is"),
    ],
)
def test_a_table_without_numbers_is_refused_by_what_it_has_instead(facts, message):
    with pytest.raises(Exception, match=message):
        chosen_target(None, facts, [], "nightfit init x")
