"""A source that looks unlike the last good night's ends the run, until a person accepts it."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import shop
from helpers.contracts import contract_after

from data.checks.check import check
from data.sources.readings import ColumnReading

N = 200
GENERATOR = np.random.default_rng(3)
DOSE = np.round(GENERATOR.normal(30, 5, N), 1)
NIGHT = {
    "id": pa.array(range(N)),
    "dose": pa.array(DOSE),
    "zone": pa.array(["a", "b", "c", "d"] * (N // 4)),
    "y": pa.array(np.round(2 * DOSE + GENERATOR.normal(0, 1, N), 2)),
}
FIRST = contract_after(shop(), pa.table(NIGHT))


def night(**columns):
    """Return the rows of the first night with some columns replaced; None leaves one out."""
    replaced = {**NIGHT, **columns}
    return pa.table({name: column for name, column in replaced.items() if column is not None})


def second(table, readings=(), contract=FIRST, **declared):
    return check(shop(**declared), table, readings, contract)


def texts(values):
    return pa.array(list(map(str, values)))


def test_the_same_rows_are_good_again_and_so_are_new_ones_of_the_same_look():
    assert second(night()).passed
    more = pa.concat_tables([night(), night(id=pa.array(range(N, 2 * N)), dose=pa.array(DOSE + 1))])
    outcome = second(more)
    assert outcome.passed
    assert not outcome.warnings


@pytest.mark.parametrize(
    ("columns", "check_name", "words"),
    [
        (
            {"dose": None},
            "feature_is_still_there",
            ["'dose' is gone", "numbers", f"'{DOSE[0]}'"],
        ),
        (
            {"dose": texts([f"{dose} mg" for dose in DOSE])},
            "column_keeps_its_kind",
            ["'dose' held numbers", "run 1", f"{DOSE[0]} mg", "row 1"],
        ),
        (
            {"zone": pa.nulls(N, pa.string())},
            "feature_still_varies",
            ["'zone' is missing in every row", "4 different values", "'a'"],
        ),
        ({"zone": pa.array(["a"] * N)}, "feature_still_varies", ["'zone' is 'a' in every row"]),
        (
            {"dose": pa.array([*[None] * 150, *DOSE[150:]])},
            "feature_is_still_filled",
            ["'dose' is missing in 150 of 200 rows", "row 1, 2, 3 and 147 others", "in 0 of 200"],
        ),
        (
            {"y": pa.array([*[None] * 150, *NIGHT["y"].to_pylist()[150:]])},
            "labels_are_still_there",
            ["50 rows have a target 'y', down from 200", "'max_shrinkage'", "row 1, 2, 3"],
        ),
        (
            {"dose": pa.array(DOSE * 1000)},
            "numbers_keep_their_size",
            ["'dose' are about 1,000 times larger", "Row 1", "unit"],
        ),
        (
            {"y": pa.array(np.array(NIGHT["y"]) / 100)},
            "numbers_keep_their_size",
            ["'y' are about 100 times smaller"],
        ),
    ],
)
def test_a_change_is_refused_with_what_where_and_the_way_out(columns, check_name, words):
    outcome = second(night(**columns))
    assert not outcome.passed
    assert [r.expectation for r in outcome.results if not r.success][-1] == check_name
    for word in [*words, "Correct the source", "'nightfit accept shop'"]:
        assert word in outcome.reason


def test_a_kind_that_no_longer_fits_most_cells_is_refused_with_their_rows():
    reading = ColumnReading(
        "dose", "number", "remembered", 150, (), ((1, "6,4"), (2, "7,1")), natural="category"
    )
    sparse = night(dose=pa.array([*[None] * 150, *DOSE[150:]]))
    outcome = second(sparse, [reading])
    assert "150 of its 200 values tonight are not numbers: '6,4' in row 1, '7,1'" in outcome.reason
    dose = next(column for column in outcome.columns if column.name == "dose")
    assert (dose.kind, dose.kind_from, dose.missing) == ("category", "values", 0)
    assert (dose.example, dose.distinct_values) == ("6,4", None)


def test_a_gone_feature_is_compared_with_the_names_of_new_columns():
    outcome = second(night(dose=None, Dose_mg=pa.array(DOSE)))
    assert "Is it now called 'Dose_mg'?" in outcome.reason


def test_rows_that_are_there_twice_under_new_keys_are_refused():
    twice = pa.concat_tables([night(), night(id=pa.array(range(N, 2 * N)))])
    outcome = second(twice)
    assert "400 rows, up from 200 in run 1, and they are the same rows twice" in outcome.reason
    added = pa.concat_tables(
        [twice, pa.table({"id": [999], "dose": [1.0], "zone": ["a"], "y": [2.0]})]
    )
    assert not second(added).passed


@pytest.mark.parametrize("different", [2, 20])
def test_a_table_of_few_different_rows_may_double(different):
    values = np.arange(N, dtype=float) % different
    few = {"dose": pa.array(values), "zone": None, "y": pa.array(values)}
    contract = contract_after(shop(), night(**few))
    doubled = pa.concat_tables([night(**few), night(**few, id=pa.array(range(N, 2 * N)))])
    assert second(doubled, contract=contract).passed


def test_a_new_column_is_not_used_until_it_is_declared_or_accepted():
    table = night(extra=pa.array(np.arange(float(N))))
    outcome = second(table)
    assert outcome.passed
    assert outcome.features == ("dose", "zone")
    assert "'extra' is new since run 1, so it is not used" in " ".join(outcome.warnings)
    extra = next(column for column in outcome.columns if column.name == "extra")
    assert extra.role == "new"
    assert "extra" in second(table, types={"extra": "number"}).features
    assert "extra" in second(table, features=["dose", "extra"]).features
    assert "extra" in second(table, contract=contract_after(shop(), table)).features


def test_every_column_is_used_where_nothing_is_known_of_those_before():
    bare = contract_after(shop(), night())
    empty = type(bare)(bare.run_id, bare.rows, bare.labelled, {}, {}, accepted=False)
    outcome = second(night(extra=pa.array(np.arange(float(N)))), contract=empty)
    assert outcome.features == ("dose", "zone", "extra")


@pytest.mark.parametrize(
    ("declared", "passes"),
    [
        ({"types": {"dose": "category"}}, True),
        ({"features": ["dose", "zone"]}, True),
        ({"missing": ["mg"]}, True),
        ({"types": {"zone": "category"}}, False),
        ({"description": "another"}, False),
        ({"interval": 0.8}, False),
    ],
)
def test_a_change_is_accepted_with_a_warning_if_the_declaration_changed_for_it(declared, passes):
    dosed = night(dose=texts([f"{dose} mg" for dose in DOSE]))
    outcome = second(dosed, **declared)
    assert outcome.passed == passes
    if passes:
        assert "of the declaration has changed since then" in " ".join(outcome.warnings)


def test_a_gone_feature_that_the_declaration_no_longer_names_is_no_change():
    assert second(night(dose=None), features=["zone"]).passed


@pytest.mark.parametrize("factor", [3, 7, 20, 0.5])
def test_a_change_of_size_by_another_factor_is_left_alone(factor):
    assert second(night(dose=pa.array(DOSE * factor))).passed


def test_values_that_spread_over_many_sizes_may_change_by_a_power_of_ten():
    doses = 10.0 ** GENERATOR.integers(0, 4, N)
    contract = contract_after(shop(), night(dose=pa.array(np.where(doses < 100, doses, 1.0))))
    assert second(night(dose=pa.array(doses)), contract=contract).passed


def test_a_counter_may_grow_tenfold_with_its_table():
    def counted(rows):
        y = np.arange(rows) % 7.0
        return pa.table({"id": range(rows), "day": np.arange(1.0, rows + 1), "y": y})

    assert second(counted(300), contract=contract_after(shop(), counted(30))).passed


def test_a_past_night_is_compared_by_the_names_and_kinds_of_its_columns_alone():
    bare = FIRST.without_counts()
    assert second(night().slice(0, 40), contract=bare).passed
    assert second(night(dose=pa.array(DOSE * 1000)), contract=bare).passed
    assert not second(night(dose=None), contract=bare).passed


def test_the_profile_tells_how_each_column_enters():
    table = night(
        flat=pa.array([1.0] * N), day=pa.array(np.datetime64("2024-01-01") + np.arange(N))
    )
    outcome = check(shop(time="day"), table)
    enters = {column.name: (column.role, column.enters) for column in outcome.columns}
    assert enters["id"] == ("key", "key")
    assert enters["y"] == ("target", "target")
    assert enters["dose"] == ("feature", "number")
    assert enters["zone"] == ("feature", "4 levels")
    assert enters["flat"] == ("feature", "left out: it is 1.0 in every row with a target")
    assert enters["day"][0] == "time, feature"
