"""How each feature enters the models, and the warning where a kind leaves it out."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import checked, shop
from hypothesis import given
from hypothesis import strategies as st

from data.checks.entering import entries_of
from data.sources.columns import arrays
from regressors.encoding.matrices import Encoding

DAYS = np.datetime64("2024-01-01") + np.arange(300)


def entry(values, name="c", **declared):
    table = pa.table({"id": range(len(values)), "y": np.arange(float(len(values))), name: values})
    declaration = shop(features=[name], **declared)
    return entries_of(declaration, table, (), np.ones(len(values), dtype=bool))[name]


ALONE = {"candidates": {"kinds": ["least_squares"]}}
ANN = {"candidates": {"kinds": ["ann"]}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (list("ABCDEFGH") * 6, "8 levels"),
        ([*["a", "b"] * 20, None, None], "2 levels and missing"),
        ([*["a", "b"] * 20, "once", "twice"], "2 levels, and one for 2 rare ones"),
        ([True, False] * 10, "2 levels"),
        (np.arange(40.0), "number"),
        (DAYS, "days, weekday"),
        (DAYS[:10], "days"),
    ],
)
def test_a_feature_that_every_kind_uses_is_described(values, words):
    assert (entry(values).words, entry(values).warning) == (words, "")


@pytest.mark.parametrize(
    ("values", "words", "warning"),
    [
        (
            [f"{('school', 'college')[i % 2]} {i:03d}" for i in range(300)],
            "words that its levels share, in the ANN alone",
            "The feature 'c' has 300 levels in 300 rows, none with 10 rows or more: the linear"
            " kinds leave it out, and the ANN uses at most words that its levels share.",
        ),
        (
            [f"{i // 2:03d}" for i in range(300)],
            "what the rows of a level have in common, in the ANN alone",
            "The feature 'c' has 150 levels in 300 rows, none with 10 rows or more: the linear"
            " kinds leave it out, and the ANN uses at most what the rows of a level have in"
            " common.",
        ),
        (
            [f"{i:03d}" for i in range(300)],
            "in no model: 300 levels in 300 rows, none with 10 rows or more",
            "The feature 'c' has 300 levels in 300 rows, none with 10 rows or more: no model uses"
            " it. Declare 'features' without it, or wider levels.",
        ),
        (
            [*["a"] * 39, "b"],
            "in no model: 2 levels in 40 rows, only one with 2 rows or more",
            "The feature 'c' has 2 levels in 40 rows, only one with 2 rows or more: no model uses"
            " it. Declare 'features' without it, or wider levels.",
        ),
    ],
)
def test_a_feature_that_a_kind_leaves_out_is_named_with_the_reason(values, words, warning):
    assert (entry(values).words, entry(values).warning) == (words, warning)


def test_the_warning_is_about_the_declared_kinds():
    levels = [f"{i // 2:03d}" for i in range(300)]
    assert entry(levels, **ALONE).words.startswith("in no model: 150 levels")
    assert entry(levels, **ANN) == entry(levels, **ANN).__class__(
        "what the rows of a level have in common", "", (), 0, 10
    )


def test_the_warning_is_among_those_of_the_checks_and_the_columns():
    levels = [f"{i:03d}" for i in range(300)]
    table = pa.table({"id": range(300), "y": np.arange(300.0), "c": levels, "x": DAYS})
    outcome = checked(table=table)
    assert outcome.passed
    assert outcome.warnings[0].startswith("The feature 'c' has 300 levels in 300 rows, none")
    described = {column.name: column.enters for column in outcome.columns}
    assert described["c"].startswith("in no model: 300 levels")
    assert described["x"] == "days, weekday"


levels = st.lists(st.sampled_from([*"abcdefghijkl", None]), min_size=30, max_size=30)


@given(levels, levels, st.integers(1, 30), st.booleans())
def test_the_checks_report_the_levels_that_the_fits_have(first, second, distinct, gappy):
    columns = {
        "first": pa.array(first, pa.string()),
        "second": pa.array([f"level {i % distinct}" for i in range(30)]),
        "flag": pa.array([None if gappy and i % 7 == 0 else i % 3 == 0 for i in range(30)]),
        "third": pa.array(second, pa.string()),
        "day": pa.array(DAYS[:30] + np.arange(30) * 27),
    }
    table = pa.table({"id": range(30), "y": np.arange(30.0), **columns})
    entries = entries_of(shop(), table, (), np.ones(30, dtype=bool))
    encoding = Encoding.fit(arrays(table, list(columns)))
    names = {column.name: column for column in encoding.coded}
    implied = {gap.name for gap in encoding.gaps.implied}
    for name in ("first", "second", "flag", "third"):
        coded = {level for level in names[name].levels if level} if name in names else set()
        assert coded == set(entries[name].levels) or name in implied or len(coded) < 2
        assert ("in no model" not in entries[name].words) or name not in names
    time_parts = {name for name in encoding.entered if name.startswith("day[")}
    assert time_parts == {f"day[{part}]" for part in entries["day"].words.split(", ")}
