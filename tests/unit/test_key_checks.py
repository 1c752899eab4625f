"""Keys that are not unique, and keys that explain the target."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import checked, failed, shop

from data.checks.keys import smallest_key

DAYS, SHOPS, HALVES = 12, ["a", "b", "c"], ["am", "pm"]
SALES = pa.table(
    {
        "shop": np.tile(np.repeat(SHOPS, 2), DAYS),
        "day": pa.array(np.repeat(np.datetime64("2024-01-01") + np.arange(DAYS), 6)),
        "half": np.tile(HALVES, 3 * DAYS),
        "till": np.arange(6 * DAYS) // 2,
        "price": np.arange(6.0 * DAYS) / 7,
        "y": np.arange(6.0 * DAYS) ** 2,
    }
)


def smallest(declaration, table) -> tuple[str, ...]:
    return smallest_key(declaration, table, np.ones(table.num_rows, dtype=bool))


@pytest.mark.parametrize(
    ("key", "columns", "advice"),
    [
        ("till", None, "'half' and 'till' are unique together: declare 'key: [half, till]'"),
        ("shop", ["shop", "day", "half", "price", "y"], "'shop' and 'day' and 'half' are unique"),
        ("shop", ["shop", "half", "price", "y"], "No set of up to three columns is unique. Remove"),
    ],
)
def test_a_key_that_is_not_unique_is_reported_with_the_fewest_columns_that_are(
    key, columns, advice
):
    table = SALES if columns is None else SALES.select(columns)
    reason = checked(table=table, key=key).reason
    assert f"The key {key!r} is not unique in 72 rows" in reason
    assert advice in reason


def test_of_keys_of_one_size_the_one_with_declared_columns_comes_first():
    table = SALES.append_column("number", pa.array(range(6 * DAYS)))
    assert smallest(shop(key=["shop", "day"]), table) == ("number",)
    assert smallest(shop(key=["till"]), SALES) == ("half", "till")
    gaps = table.set_column(6, "number", pa.array([None, *range(1, 6 * DAYS)]))
    assert smallest(shop(key=["till"]), gaps) == ("half", "till")


def test_rows_that_differ_only_far_down_are_no_key():
    length = 12_000
    number = np.arange(length)
    number[-1] = 0
    table = pa.table({"id": number, "y": np.arange(float(length))})
    assert smallest(shop(key="id"), table) == ()


def test_columns_of_a_longer_key_are_features_and_a_note_names_them():
    outcome = checked(table=SALES, key=["till", "half"])
    assert outcome.features == ("shop", "day", "half", "till", "price")
    assert (
        "No 'features' are declared, so the key columns 'till' and 'half' are features, too. List"
        " 'features' to choose them."
    ) in outcome.warnings
    assert checked(table=SALES, key=["till", "half"], features=["price"]).features == ("price",)


def test_a_column_of_a_longer_key_that_never_repeats_only_identifies():
    numbered = SALES.append_column("number", pa.array(range(6 * DAYS)))
    outcome = checked(table=numbered, key=["number", "half"])
    assert outcome.features == ("shop", "day", "half", "till", "price")
    assert "'number' is a key column with another value in every row" in " ".join(outcome.warnings)
    (column,) = [column for column in outcome.columns if column.name == "number"]
    assert "left out" in column.enters
    listed = checked(table=numbered, key=["number", "half"], features=["number"])
    assert listed.features == ("number",)


def test_a_key_of_one_column_is_a_feature_only_if_listed():
    numbered = SALES.append_column("id", pa.array(range(6 * DAYS)))
    assert "id" not in checked(table=numbered).features
    assert checked(table=numbered, features=["id", "price"]).features == ("id", "price")
    products = checked(table=numbered, features=["id", "price"], terms="id:price").products
    assert products == ((("id", 1), ("price", 1)),)
    assert "is a feature only where 'features' lists it" in (
        checked(table=numbered, terms="id:price").reason
    )


def test_a_key_that_is_the_only_explanation_is_enough():
    prices = SALES.select(["shop", "day", "half", "y"])
    outcome = checked(table=prices, key=["shop", "day", "half"], time="day")
    assert outcome.passed
    assert failed(outcome).keys() <= {"key_explains", "rows_do_not_repeat"}
    assert outcome.features == ("shop", "day", "half")
