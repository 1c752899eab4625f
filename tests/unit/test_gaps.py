"""Missing values in the design: one term for each pattern, and none that others imply."""

import json

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from hypothesis import given
from hypothesis import strategies as st

from regressors.encoding.matrices import Encoding
from regressors.linear.least_squares import solve

ROWS = 120
RNG = np.random.default_rng(14)
LEVELS = {name: RNG.choice(["x", "y", "z"], ROWS).tolist() for name in "cd"}


def number(*blank):
    """Return numbers that are missing in some rows."""
    values = RNG.normal(size=ROWS)
    values[list(blank)] = np.nan
    return values


def category(levels, *blank):
    values = np.array((levels * ROWS)[:ROWS], dtype=object)
    values[list(blank)] = None
    return values


def missing_terms(columns):
    return [term for term in Encoding.fit(columns).term_names() if "missing" in term]


def has_full_rank(columns):
    encoding = Encoding.fit(columns)
    design = encoding.design(columns)
    return np.linalg.matrix_rank(design) == design.shape[1]


def test_numbers_blank_in_the_same_rows_share_a_term():
    blank = range(0, ROWS, 6)
    columns = {"a": number(*blank), "b": number(*blank), "c": number(*range(10))}
    assert missing_terms(columns) == ["a,b[missing]", "c[missing]"]
    encoding = Encoding.fit(columns)
    solved = solve(encoding.design(columns), number(), encoding.term_names(), numpy_products)
    assert all(coefficient.standard_error for coefficient in solved.coefficients)
    alone = {"a": np.array([np.nan]), "b": np.array([1.0]), "c": np.array([0.0])}
    at = encoding.term_names().index("a,b[missing]")
    assert encoding.design(alone)[0, at] == 0  # b is there: this is another pattern


def test_a_category_and_numbers_blank_in_the_same_rows_share_its_term():
    blank = range(0, ROWS, 6)
    columns = {"a": number(*blank), "c": category(["x", "y"], *blank), "b": number(*blank)}
    assert missing_terms(columns) == ["a,b,c[missing]"]
    assert has_full_rank(columns)


def test_categories_blank_in_the_same_rows_share_a_term():
    blank = range(0, ROWS, 6)
    columns = {"c": category(["x", "y"], *blank), "d": category(["p", "q", "r"], *blank)}
    assert missing_terms(columns) == ["c,d[missing]"]
    assert has_full_rank(columns)


def test_a_gap_that_is_what_a_level_means_has_no_term():
    kind = category(["shop", "office", "home"])
    columns = {"kind": kind, "rent": number(*np.flatnonzero(kind == "home"))}
    assert missing_terms(columns) == []
    assert has_full_rank(columns)


def test_a_gap_that_others_add_up_to_has_no_term():
    first, second = range(20), range(20, 40)
    columns = {"a": number(*first), "b": number(*second), "c": number(*first, *second)}
    assert missing_terms(columns) == ["a[missing]", "b[missing]"]
    either = {"a": number(*first), "b": number(*range(20, ROWS))}
    assert missing_terms(either) == ["a[missing]"]  # where a is, b is not
    assert has_full_rank(columns)
    assert has_full_rank(either)


def test_a_missing_time_has_one_term():
    day = np.datetime64("2020-01-01", "us") + np.arange(ROWS) * np.timedelta64(10, "D")
    day[::6] = np.datetime64("NaT")
    columns = {"hired": day, "x": number()}
    assert missing_terms(columns) == ["hired[missing]"]
    assert has_full_rank(columns)


def test_a_pattern_of_many_columns_is_called_after_three():
    blank = range(10)
    assert missing_terms({name: number(*blank) for name in "abcdefg"}) == ["a,b,c,+4[missing]"]


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=6))
def test_gaps_alone_make_no_dependence(patterns):
    """Whatever the patterns of gaps, each with enough rows: no term depends on the others."""
    rows = np.array([patterns[i % len(patterns)] for i in range(ROWS)])
    columns = {
        "a": number(*np.flatnonzero(rows[:, 0])),
        "b": number(*np.flatnonzero(rows[:, 1])),
        "c": category(LEVELS["c"], *np.flatnonzero(rows[:, 2])),
        "d": category(LEVELS["d"], *np.flatnonzero(rows[:, 3])),
    }
    assert has_full_rank(columns)


def test_gaps_survive_json_and_an_earlier_version_has_one_for_each_number():
    blank = range(0, ROWS, 6)
    columns = {"a": number(*blank), "b": number(*blank), "kind": category(["u", "v"], *blank)}
    encoding = Encoding.fit(columns)
    stored = json.loads(json.dumps(encoding.to_json()))
    assert Encoding.from_json(stored) == encoding
    for field in ("gaps", "design_categories", "entered"):
        del stored[field]
    for level in stored["categories"]:
        for field in ("shares", "rare", "pools_unseen", "missing_term", "missing_implied"):
            del level[field]
    for column in stored["numbers"]:
        for field in ("low", "high", "missing_share"):
            del column[field]
    earlier = Encoding.from_json(stored)
    assert earlier.term_names() == (
        "intercept",
        "a",
        "a[missing]",
        "b",
        "b[missing]",
        "kind[v]",
        "kind[missing]",
    )
    unseen = {"a": np.zeros(1), "b": np.zeros(1), "kind": np.array(["w"], dtype=object)}
    assert earlier.design(unseen)[0, -2:].tolist() == [0.0, 0.0]
    assert earlier.design(columns)[0].tolist()[2::2] == pytest.approx([1.0, 1.0, 1.0])
