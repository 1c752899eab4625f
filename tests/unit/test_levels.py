"""Levels: which have a term of their own, which share one, and what an unknown one is coded as."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regressors.encoding.categories import MAX_RARE_LEVELS, LevelCounts, category_column, one_hot
from regressors.encoding.levels import rows_per_level
from regressors.encoding.matrices import Encoding


def texts(*levels):
    return np.array(levels, dtype=object)


def terms(*levels, name="c"):
    return Encoding.fit({name: texts(*levels)}).term_names()


@pytest.mark.parametrize("replicates", [2, 3, 4, 6])
def test_an_experiment_with_few_replicates_keeps_its_treatments(replicates):
    names = terms(*list("ABCDEFGH") * replicates)
    assert names == ("intercept", *(f"c[{treatment}]" for treatment in "BCDEFGH"))


@pytest.mark.parametrize("blocks", [4, 5, 6])
def test_a_fold_of_an_experiment_keeps_its_treatments_as_well(blocks):
    everything = np.array(list("ABCDEFGH") * blocks, dtype=object)
    for fold in range(5):
        fitted = everything[(np.arange(len(everything)) * 7) % 25 % 5 != fold]
        assert len(Encoding.fit({"c": fitted}).term_names()) == 8


def test_levels_of_a_long_tail_share_a_term():
    tail = (f"rare {i // 2}" for i in range(150))
    names = terms(*["often"] * 60, *["now and then"] * 12, *tail)
    assert names == ("intercept", "c[often]", "c[other]")


def test_levels_of_unequal_size_are_a_tail_sooner_than_those_of_an_experiment():
    even, uneven = np.full(25, 4), np.array([28, *[3] * 24])
    assert even.sum() == uneven.sum() == 100
    assert rows_per_level({"c": even}, 100) == {"c": 2}
    assert rows_per_level({"c": uneven}, 100) == {"c": 10}
    assert rows_per_level({"c": np.append(uneven[:17], [1, 1])}, 100) == {"c": 2}


def test_levels_count_together_so_that_many_categories_leave_rows_to_learn_from():
    even = {
        name: np.full(number, 100 // number) for name, number in [("a", 25), ("b", 5), ("c", 30)]
    }
    assert rows_per_level(even, 100) == {"a": 2, "b": 2, "c": 10}
    columns = {
        name: texts(*(f"level {i % number}" for i in range(100)))
        for name, number in [("a", 25), ("b", 5), ("c", 30), ("d", 33), ("e", 33)]
    }
    assert Encoding.fit(columns).design(columns).shape[1] < 50


def test_a_single_row_of_its_own_level_fits_nothing_alone():
    encoding = Encoding.fit({"c": texts(*["a"] * 30, *["b"] * 10, "once")})
    assert encoding.term_names() == ("intercept", "c[b]")
    assert encoding.design({"c": texts("once")}).tolist() == [[1.0, 0.25]]


def test_two_rows_of_their_own_levels_share_a_term():
    assert terms(*["a"] * 30, *["b"] * 10, "once", "twice")[-1] == "c[other]"


def test_an_unseen_level_is_the_mean_of_the_levels_by_their_shares():
    encoding = Encoding.fit({"c": texts(*["a"] * 20, *["b"] * 15, *["d"] * 5)})
    assert encoding.term_names() == ("intercept", "c[b]", "c[d]")
    unseen = encoding.design({"c": texts("okapi", None, "a")})
    assert unseen.tolist() == [[1, 0.375, 0.125], [1, 0.375, 0.125], [1, 0, 0]]


@given(
    st.lists(st.sampled_from("abcde"), min_size=20, max_size=60),
    st.lists(st.floats(-100, 100), min_size=6, max_size=6),
)
def test_an_unseen_level_predicts_the_mean_of_the_fitted_rows(levels, effects):
    """With no other feature, that mean is the mean over the rows, whatever the effects."""
    encoding = Encoding.fit({"c": texts(*levels)})
    estimates = np.array(effects[: len(encoding.term_names())])
    fitted = encoding.design({"c": texts(*levels)}) @ estimates
    unseen = encoding.design({"c": texts("unseen")}) @ estimates
    assert unseen[0] == pytest.approx(fitted.mean(), abs=1e-9)


def test_a_product_is_the_mean_of_the_levels_as_well():
    columns = {"c": texts(*["a"] * 20, *["b"] * 20), "x": np.linspace(1, 2, 40)}
    encoding = Encoding.fit(columns, products=[(("x", 1), ("c", 1))])
    unseen = encoding.design({"c": texts("?"), "x": np.array([3.0])})
    assert dict(zip(encoding.term_names(), unseen[0], strict=True))["x:c[b]"] == 1.5


def test_an_unseen_level_joins_the_rare_ones_where_these_are_many():
    tail = [f"rare {i}" for i in range(40)]
    encoding = Encoding.fit({"c": texts(*["a"] * 30, *["b"] * 12, *tail)})
    assert encoding.design({"c": texts("new", None)})[0].tolist() == [1.0, 0.0, 1.0]
    assert 0 < encoding.design({"c": texts("new", None)})[1, 1] < 1  # a gap is no rare level


def test_a_boolean_that_is_blank_is_neither_false_nor_true():
    encoding = Encoding.fit({"b": texts(*["false"] * 30, *["true"] * 10)})
    blank = {"b": texts(None)}
    assert encoding.design(blank)[0, 1] == 0.25
    assert encoding.network(blank)[0, 0] == encoding.standardised(blank)[0, 0] == -0.25


def test_the_network_needs_ten_rows_for_a_level_unless_none_has_them():
    columns = {"c": texts(*["a"] * 60, *["b"] * 30, *["d"] * 4)}
    encoding = Encoding.fit(columns)
    assert encoding.categories[0].levels == ("a", "b")
    assert encoding.coded[0].levels == ("a", "b", "d")
    few = Encoding.fit({"c": texts(*list("ABCDEFGH") * 6)})
    assert few.categories == few.coded


def test_category_of_thousands_of_levels_stays_within_bounds():
    level = np.repeat(np.arange(1000), 10)
    level[:3000] = np.arange(3000) % 150  # 150 of them become the most frequent
    text = np.array([f"level {i:04d}" for i in level], dtype=object)
    encoding = Encoding.fit({"text": text})
    (category,) = encoding.coded
    assert len(category.levels) == 200
    assert category.other
    assert {f"level {i:04d}" for i in range(150)} < set(category.levels)
    assert encoding.design({"text": text}).shape == (10_000, 201)


def test_more_rare_levels_than_a_model_keeps_are_all_other():
    counted = LevelCounts.of(
        "id", texts(*["a"] * 20, *(str(i) for i in range(MAX_RARE_LEVELS + 1)))
    )
    column = category_column(counted)
    assert column.rare == ()
    assert one_hot(column, texts("7", "never")).tolist() == [[0, 1], [0, 1]]


def test_levels_called_other_and_missing_are_kept_apart_from_the_real_ones():
    levels = ["missing", "other", "(other)", None] * 20
    assert terms(*levels, "once", "twice", name="level") == (
        "intercept",
        "level[missing]",
        "level[other]",
        "level[(missing)]",
        "level[((other))]",
    )


def test_one_long_text_does_not_cost_every_row_its_memory():
    column = texts(*["b", "a"] * 100_000, "x" * 1_000_000, "y")
    assert Encoding.fit({"text": column}).term_names() == ("intercept", "text[b]", "text[other]")


def test_rare_texts_that_are_too_long_to_keep_are_other():
    encoding = Encoding.fit({"c": texts(*["a"] * 30, *["b"] * 30, "x" * 200_000, "y")})
    assert encoding.coded[0].rare == ()
    assert encoding.term_names()[-1] == "c[other]"
    assert encoding.design({"c": texts("x" * 200_000, "y")})[:, -1].tolist() == [1.0, 1.0]
