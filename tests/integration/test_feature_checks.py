"""The checks of features, weights and terms, which are made without being declared."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import (
    BETWEEN,
    PRESENT,
    SHOP,
    N,
    checked,
    failed,
    replaced,
    rule,
    weighted,
    with_flag,
)


def test_a_feature_of_many_frequent_levels_is_used_with_a_warning():
    texts = [f"level {i // 10}" for i in range(2010)]
    table = pa.table({"id": range(2010), "y": np.arange(2010.0), "text": texts})
    declared = {"key": "id", "features": ["text"]}
    outcome = checked(table=table, **declared)
    assert outcome.passed
    assert outcome.features == ("text",)
    assert (
        "'text' has 201 levels with 10 rows or more: the 200 most frequent" in outcome.warnings[0]
    )
    assert checked(table=table.slice(0, 2000), **declared).warnings == ()


def test_constant_and_empty_features_are_dropped_with_a_warning_that_names_them():
    table = replaced("age", pa.nulls(N, pa.float64()))
    table = table.set_column(2, "level", pa.array(["same"] * N))
    outcome = checked(table=table)
    assert outcome.passed
    assert outcome.features == ("hired",)
    assert "'age' is missing in every row with a target" in outcome.warnings[0]
    assert "'level' is 'same' in every row with a target" in outcome.warnings[1]
    assert failed(outcome)["feature_varies"].severity == "warning"


def test_a_feature_that_varies_only_among_new_rows_is_dropped():
    target = [float(i) if i < 40 else None for i in range(N)]
    table = replaced("y", target).set_column(1, "age", pa.array([30] * 40 + list(range(20))))
    assert checked(table=table).features == ("level", "hired")


def test_a_run_without_any_feature_that_varies_ends():
    outcome = checked(table=replaced("age", [30] * N), features=["age"])
    assert outcome.reason.startswith("No feature varies")
    assert outcome.features == ()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.0], "in 1 row with a target: 0.0 in row 1 (key 1). Correct it, or quarantine such"),
        ([1.0, -2.5, -1.0], "in 2 rows with a target: -2.5 in row 2 (key 2)."),
        ([1.0, None], "in 1 row with a target: no value in row 2 (key 2)."),
        ([1.0, float("inf")], "in 1 row with a target: 'inf' in row 2 (key 2)."),
        ([None] * N, "in 60 rows with a target: no value in row 1 (key 1)."),
    ],
)
def test_a_labelled_row_without_a_weight_above_zero_ends_the_run(weights, message):
    outcome = checked(table=weighted(*weights), weight="w")
    assert outcome.reason.startswith("The weight 'w' is not a finite number above zero")
    assert message in outcome.reason
    assert set(failed(outcome)) == {"weight_is_positive"}


@pytest.mark.parametrize(
    ("bounds", "limits", "rows"),
    [([1, None], "below 1", 1), ([None, 57], "above 57", 2), ([1, 57], "below 1 or above 57", 3)],
)
def test_targets_outside_their_bounds_are_named_and_stay(bounds, limits, rows):
    outcome = checked(bounds=bounds)
    assert outcome.passed
    assert outcome.kept.all()
    (warning,) = [text for text in outcome.warnings if "bounds" in text]
    assert warning.startswith(f"The target 'y' is {limits}, and so outside its declared 'bounds'")
    assert failed(outcome)["target_is_within_bounds"].unexpected_count == rows
    assert "target_is_within_bounds" not in failed(checked(bounds=[0, 59]))


def test_intervals_are_by_levels_and_not_by_numbers_or_a_column_that_is_not_there():
    table = with_flag()
    for column in ("level", "flag"):
        outcome = checked(table=table, interval={"by": column}, features=["age"])
        assert outcome.passed
        assert next(c.role for c in outcome.columns if c.name == column) == "interval"
    outcome = checked(interval={"by": "age"})
    assert outcome.reason.startswith("Intervals cannot be 'by' 'age', which holds numbers")
    assert "Declare 'types: {age: category}'" in outcome.reason
    assert (
        "has no column 'levle'. Did you mean 'level'?" in checked(interval={"by": "levle"}).reason
    )


def test_new_rows_need_no_weight_and_small_ones_are_weights():
    y = [None, None, None, *map(float, range(3, N))]
    outcome = checked(table=weighted(None, 0.0, float("-inf"), 5e-324, y=y), weight="w")
    assert outcome.passed
    assert outcome.kept.all()
    assert outcome.features == ("age", "level", "hired")
    whole = SHOP.append_column("w", pa.array(range(1, N + 1)))
    assert checked(table=whole, weight="w").passed


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("W", "has no column 'W'. Did you mean 'w'?"),
        ("level", "The weight 'level' holds categories, but only numbers can weight rows: row 1"),
        ("hired", "The weight 'hired' holds times, but only numbers can weight rows. Correct"),
        ("text", "holds categories, but only numbers can weight rows. Declare 'types: {text: num"),
        ("flag", "holds booleans, but only numbers can weight rows. Declare 'types: {flag: number"),
    ],
)
def test_a_weight_that_is_not_a_number_ends_the_run(column, message):
    table = weighted().append_column("text", pa.array(["1"] * N))
    table = table.append_column("flag", pa.array([True] * N))
    assert message in checked(table=table, weight=column).reason


def test_rows_without_a_weight_can_be_set_aside_and_new_ones_spared():
    table = weighted(None, -1.0, None, y=[0.0, 1.0, None, *map(float, range(3, N))])
    labelled = {"type": "nullity", "column": {"name": "y"}, "is_null": False}
    outcome = checked(
        rule(BETWEEN, quarantine=True, column="w", min_value=0, strict_min=True),
        rule(PRESENT, quarantine=True, column="w", row_condition=labelled),
        table=table,
        weight="w",
    )
    assert outcome.passed
    assert np.flatnonzero(~outcome.kept).tolist() == [0, 1]
    assert [row.key for row in outcome.rejected_rows] == ["1", "2"]


def test_terms_of_features_that_vary_are_products_in_the_order_declared():
    outcome = checked(table=with_flag(), terms=["level:age^2", "age^3", "flag:age"])
    assert outcome.passed
    assert outcome.products == (
        (("level", 1), ("age", 2)),
        (("age", 3),),
        (("flag", 1), ("age", 1)),
    )
    made = [result for result in outcome.results if result.expectation == "term_can_be_made"]
    assert [result.column for result in made] == ["level:age^2", "age^3", "flag:age"]
    assert all(result.success for result in made)
    assert checked().products == ()


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (
            "agee^2",
            "The term 'agee^2' contains 'agee', but there is no such feature. Did you mean",
        ),
        (
            "age:zzz",
            "contains 'zzz', but there is no such feature. The features are age",
        ),
        ("age*level:flag", "there is no such feature. A term joins columns with ':'"),
        ("w:age", "contains the weight 'w', which is not a feature. List it in"),
        ("age:level^2", "raises 'level', which holds categories, but only numbers can be raised"),
        ("flag^2", "raises 'flag', which holds booleans, but only numbers can be raised"),
    ],
)
def test_a_term_that_cannot_be_made_ends_the_run(term, message):
    table = with_flag().append_column("w", pa.array([2.0] * N))
    outcome = checked(table=table, weight="w", terms=["age^2", term])
    assert outcome.reason.startswith(f"The term {term!r} ")
    assert message in outcome.reason
    assert failed(outcome)["term_can_be_made"].column == term


def test_a_term_is_dropped_with_its_feature_and_the_warning_says_so():
    table = replaced("age", [30] * N)
    outcome = checked(table=table, terms=["age^2", "age:level"])
    assert outcome.passed
    assert outcome.products == ()
    assert outcome.warnings == (
        "The feature 'age' is 30 in every row with a target: tonight's models do without it, and"
        " without the terms age^2, age:level.",
    )
    without_level = checked(table=replaced("level", ["same"] * N), terms=["age^2", "age:level"])
    assert without_level.products == ((("age", 2),),)
    assert without_level.warnings[0].endswith("do without it, and without the term age:level.")


def test_a_term_of_a_category_without_terms_is_lost_with_it():
    table = replaced("level", [f"{i:03d}" for i in range(N)])
    warnings = checked(table=table, terms=["age:level"]).warnings
    assert warnings[0].startswith("The feature 'level' has 60 levels in 60 rows, none with 10 rows")
    assert warnings[0].endswith("wider levels. It takes the term age:level with it.")


def test_a_missing_group_is_reported_with_the_nearest_column():
    outcome = checked(split={"group": "levl"})
    assert "has no column 'levl'. Did you mean 'level'?" in outcome.reason
    present = checked(split={"group": "level"})
    assert present.passed
    assert present.features == ("age", "hired")


def test_a_term_of_the_group_is_refused_because_the_group_is_not_a_feature():
    outcome = checked(split={"group": "level"}, terms=["age:level"])
    assert "contains the group 'level', which is not a feature. List it in" in outcome.reason


def named(name, values, **declared):
    return checked(
        table=pa.table({"id": range(40), "y": np.arange(40.0), name: values}),
        key="id",
        features=[name],
        **declared,
    )


@pytest.mark.parametrize(
    ("name", "level", "fits"),
    [
        ("text", "é" * 900, True),
        ("text", "é" * 1_000, False),
        ("n" * 1_980, "a", True),
        ("n" * 2_000, "a", False),
    ],
)
def test_a_term_whose_name_no_index_can_hold_ends_the_run(name, level, fits):
    outcome = named(name, [level, "other"] * 20)
    assert outcome.passed == fits
    if not fits:
        assert "at most 2,000 are possible. Shorten the column's name or its most" in outcome.reason
        assert len(outcome.reason) < 400
    assert named(name, [level, "other"] * 20, candidates={"kinds": ["ann"]}).passed


def test_a_long_text_that_gets_no_term_does_no_harm():
    assert named("text", [f"{i}" * 3_000 if i < 9 else "short" for i in range(40)]).passed


def test_a_product_of_long_names_ends_the_run():
    table = pa.table(
        {
            "id": range(40),
            "y": np.arange(40.0),
            "a": ["u" * 1_500, "v"] * 20,
            "b": ["w" * 1_500] * 10 + ["x"] * 30,
        }
    )
    declared = {"key": "id", "features": ["a", "b"]}
    assert checked(table=table, **declared).passed
    assert "'a:b' has a name of about 3," in checked(table=table, terms=["a:b"], **declared).reason


def test_a_feature_with_the_name_of_another_term_ends_the_run():
    numbers = np.arange(40.0)
    reason = named("intercept", numbers).reason
    assert "'intercept' has the same name as the intercept" in reason
    assert named("intercept", numbers, intercept=False).passed
    assert named("intercept", ["a", "b"] * 20).passed
    table = pa.table({"id": range(40), "y": numbers, "a": numbers % 7, "a^2": numbers % 3})
    outcome = checked(table=table, key="id", features=["a", "a^2"], terms=["a^2"])
    assert "'a^2' has the same name as a declared term" in outcome.reason
