"""The rows of a run are arrays in one order, whatever the order of the source."""

import numpy as np
import pytest

from data.declare import Declaration
from data.read import read
from tasks.rows import load_rows

TEXT = "id,a,w,t,y\nd,4,2,2024-01-04,40\nb,2,,2024-01-02,\nc,3,0.5,2024-01-03,30\na,1,7,,10\n"


@pytest.fixture
def rows_of(tmp_path):
    def load(text: str = TEXT, features: tuple[str, ...] = ("a",), **more: object):
        source = tmp_path / "rows.csv"
        source.write_text(text, encoding="utf-8")
        given = {"name": "shop", "source": {"path": source}, "key": "id", "target": "y", **more}
        declaration = Declaration.model_validate(given)
        snapshot = read(declaration, folder=tmp_path / "snapshots")
        return load_rows(declaration, snapshot, np.ones(snapshot.rows, dtype=bool), features)

    return load


def test_weights_are_loaded_in_the_order_of_the_keys_with_nan_where_one_is_missing(rows_of):
    rows = rows_of(weight="w")
    assert rows.keys.tolist() == ["a", "b", "c", "d"]
    assert rows.weight.dtype == np.float64
    np.testing.assert_array_equal(rows.weight, [7, np.nan, 0.5, 2])
    assert list(rows.columns) == ["a"]


def test_without_a_declared_weight_or_time_there_is_none(rows_of):
    rows = rows_of()
    assert (rows.weight, rows.time) == (None, None)
    some = rows.take(np.array([True, False, False, True]))
    assert (some.weight, some.time) == (None, None)


def test_chosen_rows_keep_their_own_weights_and_times(rows_of):
    some = rows_of(weight="w", time="t").take(np.array([False, True, False, True]))
    assert some.keys.tolist() == ["b", "d"]
    np.testing.assert_array_equal(some.weight, [np.nan, 2])
    np.testing.assert_array_equal(some.time, np.array(["2024-01-02", "2024-01-04"], "M8[us]"))
    np.testing.assert_array_equal(some.target, [np.nan, 40])


def test_a_weight_of_whole_numbers_becomes_doubles_and_may_be_a_feature_too(rows_of):
    rows = rows_of("id,w,y\n1,3,1\n2,4,2\n", features=("w",), weight="w")
    assert rows.weight.dtype == np.float64
    np.testing.assert_array_equal(rows.weight, [3, 4])
    np.testing.assert_array_equal(rows.columns["w"], [3, 4])
