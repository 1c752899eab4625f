"""Rows that repeat another one under a new key are counted, warned of and kept together."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import shop

from data.checks.check import check
from data.checks.duplicates import duplicates_of

RNG = np.random.default_rng(33)
X = RNG.normal(size=300)
Y = X + RNG.normal(size=300)
ONCE_AND_AGAIN = np.r_[np.arange(300), np.arange(100)]


def table(**columns) -> pa.Table:
    rows = len(columns["y"])
    return pa.table({"id": pa.array(range(1, rows + 1)), **columns})


def found(columns, **declared):
    rows = table(**columns)
    return duplicates_of(shop(**declared), rows, (), np.ones(rows.num_rows, dtype=bool))


COPIES = {"x": X[ONCE_AND_AGAIN], "y": Y[ONCE_AND_AGAIN]}


def test_rows_that_repeat_are_counted_and_named():
    duplicates = found(COPIES)
    assert duplicates.together.sum() == 200
    assert np.array_equal(duplicates.label[:100], duplicates.label[300:])
    assert (duplicates.label[100:300] == -1).all()
    assert duplicates.finding.sentence == (
        "200 of 400 rows with a target repeat another one under a new key: the same features and"
        " the same 'y', as in row 1 (key 1) and row 301 (key 301). They are kept on one side of"
        " every split. Remove them from the source if they are copies, or declare 'duplicates:"
        " apart' in 'split' if they are not."
    )


def test_rows_that_differ_in_one_feature_or_in_the_target_do_not_repeat():
    other_target = {"x": COPIES["x"], "y": np.r_[Y, RNG.normal(size=100)]}
    other_feature = {**COPIES, "shop": pa.array(["a"] * 300 + ["b"] * 100)}
    for columns in (other_target, other_feature):
        duplicates = found(columns)
        assert not duplicates.together.any()
        assert duplicates.finding.sentence == ""
    assert found({**COPIES, "shop": pa.array([None] * 400, pa.string())}).together.sum() == 200


def test_rows_that_are_set_aside_or_without_a_target_repeat_nothing():
    rows = table(**COPIES)
    kept = np.ones(400, dtype=bool)
    kept[300:] = False
    assert not duplicates_of(shop(), rows, (), kept).together.any()
    unlabelled = pa.array([*Y, *[None] * 100])
    assert not found({"x": COPIES["x"], "y": unlabelled}).together.any()


@pytest.mark.parametrize(
    "columns",
    [
        {"a": RNG.integers(0, 2, 600), "y": RNG.integers(0, 2, 600)},
        {"a": RNG.integers(0, 9, 600), "b": RNG.integers(0, 9, 600), "y": RNG.integers(0, 9, 600)},
        {"a": RNG.integers(0, 150, 600), "y": RNG.exponential(size=600) * (RNG.random(600) < 0.4)},
        {"a": (steps := RNG.integers(0, 60, 600)), "y": steps + RNG.integers(-9, 9, 600)},
    ],
    ids=["yes or no", "few levels", "many zeros", "target near the feature"],
)
def test_coarse_values_that_agree_by_chance_are_no_copies(columns):
    duplicates = found(columns)
    assert duplicates.finding.result.observed["repeat another"] > 10
    assert duplicates.finding.sentence == ""
    assert not duplicates.together.any()


def test_copies_with_a_common_target_are_found():
    many_zeros = np.where(X > 0.3, Y, 0.0)
    assert found({"x": X[ONCE_AND_AGAIN], "y": many_zeros[ONCE_AND_AGAIN]}).together.sum() == 200


def test_a_few_repeats_among_many_rows_are_taken_for_chance():
    x, y = RNG.normal(size=(2, 1500))
    x[:4], y[:4] = x[4:8], y[4:8]
    assert not found({"x": x, "y": y}).together.any()
    assert found({"x": x[:300], "y": y[:300]}).together.sum() == 8


def test_a_design_of_few_different_rows_is_split_row_by_row():
    product = RNG.integers(0, 20, 600)
    duplicates = found({"product": pa.array(map(str, product)), "y": 1.5 * product})
    assert not duplicates.together.any()
    assert "too common" in duplicates.finding.sentence


def test_one_content_of_many_rows_is_split_row_by_row_and_other_copies_stay_together():
    nothing = np.zeros(200)
    duplicates = found({"x": np.r_[COPIES["x"], nothing], "y": np.r_[COPIES["y"], nothing]})
    assert duplicates.together.sum() == 200
    assert not duplicates.together[400:].any()
    assert "except 200 whose content is too common" in duplicates.finding.sentence


def test_declared_apart_is_counted_without_a_warning():
    duplicates = found(COPIES, split={"duplicates": "apart"})
    assert duplicates.finding.result.observed == {"rows": 400, "repeat another": 200}
    assert duplicates.finding.sentence == ""
    assert not duplicates.together.any()
    assert (duplicates.label >= 0).sum() == 200


def test_time_and_groups_decide_before_copies_and_warn_of_them():
    day = pa.array(np.datetime64("2024-01-01") + np.arange(400))
    by_time = found({**COPIES, "day": day}, time="day", features=["x"])
    assert not by_time.together.any()
    assert "A split by time does not keep them together" in by_time.finding.sentence
    split = {"group": "school"}
    across = pa.array(["a", "b"] * 150 + ["b", "a"] * 50)
    inside = pa.array(["a", "b"] * 200)
    assert (
        "different groups of 'school'"
        in found({**COPIES, "school": across}, split=split).finding.sentence
    )
    assert found({**COPIES, "school": inside}, split=split).finding.sentence == ""


def test_check_warns_of_copies_and_passes_them_on():
    outcome = check(shop(), table(**COPIES))
    assert outcome.passed
    assert any("200 of 400 rows" in warning for warning in outcome.warnings)
    assert outcome.together.sum() == 200
