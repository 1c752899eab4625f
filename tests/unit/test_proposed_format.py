import pyarrow as pa
import pytest

from data.sources.proposed_format import proposed_format


def proposal(values, name="x"):
    return proposed_format(pa.chunked_array([pa.array(values)]), name)


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["03/14/2012", "01/02/2013"], "%m/%d/%Y"),
        (["14.03.2012", "1.2.2013"], "%d.%m.%Y"),
        (["Jan 5 2010", "Sep 12 2011"], "%b %d %Y"),
        (["5 January 2010"], "%d %b %Y"),
        (["2012 Q1", "2013 Q4"], "%Y Q%q"),
        (["Q1 2012"], "Q%q %Y"),
        (["2012-W05"], "%G-W%V"),
        (["03/2012"], "%m/%Y"),
        (["3/14/2012 2:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["Mon, 05 Mar 2012 10:00:00 +0100"], "%a, %d %b %Y %H:%M:%S %z"),
        (["$1,234.50", "$3", "($5.10)"], "$1,234.50"),
        (["12,50 €", "1.234,00 €"], "1.234,50 €"),
        (["EUR 12"], "EUR 12.5"),
        (["CHF 1'234.50"], "CHF 1'234.50"),
        (["12.5 %", "3 %"], "12.5 %"),
        (["12 kg", "3.5 kg", "7 kg"], "12.5 kg"),
        (["1.2k", "3M", "4k"], "12.5k"),
        (["12,34,567.50", "1,234.5"], "12,34,567.50"),
        (["yes", "no", None], "yes/no"),
        (["Ja", "Nein"], "ja/nein"),
    ],
)
def test_the_format_of_a_column_is_proposed(values, written):
    found = proposal(values)
    assert (found.format, found.alternatives) == (written, ())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["2012 Q1", "2013 Q4", "2014 Q1", "2015 Q4", "2016 Q1"], "quarters"),
        (["1,234.50", "7,000", "(5,600.10)"], "thousands, those in parentheses negative"),
    ],
)
def test_a_proposal_says_how_the_values_are_written(values, words):
    assert proposal(values).words.endswith(words)


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        (["03/04/2012", "05/06/2012"], {"%m/%d/%Y", "%d/%m/%Y"}),
        (["$1,234", "$5,678"], {"$1,234.50", "$12,5"}),
        (["5K", "7K", "9K"], {"12.5K", "12.5 K"}),
    ],
)
def test_what_may_be_read_in_two_ways_is_proposed_in_both(values, formats):
    found = proposal(values)
    assert {found.format, *found.alternatives} == formats


@pytest.mark.parametrize(
    "values",
    [
        ["2012-03-14"],
        ["2012-03"],
        ["1.5", "−2"],
        ["red", "blue"],
        ["14/03/2012", "03/14/2012"],
        ["$5", "€6"],
        ["<5", "7"],
        ["A1", "B2"],
        ["007"],
        [None, ""],
        [True, False],
        [],
    ],
)
def test_nothing_is_proposed_where_nothing_is_needed_or_certain(values):
    assert proposal(values or pa.array([], pa.string())) is None


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("date", 20120314, "%Y%m%d"),
        ("month", 201203, "%Y%m"),
        ("date", 40982, "excel"),
        ("createdAt", 1331683200, "epoch seconds"),
        ("created_at", 1331683200123, "epoch milliseconds"),
        ("ts", 1331683200123456789, "epoch nanoseconds"),
        ("date", "40982", "excel"),
        ("Bestelldatum", 40982, "excel"),
        ("date of sale", 40982.5, "excel"),
        ("event_ms", 1331683200123, "epoch milliseconds"),
    ],
)
def test_numbers_may_count_times_where_their_name_hints_at_it(name, value, written):
    assert proposal([value], name).format == written
    assert proposal([value], "amount") is None


@pytest.mark.parametrize(
    "name",
    ["starting_salary", "end_balance", "month_income", "sales per day", "candidate", "data_usage"],
)
def test_numbers_whose_name_only_begins_with_a_word_for_a_time_are_numbers(name):
    assert proposal([40982, 51230], name) is None


def test_one_of_a_million_dates_may_tell_day_and_month_apart():
    dates = ["01/02/2012", "03/04/2012"] * 5_000 + ["12/31/2012"]
    assert proposal(dates).alternatives == ()


def test_a_few_cells_of_another_form_do_not_hide_the_format():
    assert proposal(["$5"] * 95 + ["red"] * 5).format == "$12.5"
    assert proposal(["$5"] * 85 + ["red"] * 15) is None


def test_lists_of_numbers_are_not_taken_for_numbers_with_marks_between_thousands():
    lists = [",".join(str(n) for n in range(begin, begin + 30)) for begin in (290, 300)]
    assert proposal(lists) is None
    assert proposal(["9,223,372,036,854,775,807", "1,000,000"]).format == "1,234.50"
