"""Time, group, kinds, missing words and rules of a proposal, each only where it is clear."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from helpers.proposals import N, facts, noise, proposal

from data.proposals.expectations import proposed_rules
from data.proposals.missing import proposed_missing
from data.proposals.sampled import sampled
from data.proposals.targets import likely_targets
from data.sources.readings import ColumnReading

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(N)]
MIXED = [DAYS[i * 7 % N] for i in range(N)]
IDS = [f"r{i}" for i in range(N)]


def kinds(**columns):
    made = proposal(id=IDS, x=noise(), **columns).kinds
    return {each.name: each.kind for each in made if each.holds}


def test_rows_in_the_order_of_a_date_are_split_by_it():
    made = proposal(id=IDS, x=noise(), day=DAYS)
    assert (made.time.name, made.time.holds) == ("day", True)


def test_rows_in_another_order_have_their_date_in_a_comment():
    made = proposal(id=IDS, x=noise(), day=MIXED)
    assert (made.time.name, made.time.holds) == ("day", False)


def test_a_date_of_birth_orders_nothing():
    assert proposal(id=IDS, x=noise(), birthdate=DAYS).time is None


def test_a_time_by_which_a_night_could_not_split_is_a_comment_that_says_why():
    made = proposal(id=IDS, x=noise(), day=sorted(DAYS[i % 4] for i in range(N)))
    assert not made.time.holds
    assert "4 different times" in made.time.words


def test_what_has_several_rows_and_is_named_so_is_the_group():
    made = proposal(id=IDS, x=noise(), customer_id=[f"c{i % 30}" for i in range(N)])
    assert (made.group.name, made.group.holds) == ("customer_id", True)


def test_of_two_possible_groups_a_person_chooses():
    customers, orders = [f"c{i % 30}" for i in range(N)], [f"o{i // 4}" for i in range(N)]
    made = proposal(row_id=IDS, x=noise(), customer_id=customers, order_id=orders)
    assert not made.group.holds


def test_with_a_time_the_group_is_a_comment_since_both_cannot_be_declared():
    stores = [f"s{i % 20}" for i in range(N)]
    made = proposal(id=IDS, x=noise(), day=DAYS, store=stores)
    assert made.time.holds
    assert (made.group.name, made.group.holds) == ("store", False)


@pytest.mark.parametrize(
    ("shops", "rows", "proposed"),
    [(15, DAYS, True), (4, DAYS, True), (15, MIXED, True), (2, DAYS, False), (50, DAYS, False)],
)
def test_what_may_have_lines_of_its_own_is_a_comment(shops, rows, proposed):
    made = proposal(id=IDS, x=noise(), day=rows, shop=[f"s{i % shops}" for i in range(N)])
    assert (made.segment is not None) is proposed
    if made.segment is not None:
        assert (made.segment.name, made.segment.holds) == ("shop", False)
        assert f"each of the {shops}" in made.segment.words
        with_group = made.group is not None and made.group.holds
        assert ("instead of split.group" in made.segment.words) is with_group


def test_a_category_that_repeats_is_no_group_and_has_no_segments():
    made = proposal(id=IDS, x=noise(), colour=[f"c{i % 10}" for i in range(N)])
    assert (made.group, made.segment) == (None, None)


@pytest.mark.parametrize("name", ["zip", "zip_code", "postcode", "ZipCode", "sic_code"])
def test_codes_of_digits_are_categories(name):
    assert kinds(**{name: [10_000 + i % 40 for i in range(N)]}) == {name: "category"}


def test_zeros_and_ones_are_booleans_and_years_stay_numbers():
    assert kinds(member=[i % 2 for i in range(N)], year=[2000 + i % 3 for i in range(N)]) == {
        "member": "boolean"
    }


def test_few_whole_numbers_are_classes_only_if_named_so():
    numbers = [1 + i % 4 for i in range(N)]
    assert kinds(rooms=numbers, house_type=[n % 3 for n in numbers]) == {"house_type": "category"}
    (rooms,) = proposal(id=IDS, x=noise(), rooms=numbers).kinds
    assert (rooms.kind, rooms.holds) == ("category", False)


def missing(readings=(), marks=None, **columns):
    table = pa.table(columns)
    known = facts(table)
    return proposed_missing(readings, known, marks or {}, sampled(table, known))


def test_words_among_numbers_are_missing_values():
    reading = ColumnReading("age", "number", "values", unparsable=3, texts=("n.d.", "n.d.", "4O"))
    made = missing([reading], age=[float(i) for i in range(400)])
    assert [*made.words] == ["n.d."]
    assert made.unparsable == ""


def test_too_many_cells_that_cannot_be_read_are_declared_missing():
    texts = tuple(f"{i}?" for i in range(9))
    reading = ColumnReading("age", "number", "values", unparsable=9, texts=texts)
    made = missing([reading], age=[float(i) for i in range(400)])
    assert (made.words, made.unparsable) == ({}, "9 rows of age cannot be read as a number")


def test_signs_that_are_taken_as_missing_are_listed():
    assert [*missing(marks={"age": {"?": 7}}, age=[1.0, 2.0]).words] == ["?"]


def test_a_number_far_below_all_others_is_a_missing_value():
    made = missing(age=[20.0 + i % 50 for i in range(90)] + [-999.0] * 3)
    assert made.words == {"-999": "3 rows of age"}


@pytest.mark.parametrize(
    "balance",
    [
        [-999.0, -1001.0, -995.0] * 30,
        [-999.0] + [20.0 + i for i in range(90)],
        [-2000.0, -999.0] * 9,
    ],
)
def test_the_same_number_among_others_is_a_value(balance):
    assert missing(balance=balance).words == {}


def test_a_number_that_another_column_has_as_a_value_is_not_missing():
    age = [20.0 + i % 50 for i in range(90)] + [-999.0] * 3
    assert missing(age=age, balance=[*np.linspace(-3000, 3000, 92), -999.0]).words == {}


def rules(**columns):
    made, _ = proposed_rules(facts(pa.table(columns)), "y", {})
    return {rule.type.removeprefix("expect_column_values_to_"): rule.kwargs for rule in made}


def test_a_range_has_a_margin_and_stays_above_zero_where_all_values_do():
    assert rules(x=[1, 2, 11])["be_between"] == {"column": "x", "min_value": 0, "max_value": 13.5}


def test_a_column_with_gaps_may_have_gaps():
    assert "not_be_null" not in rules(x=[1, None, 11])
    assert rules(x=[1, 2, 11])["not_be_null"] == {"column": "x"}


def test_levels_are_a_set_only_if_each_has_enough_rows():
    assert rules(size=["s", "m"] * 10)["be_in_set"]["value_set"] == ["m", "s"]
    assert "be_in_set" not in rules(size=["s", "m", "l"])


def test_likely_targets_come_first_and_ids_years_and_texts_last_or_never():
    table = pa.table(
        {
            "order_id": range(N),
            "price": noise(),
            "size": noise(),
            "year": [2000 + i % 9 for i in range(N)],
            "name": IDS,
        }
    )
    names = [one.name for one in likely_targets(facts(table))]
    assert names[:2] == ["price", "size"]
    assert {*names[2:]} == {"order_id", "year"}


def test_a_column_with_an_infinite_value_cannot_be_the_target():
    table = pa.table({"price": [*noise(N - 1), np.inf], "size": noise()})
    assert [one.name for one in likely_targets(facts(table))] == ["size"]
