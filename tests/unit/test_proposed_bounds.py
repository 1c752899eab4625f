"""A target that is an amount is proposed to have no interval below zero, and no other."""

import numpy as np
import pyarrow as pa
import pytest

from data.proposals.bounds import why_never_negative
from data.proposals.facts import facts_of

NORMAL = np.random.default_rng(1).normal(size=200)
SKEWED = np.exp(1.5 * NORMAL)
AROUND_TEN = 10 + NORMAL


def why(name, values):
    return why_never_negative(facts_of(name, 0, pa.chunked_array([pa.array(values)])))


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("unit_price", AROUND_TEN, "an amount by its name, here 7."),
        ("WeeklySales", [0.0, *SKEWED], "an amount by its name, here 0 to"),
        ("y", SKEWED, "and mostly near zero, as amounts are"),
    ],
)
def test_an_amount_is_known_by_its_name_or_by_a_tail_far_from_zero(name, values, words):
    assert words in why(name, values)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("price", [-0.01, *SKEWED]),
        ("price", SKEWED[:19]),
        ("price", np.zeros(30)),
        ("y", AROUND_TEN),
        ("y", NORMAL),
        ("profit", SKEWED),
        ("price_change", SKEWED),
        ("log_price", SKEWED),
        ("logincome", SKEWED),
    ],
)
def test_what_was_or_may_be_negative_or_was_rarely_seen_has_no_bounds(name, values):
    assert why(name, values) == ""
