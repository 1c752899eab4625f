"""Encoding columns as matrices: values that are missing, rare, unseen, constant or out of order."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regressors.encoding.columns
from regressors.encoding.columns import CannotEncode, median_of
from regressors.encoding.matrices import Encoding

RNG = np.random.default_rng(7)


def table(rows=200):
    """Return a table with a number, a category, a boolean and a time."""
    return {
        "age": RNG.integers(18, 70, rows).astype(float),
        "education": RNG.choice(["BA", "HS", "PhD"], rows).astype(object),
        "member": RNG.choice(["true", "false"], rows).astype(object),
        "hired": np.datetime64("2020-01-01", "us")
        + RNG.integers(0, 900, rows) * np.timedelta64(1, "D"),
    }


def test_terms_name_each_column_of_the_design():
    columns = table()
    encoding = Encoding.fit(columns)
    terms = encoding.term_names()
    assert len(terms) == encoding.design(columns).shape[1]
    assert terms[:3] == ("intercept", "age", "hired[days]")
    assert {"education[HS]", "education[PhD]", "member[true]"} < set(terms)
    assert "education[BA]" not in terms  # the first level is the reference


def test_design_keeps_raw_units():
    columns = table()
    encoding = Encoding.fit(columns)
    index = encoding.term_names().index("age")
    assert np.array_equal(encoding.design(columns)[:, index], columns["age"])


def test_missing_number_is_the_median_with_an_indicator():
    columns = {"x": np.concatenate([np.full(6, np.nan), np.arange(101.0)])}
    encoding = Encoding.fit(columns)
    assert encoding.term_names() == ("intercept", "x", "x[missing]")
    design = encoding.design(columns)
    assert design[0].tolist() == [1.0, 50.0, 1.0]
    assert design[-1].tolist() == [1.0, 100.0, 0.0]


def test_missing_category_is_a_level_of_its_own():
    columns = {"c": np.array([None] * 12 + ["a"] * 20 + ["b"] * 20, dtype=object)}
    encoding = Encoding.fit(columns)
    assert encoding.term_names() == ("intercept", "c[b]", "c[missing]")
    assert encoding.design(columns)[0].tolist() == [1.0, 0.0, 1.0]


def test_constant_and_all_missing_columns_give_no_column():
    columns = {
        "constant": np.full(50, 3.0),
        "empty": np.full(50, np.nan),
        "same": np.array(["a"] * 50, dtype=object),
        "x": np.arange(50.0),
    }
    encoding = Encoding.fit(columns)
    assert encoding.term_names() == ("intercept", "x")
    assert encoding.standardised(columns).shape == (50, 1)


def test_standardised_numbers_have_mean_zero_and_sd_one():
    columns = {"x": RNG.normal(50, 7, 300)}
    z = Encoding.fit(columns).standardised(columns)
    assert z.mean() == pytest.approx(0, abs=1e-12)
    assert z.std() == pytest.approx(1, rel=1e-12)


def test_pieces_of_a_number_lie_within_half():
    columns = {"x": RNG.exponential(size=1200)}
    network = Encoding.fit(columns).network(columns)
    assert network.shape == (1200, 1 + 20)
    assert np.abs(network[:, 1:]).max() == 0.5
    assert np.abs(network[:, 0]).max() < 3.0


@given(st.permutations(["age", "education", "member", "hired"]))
def test_order_of_columns_changes_no_bit(order):
    columns = table(60)
    shuffled = {name: columns[name] for name in order}
    first, second = Encoding.fit(columns), Encoding.fit(shuffled)
    assert first == second
    for matrix in ("design", "standardised", "network"):
        assert np.array_equal(getattr(first, matrix)(columns), getattr(second, matrix)(shuffled))


def test_json_keeps_every_bit():
    columns = table()
    encoding = Encoding.fit(columns)
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert again == encoding
    assert np.array_equal(again.network(columns), encoding.network(columns))


def test_infinite_value_is_refused_with_its_column():
    with pytest.raises(CannotEncode, match="'x'"):
        Encoding.fit({"x": np.array([1.0, np.inf])})


def test_missing_column_and_changed_type_are_refused():
    columns = table()
    encoding = Encoding.fit(columns)
    with pytest.raises(CannotEncode, match="'age'"):
        encoding.design({name: v for name, v in columns.items() if name != "age"})
    with pytest.raises(CannotEncode, match="no longer a number"):
        encoding.design({**columns, "age": columns["education"]})


def test_encoding_of_an_earlier_version_has_an_intercept_and_no_products():
    columns = {"x": np.arange(20.0)}
    encoding = Encoding.fit(columns, products=[(("x", 2),)], intercept=False)
    stored = json.loads(json.dumps(encoding.to_json()))
    assert Encoding.from_json(stored) == encoding
    del stored["products"], stored["intercept"]
    assert Encoding.from_json(stored).term_names() == ("intercept", "x")


def schools():
    """Return names, most of which have too few rows for a column of their own."""
    names = [f"{kind} of {town}" for kind in ("College", "School") for town in range(60)]
    return {"name": np.array([*names, *["Yale"] * 80, None, "Once Only"], dtype=object)}


def test_words_that_rare_levels_share_have_columns():
    encoding = Encoding.fit(schools())
    (column,) = encoding.words
    assert column.words == (
        "college",
        "of",
        "school",
    )  # none occurs in one level only, or in few rows
    for matrix in (encoding.standardised, encoding.network):
        seen = matrix({"name": np.array(["new COLLEGE", "Yale", None, ""], dtype=object)})
        assert seen[:, -3:].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert not any("college" in term for term in encoding.term_names())
    assert encoding.column_types == {"name": "category"}


def test_words_stay_within_bounds_and_are_the_most_frequent():
    rows = [f"{'often' if i % 2 else 'seldom'} w{i % 97} level{i}" for i in range(3000)]
    (column,) = Encoding.fit({"text": np.array(rows, dtype=object)}).words
    assert len(column.words) == 48
    assert {"often", "seldom"} < set(column.words)


def test_categories_whose_levels_all_have_columns_need_no_words():
    assert Encoding.fit(table()).words == ()
    once = {"id": np.array([f"{i:04d}" for i in range(50)], dtype=object)}
    assert Encoding.fit(once).words == ()


def test_words_survive_json_and_an_earlier_version_has_none():
    columns = schools()
    encoding = Encoding.fit(columns)
    stored = json.loads(json.dumps(encoding.to_json()))
    assert Encoding.from_json(stored) == encoding
    del stored["words"]
    earlier = Encoding.from_json(stored)
    assert earlier.words == ()
    assert np.array_equal(earlier.network(columns), encoding.network(columns)[:, :-3])


def test_product_of_two_categories_has_a_column_for_each_pair_of_levels():
    first = np.array(["a", "b", "c"] * 40, dtype=object)
    second = np.array(["p"] * 60 + ["q"] * 60, dtype=object)
    columns = {"u": first, "v": second, "x": np.linspace(1, 2, 120)}
    encoding = Encoding.fit(columns, products=[(("x", 3), ("u", 1), ("v", 1))])
    names = ("x^3:u[b]:v[q]", "x^3:u[c]:v[q]")
    assert encoding.term_names()[-2:] == names
    expected = columns["x"] ** 3 * (first == "c") * (second == "q")
    np.testing.assert_allclose(encoding.design(columns)[:, -1], expected, rtol=1e-15)


def test_product_with_a_column_that_does_not_vary_here_is_left_out():
    columns = {"x": np.ones(30), "y": np.arange(30.0)}
    encoding = Encoding.fit(columns, products=[(("x", 2),), (("y", 2),)])
    assert encoding.term_names() == ("intercept", "y", "y^2")


def test_product_too_large_for_a_number_is_refused_by_name():
    columns = {"x": np.geomspace(1, 1e110, 30)}
    encoding = Encoding.fit(columns, products=[(("x", 3),)])
    with pytest.raises(CannotEncode, match=r"the term 'x\^3' is too large"):
        encoding.design(columns)


def test_two_terms_of_the_same_name_are_refused():
    columns = {"intercept": RNG.normal(size=50), "age": RNG.normal(size=50)}
    with pytest.raises(CannotEncode, match="two terms would be called 'intercept'"):
        Encoding.fit(columns).term_names()
    assert Encoding.fit(columns, intercept=False).term_names() == ("age", "intercept")


def test_long_texts_sort_as_short_ones_do():
    texts = np.array(["z", "é", "🦊", "", "Z", "a\n", "z" * 3], dtype=object)
    long = np.append(texts, "z" * 500)
    quick = np.argsort(regressors.encoding.columns.sortable(texts), kind="stable")
    slow = np.argsort(regressors.encoding.columns.sortable(long), kind="stable")
    assert texts[quick].tolist() == [text for text in long[slow] if len(text) < 500]


@pytest.mark.parametrize("rows", [1, 2, 7, 100_000, 100_001])
@pytest.mark.parametrize("shape", ["normal", "sorted", "few values", "period of the sample"])
def test_median_is_that_of_numpy_to_the_last_bit(rows, shape):
    values = np.random.default_rng(rows).normal(size=rows)
    if shape == "sorted":
        values = np.sort(values)
    if shape == "few values":
        values = np.round(values)
    if shape == "period of the sample":
        values[:: max(1, rows // 2**11)] += 100
    before = values.copy()
    assert median_of(values) == np.median(values)
    assert np.array_equal(values, before)
