"""The key that is proposed: the smallest set of columns that was meant to be unique."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from helpers.proposals import N, noise, proposal

from data.errors import SourceError

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(N)]


def key(**columns):
    return proposal(**columns).key.columns


def test_a_unique_column_named_like_a_key_is_one_wherever_it_stands():
    assert key(x=noise(), label=[f"a{i}" for i in range(N)], order_id=range(N)) == ("order_id",)


@pytest.mark.parametrize("name", ["id", "ID", "customerID", "customer_id", "uuid", "Order Key"])
def test_names_of_keys_are_known(name):
    values = np.random.default_rng(1).choice(10**9, N, replace=False)
    assert key(**{"x": noise(), name: values}) == (name,)


def test_a_measured_whole_number_is_no_key_merely_because_it_is_unique():
    income = np.random.default_rng(1).choice(10**6, N, replace=False)
    assert key(x=noise(), income=income) == ("row",)


def test_a_number_with_decimals_is_never_part_of_a_key():
    values = np.round(np.arange(N) / 10, 1)
    assert key(x=noise(), id=values) == ("row",)


def test_amounts_that_are_text_until_their_format_is_chosen_are_no_part_of_a_key():
    columns = {
        "shop": [f"s{i // 60}" for i in range(N)],
        "paid": [f"${i % 60},000" for i in range(N)],
    }
    assert proposal(**columns).key.columns == ("shop", "paid")
    assert proposal(**columns, unread=["paid"]).key.columns == ("row",)


def test_a_number_that_would_be_text_as_a_key_is_declared_one_or_has_no_rule_of_numbers():
    columns = {
        "shop": [f"s{i // 60}" for i in range(N)],
        "time": [60 * (i % 60) for i in range(N)],
    }

    def made(kind_as_key):
        found = proposal(**columns, kind_as_key=kind_as_key)
        assert found.key.columns == ("shop", "time")
        kinds = [(each.name, each.kind) for each in found.kinds if each.holds]
        return kinds, {rule.kwargs["column"] for rule in found.rules if "between" in rule.type}

    def as_text(name, declared):
        return declared or "category"

    assert made(lambda name, declared: "number") == ([], {"time", "y"})
    assert made(as_text) == ([("time", "number")], {"time", "y"})
    assert made(lambda name, declared: None if declared else "category") == ([], {"y"})


def test_a_column_with_a_gap_is_no_key():
    assert key(x=noise(), id=[None, *range(N - 1)]) == ("row",)


def test_a_column_with_one_repeated_value_is_no_key():
    assert key(x=noise(), id=[0, *range(N - 1)]) == ("row",)


def test_a_year_that_happens_to_be_unique_is_no_key():
    years = np.random.default_rng(3).choice(np.arange(1900, 2020), 100, replace=False)
    assert key(x=noise(100), year=years) == ("row",)


def test_the_year_of_a_series_in_its_order_is_the_key():
    assert key(x=noise(60), year=range(1950, 2010)) == ("year",)


def test_what_a_panel_counts_twice_is_its_key():
    stores = [f"s{i // 12}" for i in range(N)]
    days = [DAYS[i % 12] for i in range(N)]
    assert key(note=["a", "b"] * (N // 2), store=stores, day=days, x=noise()) == ("store", "day")


def test_a_key_of_three_columns_is_found():
    codes = [(i // 40, i // 8 % 5, i % 8) for i in range(N)]
    region, shop, shelf = ([f"{n}" for n in part] for part in zip(*codes, strict=True))
    assert key(region=region, shop=shop, shelf=shelf, x=noise()) == ("region", "shop", "shelf")


def test_columns_that_are_unique_together_by_chance_alone_are_no_key():
    rng = np.random.default_rng(1)
    cities = [f"c{i}" for i in rng.choice(5_000, N)]
    names = [f"n{i}" for i in rng.choice(5_000, N)]
    assert key(city=[*cities[:-1], cities[0]], person=[*names[:-1], names[1]], x=noise()) == (
        "row",
    )


def test_the_target_is_never_part_of_the_key():
    assert key(x=noise(), y=range(N)) == ("row",)


def test_free_text_is_no_key():
    texts = [f"{i} is a sentence that somebody wrote about one of the rows" for i in range(N)]
    assert key(x=noise(), comment=texts) == ("row",)


def test_rows_that_may_come_in_another_order_get_a_hash_of_their_values():
    made = proposal(x=noise(), z=noise(), keys=("content", "row")).key
    assert made.columns == ("content",)
    assert "a row that is corrected" in made.words


def test_a_column_called_row_is_not_taken_for_the_made_key():
    assert key(row=[1] * (N - 1) + [2], x=noise()) == ("content",)


@pytest.mark.parametrize(
    ("keys", "name", "expected"),
    [
        (("row", "content"), "row", "content"),
        (("content", "row"), "content", "row"),
        (("row", "content"), "content", "row"),
    ],
)
def test_a_made_key_has_a_name_that_no_column_has(keys, name, expected):
    made = proposal(x=noise(), **{name: [1] * (N - 1) + [2]}, keys=keys)
    assert made.key.columns == (expected,)


@pytest.mark.parametrize("names", [["content"], ["content", "row"]])
def test_a_table_without_a_key_whose_columns_have_all_names_of_made_ones_is_refused(names):
    columns = {name: [1] * (N - 1) + [2] for name in names}
    with pytest.raises(SourceError, match=r"the names? 'content'.* Rename it"):
        proposal(x=noise(), **columns, keys=names)


def test_uniqueness_is_that_of_all_rows_and_not_of_the_first_ones():
    n = 60_000
    ids = np.arange(n)
    ids[-1] = 0
    table = {"id": pa.array(ids), "x": noise(n)}
    assert key(**table) == ("row",)
