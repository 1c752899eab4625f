"""What is checked on every dataset, and what declared expectations do to a run."""

import datetime
import subprocess
import sys
from pathlib import Path

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
    shop,
)

from data.checks.check import check
from data.declarations.file import load_dataset
from data.errors import CallError
from data.sources.read import read
from data.sources.snapshot import load, readings_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["age_income", "income_expenses", "users_revenue"])
def test_bundled_datasets_pass_all_their_expectations(tmp_path, name):
    declaration = load_dataset(name, ROOT / "data" / "datasets")
    outcome = check(declaration, load(read(declaration, folder=tmp_path).path))
    assert outcome.passed
    # Two of Engel's households are in his table again, to the last digit.
    repeats = ["5 of 235 rows with a target repeat"] if name == "income_expenses" else []
    assert list(failed(outcome)) == ["rows_do_not_repeat"] * len(repeats)
    assert outcome.kept.all()
    assert outcome.rejected_rows == ()
    assert [warning[:34] for warning in outcome.warnings] == repeats
    assert outcome.features == declaration.features
    stored = [result.expectation for result in outcome.results]
    assert set(stored) >= {expectation.type for expectation in declaration.expectations}


def test_a_failed_critical_rule_ends_the_run_with_observed_value_and_examples():
    outcome = checked(rule(BETWEEN, column="age", min_value=16, max_value=70))
    assert not outcome.passed
    assert outcome.reason.startswith(
        f"{BETWEEN}(column='age', min_value=16, max_value=70) fails in"
    )
    assert "8 rows: 7 in row 1 (key 1), 71 in row 54 (key 54), 72 in row 55" in outcome.reason
    result = failed(outcome)[BETWEEN]
    assert result.kwargs == {"column": "age", "min_value": 16, "max_value": 70}
    assert (result.column, result.severity, result.unexpected_count) == ("age", "critical", 8)
    assert result.observed == "13.56% unexpected"
    assert result.examples[0] == {"row": 1, "key": "1", "values": {"age": 7}}
    assert len(result.examples) == 5
    assert outcome.rejected_rows == ()


def test_a_failed_warning_is_stored_and_the_run_continues():
    outcome = checked(rule(BETWEEN, severity="warning", column="age", min_value=16))
    assert outcome.passed
    assert failed(outcome)[BETWEEN].severity == "warning"
    assert "7 in row 1 (key 1)" in outcome.warnings[0]
    assert outcome.kept.all()


def test_a_rule_about_a_whole_column_stores_what_was_observed():
    outcome = checked(rule("expect_column_mean_to_be_between", column="y", max_value=3))
    assert failed(outcome)["expect_column_mean_to_be_between"].observed == 29.5
    assert "the value is 29.5" in outcome.reason


def test_quarantine_sets_the_rows_aside_with_values_and_all_reasons_and_keeps_the_rest():
    outcome = checked(
        rule(BETWEEN, quarantine=True, column="age", min_value=16),
        rule(PRESENT, quarantine=True, severity="warning", column="level"),
        rule(BETWEEN, quarantine=True, column="y", min_value=0.5),
    )
    assert outcome.passed
    assert np.flatnonzero(~outcome.kept).tolist() == [0, 2]
    first, third = outcome.rejected_rows
    assert (first.key, first.row_number) == ("1", 1)
    assert first.values == {"id": 1, "age": 7, "level": "a", "hired": "2024-01-01", "y": 0.0}
    assert first.reason == (
        f"age is 7: breaks {BETWEEN}(column='age', min_value=16);"
        f" y is 0.0: breaks {BETWEEN}(column='y', min_value=0.5)."
    )
    assert (third.key, third.values["level"]) == ("3", None)
    assert "level is missing" in third.reason
    assert "They are set aside." in outcome.warnings[0]
    assert failed(outcome)[PRESENT].quarantine


def test_quarantine_finds_every_bad_row_and_not_only_the_first_examples():
    outcome = checked(rule(BETWEEN, quarantine=True, column="y", max_value=24.5))
    assert len(outcome.rejected_rows) == 35
    assert outcome.kept.sum() == 25


def test_a_critical_quarantine_rule_with_mostly_ends_the_run_if_too_many_rows_break_it():
    few = checked(rule(BETWEEN, quarantine=True, column="y", min_value=1, mostly=0.9))
    many = checked(rule(BETWEEN, quarantine=True, column="y", min_value=30, mostly=0.9))
    assert few.passed
    assert len(few.rejected_rows) == 1
    assert not many.passed
    assert "fails in 30 rows" in many.reason


def test_checks_that_are_always_made_look_at_the_rows_left_after_quarantine():
    repeated = replaced("id", [2, *range(2, N + 1)])
    assert not checked(table=repeated).passed
    outcome = checked(rule(BETWEEN, quarantine=True, column="y", min_value=0.5), table=repeated)
    assert outcome.passed
    still = checked(
        rule(BETWEEN, quarantine=True, column="y", min_value=0.5),
        table=replaced("id", [2, 2, 2, *range(4, N + 1)]),
    )
    assert "is not unique in 2 rows: 2 in row 2 (key 2)" in still.reason
    too_few = checked(rule(BETWEEN, quarantine=True, column="y", max_value=18.5))
    assert "19 rows with a target, but at least 20 are needed" in too_few.reason
    none = checked(rule(BETWEEN, quarantine=True, column="y", min_value=100))
    assert "All 60 rows were set aside." in none.reason


def test_rows_without_a_target_are_kept_and_not_counted_as_labelled():
    enough = [float(i) if i < 25 else None for i in range(N)]
    assert checked(table=replaced("y", enough)).kept.all()
    fewer = [float(i) if i < 19 else None for i in range(N)]
    assert "19 rows with a target" in checked(table=replaced("y", fewer)).reason


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"target": "Y"}, "has no column 'Y'. Did you mean 'y'?"),
        ({"key": "idd"}, "has no column 'idd'. Did you mean 'id'?"),
        ({"time": "hird"}, "has no column 'hird'. Did you mean 'hired'?"),
        ({"features": ["age", "levl"]}, "has no column 'levl'. Did you mean 'level'?"),
        ({"types": {"agee": "number"}}, "has no column 'agee'. Did you mean 'age'?"),
        ({"time": "level"}, "'level' holds categories, which have no order in time"),
        ({"target": "level"}, "holds categories, but only numbers can be predicted: row 1 has 'a'"),
        ({"target": "hired"}, "holds times, but only numbers can be predicted"),
        ({"key": "level"}, "The key 'level' is missing in 1 row: no value in row 3."),
        ({"key": ["age", "level"]}, "The key 'age' is missing in 1 row"),
    ],
)
def test_missing_columns_and_wrong_roles_end_the_run(more, message):
    assert message in checked(**more).reason


def test_checks_that_make_no_sense_without_a_column_are_left_out():
    outcome = checked(rule(BETWEEN, column="age", max_value=1), key="gone")
    assert set(failed(outcome)) == {"expect_column_to_exist"}
    assert BETWEEN not in [result.expectation for result in outcome.results]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("id", [1, 1, *range(3, N + 1)], "is not unique in 2 rows: 1 in row 1 (key 1)"),
        ("id", [None, *range(2, N + 1)], "The key 'id' is missing in 1 row: no value in row 1."),
        ("id", [None, None, *range(3, N + 1)], "The key 'id' is missing in 2 rows"),
        ("y", [1.0] * N, "The target 'y' is 1.0 in every row"),
        ("y", [float("inf"), *[1.0, 2.0] * 29, 1.0], "infinite in 1 row: 'inf' in row 1 (key 1)"),
        ("y", pa.nulls(N, pa.float64()), "'y' is missing in every row"),
        ("y", ["1"] * N, "Declare 'types: {y: number}'"),
        ("y", [True] * N, "Declare 'types: {y: number}'"),
        ("hired", [float("-inf"), *[1.0, 2.0] * 29, 1.0], "feature 'hired' is infinite in 1 row"),
    ],
)
def test_unusable_keys_targets_and_features_end_the_run(name, values, message):
    outcome = checked(table=replaced(name, values))
    assert message in outcome.reason
    assert (
        len([result for result in failed(outcome).values() if result.severity == "critical"]) == 1
    )


def test_a_repeated_pair_of_key_columns_ends_the_run_and_a_repeated_part_does_not():
    halves = SHOP.append_column("half", pa.array([0, 1] * 30)).append_column(
        "pair", pa.array(np.arange(N) // 2)
    )
    assert checked(table=halves, key=["pair", "half"]).passed
    twice = checked(table=halves, key=["pair", "level"])
    assert "expect_compound_columns_to_be_unique" in [
        result.expectation for result in twice.results
    ]
    assert checked(table=halves, key=["half", "age"]).reason.startswith("The key 'age' is missing")
    again = pa.concat_tables([halves, halves.slice(0, 1)])
    assert "The key 'pair, half' is not unique in 2 rows" in (
        checked(table=again, key=["pair", "half"]).reason
    )


def test_a_header_without_rows_ends_the_run():
    outcome = checked(rule(BETWEEN, column="age", min_value=1), table=SHOP.slice(0, 0))
    assert "has no rows" in outcome.reason


def test_labelled_rows_without_a_time_end_the_run_and_new_ones_do_not():
    hired = [None, *SHOP["hired"].to_pylist()[1:]]
    outcome = checked(table=replaced("hired", hired), time="hired")
    assert "The time 'hired' is missing in 1 row with a target: no value in row 1" in outcome.reason
    new = replaced("hired", hired).set_column(4, "y", pa.array([None, *map(float, range(1, N))]))
    assert checked(table=new, time="hired").passed


def test_all_critical_failures_are_counted_in_the_reason():
    outcome = checked(rule(BETWEEN, column="y", max_value=1), rule(PRESENT, column="level"))
    assert outcome.reason.endswith("(And 1 more critical check failed.)")


def test_results_come_in_the_order_of_the_declaration_also_for_equal_rules():
    rules = [rule(BETWEEN, severity="warning", column="y", max_value=top) for top in (9, 30, 9)]
    outcome = checked(*rules, rule("expect_table_row_count_to_equal", value=N))
    declared = [result for result in outcome.results if result.expectation == BETWEEN]
    assert [result.kwargs["max_value"] for result in declared] == [9, 30, 9]
    assert [result.unexpected_count for result in declared] == [50, 29, 50]


def test_times_are_compared_with_the_dates_of_the_declaration():
    late = rule(BETWEEN, column="hired", max_value=datetime.date(2024, 2, 28))
    result = failed(checked(late))[BETWEEN]
    assert result.unexpected_count == 1
    assert result.examples[0]["values"] == {"hired": "2024-02-29"}
    assert result.kwargs["max_value"] == "2024-02-28"


def test_a_rule_on_a_column_that_is_gone_fails_as_critical_with_the_nearest_name():
    outcome = checked(rule(BETWEEN, severity="warning", column="agee", min_value=1))
    assert "no column 'agee'. Did you mean 'age'?" in outcome.reason
    assert failed(outcome)[BETWEEN].severity == "critical"


def test_a_rule_that_cannot_be_computed_fails_as_critical_without_a_traceback():
    outcome = checked(rule(BETWEEN, severity="warning", column="level", min_value=1))
    assert "could not be checked: Column values, min_value, and max_value must" in outcome.reason
    assert "Traceback" not in outcome.reason


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (rule("expect_column_values_to_be_betwen", column="y"), f"Did you mean '{BETWEEN}'?"),
        (rule(BETWEEN, column="y", min_valu=1), "Did you mean 'min_value'?"),
        (rule(BETWEEN, min_value=1), "column: field required"),
        (rule(BETWEEN, column="y", min_value=[1]), "'min_value' should be a finite number, a date"),
        (rule(PRESENT, column="y", row_condition="y > 1"), "'row_condition' is text"),
        (
            rule("expect_column_mean_to_be_between", column="y", min_value=1, quarantine=True),
            "'quarantine' sets aside single rows, but this rule is about a whole column",
        ),
    ],
)
def test_a_wrong_rule_is_a_wrong_declaration(wrong, message):
    with pytest.raises(CallError) as caught:
        check(shop(expectations=[rule(PRESENT, column="y"), wrong]), SHOP)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"shop, expectation 2 ({wrong['type']}): ")


def test_great_expectations_prints_nothing_and_is_imported_only_when_needed(tmp_path):
    script = """
import sys
import time
from pathlib import Path
from data.declarations.file import load_dataset
from data.checks.check import check
from data.checks.rule_engine import implementations
from data.sources.read import read
from data.sources.snapshot import load, readings_of
import os
declaration = load_dataset("age_income", Path("data/datasets"))
table = load(read(declaration, folder=Path(sys.argv[1]) / "snapshots").path)
bare = declaration.model_copy(update={"expectations": ()})
assert check(bare, table).passed and "great_expectations" not in sys.modules
assert check(declaration, table).passed
assert os.environ["GX_ANALYTICS_ENABLED"] == "False"
"""
    home = tmp_path / "home"
    home.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert list(home.iterdir()) == []


def test_a_row_that_is_set_aside_does_not_make_a_source_recent():
    aside = rule(BETWEEN, column="y", max_value=N - 2, quarantine=True)
    for hours, passes in ((23, True), (25, False)):
        now = datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC) + datetime.timedelta(hours=hours)
        outcome = check(shop(time="hired", max_age="1 day", expectations=[aside]), SHOP, now=now)
        assert len(outcome.rejected_rows) == 1
        assert outcome.passed == passes


def test_rules_look_at_the_rows_whose_cells_could_be_read(tmp_path):
    rows = [[str(i), f"{i % 40 + 20}", f"{i % 7}"] for i in range(300)]
    rows[9][1], rows[19][1], rows[29][1] = "3o", "-5", ""
    text = "id,age,y\n" + "".join(",".join(row) + "\n" for row in rows)
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    declaration = shop(
        source={"path": tmp_path / "rows.csv"},
        expectations=[
            rule(PRESENT, severity="warning", column="age"),
            rule(BETWEEN, column="age", min_value=0, quarantine=True),
        ],
    )
    snapshot = read(declaration, folder=tmp_path / "home")
    outcome = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    assert [row.row_number for row in outcome.rejected_rows] == [10, 20]
    assert outcome.rejected_rows[0].reason == "age '3o' is not a number."
    (missing,) = (text for text in outcome.warnings if text.startswith(PRESENT))
    assert "fails in 1 row: no value in row 30 (key 29)" in missing
