"""Numbers and dates in other people's formats are told apart by looking at them."""

import pytest

from data.sources.formats import format_of

COMMA = "numbers with a decimal comma"
THOUSANDS = "numbers with commas between the thousands"
UNIT = "numbers with a unit"
DAY_FIRST = "dates with the day first"


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["1.234,56", "12,5"], COMMA),
        (["12,5", "13"], COMMA),
        (["3,504", "504"], THOUSANDS),
        (["1,234.50"], THOUSANDS),
        (["3,504", "3,5"], COMMA),
        (["1.234.567"], "numbers with points between the thousands"),
        (["3'504", "3 504", "3\u00a0504"], "numbers with separators between the thousands"),
        (["31/12/2023", "1/1/2023"], DAY_FIRST),
        (["31.12.2023 13:00"], DAY_FIRST),
        (["12/31/2023"], "dates with the month first"),
        (["1/2/23"], "dates whose day and month cannot be told apart"),
        (["31/12/2023", "12/31/2023"], "dates of which some have the day first and some the month"),
        (["2023/12/31"], "dates with slashes or points"),
        (["31 Dec 2023", "1-Jan-2024"], "dates with the month as a word"),
        (["9:30", "10:15"], "times of day with am or pm, or hours of one digit"),
        (["09:30 PM"], "times of day with am or pm, or hours of one digit"),
        (["$5", "$1,000"], "numbers with a currency"),
        (["5 EUR", "5,50 €"], "numbers with a currency"),
        (["12 %", "5%"], "percentages with their sign"),
        (["130 hp", "95 hp", "1,5 hp"], UNIT),
        (["20°C", "21°C", "9°C"], UNIT),
        (["(5)", "6"], "negative numbers in parentheses"),
        (["<0.1", "0.5"], "numbers with a sign of comparison"),
        (["5-", "6"], "numbers with the minus at the end"),
        (["red", "blue"], None),
        (["1", "2.5"], None),
        (["1A", "2A", "1B", "2B"], None),
        (["1st", "2nd", "3rd", "4th"], None),
        (["10-20", "20-30"], None),
        (["192.168.1.1"], None),
        (["555-1234"], None),
        (["2024-Q1"], None),
    ],
)
def test_a_format_is_recognised_by_its_texts(texts, name):
    written = format_of(dict.fromkeys(texts, 5))
    assert (written and written.name) == name


def test_a_format_must_be_that_of_nearly_all_rows():
    assert format_of({"$5": 95, "red": 5}) is not None
    assert format_of({"$5": 85, "red": 15}) is None
