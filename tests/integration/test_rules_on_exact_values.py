"""Great Expectations computes every rule on the values as they are in the source."""

import datetime

import pyarrow as pa
import pytest
from helpers.checked import checked, failed, rule

from data.errors import CallError

BIG = 2**53
COUNT = 24
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=day) for day in range(COUNT)]
TABLE = pa.table(
    {
        "id": pa.array(range(1, COUNT + 1)),
        "account": pa.array([BIG + i for i in range(COUNT - 1)] + [None], pa.int64()),
        "other": pa.array([BIG + 1] * COUNT, pa.int64()),
        "small": pa.array([1, 2, 10, *[4] * (COUNT - 4), None], pa.int64()),
        "flag": pa.array([True, *[False] * (COUNT - 2), None]),
        "code": pa.array(["1", "2", "x", *["1"] * (COUNT - 4), None]),
        "day": pa.array([*DAYS[:-1], None], pa.date32()),
        "at": pa.array([datetime.datetime(2024, 1, 1 + i, 12) for i in range(COUNT)]),
        "y": pa.array([float(i) for i in range(COUNT)]),
    }
)
UTC_NOON = datetime.datetime(2024, 1, 3, 12, tzinfo=datetime.UTC)


def bad_rows(name, **kwargs):
    """Return the rows (from 1) that a quarantine rule sets aside."""
    outcome = checked(rule(f"expect_{name}", quarantine=True, **kwargs), table=TABLE, time=None)
    assert "could not be checked" not in str(outcome.reason), outcome.reason
    return [row.row_number for row in outcome.rejected_rows]


LAST = COUNT
EVERY = list(range(1, COUNT + 1))


@pytest.mark.parametrize(
    ("name", "kwargs", "rows"),
    [
        ("column_values_to_be_unique", {"column": "account"}, []),
        ("column_values_to_be_between", {"column": "account", "min_value": BIG + 1}, [1]),
        ("column_values_to_be_between", {"column": "account", "min_value": str(BIG + 1)}, [1]),
        ("column_values_to_be_between", {"column": "other", "min_value": BIG + 2}, EVERY),
        (
            "column_values_to_be_between",
            {"column": "account", "min_value": BIG + 1, "strict_min": True},
            [1, 2],
        ),
        ("column_values_to_not_be_in_set", {"column": "account", "value_set": [BIG + 1]}, [2]),
        ("column_values_to_not_be_in_set", {"column": "small", "value_set": ["10", "2"]}, [2, 3]),
        ("column_values_to_not_be_null", {"column": "account"}, [LAST]),
        ("column_values_to_match_regex", {"column": "small", "regex": "^[0-9]$"}, [3]),
        ("column_value_lengths_to_equal", {"column": "small", "value": 1}, [3]),
        ("column_values_to_be_increasing", {"column": "account", "strictly": True}, []),
        (
            "column_pair_values_a_to_be_greater_than_b",
            {"column_A": "account", "column_B": "other", "or_equal": True},
            [1, LAST],
        ),
        (
            "column_pair_values_to_be_equal",
            {"column_A": "account", "column_B": "other"},
            [row for row in EVERY if row != 2],
        ),
        (
            "column_pair_values_to_be_equal",
            {"column_A": "small", "column_B": "y"},
            [row for row in EVERY if row != 5],
        ),
        (
            "column_pair_values_to_be_in_set",
            {
                "column_A": "small",
                "column_B": "day",
                "value_pairs_set": [
                    [1, "2024-01-01"],
                    ["2", "2024-01-02"],
                    ["10", DAYS[2]],
                    *[[4, str(day)] for day in DAYS],
                ],
            },
            [],
        ),
        ("compound_columns_to_be_unique", {"column_list": ["account", "code"]}, []),
        ("column_values_to_be_in_set", {"column": "flag", "value_set": [False]}, [1]),
        ("column_values_to_be_in_set", {"column": "flag", "value_set": ["false"]}, [1]),
        ("column_values_to_be_in_set", {"column": "code", "value_set": [1, 2]}, [3]),
        ("column_values_to_be_between", {"column": "day", "min_value": "2024-01-03"}, [1, 2]),
        ("column_values_to_be_between", {"column": "day", "min_value": DAYS[2]}, [1, 2]),
        ("column_values_to_be_between", {"column": "at", "min_value": UTC_NOON}, [1, 2]),
        (
            "column_values_to_be_between",
            {"column": "at", "min_value": "2024-01-03T13:00+01:00"},
            [1, 2],
        ),
        ("column_values_to_not_be_in_set", {"column": "day", "value_set": ["2024-01-03"]}, [3]),
        (
            "column_pair_values_a_to_be_greater_than_b",
            {"column_A": "at", "column_B": "day"},
            [LAST],
        ),
    ],
)
def test_a_rule_sees_whole_numbers_dates_and_gaps_as_they_are(name, kwargs, rows):
    assert bad_rows(name, **kwargs) == rows


@pytest.mark.parametrize(
    ("name", "kwargs", "observed"),
    [
        ("max_to_be_between", {"column": "account", "max_value": 1}, BIG + COUNT - 2),
        ("sum_to_be_between", {"column": "small", "max_value": 1}, 13 + 4 * (COUNT - 4)),
        ("unique_value_count_to_be_between", {"column": "account", "max_value": 1}, COUNT - 1),
        ("max_to_be_between", {"column": "day", "max_value": "2024-01-02"}, "2024-01-23T00:00:00"),
        ("most_common_value_to_be_in_set", {"column": "small", "value_set": [1]}, [4]),
        (
            "quantile_values_to_be_between",
            {
                "column": "account",
                "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1]]},
            },
            {"quantiles": [0.5], "values": [BIG + 11]},
        ),
    ],
)
def test_a_rule_about_a_whole_column_names_the_exact_value(name, kwargs, observed):
    outcome = checked(rule(f"expect_column_{name}", **kwargs), table=TABLE, time=None)
    assert failed(outcome)[f"expect_column_{name}"].observed == observed
    assert f"fails: the value is {observed!r}" in outcome.reason


def test_a_bin_rule_is_computed_on_whole_numbers_with_a_gap(capfd):
    bins = {"bins": [0, 3, 11], "weights": [0.5, 0.5]}
    kl = rule(
        "expect_column_kl_divergence_to_be_less_than",
        column="small",
        partition_object=bins,
        threshold=0.0001,
    )
    assert "fails: the value is 0." in checked(kl, table=TABLE, time=None).reason
    own_bins = rule("expect_column_kl_divergence_to_be_less_than", column="small", threshold=1)
    assert checked(own_bins, table=TABLE, time=None).results
    assert capfd.readouterr() == ("", "")  # no progress bar either


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("equal", ["1", "3"], "not expected: '2' in row 2 (key 2), 'x' in row 3 (key 3)"),
        ("equal", ["1", "3"], "missing: '3'"),
        ("contain", ["x", "z"], "missing: 'z'"),
    ],
)
def test_a_rule_about_the_set_of_values_names_those_found_and_their_rows(name, values, found):
    distinct = rule(f"expect_column_distinct_values_to_{name}_set", column="code", value_set=values)
    outcome = checked(distinct, table=TABLE, time=None)
    assert "fails: the values are 1, 2, x" in outcome.reason
    assert found in outcome.reason


def test_a_limit_of_another_kind_is_reported_with_what_the_column_holds():
    wrong = rule("expect_column_values_to_be_between", column="day", min_value=3)
    reason = checked(wrong, table=TABLE, time=None).reason
    assert "could not be checked" in reason
    assert "'day' holds times ('2024-01-01' in row 1 (key 1), '2024-01-02' in row 2" in reason


def test_a_rule_for_databases_only_says_so():
    like = rule("expect_column_values_to_match_like_pattern", column="code", like_pattern="a%")
    with pytest.raises(CallError, match="for databases only"):
        checked(like, table=TABLE, time=None)
