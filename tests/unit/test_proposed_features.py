"""What a proposal leaves out of the features, and why: ids, copies, and what tells the target."""

import datetime as dt

import numpy as np
import pytest
from helpers.proposals import N, declaration, noise, proposal

IDS = [f"r{i}" for i in range(N)]


def reasons(**columns):
    return proposal(id=IDS, x=noise(), **columns).left_out


def test_the_target_in_another_unit_is_left_out():
    y = noise()
    assert "in another unit" in reasons(y=y, y_cents=100 * y + 3)["y_cents"]


def test_the_target_under_another_name_is_left_out():
    y = noise()
    assert reasons(y=y, again=y) == {"again": "it is y again"}


def test_the_logarithm_of_the_target_is_left_out():
    y = np.exp(noise())
    assert "order of y" in reasons(y=y, log_y=np.log(y))["log_y"]


def test_the_parts_of_a_sum_are_left_out_together():
    casual, registered = np.abs(noise()), np.abs(noise())
    left = reasons(y=casual + registered, casual=casual, registered=registered)
    assert set(left) == {"casual", "registered"}
    assert "casual + registered" in left["casual"]


def test_a_share_of_the_target_is_left_out():
    total, y = 10 + np.abs(noise()), np.abs(noise())
    left = reasons(y=y, total=total, percent=100 * y / total)
    assert set(left) == {"percent", "total"}
    assert "y is total * percent, times 0.01" in left["percent"]


def test_bands_of_the_target_are_left_out():
    y = noise()
    bands = np.where(y < -0.5, "low", np.where(y < 0.5, "mid", "high"))
    assert "range of y for itself" in reasons(y=y, band=bands)["band"]


def test_a_column_that_is_known_only_with_the_target_is_left_out():
    y = [None if i > 110 else float(v) for i, v in enumerate(noise())]
    paid = [None if v is None else "ab"[i % 2] for i, v in enumerate(y)]
    assert "missing wherever the target is" in reasons(y=y, paid=paid)["paid"]


def test_a_date_after_the_fact_is_left_out():
    ordered = [dt.date(2024, 1, 1) + dt.timedelta(days=i % 30) for i in range(N)]
    shipped = [day + dt.timedelta(days=1 + i % 5) for i, day in enumerate(ordered)]
    left = reasons(ordered=ordered, shipped=shipped)
    assert "never before ordered" in left["shipped"]
    assert "ordered" not in left


def test_an_honest_feature_is_kept_however_good_it_is():
    x = noise()
    made = proposal(id=IDS, x=x, y=3 * x + 0.2 * noise())
    assert made.features is None
    assert "x is very close to y" in made.notes[0]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["a"] * N, "same in all rows"),
        ([None] * N, "empty"),
        ([f"Mr {i}" for i in range(N)], "nearly each row has its own"),
        (
            [f"{i % 70}: somebody wrote about it at some length" for i in range(N)],
            "free text",
        ),
        (range(5, N + 5), "counts the rows"),
    ],
)
def test_what_explains_nothing_is_left_out(values, why):
    assert why in reasons(other=values)["other"]


def test_a_copy_of_a_column_is_left_out_and_not_the_first_of_the_two():
    names = [["Berlin", "Paris", "Rome"][i % 3] for i in range(N)]
    codes = [["b", "p", "r"][i % 3] for i in range(N)]
    with_gaps = [[None, "p", "r"][i % 3] for i in range(N)]
    celsius = noise()
    left = reasons(
        city=names, code=codes, gaps=with_gaps, celsius=celsius, fahrenheit=32 + 1.8 * celsius
    )
    assert left == {
        "code": "it is city in other words",
        "gaps": "it is city in other words",
        "fahrenheit": "it is celsius in another unit",
    }


def test_features_are_listed_only_if_something_is_left_out():
    assert proposal(id=IDS, x=noise()).features is None
    assert proposal(id=IDS, x=noise(), gone=["a"] * N).features == ("x",)


def test_a_giveaway_stays_if_nothing_else_explains_the_target():
    y = noise()
    made = proposal(id=IDS, y=y, twice=2 * y)
    assert made.left_out == {}
    assert "twice" in made.notes[0]


def test_a_series_of_one_column_and_its_dates_is_explained_by_them():
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(N)]
    made = proposal(day=days)
    assert (made.key.columns, made.features) == (("day",), ("day",))
    assert made.time.holds


def test_columns_in_which_all_values_differ_are_no_copies_of_each_other():
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=(7 * i) % N) for i in range(N)]
    assert reasons(day=days, size=noise(), weight=noise()) == {}


def test_a_table_of_many_columns_is_looked_at_with_its_target_behind_them():
    made = proposal(id=IDS, **{f"x{i}": noise() for i in range(320)})
    assert made.left_out == {}
    assert (len(made.rules), made.more_rules) == (200, 441)


def test_columns_of_a_key_that_explain_something_are_chosen_in_so_many_words():
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i // 3) for i in range(N)]
    made = proposal(day=days, store=["a", "b", "c"] * (N // 3), x=noise())
    assert made.key.columns == ("day", "store")
    assert made.features == ("day", "store", "x")
    assert declaration(made).implied_key_features == ()
