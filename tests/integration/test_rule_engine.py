"""How declared rules are computed: conditions, patterns, and what may be declared at all."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import (
    BETWEEN,
    PRESENT,
    SHOP,
    N,
    checked,
    rule,
    shop,
)
from helpers.timing import within

from data.checks import rule_engine
from data.checks.check import check
from data.checks.rule_engine import implementations
from data.checks.rule_values import column_frame
from data.declarations.rules import FOR_DATABASES, RULES
from data.sources.read import read
from data.sources.snapshot import load, readings_of

TEXT = "expect_column_values_to"


def test_rules_can_be_checked_beside_a_time_after_the_year_9999(tmp_path):
    days = [*range(19_000, 19_000 + 299), 3_000_000]
    table = {"id": range(300), "y": [float(i % 7) for i in range(300)], "age": range(300)}
    times = pa.array(days, pa.int32()).view(pa.date32())
    pa.parquet.write_table(pa.table({**table, "t": times}), tmp_path / "rows.parquet")
    declaration = shop(
        source={"path": tmp_path / "rows.parquet"},
        expectations=[rule(PRESENT, column="t"), rule(BETWEEN, column="age", max_value=999)],
    )
    snapshot = read(declaration, folder=tmp_path / "home")
    outcome = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    assert outcome.passed
    assert [row.row_number for row in outcome.rejected_rows] == [300]


def test_a_condition_selects_the_rows_that_a_rule_looks_at():
    def bad(condition: dict) -> list[int]:
        outcome = checked(
            rule(BETWEEN, quarantine=True, column="y", max_value=-1, row_condition=condition)
        )
        assert "could not be checked" not in str(outcome.reason), outcome.reason
        return (np.flatnonzero(~outcome.kept) + 1).tolist()

    def compared(column: str, operator: str, parameter: object) -> dict:
        return {
            "type": "comparison",
            "column": {"name": column},
            "operator": operator,
            "parameter": parameter,
        }

    def gap(column: str, *, is_null: bool) -> dict:
        return {"type": "nullity", "column": {"name": column}, "is_null": is_null}

    assert bad(gap("age", is_null=True)) == [2]
    assert bad(gap("level", is_null=True)) == [3]
    assert bad(compared("age", "<", 21)) == [1, 3]
    assert bad(compared("age", "==", "20")) == [3]
    assert bad(compared("hired", "<=", datetime.date(2024, 1, 2))) == [1, 2]
    assert bad(compared("hired", "<", "2024-01-02")) == [1]
    assert bad(compared("id", "IN", [5, 6, 99])) == [5, 6]
    assert len(bad(compared("id", "NOT_IN", [5, 6]))) == N - 2
    assert bad(compared("level", "==", "`b` @pd")) == []
    both = [compared("age", "<", 30), compared("level", "==", "b")]
    assert bad({"type": "and", "conditions": both}) == [5, 7, 9, 11]
    few = [compared("id", "==", 1), {"type": "and", "conditions": [compared("id", ">", 59)]}]
    assert bad({"type": "or", "conditions": few}) == [1, 60]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"name": "agee"}, "no column 'agee'. Did you mean 'age'?"),
        ({"name": "level"}, "could not be checked: "),
        ({"name": "y`.isnull() | @pd.io.common.os.remove('x') | `y"}, "has no column "),
    ],
)
def test_a_condition_that_cannot_be_compared_fails_as_critical(condition, message):
    where = {"type": "comparison", "column": condition, "operator": "<", "parameter": 3}
    outcome = checked(rule(PRESENT, severity="warning", column="y", row_condition=where))
    assert not outcome.passed
    assert message in outcome.reason


def test_a_pattern_is_matched_in_time_that_grows_with_the_text_alone():
    texts = ["a" * 5_000 + end for end in ("b", "\n", "é", "")] + ["x"] * (N - 4)
    table = SHOP.append_column("text", pa.array(texts))
    slow = r"^(\w+\s?)*$"
    with within(5):
        outcome = checked(
            rule(f"{TEXT}_match_regex", quarantine=True, column="text", regex=slow),
            rule(f"{TEXT}_not_match_regex", quarantine=True, column="text", regex="^(a+)+é$"),
            rule(f"{TEXT}_match_regex_list", column="text", regex_list=[slow, "(a|a)*b"]),
            rule(
                f"{TEXT}_match_regex_list", column="text", regex_list=["a|x", "^"], match_on="all"
            ),
            rule(f"{TEXT}_not_match_regex_list", column="text", regex_list=["(b*)*c", "(z+)+$"]),
            table=table,
        )
    assert outcome.passed, outcome.reason
    assert (np.flatnonzero(~outcome.kept) + 1).tolist() == [3]


def test_every_rule_and_keyword_of_great_expectations_is_allowed_or_refused_on_purpose():
    refused = {"batch_id", "catch_exceptions", "condition_parser", "id", "library_metadata"}
    refused |= {"meta", "notes", "rendered_content", "result_format", "severity", "windows"}
    known = implementations()
    assert set(RULES) | set(FOR_DATABASES) == set(known)
    for name, keywords in RULES.items():
        fields = set(known[name].__fields__)
        assert set(keywords) | {"description"} == fields - refused, name


def test_a_rule_that_great_expectations_cannot_even_plan_leaves_the_others_as_they_are():
    outcome = checked(
        rule(BETWEEN, quarantine=True, column="y", min_value=0.5),
        rule("expect_column_quantile_values_to_be_between", column="y", quantile_ranges={}),
        rule(
            PRESENT,
            column="y",
            row_condition={
                "type": "comparison",
                "column": {"name": "level"},
                "operator": ">",
                "parameter": 2**63,
            },
        ),
    )
    assert "could not be checked: 'quantiles'." in outcome.reason
    assert outcome.reason.endswith("(And 1 more critical check failed.)")
    assert np.flatnonzero(~outcome.kept).tolist() == [0]


def test_rules_have_the_same_results_when_each_is_given_its_own_columns_alone(monkeypatch):
    rules = [
        rule(BETWEEN, severity="warning", quarantine=True, column="y", min_value=3),
        rule(BETWEEN, severity="warning", column="age", max_value=40),
        rule(PRESENT, severity="warning", column="level"),
        rule("expect_column_mean_to_be_between", column="age", min_value=1),
        rule("expect_column_to_exist", column="hired", column_index=3),
        rule("expect_table_columns_to_match_ordered_list", column_list=SHOP.column_names),
        rule("expect_table_column_count_to_equal", value=len(SHOP.column_names)),
        rule("expect_table_row_count_to_equal", value=N),
        rule(
            "expect_column_pair_values_a_to_be_greater_than_b",
            severity="warning",
            column_A="age",
            column_B="y",
        ),
    ]
    together = checked(*rules)
    assert together.passed, together.reason
    frames = []

    def frame_of(*arguments, **options):
        frames.append(column_frame(*arguments, **options))
        return frames[-1]

    monkeypatch.setattr(rule_engine, "MAX_CELLS", 0)
    monkeypatch.setattr(rule_engine, "column_frame", frame_of)
    apart = checked(*rules)
    assert {tuple(frame.columns) for frame in frames} == {("y",), ("age",), ("level",)}
    assert apart.results == together.results
    assert apart.rejected_rows == together.rejected_rows
